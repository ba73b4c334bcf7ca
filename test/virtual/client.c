/*
 * A program on the NIC, driven by lines: a command a line on stdin, an answer a line on stdout, "ok ..." or the name
 * of an errno. Commands are in the table at the end. Build: cc -DLOGIN_OBJECTS client.c -libverbs -lmlx5, without the
 * -D under rdma-core before 42, which has no login objects and no plaintext DEKs.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <infiniband/mlx5dv.h>
#include <infiniband/verbs.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "talk.h"

#define MANY 200000

static struct ibv_context *context;
static struct ibv_pd *pd;
#ifdef LOGIN_OBJECTS
static struct mlx5dv_crypto_login_obj *login;
#endif
static struct mlx5dv_dek *deks[MANY];
static int dek_count;

static int parse_hex(const char *hex, uint8_t *bytes, int room)
{
	int n = 0;

	for (; hex[0] && hex[1] && n < room; hex += 2, n++) {
		unsigned int byte;

		sscanf(hex, "%2x", &byte);
		bytes[n] = byte;
	}
	return n;
}

static const char *name_of(int error)
{
	const char *name = strerrorname_np(error);

	return name ? name : "E?";
}

static void answer(int error)
{
	if (error)
		printf("%s\n", name_of(error));
	else
		printf("ok\n");
}

static double seconds(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec + t.tv_nsec / 1e9;
}

static void do_list(char **word)
{
	int count;
	struct ibv_device **list = ibv_get_device_list(&count);

	(void)word;
	printf("ok");
	for (int i = 0; i < count; i++)
		printf(" %s", ibv_get_device_name(list[i]));
	printf("\n");
	ibv_free_device_list(list);
}

static void do_open(char **word)
{
	struct mlx5dv_context_attr attr = {.flags = MLX5DV_CONTEXT_FLAGS_DEVX};
	struct ibv_device **list = ibv_get_device_list(NULL);
	int i = 0;

	while (list[i] && word[1] && strcmp(ibv_get_device_name(list[i]), word[1]) != 0)
		i++;
	errno = 0;
	context = list[i] ? mlx5dv_open_device(list[i], &attr) : NULL;
	answer(context ? 0 : errno ? errno : ENODEV);
	ibv_free_device_list(list);
}

static void do_close(char **word)
{
	(void)word;
	answer(ibv_close_device(context));
}

static void do_fd(char **word)
{
	(void)word;
	printf("ok %d\n", context->cmd_fd);
}

static void do_caps(char **word)
{
	char slack[1024] = {0};
	struct mlx5dv_context *c = (struct mlx5dv_context *)slack;

	(void)word;
	c->comp_mask = MLX5DV_CONTEXT_MASK_CRYPTO_OFFLOAD;
	if (mlx5dv_query_device(context, c))
		return answer(EIO);
	printf("ok selftests=%u engines=%u import=%u deks=%u flags=%u\n", c->crypto_caps.failed_selftests,
	       c->crypto_caps.crypto_engines, c->crypto_caps.wrapped_import_method, c->crypto_caps.log_max_num_deks,
	       c->crypto_caps.flags);
}

static void do_pd(char **word)
{
	struct ibv_pd *made = ibv_alloc_pd(context);

	(void)word;
	if (made)
		pd = made;
	answer(made ? 0 : errno);
}

static void do_dealloc(char **word)
{
	(void)word;
	answer(ibv_dealloc_pd(pd));
}

/* login KEK_ID CREDENTIAL_ID HEX: the session. */
static void do_login(char **word)
{
	struct mlx5dv_crypto_login_attr attr = {.import_kek_id = atoi(word[1]), .credential_id = atoi(word[2])};

	parse_hex(word[3], (uint8_t *)attr.credential, sizeof(attr.credential));
	answer(mlx5dv_crypto_login(context, &attr));
}

static void do_state(char **word)
{
	static const char *const names[] = {"VALID", "NO_LOGIN", "INVALID"};
	enum mlx5dv_crypto_login_state state;
	int error = mlx5dv_crypto_login_query_state(context, &state);

	(void)word;
	if (error)
		return answer(error);
	printf("ok %s\n", names[state]);
}

static void do_logout(char **word)
{
	(void)word;
	answer(mlx5dv_crypto_logout(context));
}

#ifdef LOGIN_OBJECTS
/* login_create KEK_ID CREDENTIAL_ID HEX: the object. */
static void do_login_create(char **word)
{
	uint8_t credential[48] = {0};
	struct mlx5dv_crypto_login_attr_ex attr = {.import_kek_id = atoi(word[1]),
						   .credential_id = atoi(word[2]),
						   .credential = credential,
						   .credential_len = 48};
	struct mlx5dv_crypto_login_obj *made;

	parse_hex(word[3], credential, sizeof(credential));
	made = mlx5dv_crypto_login_create(context, &attr);
	if (made)
		login = made;
	answer(made ? 0 : errno);
}

static void do_login_query(char **word)
{
	static const char *const names[] = {"VALID", "NO_LOGIN", "INVALID"};
	struct mlx5dv_crypto_login_query_attr attr = {0};
	int error = mlx5dv_crypto_login_query(login, &attr);

	(void)word;
	if (error)
		return answer(error);
	printf("ok %s\n", names[attr.state]);
}

static void do_login_destroy(char **word)
{
	(void)word;
	answer(mlx5dv_crypto_login_destroy(login));
}
#endif

static struct mlx5dv_dek *create(const char *how, const char *size, const char *tag, const char *hex,
				 const char *opaque)
{
	struct mlx5dv_dek_init_attr attr = {
		.key_size = atoi(size) == 256 ? MLX5DV_CRYPTO_KEY_SIZE_256 : MLX5DV_CRYPTO_KEY_SIZE_128,
		.has_keytag = atoi(tag),
		.key_purpose = MLX5DV_CRYPTO_KEY_PURPOSE_AES_XTS,
		.pd = pd,
	};

#ifdef LOGIN_OBJECTS
	if (strcmp(how, "session") != 0)
		attr.comp_mask = MLX5DV_DEK_INIT_ATTR_CRYPTO_LOGIN;
	if (strcmp(how, "object") == 0)
		attr.crypto_login = login;
#else
	if (strcmp(how, "session") != 0) {
		errno = EOPNOTSUPP;
		return NULL;
	}
#endif
	parse_hex(hex, (uint8_t *)attr.key, sizeof(attr.key));
	if (opaque)
		memcpy(attr.opaque, opaque, strnlen(opaque, sizeof(attr.opaque)));
	return mlx5dv_dek_create(context, &attr);
}

/* create session|object|plaintext 128|256 KEYTAG HEX [OPAQUE]: "ok INDEX". */
static void do_create(char **word)
{
	struct mlx5dv_dek *dek = create(word[1], word[2], word[3], word[4], word[5]);

	if (!dek)
		return answer(errno);
	deks[dek_count] = dek;
	printf("ok %d\n", dek_count++);
}

/* explain 128|256 KEYTAG HEX: the firmware's answer to a create, "status syndrome". */
static void do_explain(char **word)
{
	uint8_t in[272] = {0}, out[16] = {0};
	struct mlx5dv_devx_obj *object;
	struct mlx5dv_pd dv_pd;
	struct mlx5dv_obj obj = {.pd = {.in = pd, .out = &dv_pd}};

	mlx5dv_init_obj(&obj, MLX5DV_OBJ_PD);
	in[0] = 0xa;
	in[7] = 0xc;
	in[16 + 10] = atoi(word[1]) == 256;
	in[16 + 11] = (atoi(word[2]) ? 0x80 : 0) | 3;
	in[16 + 13] = dv_pd.pdn >> 16;
	in[16 + 14] = dv_pd.pdn >> 8;
	in[16 + 15] = dv_pd.pdn;
	parse_hex(word[3], in + 16 + 64, 128);
	object = mlx5dv_devx_obj_create(context, in, sizeof(in), out, sizeof(out));
	printf("%s 0x%x 0x%x\n", object ? "ok" : name_of(errno), out[0], out[5] << 16 | out[6] << 8 | out[7]);
}

/* query INDEX: "ok STATE OPAQUE". */
static void do_query(char **word)
{
	struct mlx5dv_dek_attr attr = {0};
	int error = mlx5dv_dek_query(deks[atoi(word[1])], &attr);

	if (error)
		return answer(error);
	printf("ok %s %.8s\n", attr.state == MLX5DV_DEK_STATE_READY ? "READY" : "ERROR", attr.opaque);
}

static void do_destroy(char **word)
{
	answer(mlx5dv_dek_destroy(deks[atoi(word[1])]));
}

/* many COUNT + the words of create: "ok CREATED SECONDS", and the errno if one stopped it. */
static void do_many(char **word)
{
	int count = atoi(word[1]), made = 0;
	double begin = seconds();
	struct mlx5dv_dek *dek = NULL;

	for (; made < count && dek_count < MANY; made++) {
		dek = create(word[2], word[3], word[4], word[5], word[6]);
		if (!dek)
			break;
		deks[dek_count++] = dek;
	}
	printf("ok %d %.6f%s%s\n", made, seconds() - begin, made < count ? " " : "",
	       made < count ? name_of(errno) : "");
}

/* destroy_all: "ok SECONDS". */
static void do_destroy_all(char **word)
{
	double begin = seconds();
	int error = 0;

	(void)word;
	while (dek_count > 0 && !error)
		error = mlx5dv_dek_destroy(deks[--dek_count]);
	if (error)
		return answer(error);
	printf("ok %.6f\n", seconds() - begin);
}

static char **thread_words;

static void *run_thread(void *argument)
{
	int count = atoi(thread_words[2]);
	intptr_t failed = 0;

	(void)argument;
	for (int i = 0; i < count; i++) {
		struct mlx5dv_dek_attr attr = {0};
		struct mlx5dv_dek *dek =
			create(thread_words[3], thread_words[4], thread_words[5], thread_words[6], thread_words[7]);

		failed += !dek || mlx5dv_dek_query(dek, &attr) || attr.state != MLX5DV_DEK_STATE_READY ||
			  mlx5dv_dek_destroy(dek);
	}
	return (void *)failed;
}

/* threads N COUNT + the words of create: each creates, queries and destroys COUNT. "ok FAILED SECONDS". */
static void do_threads(char **word)
{
	pthread_t threads[256];
	int n = atoi(word[1]);
	intptr_t failed = 0;
	double begin = seconds();

	thread_words = word;
	for (int i = 0; i < n; i++)
		pthread_create(&threads[i], NULL, run_thread, NULL);
	for (int i = 0; i < n; i++) {
		void *result;

		pthread_join(threads[i], &result);
		failed += (intptr_t)result;
	}
	printf("ok %ld %.6f\n", (long)failed, seconds() - begin);
}

/* fork: the child touches all it inherited, closes it and exits. "ok STATUS" is its wait status. */
static void do_fork(char **word)
{
	int status;
	pid_t child;

	(void)word;
	fflush(stdout);
	child = fork();
	if (child == 0) {
		enum mlx5dv_crypto_login_state state;

		mlx5dv_crypto_login_query_state(context, &state);
		for (int fd = 3; fd < 256; fd++)
			close(fd);
		_exit(0);
	}
	waitpid(child, &status, 0);
	printf("ok %d\n", status);
}

/* fork_open: a child opens a context of its own and holds a PD. "ok STATUS". */
static void do_fork_open(char **word)
{
	int status;
	pid_t child;

	fflush(stdout);
	child = fork();
	if (child == 0) {
		struct ibv_device **list = ibv_get_device_list(NULL);
		struct ibv_context *c = list && list[0] ? ibv_open_device(list[0]) : NULL;

		_exit(!c || !ibv_alloc_pd(c) || ibv_close_device(c));
	}
	(void)word;
	waitpid(child, &status, 0);
	printf("ok %d\n", status);
}

/* close_fds: as a daemon does at its start. */
static void do_close_fds(char **word)
{
	(void)word;
	for (int fd = 3; fd < 256; fd++)
		if (!context || fd != context->cmd_fd)
			close(fd);
	answer(0);
}

static void do_close_fd(char **word)
{
	(void)word;
	answer(close(context->cmd_fd) ? errno : 0);
}

/* unmap_uars: "ok COUNT", with the page of the clock. A mapping keeps a device open as a descriptor does. */
static void do_unmap_uars(char **word)
{
	FILE *maps = fopen("/proc/self/maps", "r");
	unsigned long from, to;
	char line[4096];
	int count = 0;

	(void)word;
	while (fgets(line, sizeof(line), maps))
		if (strstr(line, ".ctx/") && (strstr(line, " -w-p ") || strstr(line, " r--p ")) &&
		    sscanf(line, "%lx-%lx", &from, &to) == 2)
			count += munmap((void *)from, to - from) == 0;
	fclose(maps);
	printf("ok ok %d\n", count);
}

/* exec CMD: becomes another program. */
static void do_exec(char **word)
{
	execvp(word[1], word + 1);
	answer(errno);
}

static const struct command commands[] = {
	{"list", do_list},
	{"open", do_open},
	{"close", do_close},
	{"fd", do_fd},
	{"caps", do_caps},
	{"pd", do_pd},
	{"dealloc", do_dealloc},
	{"login", do_login},
	{"state", do_state},
	{"logout", do_logout},
#ifdef LOGIN_OBJECTS
	{"login_create", do_login_create},
	{"login_query", do_login_query},
	{"login_destroy", do_login_destroy},
#endif
	{"create", do_create},
	{"explain", do_explain},
	{"query", do_query},
	{"destroy", do_destroy},
	{"many", do_many},
	{"destroy_all", do_destroy_all},
	{"threads", do_threads},
	{"fork", do_fork},
	{"fork_open", do_fork_open},
	{"close_fds", do_close_fds},
	{"close_fd", do_close_fd},
	{"unmap_uars", do_unmap_uars},
	{"exec", do_exec},
};

int main(void)
{
	talk(commands, sizeof(commands) / sizeof(commands[0]));
	return 0;
}
