/* libre's BFCP over UDP at one end: its transactions, retransmissions and acknowledgements, not only its codec.
 *
 *   bfcp_libre_peer server            listens on a port of loopback, which it prints; grants what is asked for
 *   bfcp_libre_peer client PORT       greets, asks for a floor, waits until it is granted, gives it back, says goodbye
 *
 * Prints a line for each message: PRIMITIVE and, where there is one, the request's status.
 */
#include <stdlib.h>
#include <string.h>
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

int main(int argc, char **argv)
{
	struct sa local;
	bool serves = argc > 1 && !strcmp(argv[1], "server");

	if (libre_init())
		return 1;
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
