/*
 * The calls of libmlx5dek, one by one, against the stand-in: `calls CASE SOCKET`, which ends with 0, or with 1 and what
 * was not so. `calls` alone lists the cases. Build with client/mlx5dek.c.
 */
#include "stand-in.h"
#include "../../client/mlx5dek.h"

#include <poll.h>
#include <time.h>

#define CHECK(condition)                                                                                               \
	do {                                                                                                           \
		if (!(condition)) {                                                                                    \
			fprintf(stderr, "%s:%d: not so: %s (errno %d: %s)\n", __FILE__, __LINE__, #condition, errno,   \
				mlx5dek_error());                                                                      \
			exit(1);                                                                                       \
		}                                                                                                      \
	} while (0)

static const char *path;
static int listener;
static struct ibv_pd *pd;
static struct heard heard;
static pthread_t agent;

static const struct entry three[] = {
	{"alpha", 0x11, 1, 128, 0, NULL, "label-a"},
	{"beta", 0x22, 2, 256, HAS_KEYTAG | KEYTAG_KNOWN | PROVEN, "\1\2\3\4\5\6\7\10", "label-b"},
	{"gamma", 0, 0, 128, ABSENT, NULL, NULL},
};
static const struct other login = {1, 9, 0x99};

/* The next client, upgraded, and what it asks for in `heard`. */
static int greet(void)
{
	int s = take_client(listener);

	CHECK(s >= 0 && send_bytes(s, ANSWER, strlen(ANSWER), NULL, 0) && hear(s, &heard));
	return s;
}

static void start_agent(void *(*serve)(void *))
{
	CHECK(pthread_create(&agent, NULL, serve, NULL) == 0);
}

static void end_agent(void)
{
	CHECK(pthread_join(agent, NULL) == 0);
}

static struct mlx5dek *lend(void)
{
	struct mlx5dek *dek = mlx5dek_lend(pd, &(struct mlx5dek_options){.socket = path, .timeout_ms = 5000});

	CHECK(dek);
	return dek;
}

/* Waits for the next event. */
static struct mlx5dek_event next(struct mlx5dek *dek)
{
	struct mlx5dek_event event;

	for (;;) {
		struct pollfd p = {.fd = mlx5dek_fd(dek), .events = POLLIN};
		int n = mlx5dek_next_event(dek, &event);

		CHECK(n >= 0);
		if (n == 1)
			return event;
		CHECK(poll(&p, 1, 5000) == 1);
	}
}

static bool is_event(struct mlx5dek_event e, enum mlx5dek_event_type type, const char *name, uint32_t old_id,
		     uint32_t new_id)
{
	bool same = e.type == type && strcmp(e.name, name) == 0 && e.old_id == old_id && e.new_id == new_id;

	if (!same)
		fprintf(stderr, "event %d of %s: 0x%x to 0x%x\n", e.type, e.name, e.old_id, e.new_id);
	return same;
}

/* Until the client detaches, or goes. */
static void stay(int s)
{
	while (hear(s, &heard) && heard.type != DETACH)
		forget(&heard);
	if (heard.type == DETACH)
		say(s, DETACHED, "", 0, -1);
	close(s);
}

static void *serve_three(void *unused)
{
	int s = greet();

	(void)unused;
	CHECK(heard.type == LEND && heard.bytes == 80 && get(heard.payload + 4, 4) == pd->handle);
	CHECK(heard.fd_count == 1);
	{
		struct ibv_context *import = ibv_import_device(dup(heard.fds[0]));

		CHECK(import && ibv_close_device(import) == 0);
	}
	forget(&heard);
	CHECK(say(s, PROGRESS, "\1\0\0\0\3\0\0\0", 8, -1) && say(s, 0x8123, "?", 1, -1));
	CHECK(say_table(s, 1, three, 3, &login, 1));
	stay(s);
	CHECK(get(heard.payload, 4) == 1);
	return NULL;
}

static void test_lend(void)
{
	struct mlx5dek_key key;
	struct mlx5dek *dek;

	start_agent(serve_three);
	dek = lend();
	CHECK(mlx5dek_count(dek) == 3 && mlx5dek_pd(dek) == pd && mlx5dek_context(dek) == pd->context);
	CHECK(strcmp(mlx5dek_nic(dek), "mlx5_0") == 0);
	CHECK(mlx5dek_find(dek, "alpha", &key) == 0 && key.object_id == 0x11 && key.handle == 1 && key.key_bits == 128);
	CHECK(!key.has_keytag && !key.proven && memcmp(key.label, "label-a", 8) == 0 && strcmp(key.name, "alpha") == 0);
	CHECK(mlx5dek_find(dek, "beta", &key) == 0 && key.object_id == 0x22 && key.key_bits == 256 && key.proven);
	CHECK(key.has_keytag && key.keytag_known && memcmp(key.keytag, "\1\2\3\4\5\6\7\10", 8) == 0);
	CHECK(mlx5dek_find(dek, "gamma", &key) == -1 && errno == EAGAIN && strcmp(key.name, "gamma") == 0);
	CHECK(mlx5dek_find(dek, "alph", &key) == -1 && errno == ENOENT);
	CHECK(mlx5dek_find(dek, "alphaa", &key) == -1 && errno == ENOENT && mlx5dek_find(dek, "", &key) == -1);
	{
		char long_name[300];

		memset(long_name, 'x', sizeof(long_name) - 1);
		long_name[sizeof(long_name) - 1] = 0;
		CHECK(mlx5dek_find(dek, long_name, &key) == -1 && errno == ENOENT);
	}
	CHECK(mlx5dek_at(dek, 1, &key) == 0 && strcmp(key.name, "beta") == 0);
	CHECK(mlx5dek_at(dek, 3, &key) == -1 && errno == ENOENT);
	CHECK(mlx5dek_next_event(dek, &(struct mlx5dek_event){0}) == 0);
	CHECK(mlx5dek_reconnect(dek) == -1 && errno == EISCONN);
	CHECK(mlx5dek_detach(dek, 0) == 0);
	end_agent();
}

static void *serve_names(void *unused)
{
	int s = greet();

	(void)unused;
	CHECK(get(heard.payload + 8, 4) == 2 && heard.bytes == 80 + 2 + 4 + 2 + 5);
	CHECK(memcmp(heard.payload + 80, "\4\0beta\5\0vol-*", 13) == 0);
	forget(&heard);
	CHECK(say_table(s, 1, three + 1, 1, NULL, 0));
	stay(s);
	CHECK(get(heard.payload, 4) == 0);
	return NULL;
}

static void test_names(void)
{
	const char *const names[] = {"beta", "vol-*", NULL}, *const none[] = {NULL}, *const empty[] = {"", NULL};
	struct mlx5dek_options options = {.socket = path, .names = names, .timeout_ms = 5000};
	struct mlx5dek *dek;

	start_agent(serve_names);
	dek = mlx5dek_lend(pd, &options);
	CHECK(dek && mlx5dek_count(dek) == 1 && mlx5dek_detach(dek, MLX5DEK_KEEP) == 0);
	end_agent();
	options.names = none;
	CHECK(!mlx5dek_lend(pd, &options) && errno == EINVAL);
	options.names = empty;
	CHECK(!mlx5dek_lend(pd, &options) && errno == EINVAL);
}

static void *serve_changes(void *unused)
{
	const struct entry beta = {"beta", 0x33, 3, 256, HAS_KEYTAG, NULL, NULL},
			   gamma = {"gamma", 0x44, 4, 128, 0, NULL, NULL},
			   proven = {"gamma", 0x44, 4, 128, PROVEN, NULL, NULL},
			   next[] = {{"beta", 0x33, 3, 256, 0, NULL, NULL},
				     {"delta", 0x55, 5, 128, 0, NULL, NULL},
				     {"gamma", 0x66, 6, 128, 0, NULL, NULL}};
	int s = greet();

	(void)unused;
	forget(&heard);
	CHECK(say_table(s, 7, three, 3, &login, 1));
	CHECK(say_change(s, 7, 1, 0x22, &beta) && say_change(s, 7, 2, 0, &gamma) && say_change(s, 7, 2, 0, &proven));
	CHECK(hear(s, &heard) && heard.type == RELEASE && heard.bytes == 12 && get(heard.payload + 8, 4) == 0x22);
	CHECK(say_table(s, 8, next, 3, &login, 1));
	CHECK(say(s, EXPIRED, "\2\0\0\0\0\0\0\0\x77\0\0\0\x44\0\0\0", 16, -1));
	CHECK(say_text(s, GONE, EIO, 8, "reset \33[31mof the NIC"));
	while (hear(s, &heard))
		;
	close(s);
	return NULL;
}

static void test_changes(void)
{
	struct mlx5dek_key key;
	struct mlx5dek *dek;

	start_agent(serve_changes);
	dek = lend();
	CHECK(mlx5dek_find(dek, "beta", &key) == 0 && key.object_id == 0x22);
	CHECK(is_event(next(dek), MLX5DEK_EVENT_CHANGED, "beta", 0x22, 0x33));
	CHECK(mlx5dek_find(dek, "beta", &key) == 0 && key.object_id == 0x33 && !key.keytag_known);
	CHECK(is_event(next(dek), MLX5DEK_EVENT_CHANGED, "gamma", 0, 0x44));
	CHECK(mlx5dek_release(dek, 0x33) == -1 && errno == ENOENT);
	CHECK(mlx5dek_release(dek, 0x22) == 0 && mlx5dek_release(dek, 0x22) == -1);
	/* What was only proven has no other object, so there is nothing to tell. */
	CHECK(mlx5dek_find(dek, "gamma", &key) == 0 && !key.proven);
	CHECK(is_event(next(dek), MLX5DEK_EVENT_REMOVED, "alpha", 0x11, 0));
	CHECK(mlx5dek_release(dek, 0x44) == -1);
	CHECK(mlx5dek_find(dek, "alpha", &key) == -1 && mlx5dek_find(dek, "delta", &key) == 0);
	CHECK(is_event(next(dek), MLX5DEK_EVENT_ADDED, "delta", 0, 0x55));
	CHECK(is_event(next(dek), MLX5DEK_EVENT_CHANGED, "gamma", 0x44, 0x66));
	CHECK(is_event(next(dek), MLX5DEK_EVENT_EXPIRED, "", 0x44, 0));
	CHECK(mlx5dek_release(dek, 0x44) == -1);
	CHECK(is_event(next(dek), MLX5DEK_EVENT_CONTEXT_GONE, "", 0, 0));
	CHECK(errno == EIO && strcmp(mlx5dek_error(), "reset [31mof the NIC") == 0);
	CHECK(mlx5dek_fd(dek) == -1 && mlx5dek_next_event(dek, &(struct mlx5dek_event){0}) == 0);
	CHECK(mlx5dek_reconnect(dek) == -1 && errno == ENODEV);
	CHECK(mlx5dek_detach(dek, 0) == 0);
	end_agent();
}

static bool is_other(const uint8_t *at, struct other o)
{
	return get(at, 4) == o.type && get(at + 4, 4) == o.handle && get(at + 8, 4) == o.id;
}

/* Dies after a change; the next one is shown what there was. */
static void *serve_twice(void *unused)
{
	const struct entry alpha = {"alpha", 0x77, 7, 128, 0, NULL, "label-a"},
			   beta = {"beta", 0x88, 8, 256, HAS_KEYTAG, NULL, NULL},
			   after[] = {alpha, beta, {"gamma", 0x99, 10, 128, 0, NULL, NULL}};
	const struct other more[] = {login, {3, 44, 45}};
	uint8_t table[2000];
	int s = greet();
	ssize_t bytes;

	(void)unused;
	forget(&heard);
	CHECK(say_table(s, 1, three, 3, &login, 1));
	CHECK(say_others(s, OTHERS, more, 2));
	CHECK(say_change(s, 1, 0, 0x11, &alpha) && say_change(s, 1, 1, 0x22, &beta));
	CHECK(send_bytes(s, "\x12\0\1", 3, NULL, 0)); /* dies in the middle of a record */
	close(s);

	s = greet();
	CHECK(get(heard.payload, 4) == 1 && heard.fd_count == 2);
	CHECK((fcntl(heard.fds[1], F_GET_SEALS) & SEALS) == SEALS);
	bytes = pread(heard.fds[1], table, sizeof(table), 0);
	CHECK(bytes == HEADER_BYTES + 3 * ENTRY_BYTES + 4 * OTHER_BYTES && get(table + 24, 8) == (uint64_t)bytes);
	CHECK(get(table + 20, 4) == 4 && get(table + HEADER_BYTES + 128, 4) == 0x77);
	CHECK(get(table + HEADER_BYTES + ENTRY_BYTES + 128, 4) == 0x88);
	CHECK(is_other(table + bytes - 64, more[0]) && is_other(table + bytes - 48, more[1]));
	CHECK(is_other(table + bytes - 32, (struct other){6, 1, 0x11}));
	CHECK(is_other(table + bytes - 16, (struct other){6, 2, 0x22}));
	forget(&heard);
	CHECK(say_table(s, 2, after, 3, NULL, 0));
	CHECK(hear(s, &heard) && heard.type == RELEASE && get(heard.payload + 8, 4) == 0x11);
	stay(s);
	return NULL;
}

static void test_reconnect(void)
{
	struct mlx5dek_key key;
	struct mlx5dek *dek;

	start_agent(serve_twice);
	dek = lend();
	CHECK(is_event(next(dek), MLX5DEK_EVENT_CHANGED, "alpha", 0x11, 0x77));
	CHECK(is_event(next(dek), MLX5DEK_EVENT_CHANGED, "beta", 0x22, 0x88));
	CHECK(is_event(next(dek), MLX5DEK_EVENT_AGENT_GONE, "", 0, 0) && mlx5dek_fd(dek) == -1);
	CHECK(mlx5dek_find(dek, "alpha", &key) == 0 && key.object_id == 0x77);
	CHECK(mlx5dek_release(dek, 0x11) == 0 && mlx5dek_release(dek, 0x11) == -1);
	CHECK(mlx5dek_reconnect(dek) == 0);
	CHECK(is_event(next(dek), MLX5DEK_EVENT_CHANGED, "gamma", 0, 0x99));
	CHECK(mlx5dek_next_event(dek, &(struct mlx5dek_event){0}) == 0);
	CHECK(mlx5dek_release(dek, 0x22) == 0 && mlx5dek_detach(dek, 0) == 0);
	end_agent();
}

/* What is presented in `heard`: a table without entries, and these others. */
static bool is_begun(const struct other *others, int count)
{
	uint8_t table[1000];
	size_t bytes = HEADER_BYTES + (size_t)count * OTHER_BYTES;
	bool same = get(heard.payload, 4) == 1 && heard.fd_count == 2 &&
		    pread(heard.fds[1], table, sizeof(table), 0) == (ssize_t)bytes && get(table + 24, 8) == bytes &&
		    memcmp(table, "DEKTABLE", 8) == 0 && get(table + 16, 4) == 0 && get(table + 20, 4) == (size_t)count;

	for (int i = 0; same && i < count; i++)
		same = is_other(table + HEADER_BYTES + i * OTHER_BYTES, others[i]);
	return same;
}

/* Dies twice before there is a table, and starts once: the third is shown what both have left. */
static void *serve_at_last(void *unused)
{
	const struct other left[] = {login, {9, 1, 0x11}, {9, 2, 0x22}, {9, 3, 0x33}};
	int s = greet();

	(void)unused;
	CHECK(heard.fd_count == 1);
	forget(&heard);
	CHECK(say_others(s, OTHERS, left, 1) && say_others(s, MADE, left + 1, 2));
	close(s);

	s = greet();
	CHECK(is_begun(left, 3));
	forget(&heard);
	CHECK(say_others(s, MADE, left + 3, 1));
	close(s);

	s = greet();
	CHECK(is_begun(left, 4));
	forget(&heard);
	CHECK(say_text(s, REFUSAL, EAGAIN, 12, "the agent is starting"));
	close(s);

	s = greet();
	CHECK(is_begun(left, 4));
	forget(&heard);
	CHECK(say_table(s, 1, three, 3, &login, 1));
	close(s);

	s = greet();
	CHECK(get(heard.payload, 4) == 1 && lseek(heard.fds[1], 0, SEEK_END) == HEADER_BYTES + 3 * 176 + OTHER_BYTES);
	forget(&heard);
	CHECK(say_table(s, 2, three, 3, &login, 1));
	stay(s);
	return NULL;
}

/* Refuses a first lend: it has taken away what it made, and told of. */
static void *serve_refusal_late(void *unused)
{
	const struct other left[] = {login, {9, 1, 0x11}};
	int s = greet();

	(void)unused;
	forget(&heard);
	CHECK(say_others(s, OTHERS, left, 1) && say_others(s, MADE, left + 1, 1));
	CHECK(say_text(s, REFUSAL, EAGAIN, 12, "not now"));
	close(s);
	return NULL;
}

static void test_first_lend(void)
{
	struct mlx5dek *dek;

	start_agent(serve_at_last);
	dek = lend();
	CHECK(is_event(next(dek), MLX5DEK_EVENT_AGENT_GONE, "", 0, 0) && mlx5dek_reconnect(dek) == 0);
	CHECK(mlx5dek_detach(dek, 0) == 0);
	end_agent();
	start_agent(serve_refusal_late);
	CHECK(!mlx5dek_lend(pd, &(struct mlx5dek_options){.socket = path}) && errno == EAGAIN);
	end_agent();
}

static void *serve_and_die(void *unused)
{
	int s = greet();

	(void)unused;
	forget(&heard);
	CHECK(say_table(s, 1, three, 3, NULL, 0));
	close(s);
	return NULL;
}

/* Goes at DETACH, before it has read that: the client hears of a reset, and not of an end. */
static void *serve_and_reset(void *unused)
{
	struct pollfd p = {.fd = greet(), .events = POLLIN};

	(void)unused;
	forget(&heard);
	CHECK(say_table(p.fd, 1, three, 3, NULL, 0));
	CHECK(poll(&p, 1, 5000) == 1);
	close(p.fd);
	return NULL;
}

static void *serve_attach_and_reset(void *unused)
{
	struct pollfd p = {.fd = greet(), .events = POLLIN};

	(void)unused;
	forget(&heard);
	CHECK(say_context(p.fd, pd) && say_table(p.fd, 1, three, 3, &login, 1));
	CHECK(poll(&p, 1, 5000) == 1);
	close(p.fd);
	return NULL;
}

static void test_agent_ends(void)
{
	const struct mlx5dek_options options = {.socket = path, .nic = "mlx5_0", .timeout_ms = 5000};
	struct mlx5dek *dek;

	start_agent(serve_and_reset);
	dek = lend();
	CHECK(mlx5dek_detach(dek, 0) == -1 && errno == ENOTCONN);
	CHECK(strstr(mlx5dek_error(), "they die with the context"));
	end_agent();
	start_agent(serve_and_reset);
	dek = lend();
	CHECK(mlx5dek_detach(dek, 0xff) == -1 && errno == EINVAL);
	CHECK(mlx5dek_detach(dek, MLX5DEK_KEEP) == 0);
	end_agent();
	start_agent(serve_and_die);
	dek = lend();
	end_agent(); /* which the client has not heard yet */
	CHECK(mlx5dek_detach(dek, 0) == -1 && errno == ENOTCONN);
	start_agent(serve_attach_and_reset);
	dek = mlx5dek_attach(&options);
	CHECK(dek && mlx5dek_detach(dek, 0) == 0);
	end_agent();
}

static void *serve_none(void *unused)
{
	(void)unused;
	close(greet());
	forget(&heard);
	return NULL;
}

static void test_no_agent(void)
{
	struct mlx5dek_key key;
	struct mlx5dek *dek;

	start_agent(serve_and_die);
	dek = lend();
	end_agent();
	CHECK(is_event(next(dek), MLX5DEK_EVENT_AGENT_GONE, "", 0, 0));
	start_agent(serve_none);
	CHECK(mlx5dek_reconnect(dek) == -1 && errno == ECONNRESET && mlx5dek_find(dek, "beta", &key) == 0);
	end_agent();
	unlink(path);
	CHECK(mlx5dek_reconnect(dek) == -1 && errno == ENOENT && strstr(mlx5dek_error(), "is dek agent running?"));
	CHECK(mlx5dek_find(dek, "beta", &key) == 0 && key.object_id == 0x22);
	CHECK(mlx5dek_detach(dek, 0) == -1 && errno == ENOTCONN);
	CHECK(!mlx5dek_lend(pd, &(struct mlx5dek_options){.socket = path}) && errno == ENOENT);
	CHECK(!mlx5dek_lend(pd, &(struct mlx5dek_options){.socket = ""}) && errno == EINVAL);
	CHECK(!mlx5dek_lend(NULL, NULL) && errno == EINVAL);
	CHECK(!mlx5dek_attach(&(struct mlx5dek_options){.socket = path, .nic = ""}) && errno == EINVAL);
	CHECK(!mlx5dek_attach(&(struct mlx5dek_options){.socket = path, .timeout_ms = -1}) && errno == EINVAL);
}

static const char *head;

static void *serve_head(void *unused)
{
	int s = take_client(listener);

	(void)unused;
	CHECK(send_bytes(s, head, strlen(head), NULL, 0));
	close(s);
	return NULL;
}

static void *serve_refusal(void *unused)
{
	int s = greet();

	(void)unused;
	CHECK(say_text(s, REFUSAL, EBUSY, 12, "attached by process 17 of root: detach there"));
	forget(&heard);
	close(s);
	return NULL;
}

static void test_refusals(void)
{
	static const struct {
		const char *head;
		int error;
	} heads[] = {
		{"HTTP/1.1 403 Forbidden\r\n\r\n", EACCES},
		{"HTTP/1.1 404 Not Found\r\n\r\n", EPROTONOSUPPORT},
		{"HTTP/1.1 503 Service Unavailable\r\n\r\n", EAGAIN},
		{"SSH-2.0-OpenSSH\r\n\r\n", EPROTONOSUPPORT},
		{"", EPROTONOSUPPORT},
	};
	const struct mlx5dek_options options = {.socket = path, .timeout_ms = 5000};

	for (size_t i = 0; i < sizeof(heads) / sizeof(*heads); i++) {
		head = heads[i].head;
		start_agent(serve_head);
		CHECK(!mlx5dek_lend(pd, &options) && errno == heads[i].error);
		end_agent();
	}
	start_agent(serve_refusal);
	CHECK(!mlx5dek_attach(&options) && errno == EBUSY);
	CHECK(strcmp(mlx5dek_error(), "attached by process 17 of root: detach there") == 0);
	end_agent();
}

static void *serve_silence(void *unused)
{
	int s = greet();

	(void)unused;
	forget(&heard);
	while (say(s, PROGRESS, "\1\0\0\0\3\0\0\0", 8, -1))
		usleep(20);
	close(s);
	return NULL;
}

static void test_timeout(void)
{
	const struct mlx5dek_options options = {.socket = path, .timeout_ms = 200};

	CHECK(!mlx5dek_lend(pd, &options) && errno == ETIMEDOUT); /* nobody takes the connection */
	close(take_client(listener));
	start_agent(serve_silence);
	CHECK(!mlx5dek_lend(pd, &options) && errno == ETIMEDOUT); /* it does not come to an end */
	end_agent();
}

static void *serve_attach(void *unused)
{
	(void)unused;
	for (int round = 0; round < 2; round++) {
		int s = greet();

		CHECK(heard.type == ATTACH && heard.bytes == 80 && strcmp((char *)heard.payload + 16, "mlx5_0") == 0);
		CHECK(get(heard.payload, 4) == (round ? 2 : 0) && heard.fd_count == round);
		forget(&heard);
		CHECK(say_context(s, pd) && say_table(s, 1 + round, three, 3, &login, 1));
		if (round)
			stay(s);
		close(s);
	}
	return NULL;
}

static void test_attach(void)
{
	const struct mlx5dek_options options = {.socket = path, .nic = "mlx5_0", .timeout_ms = 5000};
	struct mlx5dek_key key;
	struct mlx5dek *dek;
	struct ibv_mr *mr;
	char memory[64];

	start_agent(serve_attach);
	dek = mlx5dek_attach(&options);
	CHECK(dek && mlx5dek_context(dek) != pd->context && mlx5dek_pd(dek) != pd);
	CHECK(mlx5dek_find(dek, "beta", &key) == 0 && key.object_id == 0x22);
	mr = ibv_reg_mr(mlx5dek_pd(dek), memory, sizeof(memory), IBV_ACCESS_LOCAL_WRITE);
	CHECK(mr);
	CHECK(is_event(next(dek), MLX5DEK_EVENT_AGENT_GONE, "", 0, 0));
	CHECK(mlx5dek_reconnect(dek) == 0 && mlx5dek_next_event(dek, &(struct mlx5dek_event){0}) == 0);
	CHECK(ibv_dereg_mr(mr) == 0);
	CHECK(mlx5dek_detach(dek, 0) == 0);
	end_agent();
}

static void *serve_contexts(void *unused)
{
	struct ibv_pd *other = open_pd();

	(void)unused;
	for (int round = 0; round < 2; round++) {
		int s = greet();

		forget(&heard);
		CHECK(say_context(s, round ? other : pd));
		say_table(s, 1, three, 3, &login, 1); /* the second time nobody may listen any more */
		close(s);
	}
	close_pd(other);
	return NULL;
}

static void test_other_context(void)
{
	const struct mlx5dek_options options = {.socket = path, .timeout_ms = 5000};
	struct mlx5dek_key key;
	struct mlx5dek *dek;

	start_agent(serve_contexts);
	dek = mlx5dek_attach(&options);
	CHECK(dek && is_event(next(dek), MLX5DEK_EVENT_AGENT_GONE, "", 0, 0));
	CHECK(mlx5dek_reconnect(dek) == -1 && errno == ESTALE && mlx5dek_find(dek, "alpha", &key) == 0);
	CHECK(mlx5dek_detach(dek, 0) == 0);
	end_agent();
}

/* `calls layout SOCKET`: "fits" or why not, on stdout. */
static void test_layout(void)
{
	struct mlx5dek_key key;
	struct mlx5dek *dek;
	struct mlx5dv_dek *dv;

	start_agent(serve_three);
	dek = lend();
	CHECK(mlx5dek_find(dek, "beta", &key) == 0 && key.object_id == 0x22);
	dv = mlx5dek_dv(&key);
	CHECK(dv || errno == EOPNOTSUPP);
	puts(dv ? "fits" : mlx5dek_error());
	CHECK(mlx5dek_detach(dek, 0) == 0);
	end_agent();
}

enum { MANY = 1000, ROUNDS = 5000 };
static bool done;

static void *serve_many(void *unused)
{
	struct entry *entries = calloc(MANY, sizeof(*entries));
	int s = greet();

	(void)unused;
	forget(&heard);
	for (int i = 0; i < MANY; i++) {
		char *name;

		CHECK(asprintf(&name, "vol-%04d", i) > 0);
		entries[i] = (struct entry){name, 1 + i, 1 + i, 128, 0, NULL, NULL};
	}
	CHECK(say_table(s, 1, entries, MANY, NULL, 0));
	for (int round = 0, serial = 1; round < ROUNDS; round++) {
		struct entry *e = &entries[round * 7 % MANY];
		uint32_t before = e->id;
		char releases[4096];

		while (recv(s, releases, sizeof(releases), MSG_DONTWAIT) > 0)
			;

		e->id = e->handle = 1 + MANY + round;
		if (round % 1000 == 999)
			CHECK(say_table(s, ++serial, entries, MANY, NULL, 0));
		else
			CHECK(say_change(s, serial, round * 7 % MANY, before, e));
	}
	stay(s);
	for (int i = 0; i < MANY; i++)
		free((char *)entries[i].name);
	free(entries);
	return NULL;
}

static void *look_up(void *dek)
{
	uint32_t newest[MANY] = {0};

	for (int i = 0; !__atomic_load_n(&done, __ATOMIC_ACQUIRE); i = (i + 1) % MANY) {
		struct mlx5dek_key key;
		char name[16];

		snprintf(name, sizeof(name), "vol-%04d", i);
		CHECK(mlx5dek_find(dek, name, &key) == 0 && key.object_id == key.handle);
		CHECK(key.object_id >= newest[i]);
		newest[i] = key.object_id;
	}
	return NULL;
}

static void test_threads(void)
{
	pthread_t threads[3];
	struct mlx5dek *dek;

	start_agent(serve_many);
	dek = lend();
	for (int i = 0; i < 3; i++)
		CHECK(pthread_create(&threads[i], NULL, look_up, dek) == 0);
	for (uint32_t last = 0; last != MANY + ROUNDS;) {
		struct mlx5dek_event event = next(dek);

		CHECK(event.type == MLX5DEK_EVENT_CHANGED);
		CHECK(mlx5dek_release(dek, event.old_id) == 0);
		last = event.new_id;
	}
	__atomic_store_n(&done, true, __ATOMIC_RELEASE);
	for (int i = 0; i < 3; i++)
		CHECK(pthread_join(threads[i], NULL) == 0);
	CHECK(mlx5dek_detach(dek, 0) == 0);
	end_agent();
}

static const struct {
	const char *name;
	void (*run)(void);
} cases[] = {
	{"lend", test_lend},
	{"names", test_names},
	{"changes", test_changes},
	{"reconnect", test_reconnect},
	{"first-lend", test_first_lend},
	{"no-agent", test_no_agent},
	{"agent-ends", test_agent_ends},
	{"refusals", test_refusals},
	{"timeout", test_timeout},
	{"attach", test_attach},
	{"other-context", test_other_context},
	{"layout", test_layout},
	{"threads", test_threads},
};

int main(int argc, char **argv)
{
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		if (argc < 3)
			puts(cases[i].name);
		else if (strcmp(argv[1], cases[i].name) == 0) {
			path = argv[2];
			listener = listen_at(path);
			pd = open_pd();
			cases[i].run();
			close_pd(pd);
			return 0;
		}
	}
	return argc < 3 ? 0 : 2;
}
