// SPDX-License-Identifier: MIT
/*
 * libmlx5dek: see mlx5dek.h for what it does, and dek-attach(7) for what is said on the socket. In this order: errors,
 * the table, struct mlx5dv_dek, the connection, what the agent says, the calls.
 *
 * Nothing that an agent sends is believed: lengths are checked before they are used, and what does not fit ends the
 * connection. A record is read to its end and not beyond, so that a descriptor belongs to the record that it came with.
 */
#define _GNU_SOURCE
#include "mlx5dek.h"

#include <endian.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/kcmp.h>
#include <poll.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

/* Errors */

static __thread char error_text[1200];

const char *mlx5dek_error(void)
{
	return error_text;
}

/* Sets errno and the text. Returns -1. */
__attribute__((format(printf, 2, 3))) static int fail(int error, const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(error_text, sizeof(error_text), format, arguments);
	va_end(arguments);
	errno = error;
	return -1;
}

static int fail_call(const char *call)
{
	int error = errno;

	return fail(error, "%s: %s", call, strerror(error));
}

static int broken(const char *what)
{
	return fail(EPROTO, "the agent broke the protocol: %s; its release does not fit this libmlx5dek", what);
}

/* The table: a sealed memfd of the agent, mapped, in pages of our own where changes are written. */

enum {
	NAME_BYTES = MLX5DEK_NAME_MAX,
	HEADER_BYTES = 128,
	ENTRY_BYTES = 176,
	CHANGED_BYTES = 48, /* of an entry, behind its name: what a CHANGE says anew */
	OTHER_BYTES = 16,
	OTHER_OLD_DEK = 6,
	NIC_BYTES = 64,
	MOST_ENTRIES = 1 << 20,
	SEALS = F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE,
};

enum { HAS_KEYTAG = 1, KEYTAG_KNOWN = 2, ABSENT = 4, PROVEN = 32 };

/* All numbers are little-endian, and stand anywhere. */
static uint32_t get16(const uint8_t *p)
{
	return p[0] | p[1] << 8;
}

static uint32_t get32(const uint8_t *p)
{
	return get16(p) | get16(p + 2) << 16;
}

static uint64_t get64(const uint8_t *p)
{
	return get32(p) | (uint64_t)get32(p + 4) << 32;
}

static void put16(uint8_t *p, uint32_t n)
{
	p[0] = n, p[1] = n >> 8;
}

static void put32(uint8_t *p, uint32_t n)
{
	put16(p, n), put16(p + 2, n >> 16);
}

static void put64(uint8_t *p, uint64_t n)
{
	put32(p, n), put32(p + 4, n >> 32);
}

struct table {
	uint8_t *map; /* NULL: no table */
	size_t bytes;
	uint8_t *entries;
	uint32_t entry_bytes;
	uint32_t count;
	const uint8_t *others;
	uint32_t other_count;
};

static uint8_t *entry_at(const struct table *t, size_t index)
{
	return t->entries + index * t->entry_bytes;
}

static uint32_t id_of(const uint8_t *entry)
{
	return get16(entry + 138) & ABSENT ? 0 : get32(entry + 128);
}

static uint32_t handle_of(const uint8_t *entry)
{
	return get32(entry + 132);
}

static void unmap_table(struct table *t)
{
	if (t->map)
		munmap(t->map, t->bytes);
	*t = (struct table){0};
}

/* Takes a table out of a memfd. What it has is checked once, so that no look-up can leave it. */
static int map_table(struct table *t, int fd, uint64_t bytes)
{
	struct stat file;
	uint32_t header;
	const uint8_t *p;

	*t = (struct table){0};
	if ((fcntl(fd, F_GET_SEALS) & SEALS) != SEALS || fcntl(fd, F_GET_SEALS) < 0)
		return broken("a table that can change under us");
	if (fstat(fd, &file) || bytes < HEADER_BYTES || (uint64_t)file.st_size != bytes || bytes > SIZE_MAX)
		return broken("a table of another size than it says");
	t->bytes = bytes;
	t->map = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, 0);
	if (t->map == MAP_FAILED) {
		t->map = NULL;
		return fail_call("mmap of the table of DEKs");
	}
	p = t->map;
	header = get16(p + 10);
	t->entry_bytes = get16(p + 12);
	t->count = get32(p + 16);
	t->other_count = get32(p + 20);
	if (memcmp(p, "DEKTABLE", 8) != 0 || get16(p + 8) != 1 || header < HEADER_BYTES || header % 16 ||
	    t->entry_bytes < ENTRY_BYTES || t->entry_bytes % 16 || get16(p + 14) != OTHER_BYTES ||
	    t->count > MOST_ENTRIES || t->other_count > MOST_ENTRIES || get64(p + 24) != bytes ||
	    bytes != header + (uint64_t)t->count * t->entry_bytes + (uint64_t)t->other_count * OTHER_BYTES ||
	    !memchr(p + 48, 0, NIC_BYTES)) {
		unmap_table(t);
		return broken("a table that is none");
	}
	t->entries = t->map + header;
	t->others = t->entries + (size_t)t->count * t->entry_bytes;
	return 0;
}

/* The entry of a name, or NULL: names are zero-padded and sorted as memcmp sorts them. */
static const uint8_t *find_entry(const struct table *t, const char *name)
{
	char padded[NAME_BYTES] = {0};
	size_t length = strnlen(name, NAME_BYTES + 1), low = 0, high = t->count;

	if (length > NAME_BYTES)
		return NULL;
	memcpy(padded, name, length);
	while (low < high) {
		size_t middle = low + (high - low) / 2;
		int order = memcmp(padded, entry_at(t, middle), NAME_BYTES);

		if (order == 0)
			return entry_at(t, middle);
		if (order < 0)
			high = middle;
		else
			low = middle + 1;
	}
	return NULL;
}

static void copy_name(char name[NAME_BYTES + 1], const uint8_t *entry)
{
	memcpy(name, entry, NAME_BYTES);
	name[NAME_BYTES] = 0;
}

/*
 * struct mlx5dv_dek is private to libmlx5: a pointer to its DEVX object, in all releases of rdma-core from 37 to 65.
 * Of that, mlx5dv_wr_set_mkey_crypto reads the object id. Whether the library that runs does so too is found out once
 * a process, by a work request that is written into a queue and never posted.
 */

struct object {
	struct ibv_context *context;
	uint32_t handle;
	uint32_t type;
	uint32_t object_id;
	uint64_t rx_icm_addr;
	uint8_t log_obj_range;
	void *private;
};

/* What mlx5dek_key.reserved is. */
struct dek {
	struct object *object;
	struct object made;
};

_Static_assert(sizeof(struct dek) <= sizeof(((struct mlx5dek_key *)0)->reserved), "a key has room for it");

enum { LAYOUT_UNKNOWN, LAYOUT_FITS, LAYOUT_DIFFERS };
static int layout;
static char layout_text[200] = "no context was lent or attached yet";
static pthread_mutex_t layout_lock = PTHREAD_MUTEX_INITIALIZER;

enum {
	UMR_DEK_AT = 16 + 48 + 64 + 64 + 32, /* control, UMR control, memory key, one KLM with padding; in the BSF */
	UMR_INLINE = 512,
};

/* The id that a crypto work request gets which is given a DEK of this id, as our struct has it; 0: none. */
static uint32_t id_in_work_request(struct ibv_qp *qp, struct mlx5dv_mkey *mkey, const uint8_t *queue, uint32_t id)
{
	struct object object[4] = {{.context = qp->context, .object_id = id}};
	void *dek[16];
	struct ibv_qp_ex *ex = ibv_qp_to_qp_ex(qp);
	struct mlx5dv_qp_ex *driver = mlx5dv_qp_ex_from_ibv_qp_ex(ex);
	struct mlx5dv_mkey_conf_attr conf = {0};
	struct ibv_sge sge = {.length = 4096, .lkey = 0};
	struct mlx5dv_crypto_attr crypto = {
		.crypto_standard = MLX5DV_CRYPTO_STANDARD_AES_XTS,
		.signature_crypto_order = MLX5DV_SIGNATURE_CRYPTO_ORDER_SIGNATURE_AFTER_CRYPTO_ON_TX,
		.data_unit_size = MLX5DV_BLOCK_SIZE_4096,
		.dek = (struct mlx5dv_dek *)dek,
	};
	uint32_t written;

	/* A library with another layout finds pointers to readable memory wherever it looks. */
	for (size_t i = 0; i < sizeof(dek) / sizeof(*dek); i++)
		dek[i] = object;
	for (void **word = (void **)&object[1]; word < (void **)&object[4]; word++)
		*word = object;
	ibv_wr_start(ex);
	ex->wr_flags = IBV_SEND_SIGNALED | IBV_SEND_INLINE;
	mlx5dv_wr_mkey_configure(driver, mkey, 3, &conf);
	mlx5dv_wr_set_mkey_access_flags(driver, IBV_ACCESS_LOCAL_WRITE);
	mlx5dv_wr_set_mkey_layout_list(driver, 1, &sge);
	mlx5dv_wr_set_mkey_crypto(driver, &crypto);
	memcpy(&written, queue + UMR_DEK_AT, sizeof(written));
	ibv_wr_abort(ex);
	return be32toh(written) & 0xffffff;
}

static void try_layout(struct ibv_pd *pd)
{
	static const uint32_t ids[] = {0x5a3c96, 0xa5c369};
	struct ibv_cq *cq = ibv_create_cq(pd->context, 1, NULL, NULL, 0);
	struct ibv_qp_init_attr_ex attr = {
		.send_cq = cq,
		.recv_cq = cq,
		.cap = {.max_send_wr = 4, .max_send_sge = 1, .max_inline_data = UMR_INLINE},
		.qp_type = IBV_QPT_RC,
		.comp_mask = IBV_QP_INIT_ATTR_PD | IBV_QP_INIT_ATTR_SEND_OPS_FLAGS,
		.pd = pd,
		.send_ops_flags = IBV_QP_EX_WITH_RDMA_WRITE,
	};
	struct mlx5dv_qp_init_attr driver = {.comp_mask = MLX5DV_QP_INIT_ATTR_MASK_SEND_OPS_FLAGS,
					     .send_ops_flags = MLX5DV_QP_EX_WITH_MKEY_CONFIGURE};
	struct mlx5dv_mkey_init_attr key = {.pd = pd,
					    .create_flags = MLX5DV_MKEY_INIT_ATTR_FLAGS_INDIRECT |
							    MLX5DV_MKEY_INIT_ATTR_FLAGS_CRYPTO,
					    .max_entries = 1};
	struct ibv_qp *qp = cq ? mlx5dv_create_qp(pd->context, &attr, &driver) : NULL;
	struct mlx5dv_mkey *mkey = qp ? mlx5dv_create_mkey(&key) : NULL;
	struct mlx5dv_qp raw = {0};
	struct mlx5dv_obj object = {.qp = {.in = qp, .out = &raw}};

	if (!mkey || mlx5dv_init_obj(&object, MLX5DV_OBJ_QP)) {
		snprintf(layout_text, sizeof(layout_text), "a trial needs a CQ, a QP and an MKey: %s", strerror(errno));
	} else {
		int found = LAYOUT_FITS;

		for (size_t i = 0; i < sizeof(ids) / sizeof(*ids); i++)
			if (id_in_work_request(qp, mkey, raw.sq.buf, ids[i]) != ids[i])
				found = LAYOUT_DIFFERS;
		snprintf(layout_text, sizeof(layout_text), "libmlx5 keeps its DEKs in a form that is not known here");
		__atomic_store_n(&layout, found, __ATOMIC_RELEASE);
	}
	if (mkey)
		mlx5dv_destroy_mkey(mkey);
	if (qp)
		ibv_destroy_qp(qp);
	if (cq)
		ibv_destroy_cq(cq);
}

static void check_layout(struct ibv_pd *pd)
{
	pthread_mutex_lock(&layout_lock);
	if (layout == LAYOUT_UNKNOWN)
		try_layout(pd);
	pthread_mutex_unlock(&layout_lock);
}

struct mlx5dv_dek *mlx5dek_dv(struct mlx5dek_key *key)
{
	struct dek *dek = (struct dek *)key->reserved;

	if (__atomic_load_n(&layout, __ATOMIC_ACQUIRE) != LAYOUT_FITS) {
		pthread_mutex_lock(&layout_lock);
		fail(EOPNOTSUPP, "%s; key->object_id is right for work requests of one's own", layout_text);
		pthread_mutex_unlock(&layout_lock);
		return NULL;
	}
	dek->object = &dek->made;
	return (struct mlx5dv_dek *)dek;
}

/* The connection */

enum { LEND = 1, ATTACH = 2, RELEASE = 3, DETACH = 4 };
enum {
	CONTEXT = 16,
	TABLE = 17,
	CHANGE = 18,
	OTHERS = 19,
	GONE = 20,
	REFUSAL = 21,
	DETACHED = 22,
	EXPIRED = 24,
	PROGRESS = 0x8001,
	MADE = 0x8002,
};
enum { TABLE_PRESENTED = 1, CONTEXT_PRESENTED = 2 }; /* flags of LEND, of ATTACH */
enum {
	RECORD_HEADER = 8,
	PAYLOAD_MOST = 65536,
	DESCRIPTORS_MOST = 4,
	CHANGE_BYTES = 8 + CHANGED_BYTES,
	TIMEOUT_MS = 60000,
	SEND_TIMEOUT_MS = 5000,
	RECORDS_AT_ONCE = 64,
};

/* What arrives: one record at a time. */
struct record {
	uint8_t bytes[RECORD_HEADER + PAYLOAD_MOST];
	size_t got, need;
	int fds[DESCRIPTORS_MOST];
	int fd_count;
	uint32_t at; /* of a record that says several things: how many were taken */
};

/* An object that a name had before. id 0: forgotten. */
struct old {
	uint32_t id, handle;
	bool released; /* by the program; the agent has to be told yet */
};

struct mlx5dek {
	bool lent;
	struct ibv_context *context;
	struct ibv_pd *pd;
	char nic[NIC_BYTES];
	char path[108];
	char wanted_nic[NIC_BYTES];
	uint8_t *patterns;
	uint32_t pattern_count, pattern_bytes;
	int timeout_ms;

	pthread_rwlock_t lock; /* what look-ups read: table, olds */
	struct table table;
	struct old *olds; /* in the order in which they became old, which is that in which they are released */
	size_t old_count, old_room, old_forgotten, old_hint;

	pthread_mutex_t sending; /* holds the socket open, and its records whole */
	int socket; /* -1: no agent */
	bool speaks; /* LEND or ATTACH has been answered: others may send too */

	/* Of the thread that takes changes. */
	bool gone; /* the context */
	uint64_t serial;
	struct table before; /* the table that `table` has replaced, while the differences are told */
	size_t at_before, at_now;
	uint8_t *others; /* the last OTHERS; NULL: those of the table hold */
	uint32_t other_count;
	uint8_t *made; /* of MADE: others that no table has told of */
	uint32_t made_count;
	struct record record;
};

static uint64_t now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000ull + t.tv_nsec / 1000000;
}

static int late(void)
{
	return fail(ETIMEDOUT, "the agent did not answer in time");
}

/* Waits until the socket is ready. -1: the deadline passed. */
static int wait_for(int socket, int events, uint64_t deadline)
{
	for (;;) {
		uint64_t now = now_ms();
		struct pollfd p = {.fd = socket, .events = events};
		int n;

		if (now >= deadline)
			return late();
		n = poll(&p, 1, deadline - now > 1000 ? 1000 : deadline - now);
		if (n > 0)
			return 0;
		if (n < 0 && errno != EINTR)
			return fail_call("poll");
	}
}

static int send_all(int socket, const void *bytes, size_t length, const int *fds, int fd_count, uint64_t deadline)
{
	union {
		struct cmsghdr align;
		char bytes[CMSG_SPACE(sizeof(int) * DESCRIPTORS_MOST)];
	} control = {0};

	for (size_t sent = 0; sent < length;) {
		struct iovec part = {(uint8_t *)bytes + sent, length - sent};
		struct msghdr m = {.msg_iov = &part, .msg_iovlen = 1};
		ssize_t n;

		if (fd_count > 0 && sent == 0) { /* with the first byte */
			m.msg_control = control.bytes;
			m.msg_controllen = CMSG_SPACE(sizeof(int) * fd_count);
			*CMSG_FIRSTHDR(&m) = (struct cmsghdr){.cmsg_len = CMSG_LEN(sizeof(int) * fd_count),
							      .cmsg_level = SOL_SOCKET,
							      .cmsg_type = SCM_RIGHTS};
			memcpy(CMSG_DATA(CMSG_FIRSTHDR(&m)), fds, sizeof(int) * fd_count);
		}
		n = sendmsg(socket, &m, MSG_NOSIGNAL | MSG_DONTWAIT);
		if (n >= 0)
			sent += n;
		else if (errno == EAGAIN && wait_for(socket, POLLOUT, deadline))
			return -1;
		else if (errno != EAGAIN && errno != EINTR)
			return fail_call("sendmsg to the agent");
	}
	return 0;
}

static int send_record(int socket, int type, const void *payload, size_t length, const int *fds, int fd_count,
		       uint64_t deadline)
{
	uint8_t small[RECORD_HEADER + 128], *bytes = small;
	int result;

	if (RECORD_HEADER + length > sizeof(small))
		bytes = malloc(RECORD_HEADER + length);
	if (!bytes)
		return fail_call("malloc");
	put16(bytes, type);
	put16(bytes + 2, 1);
	put32(bytes + 4, length);
	memcpy(bytes + RECORD_HEADER, payload, length);
	result = send_all(socket, bytes, RECORD_HEADER + length, fds, fd_count, deadline);
	if (bytes != small)
		free(bytes);
	return result;
}

static void drop_record(struct record *r)
{
	for (int i = 0; i < r->fd_count; i++)
		close(r->fds[i]);
	r->fd_count = 0;
	r->got = r->at = 0;
	r->need = RECORD_HEADER;
}

static int record_type(const struct record *r)
{
	return get16(r->bytes);
}

static const uint8_t *payload(const struct record *r)
{
	return r->bytes + RECORD_HEADER;
}

static size_t payload_bytes(const struct record *r)
{
	return r->need - RECORD_HEADER;
}

/* Keeps the descriptors of a message. They are ours from here on, also when there are too many. */
static int take_descriptors(struct record *r, struct msghdr *m)
{
	bool fits = !(m->msg_flags & MSG_CTRUNC);

	for (struct cmsghdr *c = CMSG_FIRSTHDR(m); c; c = CMSG_NXTHDR(m, c)) {
		size_t count = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);

		if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS)
			continue;
		for (size_t i = 0; i < count; i++) {
			int fd;

			memcpy(&fd, CMSG_DATA(c) + i * sizeof(int), sizeof(fd));
			if (r->fd_count < DESCRIPTORS_MOST) {
				r->fds[r->fd_count++] = fd;
			} else {
				close(fd);
				fits = false;
			}
		}
	}
	return fits ? 0 : broken("too many descriptors");
}

/* How short a record of a known type can be; -1: not known. */
static int least_bytes(int type)
{
	switch (type) {
	case CONTEXT:
		return 8 + NIC_BYTES;
	case TABLE:
		return 24;
	case CHANGE:
	case GONE:
	case REFUSAL:
		return 16;
	case OTHERS:
	case EXPIRED:
	case PROGRESS:
	case MADE:
		return 8;
	case DETACHED:
		return 0;
	default:
		return -1;
	}
}

/* The bytes that the counts in a record ask for. */
static uint64_t counted_bytes(int type, const uint8_t *p)
{
	switch (type) {
	case CHANGE:
		return 16 + (uint64_t)get32(p + 8) * CHANGE_BYTES;
	case OTHERS:
	case MADE:
		return 8 + (uint64_t)get32(p) * OTHER_BYTES;
	case EXPIRED:
		return 8 + (uint64_t)get32(p) * 4;
	case GONE:
		return 16 + (uint64_t)get32(p + 8);
	case REFUSAL:
		return 16 + (uint64_t)get32(p + 12);
	default:
		return 0;
	}
}

/* 0, or a fault of a record that is there. */
static int check_record(const struct record *r)
{
	int type = record_type(r), least = least_bytes(type);

	if (least < 0 && !(type & 0x8000))
		return broken("a record of an unknown type");
	if (least >= 0 && get16(r->bytes + 2) != 1)
		return fail(EPROTONOSUPPORT,
			    "the agent speaks a later version of dek-attach: a later libmlx5dek is needed");
	if (r->fd_count != (type == CONTEXT || type == TABLE))
		return broken("descriptors that do not fit their record");
	if (least >= 0 && (payload_bytes(r) < (size_t)least || counted_bytes(type, payload(r)) > payload_bytes(r)))
		return broken("a record that is shorter than it says");
	return 0;
}

/* Reads on until a record is whole: 1. 0: not yet, and there is no deadline to wait for. */
static int receive(struct mlx5dek *d, uint64_t deadline)
{
	struct record *r = &d->record;

	while (r->got < r->need) {
		union {
			struct cmsghdr align;
			char bytes[CMSG_SPACE(sizeof(int) * DESCRIPTORS_MOST)];
		} control;
		struct iovec part = {r->bytes + r->got, r->need - r->got};
		struct msghdr m = {.msg_iov = &part,
				   .msg_iovlen = 1,
				   .msg_control = control.bytes,
				   .msg_controllen = sizeof(control.bytes)};
		ssize_t n;

		if (deadline && now_ms() >= deadline)
			return late();
		n = recvmsg(d->socket, &m, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && errno == EAGAIN) {
			if (deadline == 0)
				return 0;
			if (wait_for(d->socket, POLLIN, deadline))
				return -1;
			continue;
		}
		if (n < 0)
			return fail_call("recvmsg from the agent");
		if (n == 0)
			return fail(ECONNRESET, "the agent ended the connection");
		if (take_descriptors(r, &m))
			return -1;
		r->got += n;
		if (r->got == RECORD_HEADER && r->need == RECORD_HEADER) {
			if (get32(r->bytes + 4) > PAYLOAD_MOST)
				return broken("a record that is too long");
			r->need += get32(r->bytes + 4);
		}
	}
	return check_record(r) ? -1 : 1;
}

/* The socket's path, as `dek` itself finds it. */
static int socket_path(char path[108], const char *given)
{
	const char *variable = secure_getenv("DEK_AGENT_SOCKET"), *runtime = secure_getenv("XDG_RUNTIME_DIR");
	int n;

	if (given || variable)
		n = snprintf(path, 108, "%s", given ? given : variable);
	else
		n = snprintf(path, 108, "%s/dek/agent.sock", runtime && runtime[0] == '/' ? runtime : "/run");
	if (n == 0)
		return fail(EINVAL, "the path of the agent's socket is empty: leave it out for the usual one");
	return n < 108 ? 0 : fail(ENAMETOOLONG, "the path of the agent's socket is longer than 107 bytes");
}

/* Asks for the protocol, and reads the answer up to its blank line and not beyond. */
static int upgrade(int socket, uint64_t deadline)
{
	static const char request[] = "GET /v1/attach HTTP/1.1\r\nHost: dek\r\nConnection: Upgrade\r\n"
				      "Upgrade: dek-attach/1\r\n\r\n";
	char head[1025] = {0};
	size_t got = 0;
	int status;

	if (send_all(socket, request, sizeof(request) - 1, NULL, 0, deadline))
		return -1;
	while (got < 4 || memcmp(head + got - 4, "\r\n\r\n", 4) != 0) {
		ssize_t n = got < sizeof(head) - 1 ? recv(socket, head + got, 1, MSG_DONTWAIT) : 0;

		if (n < 0 && errno == EAGAIN && wait_for(socket, POLLIN, deadline))
			return -1;
		if (n < 0 && errno != EAGAIN && errno != EINTR)
			return fail_call("recv from the agent");
		if (n == 0)
			return fail(EPROTONOSUPPORT, "what listens there is no agent that lends or gives DEKs");
		got += n > 0;
	}
	if (sscanf(head, "HTTP/1.%*1[01] %3d", &status) != 1)
		return fail(EPROTONOSUPPORT, "what listens there speaks no HTTP");
	if (status == 403)
		return fail(EACCES, "the agent does not allow it: SECURITY.md of dek says who may");
	if (status >= 500)
		return fail(EAGAIN, "the agent is not ready (HTTP status %d): try again", status);
	if (status != 101)
		return fail(EPROTONOSUPPORT, "this agent neither lends nor gives DEKs (HTTP status %d)", status);
	return 0;
}

/* A connection to the agent that speaks records from here on, or -1. */
static int connect_agent(const struct mlx5dek *d, uint64_t deadline)
{
	const struct timespec pause = {.tv_nsec = 10000000};
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	int s = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	if (s < 0)
		return fail_call("socket");
	memcpy(address.sun_path, d->path, sizeof(address.sun_path));
	while (connect(s, (struct sockaddr *)&address, sizeof(address))) {
		int error = errno;

		if ((error == EAGAIN || error == EINTR) && now_ms() < deadline) { /* its queue is full */
			nanosleep(&pause, NULL);
			continue;
		}
		close(s);
		return fail(error, "%s: %s; is dek agent running?", d->path, strerror(error));
	}
	if (upgrade(s, deadline) == 0)
		return s;
	{
		int error = errno;

		close(s);
		errno = error;
	}
	return -1;
}

/* Ends the connection, with errno and the text as they are. */
static void disconnect(struct mlx5dek *d)
{
	int error = errno;

	pthread_mutex_lock(&d->sending);
	if (d->socket >= 0)
		close(d->socket);
	__atomic_store_n(&d->speaks, false, __ATOMIC_RELEASE);
	__atomic_store_n(&d->socket, -1, __ATOMIC_RELAXED);
	pthread_mutex_unlock(&d->sending);
	drop_record(&d->record);
	errno = error;
}

/* What the agent says */

/* Looks from where the last one was found. */
static struct old *find_old(struct mlx5dek *d, uint32_t id)
{
	for (size_t i = 0; i < d->old_count && id != 0; i++) {
		size_t at = (d->old_hint + i) % d->old_count;

		if (d->olds[at].id != id)
			continue;
		d->old_hint = at;
		return &d->olds[at];
	}
	return NULL;
}

static int add_old(struct mlx5dek *d, uint32_t id, uint32_t handle)
{
	if (id == 0)
		return 0;
	if (d->old_count == d->old_room) {
		size_t room = d->old_room ? 2 * d->old_room : 64;
		struct old *more = realloc(d->olds, room * sizeof(*more));

		if (!more)
			return fail_call("realloc");
		d->olds = more;
		d->old_room = room;
	}
	d->olds[d->old_count++] = (struct old){.id = id, .handle = handle};
	return 0;
}

static void forget_old(struct mlx5dek *d, struct old *old)
{
	size_t kept = 0;

	old->id = 0;
	if (++d->old_forgotten <= d->old_count / 2)
		return;
	for (size_t i = 0; i < d->old_count; i++)
		if (d->olds[i].id)
			d->olds[kept++] = d->olds[i];
	d->old_count = kept;
	d->old_forgotten = d->old_hint = 0;
}

static void forget_made(struct mlx5dek *d)
{
	free(d->made);
	d->made = NULL;
	d->made_count = 0;
}

/* Puts the table of a TABLE in the place of the one before, which stays until the differences are told. */
static int take_table(struct mlx5dek *d)
{
	struct record *r = &d->record;
	const uint8_t *p = payload(r);
	struct table next;

	if (map_table(&next, r->fds[0], get64(p + 8)))
		return -1;
	if (next.count != get32(p + 16) || next.other_count != get32(p + 20) || get64(next.map + 40) != get64(p)) {
		unmap_table(&next);
		return broken("a table with other numbers than its record");
	}
	d->serial = get64(p);
	if (!d->nic[0]) /* others may read it from then on */
		memcpy(d->nic, next.map + 48, NIC_BYTES);
	free(d->others);
	d->others = NULL;
	forget_made(d);
	pthread_rwlock_wrlock(&d->lock);
	d->before = d->table;
	d->at_before = d->at_now = 0;
	d->table = next;
	pthread_rwlock_unlock(&d->lock);
	return 0;
}

static int take_others(struct mlx5dek *d)
{
	const uint8_t *p = payload(&d->record);
	size_t bytes = (size_t)get32(p) * OTHER_BYTES;
	uint8_t *copy = malloc(bytes + 1); /* none is a list too */

	if (!copy)
		return fail_call("malloc");
	memcpy(copy, p + 8, bytes);
	free(d->others);
	d->others = copy;
	d->other_count = get32(p);
	return 0;
}

/* DEKs that are there, before the table that names them: for the next agent, if this one does not come so far. */
static int take_made(struct mlx5dek *d)
{
	const uint8_t *p = payload(&d->record);
	uint32_t count = get32(p);
	uint8_t *more;

	if (count > MOST_ENTRIES - d->made_count)
		return broken("more DEKs than there can be");
	more = realloc(d->made, ((size_t)d->made_count + count) * OTHER_BYTES + 1);
	if (!more)
		return fail_call("realloc");
	memcpy(more + (size_t)d->made_count * OTHER_BYTES, p + 8, (size_t)count * OTHER_BYTES);
	d->made = more;
	d->made_count += count;
	return 0;
}

/* Copies a text that the agent sent, without what could move a terminal's cursor. */
static int refused(int error, const uint8_t *text, uint32_t bytes, const char *otherwise)
{
	char clean[1025];
	uint32_t n = 0;

	for (uint32_t i = 0; i < bytes && n < sizeof(clean) - 1; i++)
		if (text[i] >= 0x20 && text[i] != 0x7f)
			clean[n++] = text[i];
	clean[n] = 0;
	if (error <= 0 || error > 4095)
		error = EPROTO;
	return fail(error, "%s", n ? clean : otherwise);
}

static int take_refusal(const struct mlx5dek *d)
{
	const uint8_t *p = payload(&d->record);

	return refused(get32(p), p + 16, get32(p + 12), "the agent refused without a reason");
}

/* The next difference between the tables: 1 and *event; 0: none is left, and the one before is forgotten. */
static int next_difference(struct mlx5dek *d, struct mlx5dek_event *event)
{
	struct table *before = &d->before, *now = &d->table;

	while (before->map && (d->at_before < before->count || d->at_now < now->count)) {
		const uint8_t *old = d->at_before < before->count ? entry_at(before, d->at_before) : NULL;
		const uint8_t *new = d->at_now < now->count ? entry_at(now, d->at_now) : NULL;
		int order = !old ? 1 : !new ? -1 : memcmp(old, new, NAME_BYTES), error = 0;

		if (order == 0 && id_of(old) == id_of(new)) {
			d->at_before++;
			d->at_now++;
			continue;
		}
		*event = (struct mlx5dek_event){.type = order < 0   ? MLX5DEK_EVENT_REMOVED
							: order > 0 ? MLX5DEK_EVENT_ADDED
								    : MLX5DEK_EVENT_CHANGED,
						.old_id = order <= 0 ? id_of(old) : 0,
						.new_id = order >= 0 ? id_of(new) : 0};
		copy_name(event->name, order < 0 ? old : new);
		if (order <= 0) {
			pthread_rwlock_wrlock(&d->lock);
			error = add_old(d, id_of(old), handle_of(old));
			pthread_rwlock_unlock(&d->lock);
		}
		if (error)
			return -1;
		d->at_before += order <= 0;
		d->at_now += order >= 0;
		return 1;
	}
	unmap_table(before);
	return 0;
}

/* Writes the next change of a CHANGE into the table. */
static int take_change(struct mlx5dek *d, struct mlx5dek_event *event)
{
	struct record *r = &d->record;
	const uint8_t *p = payload(r), *change = p + 16 + (size_t)r->at++ * CHANGE_BYTES;
	uint32_t index = get32(change), handle;
	uint8_t *entry;
	int error = 0;

	if (get64(p) != d->serial || index >= d->table.count)
		return broken("a change of what is not in the table");
	entry = entry_at(&d->table, index);
	*event = (struct mlx5dek_event){.type = MLX5DEK_EVENT_CHANGED, .old_id = id_of(entry)};
	copy_name(event->name, entry);
	handle = handle_of(entry);
	pthread_rwlock_wrlock(&d->lock);
	memcpy(entry + NAME_BYTES, change + 8, CHANGED_BYTES);
	event->new_id = id_of(entry);
	if (event->new_id != event->old_id)
		error = add_old(d, event->old_id, handle);
	pthread_rwlock_unlock(&d->lock);
	return error;
}

/* The next change of a CHANGE that is one of the object: 1 and *event; 0: none is left. */
static int next_change(struct mlx5dek *d, struct mlx5dek_event *event)
{
	while (d->record.at < get32(payload(&d->record) + 8)) {
		if (take_change(d, event))
			return -1;
		if (event->old_id != event->new_id)
			return 1;
	}
	return 0;
}

static int next_expired(struct mlx5dek *d, struct mlx5dek_event *event)
{
	struct record *r = &d->record;
	const uint8_t *p = payload(r);

	while (r->at < get32(p)) {
		uint32_t id = get32(p + 8 + 4 * (size_t)r->at++);
		struct old *old;

		pthread_rwlock_wrlock(&d->lock);
		old = find_old(d, id);
		if (old)
			forget_old(d, old);
		pthread_rwlock_unlock(&d->lock);
		*event = (struct mlx5dek_event){.type = MLX5DEK_EVENT_EXPIRED, .old_id = id};
		if (old)
			return 1;
	}
	return 0;
}

/* What the record at hand says: 1 and *event; 0: it has been taken; -1: the connection is to end. */
static int next_of_record(struct mlx5dek *d, struct mlx5dek_event *event)
{
	const uint8_t *p = payload(&d->record);

	switch (record_type(&d->record)) {
	case TABLE:
		return take_table(d);
	case OTHERS:
		return take_others(d);
	case CHANGE:
		return next_change(d, event);
	case EXPIRED:
		return next_expired(d, event);
	case GONE:
		refused(get32(p + 4), p + 16, get32(p + 8), "the context is gone");
		*event = (struct mlx5dek_event){.type = MLX5DEK_EVENT_CONTEXT_GONE};
		d->gone = true;
		disconnect(d);
		return 1;
	case REFUSAL:
		return take_refusal(d);
	default:
		return record_type(&d->record) & 0x8000 ? 0 : broken("a record out of its turn");
	}
}

int mlx5dek_next_event(struct mlx5dek *d, struct mlx5dek_event *event)
{
	int result = next_difference(d, event);

	for (int records = 0; result == 0; records++) {
		/* Of those that say nothing to the program a few at a time: an agent may send them without end. */
		if (d->socket < 0 || records == RECORDS_AT_ONCE)
			return 0;
		result = receive(d, 0);
		if (result == 0)
			return 0;
		if (result > 0)
			result = next_of_record(d, event);
		if (result == 0) {
			drop_record(&d->record);
			result = next_difference(d, event);
		}
	}
	if (result > 0)
		return 1;
	disconnect(d);
	*event = (struct mlx5dek_event){.type = MLX5DEK_EVENT_AGENT_GONE};
	return 1;
}

/* Begin and end */

/* The header of a table without entries. */
static void write_header(uint8_t *p)
{
	memcpy(p, "DEKTABLE", 8);
	put16(p + 8, 1);
	put16(p + 10, HEADER_BYTES);
	put16(p + 12, ENTRY_BYTES);
	put16(p + 14, OTHER_BYTES);
}

/* The table as it is now, for the next agent: a sealed memfd, or -1. */
static int present_table(const struct mlx5dek *d)
{
	const struct table *t = &d->table;
	const uint8_t *others = d->others ? d->others : t->others;
	uint32_t known = d->others ? d->other_count : t->other_count, count = 0;
	size_t body = t->map ? (size_t)(t->others - t->map) : HEADER_BYTES;
	size_t most = body + ((size_t)known + d->old_count + d->made_count) * OTHER_BYTES;
	uint8_t *bytes;
	int fd = memfd_create("mlx5dek", MFD_CLOEXEC | MFD_ALLOW_SEALING);

	if (fd < 0 || ftruncate(fd, most)) {
		fail_call("memfd_create");
		goto failed;
	}
	bytes = mmap(NULL, most, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (bytes == MAP_FAILED) {
		fail_call("mmap");
		goto failed;
	}
	if (t->map)
		memcpy(bytes, t->map, body);
	else
		write_header(bytes);
	for (uint32_t i = 0; i < known; i++)
		if (get32(others + (size_t)i * OTHER_BYTES) != OTHER_OLD_DEK)
			memcpy(bytes + body + (size_t)count++ * OTHER_BYTES, others + (size_t)i * OTHER_BYTES,
			       OTHER_BYTES);
	for (size_t i = 0; i < d->old_count; i++) {
		uint8_t *other = bytes + body + (size_t)count * OTHER_BYTES;

		if (d->olds[i].id == 0)
			continue;
		count++;
		put32(other, OTHER_OLD_DEK);
		put32(other + 4, d->olds[i].handle);
		put32(other + 8, d->olds[i].id);
	}
	if (d->made_count)
		memcpy(bytes + body + (size_t)count * OTHER_BYTES, d->made, (size_t)d->made_count * OTHER_BYTES);
	count += d->made_count;
	put32(bytes + 20, count);
	put64(bytes + 24, body + (uint64_t)count * OTHER_BYTES);
	munmap(bytes, most);
	if (ftruncate(fd, body + (size_t)count * OTHER_BYTES) || fcntl(fd, F_ADD_SEALS, SEALS | F_SEAL_SEAL)) {
		fail_call("fcntl(F_ADD_SEALS)");
		goto failed;
	}
	return fd;
failed:
	if (fd >= 0) {
		int error = errno;

		close(fd);
		errno = error;
	}
	return -1;
}

/* Whether an agent has left something in the context that was lent to it, before it told of a table. */
static bool is_begun(const struct mlx5dek *d)
{
	return d->lent && !d->table.map && (d->made_count > 0 || (d->others && d->other_count > 0));
}

/* LEND or ATTACH; with what we have already, if this is not the first time. */
static int send_request(struct mlx5dek *d, uint64_t deadline)
{
	bool again = d->table.map || is_begun(d);
	int fds[2] = {d->context ? d->context->cmd_fd : -1, -1}, fd_count = d->lent || again, result;
	uint8_t *request;

	if (d->lent && again) {
		fds[fd_count++] = present_table(d);
		if (fds[1] < 0)
			return -1;
	}
	request = calloc(1, 80 + d->pattern_bytes);
	if (request) {
		put32(request, !again ? 0 : d->lent ? TABLE_PRESENTED : CONTEXT_PRESENTED);
		put32(request + 4, d->lent ? d->pd->handle : 0);
		put32(request + 8, d->pattern_count);
		memcpy(request + 16, d->wanted_nic, NIC_BYTES);
		memcpy(request + 80, d->patterns, d->pattern_bytes);
		result = send_record(d->socket, d->lent ? LEND : ATTACH, request, 80 + d->pattern_bytes, fds, fd_count,
				     deadline);
	} else {
		result = fail_call("calloc");
	}
	free(request);
	if (fds[1] >= 0)
		close(fds[1]);
	return result;
}

/* Whether a descriptor is of the context that we have: of the same open file. Where nobody can tell: no. */
static bool is_our_context(const struct mlx5dek *d, int fd)
{
	return syscall(SYS_kcmp, getpid(), getpid(), KCMP_FILE, fd, d->context->cmd_fd) == 0;
}

/* ibv_import_device takes a descriptor when it succeeds, and may close it when it fails: so it gets a copy. */
static int import_context(struct mlx5dek *d)
{
	const struct record *r = &d->record;
	struct stat original, left;
	int copy = fcntl(r->fds[0], F_DUPFD_CLOEXEC, 3), error;

	if (copy < 0 || fstat(copy, &original))
		return fail_call("dup of the agent's context");
	d->context = ibv_import_device(copy);
	if (!d->context) {
		error = errno;
		if (fstat(copy, &left) == 0 && left.st_dev == original.st_dev && left.st_ino == original.st_ino)
			close(copy);
		return fail(error, "ibv_import_device: %s; is the agent's NIC one of this process?", strerror(error));
	}
	d->pd = ibv_import_pd(d->context, get32(payload(r)));
	return d->pd ? 0 : fail_call("ibv_import_pd");
}

static int take_context(struct mlx5dek *d)
{
	if (d->lent)
		return broken("a context for who has lent one");
	if (!d->context)
		return import_context(d);
	return is_our_context(d, d->record.fds[0])
		       ? 0
		       : fail(ESTALE, "this agent has another context: attach anew, and move there");
}

/*
 * Connects, asks, and waits for the table. Ends the connection when it fails; *final: the agent refused for good.
 */
static int begin_once(struct mlx5dek *d, uint64_t deadline, bool *final)
{
	bool done = false, has_context = false, presents = d->table.map || is_begun(d);

	d->socket = connect_agent(d, deadline);
	if (d->socket < 0)
		return -1;
	drop_record(&d->record);
	if (send_request(d, deadline))
		goto failed;
	while (!done) {
		int type;

		if (receive(d, deadline) < 0)
			goto failed;
		type = record_type(&d->record);
		if (type == REFUSAL) {
			take_refusal(d);
			*final = errno != EAGAIN && errno != ECANCELED;
			if (!presents) { /* then it has left nothing */
				forget_made(d);
				free(d->others);
				d->others = NULL;
			}
			goto failed;
		}
		if (type == OTHERS && take_others(d))
			goto failed;
		if (type == MADE && take_made(d))
			goto failed;
		if (type == CONTEXT && take_context(d))
			goto failed;
		has_context |= d->lent || type == CONTEXT;
		if (type == TABLE && !has_context) {
			broken("a table without its context");
			goto failed;
		}
		if (type == TABLE && take_table(d))
			goto failed;
		if (type != OTHERS && type != CONTEXT && type != TABLE && !(type & 0x8000)) {
			broken("a record out of its turn");
			goto failed;
		}
		done = type == TABLE;
		drop_record(&d->record);
	}
	pthread_mutex_lock(&d->sending);
	__atomic_store_n(&d->speaks, true, __ATOMIC_RELEASE);
	pthread_mutex_unlock(&d->sending);
	return 0;
failed:
	disconnect(d);
	return -1;
}

/* Whether an agent that is started next may answer: this one ended, starts, or is not there yet. */
static bool is_passing(int error)
{
	return error == ECONNRESET || error == EPIPE || error == ECONNREFUSED || error == ENOENT || error == EAGAIN ||
	       error == ECANCELED;
}

/*
 * begin_once; when an agent ends in the middle of a first lend, goes on with the next one: nobody else can tell that
 * one what is in the context already.
 */
static int begin(struct mlx5dek *d)
{
	const struct timespec pause = {.tv_nsec = 100000000};
	uint64_t deadline = now_ms() + d->timeout_ms;
	bool final = false;

	while (begin_once(d, deadline, &final)) {
		if (final || !is_passing(errno) || !is_begun(d) || now_ms() >= deadline)
			return -1;
		nanosleep(&pause, NULL);
	}
	return 0;
}

/* The names that are wanted, as LEND and ATTACH have them. */
static int take_patterns(struct mlx5dek *d, const char *const *names)
{
	size_t bytes = 0;
	uint8_t *p;

	for (const char *const *name = names; name && *name; name++, d->pattern_count++) {
		size_t length = strlen(*name);

		if (length < 1 || length > 256)
			return fail(EINVAL, "a name or glob has 1 to 256 bytes, this one %zu", length);
		bytes += 2 + length;
		if (80 + bytes > PAYLOAD_MOST)
			return fail(E2BIG, "too many names: 65,456 bytes is the limit; use globs");
	}
	if (names && d->pattern_count == 0)
		return fail(EINVAL, "the list of names is empty: NULL stands for all");
	d->patterns = p = malloc(bytes + 1);
	if (!p)
		return fail_call("malloc");
	d->pattern_bytes = bytes;
	for (const char *const *name = names; name && *name; name++) {
		size_t length = strlen(*name);

		put16(p, length);
		memcpy(p + 2, *name, length);
		p += 2 + length;
	}
	return 0;
}

/* Frees a handle with all that it holds; the connection and an import have ended. */
static void free_handle(struct mlx5dek *d)
{
	int error = errno;

	disconnect(d);
	unmap_table(&d->before);
	unmap_table(&d->table);
	free(d->olds);
	free(d->others);
	free(d->made);
	free(d->patterns);
	pthread_mutex_destroy(&d->sending);
	pthread_rwlock_destroy(&d->lock);
	free(d);
	errno = error;
}

static void close_import(struct mlx5dek *d)
{
	int error = errno;

	if (d->pd)
		ibv_unimport_pd(d->pd);
	if (d->context)
		ibv_close_device(d->context);
	d->pd = NULL;
	d->context = NULL;
	errno = error;
}

static struct mlx5dek *new_handle(struct ibv_pd *pd, const struct mlx5dek_options *options)
{
	static const struct mlx5dek_options defaults;
	struct mlx5dek *d = calloc(1, sizeof(*d));
	pthread_rwlockattr_t fair;

	if (!d) {
		fail_call("calloc");
		return NULL;
	}
	if (!options)
		options = &defaults;
	pthread_rwlockattr_init(&fair); /* else many look-ups keep a change out */
	pthread_rwlockattr_setkind_np(&fair, PTHREAD_RWLOCK_PREFER_WRITER_NONRECURSIVE_NP);
	pthread_rwlock_init(&d->lock, &fair);
	pthread_rwlockattr_destroy(&fair);
	pthread_mutex_init(&d->sending, NULL);
	d->socket = -1;
	d->lent = pd;
	d->pd = pd;
	d->context = pd ? pd->context : NULL;
	d->timeout_ms = options->timeout_ms ? options->timeout_ms : TIMEOUT_MS;
	if (d->timeout_ms < 0)
		fail(EINVAL, "a timeout is not negative");
	else if (options->nic && !pd && (!options->nic[0] || strlen(options->nic) >= NIC_BYTES))
		fail(EINVAL, "the name of a NIC has 1 to 63 bytes");
	else if (socket_path(d->path, options->socket) == 0 && take_patterns(d, options->names) == 0) {
		if (options->nic && !pd)
			memcpy(d->wanted_nic, options->nic, strlen(options->nic));
		if (begin(d) == 0) {
			check_layout(d->pd);
			return d;
		}
	}
	if (!pd)
		close_import(d);
	free_handle(d);
	return NULL;
}

struct mlx5dek *mlx5dek_lend(struct ibv_pd *pd, const struct mlx5dek_options *options)
{
	if (pd)
		return new_handle(pd, options);
	fail(EINVAL, "a lend needs a PD");
	return NULL;
}

struct mlx5dek *mlx5dek_attach(const struct mlx5dek_options *options)
{
	return new_handle(NULL, options);
}

/* An old object that the agent has to be told of, or 0: looked for from where the last one was found. */
static uint32_t next_release(struct mlx5dek *d)
{
	uint32_t id = 0;

	pthread_rwlock_rdlock(&d->lock);
	for (size_t i = 0; i < d->old_count && id == 0; i++) {
		const struct old *old = &d->olds[(d->old_hint + i) % d->old_count];

		if (old->id && old->released)
			id = old->id;
	}
	pthread_rwlock_unlock(&d->lock);
	return id;
}

/* Tells the agent of one. If it cannot be told, the connection is over: the next agent is told. */
static bool send_release(struct mlx5dek *d, uint32_t id)
{
	uint8_t request[12] = {1};
	struct old *old;

	put32(request + 8, id);
	if (send_record(d->socket, RELEASE, request, sizeof(request), NULL, 0, now_ms() + SEND_TIMEOUT_MS)) {
		shutdown(d->socket, SHUT_RDWR);
		return false;
	}
	pthread_rwlock_wrlock(&d->lock);
	old = find_old(d, id);
	if (old)
		forget_old(d, old);
	pthread_rwlock_unlock(&d->lock);
	return true;
}

/* Tells what was released while there was no agent. */
static void send_releases(struct mlx5dek *d)
{
	uint32_t id;

	pthread_mutex_lock(&d->sending);
	while (d->speaks && (id = next_release(d)) != 0)
		if (!send_release(d, id))
			break;
	pthread_mutex_unlock(&d->sending);
}

int mlx5dek_reconnect(struct mlx5dek *d)
{
	if (d->socket >= 0)
		return fail(EISCONN, "there is an agent: reconnect when it is gone");
	if (d->gone)
		return fail(ENODEV, "the context is gone: detach, and lend or attach anew");
	if (d->before.map)
		return fail(EINPROGRESS, "there are changes to take: call mlx5dek_next_event until it returns 0");
	if (begin(d))
		return -1;
	check_layout(d->pd);
	send_releases(d);
	return 0;
}

#define NOBODY_TAKES_AWAY "there is no agent that could take its DEKs away: they die with the context"

int mlx5dek_detach(struct mlx5dek *d, int flags)
{
	const bool takes_away = d->lent && !(flags & MLX5DEK_KEEP);
	uint64_t deadline = now_ms() + d->timeout_ms;
	bool is_there = d->socket >= 0;
	uint8_t request[4];
	int result = 0;

	if (flags & ~MLX5DEK_KEEP)
		return fail(EINVAL, "unknown flags 0x%x", (unsigned int)flags & ~MLX5DEK_KEEP);
	put32(request, takes_away);
	if (!d->lent)
		close_import(d);
	if (is_there) {
		result = send_record(d->socket, DETACH, request, sizeof(request), NULL, 0, deadline);
		while (result == 0 && (d->record.got < d->record.need || record_type(&d->record) != DETACHED)) {
			if (d->record.got == d->record.need)
				drop_record(&d->record);
			if (receive(d, deadline) < 0)
				result = -1;
		}
		is_there = result == 0 || (errno != ECONNRESET && errno != EPIPE);
	}
	if (!is_there)
		result = !takes_away || d->gone ? 0 : fail(ENOTCONN, "%s", NOBODY_TAKES_AWAY);
	free_handle(d);
	return result;
}

/* Look-ups */

struct ibv_context *mlx5dek_context(const struct mlx5dek *d)
{
	return d->context;
}

struct ibv_pd *mlx5dek_pd(const struct mlx5dek *d)
{
	return d->pd;
}

const char *mlx5dek_nic(const struct mlx5dek *d)
{
	return d->nic;
}

int mlx5dek_fd(const struct mlx5dek *d)
{
	return __atomic_load_n(&d->speaks, __ATOMIC_ACQUIRE) ? __atomic_load_n(&d->socket, __ATOMIC_RELAXED) : -1;
}

static int copy_key(struct mlx5dek *d, const uint8_t *entry, struct mlx5dek_key *key)
{
	uint32_t flags = get16(entry + 138);
	struct dek *dek = (struct dek *)key->reserved;

	*key = (struct mlx5dek_key){
		.has_keytag = flags & HAS_KEYTAG,
		.keytag_known = flags & KEYTAG_KNOWN,
		.proven = flags & PROVEN,
		.key_bits = get16(entry + 136),
		.object_id = id_of(entry),
		.handle = handle_of(entry),
	};
	copy_name(key->name, entry);
	memcpy(key->keytag, entry + 144, sizeof(key->keytag));
	memcpy(key->label, entry + 152, sizeof(key->label));
	dek->made = (struct object){.context = d->context, .handle = key->handle, .object_id = key->object_id};
	if (key->object_id == 0)
		return fail(EAGAIN, "%s has no object on the NIC now: wait for its event", key->name);
	return 0;
}

int mlx5dek_find(struct mlx5dek *d, const char *name, struct mlx5dek_key *key)
{
	const uint8_t *entry;
	int result;

	pthread_rwlock_rdlock(&d->lock);
	entry = find_entry(&d->table, name);
	result = entry ? copy_key(d, entry, key) : fail(ENOENT, "no DEK is called %.128s here", name);
	pthread_rwlock_unlock(&d->lock);
	return result;
}

int mlx5dek_at(struct mlx5dek *d, size_t index, struct mlx5dek_key *key)
{
	int result;

	pthread_rwlock_rdlock(&d->lock);
	result = index < d->table.count ? copy_key(d, entry_at(&d->table, index), key)
					: fail(ENOENT, "there are no more than %u DEKs", d->table.count);
	pthread_rwlock_unlock(&d->lock);
	return result;
}

size_t mlx5dek_count(struct mlx5dek *d)
{
	size_t count;

	pthread_rwlock_rdlock(&d->lock);
	count = d->table.count;
	pthread_rwlock_unlock(&d->lock);
	return count;
}

int mlx5dek_release(struct mlx5dek *d, uint32_t object_id)
{
	struct old *old;

	pthread_rwlock_wrlock(&d->lock);
	old = find_old(d, object_id);
	if (old && old->released)
		old = NULL; /* said before */
	if (old)
		old->released = true;
	pthread_rwlock_unlock(&d->lock);
	if (!old)
		return fail(ENOENT, "object 0x%x is not an old one", object_id);
	pthread_mutex_lock(&d->sending);
	if (d->speaks)
		send_release(d, object_id);
	pthread_mutex_unlock(&d->sending);
	return 0;
}
