/* BFCP messages through libre's codec: a message in words on a line of stdin, the other form on stdout.
 *
 *   decode HEX                                        -> ok VERSION R PRIMITIVE CONFERENCE TRANSACTION USER ATTRIBUTES
 *   encode VERSION R PRIMITIVE CONFERENCE TRANSACTION USER ATTRIBUTES   -> ok HEX
 *   decodes COUNT HEX, encodes COUNT ...              -> ok NANOSECONDS
 *
 * ATTRIBUTES: how many, then of each KIND MANDATORY VALUE, and of a group its own ATTRIBUTES behind that.
 * VALUE: a number; STATUS:POSITION; CODE:HEX; a list of numbers joined by commas; text as t and hex.
 */
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <re.h>

#define MOST 64

struct attribute {
	int kind;
	int mandatory;
	union {
		uint16_t number;
		enum bfcp_priority priority;
		struct bfcp_reqstatus status;
		struct bfcp_errcode error;
		struct bfcp_supattr attributes;
		struct bfcp_supprim primitives;
		char text[512];
	} v;
	uint8_t details[256];
	enum bfcp_attrib kinds[256];
	enum bfcp_prim codes[256];
	unsigned count;
	struct attribute *inner;
};

struct list_of { struct attribute *each; unsigned count; };

static size_t from_hex(const char *hex, uint8_t *octets, size_t most)
{
	size_t n = strlen(hex) / 2;
	if (n > most)
		n = most;
	for (size_t i = 0; i < n; i++) {
		unsigned octet;
		sscanf(hex + 2 * i, "%2x", &octet);
		octets[i] = octet;
	}
	return n;
}

static bool is_group(int kind)
{
	return kind >= BFCP_BENEFICIARY_INFO && kind <= BFCP_OVERALL_REQ_STATUS;
}

static char *word(void)
{
	char *found = strtok(NULL, " \n");
	return found ? found : "0";
}

static void read_value(struct attribute *a, char *value)
{
	char *at = value;
	unsigned n = 0;

	switch (a->kind) {
	case BFCP_PRIORITY:
		a->v.priority = atoi(value);
		break;
	case BFCP_REQUEST_STATUS:
		a->v.status.status = strtoul(value, &at, 10);
		a->v.status.qpos = strtoul(at + 1, NULL, 10);
		break;
	case BFCP_ERROR_CODE:
		a->v.error.code = strtoul(value, &at, 10);
		a->v.error.details = a->details;
		a->v.error.len = from_hex(at + 1, a->details, sizeof a->details);
		break;
	case BFCP_SUPPORTED_ATTRS:
	case BFCP_SUPPORTED_PRIMS:
		while (*at && n < 256) {
			unsigned long code = strtoul(at, &at, 10);
			a->kinds[n] = code;
			a->codes[n++] = code;
			if (*at == ',')
				at++;
		}
		if (a->kind == BFCP_SUPPORTED_ATTRS) {
			a->v.attributes.attrv = a->kinds;
			a->v.attributes.attrc = n;
		}
		else {
			a->v.primitives.primv = a->codes;
			a->v.primitives.primc = n;
		}
		break;
	case BFCP_ERROR_INFO:
	case BFCP_PART_PROV_INFO:
	case BFCP_STATUS_INFO:
	case BFCP_USER_DISP_NAME:
	case BFCP_USER_URI:
		a->v.text[from_hex(value + 1, (uint8_t *)a->v.text, 511)] = 0;
		break;
	default:
		a->v.number = atoi(value);
	}
}

static struct list_of read_list(void)
{
	struct list_of all = { NULL, atoi(word()) };

	if (all.count > MOST)
		all.count = MOST;
	all.each = calloc(all.count ? all.count : 1, sizeof *all.each);
	for (unsigned i = 0; i < all.count; i++) {
		struct attribute *a = all.each + i;
		a->kind = atoi(word());
		a->mandatory = atoi(word());
		read_value(a, word());
		if (is_group(a->kind)) {
			struct list_of inner = read_list();
			a->inner = inner.each;
			a->count = inner.count;
		}
	}
	return all;
}

static void forget(struct attribute *each, unsigned count)
{
	for (unsigned i = 0; i < count; i++)
		if (each[i].inner)
			forget(each[i].inner, each[i].count);
	free(each);
}

static int encode_list(struct mbuf *mb, void *arg)
{
	struct list_of *all = arg;
	int err = 0;

	for (unsigned i = 0; i < all->count; i++) {
		struct attribute *a = all->each + i;
		int type = a->kind | (a->mandatory ? BFCP_MANDATORY : 0);
		struct list_of inner = { a->inner, a->count };
		struct bfcp_encode more = { encode_list, &inner };
		if (is_group(a->kind) && a->count)
			err |= bfcp_attrs_encode(mb, 1, type, 1, &a->v, BFCP_ENCODE_HANDLER, 0, &more);
		else
			err |= bfcp_attrs_encode(mb, 1, type, 0, &a->v);
	}
	return err;
}

static void write_list(const struct list *attributes)
{
	printf(" %u", (unsigned)list_count(attributes));
	for (struct le *le = list_head(attributes); le; le = le->next) {
		const struct bfcp_attr *a = le->data;
		printf(" %u %u ", a->type, a->mand);
		switch (a->type) {
		case BFCP_PRIORITY:
			printf("%u", a->v.priority);
			break;
		case BFCP_REQUEST_STATUS:
			printf("%u:%u", a->v.reqstatus.status, a->v.reqstatus.qpos);
			break;
		case BFCP_ERROR_CODE:
			printf("%u:", a->v.errcode.code);
			for (size_t i = 0; i < a->v.errcode.len; i++)
				printf("%02x", a->v.errcode.details[i]);
			break;
		case BFCP_SUPPORTED_ATTRS:
			for (size_t i = 0; i < a->v.supattr.attrc; i++)
				printf("%s%u", i ? "," : "", a->v.supattr.attrv[i]);
			break;
		case BFCP_SUPPORTED_PRIMS:
			for (size_t i = 0; i < a->v.supprim.primc; i++)
				printf("%s%u", i ? "," : "", a->v.supprim.primv[i]);
			break;
		case BFCP_ERROR_INFO:
		case BFCP_PART_PROV_INFO:
		case BFCP_STATUS_INFO:
		case BFCP_USER_DISP_NAME:
		case BFCP_USER_URI:
			printf("t");
			for (const char *c = a->v.str; c && *c; c++)
				printf("%02x", (unsigned char)*c);
			break;
		default:
			printf("%u", a->v.u16);
		}
		if (is_group(a->type))
			write_list(&a->attrl);
	}
}

static void decode(unsigned count, bool timed)
{
	static uint8_t octets[65536];
	size_t n = from_hex(word(), octets, sizeof octets);
	struct bfcp_msg *msg = NULL;
	struct timespec a, b;
	int err = 0;
	struct mbuf *mb = mbuf_alloc(n ? n : 1);

	mbuf_write_mem(mb, octets, n);
	clock_gettime(CLOCK_MONOTONIC, &a);
	for (unsigned i = 0; i < count && !err; i++) {
		msg = mem_deref(msg);
		mb->pos = 0;
		err = bfcp_msg_decode(&msg, mb);
	}
	clock_gettime(CLOCK_MONOTONIC, &b);
	if (err)
		printf("error %d", err);
	else if (timed)
		printf("ok %lld", (b.tv_sec - a.tv_sec) * 1000000000LL + b.tv_nsec - a.tv_nsec);
	else {
		printf("ok %u %u %u %u %u %u", msg->ver, msg->r, msg->prim, msg->confid, msg->tid, msg->userid);
		write_list(&msg->attrl);
		if (msg->uma.typec) {
			printf(" unknown");
			for (size_t i = 0; i < msg->uma.typec; i++)
				printf(" %u", msg->uma.typev[i]);
		}
	}
	mem_deref(msg);
	mem_deref(mb);
}

static void encode(unsigned count, bool timed)
{
	unsigned version = atoi(word()), r = atoi(word()), primitive = atoi(word());
	uint32_t conference = strtoul(word(), NULL, 10);
	uint16_t transaction = atoi(word()), user = atoi(word());
	struct list_of all = read_list();
	struct bfcp_encode more = { encode_list, &all };
	struct mbuf *mb = mbuf_alloc(512);
	struct timespec a, b;
	int err = 0;

	clock_gettime(CLOCK_MONOTONIC, &a);
	for (unsigned i = 0; i < count && !err; i++) {
		mbuf_rewind(mb);
		err = bfcp_msg_encode(mb, version, r, primitive, conference, transaction, user, 1,
				      BFCP_ENCODE_HANDLER, 0, &more);
	}
	clock_gettime(CLOCK_MONOTONIC, &b);
	if (err)
		printf("error %d", err);
	else if (timed)
		printf("ok %lld", (b.tv_sec - a.tv_sec) * 1000000000LL + b.tv_nsec - a.tv_nsec);
	else {
		printf("ok ");
		for (size_t i = 0; i < mb->end; i++)
			printf("%02x", mb->buf[i]);
	}
	mem_deref(mb);
	forget(all.each, all.count);
}

int main(void)
{
	static char line[1 << 18];

	while (fgets(line, sizeof line, stdin)) {
		char *what = strtok(line, " \n");
		if (!what)
			continue;
		if (!strcmp(what, "decode"))
			decode(1, false);
		else if (!strcmp(what, "encode"))
			encode(1, false);
		else if (!strcmp(what, "decodes"))
			decode(strtoul(word(), NULL, 10), true);
		else if (!strcmp(what, "encodes"))
			encode(strtoul(word(), NULL, 10), true);
		putchar('\n');
		fflush(stdout);
	}
	return 0;
}
