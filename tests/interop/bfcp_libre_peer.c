/* libre's BFCP over UDP at one end: its transactions, retransmissions and acknowledgements, not only its codec; and
 * libre's codec over libre's TCP, for which it has no transactions.
 *
 *   bfcp_libre_peer server            listens on a port of loopback, which it prints; grants what is asked for
 *   bfcp_libre_peer client PORT       greets, asks for a floor, waits until it is granted, gives it back, says goodbye
 *   bfcp_libre_peer tcp ADDRESS PORT CONFERENCE USER FLOOR
 *                                     greets, asks for a floor; gives it back when a line comes in
 *
 * Prints a line for each message: PRIMITIVE and, where there is one, the request's status.
 */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <re.h>

enum { CONFERENCE = 4321, USER = 234, FLOOR = 543, REQUEST = 1 };

static struct bfcp_conn *conn;
static struct sa server;
static bool granted, asked_back;

static int status_of(const struct bfcp_msg *msg)
{
	const struct bfcp_attr *info = bfcp_msg_attr(msg, BFCP_FLOOR_REQ_INFO);
	const struct bfcp_attr *overall = info ? bfcp_attr_subattr(info, BFCP_OVERALL_REQ_STATUS) : NULL;
	const struct bfcp_attr *status = overall ? bfcp_attr_subattr(overall, BFCP_REQUEST_STATUS) : NULL;

	return status ? status->v.reqstatus.status : 0;
}

static void say(const struct bfcp_msg *msg)
{
	printf("%s %d\n", bfcp_prim_name(msg->prim), status_of(msg));
	fflush(stdout);
}

static uint16_t request_id = REQUEST;
static uint16_t floor_id = FLOOR;

static int answer(const struct bfcp_msg *msg, enum bfcp_reqstat code, bool unasked)
{
	struct bfcp_reqstatus status = { code, 0 };

	if (unasked)
		return bfcp_notify(conn, &msg->src, msg->ver, BFCP_FLOOR_REQUEST_STATUS, msg->confid, msg->userid, 1,
				   BFCP_FLOOR_REQ_INFO | BFCP_MANDATORY, 2, &request_id,
				   BFCP_OVERALL_REQ_STATUS | BFCP_MANDATORY, 1, &request_id,
				   BFCP_REQUEST_STATUS | BFCP_MANDATORY, 0, &status,
				   BFCP_FLOOR_REQ_STATUS | BFCP_MANDATORY, 0, &floor_id);
	return bfcp_reply(conn, msg, BFCP_FLOOR_REQUEST_STATUS, 1,
			  BFCP_FLOOR_REQ_INFO | BFCP_MANDATORY, 2, &request_id,
			  BFCP_OVERALL_REQ_STATUS | BFCP_MANDATORY, 1, &request_id,
			  BFCP_REQUEST_STATUS | BFCP_MANDATORY, 0, &status,
			  BFCP_FLOOR_REQ_STATUS | BFCP_MANDATORY, 0, &floor_id);
}

static void serve(const struct bfcp_msg *msg, void *arg)
{
	enum bfcp_prim prims[17];
	enum bfcp_attrib attrs[18];
	struct bfcp_supprim primitives = { prims, 17 };
	struct bfcp_supattr attributes = { attrs, 18 };
	(void)arg;

	for (int i = 0; i < 18; i++) {
		attrs[i] = i + 1;
		if (i < 17)
			prims[i] = i + 1;
	}
	say(msg);
	switch (msg->prim) {
	case BFCP_HELLO:
		bfcp_reply(conn, msg, BFCP_HELLO_ACK, 2, BFCP_SUPPORTED_PRIMS, 0, &primitives,
			   BFCP_SUPPORTED_ATTRS, 0, &attributes);
		break;
	case BFCP_FLOOR_REQUEST:
		answer(msg, BFCP_PENDING, false);
		answer(msg, BFCP_GRANTED, true);
		break;
	case BFCP_FLOOR_RELEASE:
		answer(msg, BFCP_RELEASED, false);
		break;
	case BFCP_GOODBYE:
		bfcp_reply(conn, msg, BFCP_GOODBYE_ACK, 0);
		break;
	default:
		bfcp_ereply(conn, msg, BFCP_UNKNOWN_PRIM);
	}
}

static void heard(int err, const struct bfcp_msg *msg, void *arg);

static void ask(enum bfcp_prim prim, int kind, uint16_t *value)
{
	if (kind)
		bfcp_request(conn, &server, BFCP_VER2, prim, CONFERENCE, USER, heard, NULL, 1,
			     kind | BFCP_MANDATORY, 0, value);
	else
		bfcp_request(conn, &server, BFCP_VER2, prim, CONFERENCE, USER, heard, NULL, 0);
}

static void give_back(void)
{
	if (granted && !asked_back) {
		asked_back = true;
		ask(BFCP_FLOOR_RELEASE, BFCP_FLOOR_REQUEST_ID, &request_id);
	}
}

static void heard(int err, const struct bfcp_msg *msg, void *arg)
{
	(void)arg;
	if (err || !msg) {
		printf("failed %d\n", err);
		re_cancel();
		return;
	}
	say(msg);
	switch (msg->prim) {
	case BFCP_HELLO_ACK:
		ask(BFCP_FLOOR_REQUEST, BFCP_FLOOR_ID, &floor_id);
		break;
	case BFCP_FLOOR_REQUEST_STATUS:
		if (status_of(msg) == BFCP_RELEASED)
			ask(BFCP_GOODBYE, 0, NULL);
		else
			give_back();
		break;
	default:
		re_cancel();
	}
}

static void take(const struct bfcp_msg *msg, void *arg)
{
	(void)arg;
	say(msg);
	if (msg->prim == BFCP_FLOOR_REQUEST_STATUS) {
		bfcp_reply(conn, msg, BFCP_FLOOR_REQ_STATUS_ACK, 0);
		granted = granted || status_of(msg) == BFCP_GRANTED;
		give_back();
	}
}

/* TCP */

static struct tcp_conn *stream;
static struct mbuf *inbox;
static uint32_t conference;
static uint16_t user, transaction;

static void tell(enum bfcp_prim prim, int kind, uint16_t *value)
{
	struct mbuf *mb = mbuf_alloc(64);

	if (kind)
		bfcp_msg_encode(mb, BFCP_VER1, false, prim, conference, ++transaction, user, 1,
				kind | BFCP_MANDATORY, 0, value);
	else
		bfcp_msg_encode(mb, BFCP_VER1, false, prim, conference, ++transaction, user, 0);
	mb->pos = 0;
	tcp_send(stream, mb);
	mem_deref(mb);
}

static void established(void *arg)
{
	(void)arg;
	tell(BFCP_HELLO, 0, NULL);
}

static void received(struct mbuf *mb, void *arg)
{
	(void)arg;
	mbuf_set_pos(inbox, inbox->end);
	mbuf_write_mem(inbox, mbuf_buf(mb), mbuf_get_left(mb));
	mbuf_set_pos(inbox, 0);
	while (mbuf_get_left(inbox) >= 12) {
		size_t start = inbox->pos, size = 12 + 4 * (inbox->buf[start + 2] << 8 | inbox->buf[start + 3]);
		struct mbuf *one;
		struct bfcp_msg *msg;

		if (mbuf_get_left(inbox) < size)
			break;
		one = mbuf_alloc(size);
		mbuf_write_mem(one, mbuf_buf(inbox), size);
		mbuf_set_pos(one, 0);
		if (bfcp_msg_decode(&msg, one)) {
			printf("unreadable 0\n");
			re_cancel();
			return;
		}
		say(msg);
		if (msg->prim == BFCP_HELLO_ACK)
			tell(BFCP_FLOOR_REQUEST, BFCP_FLOOR_ID, &floor_id);
		if (msg->prim == BFCP_FLOOR_REQUEST_STATUS)
			request_id = bfcp_msg_attr(msg, BFCP_FLOOR_REQ_INFO)->v.u16;
		mem_deref(msg);
		mem_deref(one);
		mbuf_set_pos(inbox, start + size);
	}
	memmove(inbox->buf, mbuf_buf(inbox), mbuf_get_left(inbox));
	mbuf_set_end(inbox, mbuf_get_left(inbox));
}

static void closed(int err, void *arg)
{
	(void)arg;
	printf("closed %d\n", err);
	re_cancel();
}

static void line(int flags, void *arg)
{
	char text[64];
	(void)flags;
	(void)arg;

	if (read(0, text, sizeof text) > 0)
		tell(BFCP_FLOOR_RELEASE, BFCP_FLOOR_REQUEST_ID, &request_id);
	else
		re_cancel();
}

static int over_tcp(char **argv)
{
	conference = atoi(argv[4]);
	user = atoi(argv[5]);
	floor_id = atoi(argv[6]);
	inbox = mbuf_alloc(512);
	sa_set_str(&server, argv[2], atoi(argv[3]));
	if (tcp_connect(&stream, &server, established, received, closed, NULL) || fd_listen(0, FD_READ, line, NULL))
		return 1;
	re_main(NULL);
	fd_close(0);
	mem_deref(stream);
	mem_deref(inbox);
	libre_close();
	return 0;
}

int main(int argc, char **argv)
{
	struct sa local;
	bool serves = argc > 1 && !strcmp(argv[1], "server");

	if (libre_init())
		return 1;
	if (argc > 6)
		return over_tcp(argv);
	sa_set_str(&local, "127.0.0.1", 0);
	if (bfcp_listen(&conn, BFCP_UDP, &local, NULL, serves ? serve : take, NULL))
		return 1;
	if (serves) {
		udp_local_get(bfcp_sock(conn), &local);
		printf("%u\n", sa_port(&local));
		fflush(stdout);
	}
	else {
		sa_set_str(&server, "127.0.0.1", atoi(argv[2]));
		ask(BFCP_HELLO, 0, NULL);
	}
	re_main(NULL);
	mem_deref(conn);
	libre_close();
	return 0;
}
