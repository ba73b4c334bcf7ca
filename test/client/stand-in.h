/*
 * A stand-in for the agent, in a thread of the program that tests libmlx5dek: it says what a test wants said, true or
 * not. What real agents say is tested with real agents; this is for what they say seldom, or must never say.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <infiniband/mlx5dv.h>
#include <infiniband/verbs.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

enum { LEND = 1, ATTACH, RELEASE, DETACH };
enum { CONTEXT = 16, TABLE, CHANGE, OTHERS, GONE, REFUSAL, DETACHED, EXPIRED = 24, PROGRESS = 0x8001, MADE };
enum { HEADER_BYTES = 128, ENTRY_BYTES = 176, OTHER_BYTES = 16 };
enum { HAS_KEYTAG = 1, KEYTAG_KNOWN = 2, ABSENT = 4, PROVEN = 32 };

#define SEALS (F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE | F_SEAL_SEAL)
#define ANSWER "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: dek-attach/1\r\n\r\n"

struct entry {
	const char *name;
	uint32_t id, handle, bits, flags;
	const char *keytag, *label; /* 8 bytes each, or NULL */
};

struct other {
	uint32_t type, handle, id;
};

/* What a client said: one record. */
struct heard {
	uint32_t type, bytes;
	uint8_t payload[65536];
	int fds[16], fd_count;
};

static inline void put(void *at, uint64_t value, int bytes)
{
	for (int i = 0; i < bytes; i++)
		((uint8_t *)at)[i] = value >> (8 * i);
}

static inline uint64_t get(const void *at, int bytes)
{
	uint64_t value = 0;

	for (int i = bytes; i-- > 0;)
		value = value << 8 | ((const uint8_t *)at)[i];
	return value;
}

static inline void write_entry(uint8_t *to, const struct entry *e)
{
	memset(to, 0, ENTRY_BYTES);
	memcpy(to, e->name, strlen(e->name));
	put(to + 128, e->id, 4);
	put(to + 132, e->handle, 4);
	put(to + 136, e->bits, 2);
	put(to + 138, e->flags, 2);
	if (e->keytag)
		memcpy(to + 144, e->keytag, 8);
	if (e->label)
		memcpy(to + 152, e->label, 8);
}

/* The bytes of a table, malloced. */
static inline uint8_t *table_bytes(uint64_t serial, const struct entry *entries, int count, const struct other *others,
				   int other_count, size_t *bytes)
{
	uint8_t *t;

	*bytes = HEADER_BYTES + (size_t)count * ENTRY_BYTES + (size_t)other_count * OTHER_BYTES;
	t = calloc(1, *bytes);
	memcpy(t, "DEKTABLE", 8);
	put(t + 8, 1, 2);
	put(t + 10, HEADER_BYTES, 2);
	put(t + 12, ENTRY_BYTES, 2);
	put(t + 14, OTHER_BYTES, 2);
	put(t + 16, count, 4);
	put(t + 20, other_count, 4);
	put(t + 24, *bytes, 8);
	put(t + 40, serial, 8);
	memcpy(t + 48, "mlx5_0", 6);
	for (int i = 0; i < count; i++)
		write_entry(t + HEADER_BYTES + i * ENTRY_BYTES, &entries[i]);
	for (int i = 0; i < other_count; i++) {
		uint8_t *o = t + HEADER_BYTES + count * ENTRY_BYTES + i * OTHER_BYTES;

		put(o, others[i].type, 4);
		put(o + 4, others[i].handle, 4);
		put(o + 8, others[i].id, 4);
	}
	return t;
}

/* A memfd of these bytes, with seals. */
static inline int sealed(const void *bytes, size_t count, int seals)
{
	int fd = memfd_create("stand-in", MFD_CLOEXEC | MFD_ALLOW_SEALING);

	if (fd < 0 || write(fd, bytes, count) != (ssize_t)count || fcntl(fd, F_ADD_SEALS, seals))
		abort();
	return fd;
}

/* Sends bytes, with descriptors at the first. False: the client is gone. */
static inline bool send_bytes(int s, const void *bytes, size_t count, const int *fds, int fd_count)
{
	union {
		struct cmsghdr align;
		char bytes[CMSG_SPACE(16 * sizeof(int))];
	} control = {0};

	for (size_t sent = 0; sent < count;) {
		struct iovec part = {(uint8_t *)bytes + sent, count - sent};
		struct msghdr m = {.msg_iov = &part, .msg_iovlen = 1};
		ssize_t n;

		if (fd_count > 0 && sent == 0) {
			m.msg_control = control.bytes;
			m.msg_controllen = CMSG_SPACE(fd_count * sizeof(int));
			*CMSG_FIRSTHDR(&m) = (struct cmsghdr){.cmsg_len = CMSG_LEN(fd_count * sizeof(int)),
							      .cmsg_level = SOL_SOCKET,
							      .cmsg_type = SCM_RIGHTS};
			memcpy(CMSG_DATA(CMSG_FIRSTHDR(&m)), fds, fd_count * sizeof(int));
		}
		n = sendmsg(s, &m, MSG_NOSIGNAL);
		if (n <= 0)
			return false;
		sent += n;
	}
	return true;
}

/* A record; `fd`: its descriptor, which is closed, or -1. */
static inline bool say(int s, int type, const void *payload, size_t bytes, int fd)
{
	uint8_t *record = malloc(8 + bytes);
	bool sent;

	put(record, type, 2);
	put(record + 2, 1, 2);
	put(record + 4, bytes, 4);
	memcpy(record + 8, payload, bytes);
	sent = send_bytes(s, record, 8 + bytes, &fd, fd >= 0);
	if (fd >= 0)
		close(fd);
	free(record);
	return sent;
}

static inline bool say_table(int s, uint64_t serial, const struct entry *entries, int count, const struct other *others,
			     int other_count)
{
	uint8_t payload[24] = {0};
	size_t bytes;
	uint8_t *table = table_bytes(serial, entries, count, others, other_count, &bytes);
	int fd = sealed(table, bytes, SEALS);

	free(table);
	put(payload, serial, 8);
	put(payload + 8, bytes, 8);
	put(payload + 16, count, 4);
	put(payload + 20, other_count, 4);
	return say(s, TABLE, payload, sizeof(payload), fd);
}

/* OTHERS and MADE. */
static inline bool say_others(int s, int type, const struct other *others, int count)
{
	uint8_t payload[8 + 16 * OTHER_BYTES] = {0};

	put(payload, count, 4);
	for (int i = 0; i < count; i++) {
		put(payload + 8 + i * OTHER_BYTES, others[i].type, 4);
		put(payload + 12 + i * OTHER_BYTES, others[i].handle, 4);
		put(payload + 16 + i * OTHER_BYTES, others[i].id, 4);
	}
	return say(s, type, payload, 8 + count * OTHER_BYTES, -1);
}

/* One entry has another object. */
static inline bool say_change(int s, uint64_t serial, int index, uint32_t old_id, const struct entry *now)
{
	uint8_t payload[16 + 56] = {0}, entry[ENTRY_BYTES];

	write_entry(entry, now);
	put(payload, serial, 8);
	put(payload + 8, 1, 4);
	put(payload + 16, index, 4);
	put(payload + 20, old_id, 4);
	memcpy(payload + 24, entry + 128, 48);
	return say(s, CHANGE, payload, sizeof(payload), -1);
}

static inline bool say_context(int s, struct ibv_pd *pd)
{
	uint8_t payload[72] = {0};

	put(payload, pd->handle, 4);
	memcpy(payload + 8, "mlx5_0", 6);
	return say(s, CONTEXT, payload, sizeof(payload), dup(pd->context->cmd_fd));
}

/* GONE and REFUSAL; `at` is where the length of the text stands. */
static inline bool say_text(int s, int type, int error, int at, const char *text)
{
	uint8_t payload[16 + 1024] = {0};

	put(payload + (type == GONE ? 4 : 0), error, 4);
	put(payload + at, strlen(text), 4);
	memcpy(payload + 16, text, strlen(text));
	return say(s, type, payload, 16 + strlen(text), -1);
}

static inline bool read_all(int s, void *bytes, size_t count, struct heard *h)
{
	for (size_t got = 0; got < count;) {
		union {
			struct cmsghdr align;
			char bytes[CMSG_SPACE(16 * sizeof(int))];
		} control;
		struct iovec part = {(uint8_t *)bytes + got, count - got};
		struct msghdr m = {.msg_iov = &part,
				   .msg_iovlen = 1,
				   .msg_control = control.bytes,
				   .msg_controllen = sizeof(control.bytes)};
		ssize_t n = recvmsg(s, &m, MSG_CMSG_CLOEXEC);

		if (n <= 0)
			return false;
		for (struct cmsghdr *c = CMSG_FIRSTHDR(&m); c; c = CMSG_NXTHDR(&m, c)) {
			int fds = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);

			memcpy(h->fds + h->fd_count, CMSG_DATA(c), fds * sizeof(int));
			h->fd_count += fds;
		}
		got += n;
	}
	return true;
}

static inline void forget(struct heard *h)
{
	for (int i = 0; i < h->fd_count; i++)
		close(h->fds[i]);
	h->fd_count = 0;
}

/* Reads a record of the client. False: it is gone. */
static inline bool hear(int s, struct heard *h)
{
	uint8_t head[8];

	h->fd_count = 0;
	if (!read_all(s, head, sizeof(head), h))
		return false;
	h->type = get(head, 2);
	h->bytes = get(head + 4, 4);
	return h->bytes <= sizeof(h->payload) && read_all(s, h->payload, h->bytes, h);
}

static inline int listen_at(const char *path)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	int s = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	unlink(path);
	snprintf(address.sun_path, sizeof(address.sun_path), "%s", path);
	if (bind(s, (struct sockaddr *)&address, sizeof(address)) || listen(s, 8))
		abort();
	return s;
}

/* Takes a connection and reads its HTTP request, up to the blank line. -1: the client is gone. */
static inline int take_client(int listener)
{
	int s = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
	char head[4096];
	size_t got = 0;

	while (s >= 0 && got < sizeof(head) && (got < 4 || memcmp(head + got - 4, "\r\n\r\n", 4) != 0)) {
		ssize_t n = read(s, head + got, 1);

		if (n <= 0) {
			close(s);
			return -1;
		}
		got += n;
	}
	return s;
}

/* A context of the first NIC and a PD in it. */
static inline struct ibv_pd *open_pd(void)
{
	struct ibv_device **list = ibv_get_device_list(NULL);
	struct ibv_context *context = list && list[0] ? ibv_open_device(list[0]) : NULL;
	struct ibv_pd *pd = context ? ibv_alloc_pd(context) : NULL;

	if (!pd) {
		perror("the virtual ConnectX");
		exit(2);
	}
	ibv_free_device_list(list);
	return pd;
}

static inline void close_pd(struct ibv_pd *pd)
{
	struct ibv_context *context = pd->context;

	if (ibv_dealloc_pd(pd) || ibv_close_device(context))
		abort();
}
