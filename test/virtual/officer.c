/*
 * The officer's half of a NIC by hand: mailboxes in hex, sent by /dev/fwctl or by DEVX, driven by lines (talk.h). It
 * knows of fwctl what <fwctl/fwctl.h> of Linux 6.15 says, and nothing of what a mailbox means.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <infiniband/mlx5dv.h>
#include <infiniband/verbs.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "talk.h"

#define MAILBOX 4112
#define MANY 128

static uint8_t in[MAILBOX], out[MAILBOX];
static int fwctl = -1;
static struct ibv_context *context;
static struct mlx5dv_devx_obj *objects[MANY];
static int count;

static int parse_hex(const char *hex)
{
	int n = 0;

	memset(in, 0, sizeof(in));
	for (; hex && hex[0] && hex[1] && n < MAILBOX; hex += 2, n++) {
		unsigned int byte;

		sscanf(hex, "%2x", &byte);
		in[n] = byte;
	}
	return n;
}

/* `ok` and the out mailbox, or the name of an errno. */
static void answer(int error, int bytes)
{
	printf("%s", error ? strerrorname_np(error) : "ok");
	for (int i = 0; i < bytes && (!error || error == EREMOTEIO); i++)
		printf("%s%02x", i ? "" : " ", out[i]);
	printf("\n");
}

static void do_open(char **word)
{
	char path[64];

	snprintf(path, sizeof(path), "/dev/fwctl/fwctl%s", word[1]);
	fwctl = open(path, O_RDWR | O_CLOEXEC);
	answer(fwctl < 0 ? errno : 0, 0);
}

/* size, flags, device type, length and address of the data */
static void do_info(char **word)
{
	struct {
		uint32_t size, flags, type, bytes;
		uint64_t data;
	} call = {.size = 24, .bytes = 8, .data = (uintptr_t)out};

	(void)word;
	memset(out, 0xff, sizeof(out));
	if (ioctl(fwctl, 0x9a00, &call) != 0)
		return answer(errno, 0);
	printf("ok type %u, %u bytes: ", call.type, call.bytes);
	for (int i = 0; i < 8; i++)
		printf("%02x", out[i]);
	printf("\n");
}

/* rpc SCOPE OUT_BYTES HEX */
static void do_rpc(char **word)
{
	const int bytes = atoi(word[2]);
	struct {
		uint32_t size, scope, in_bytes, out_bytes;
		uint64_t in, out;
	} call = {32, atoi(word[1]), parse_hex(word[3]), bytes, (uintptr_t)in, (uintptr_t)out};

	memset(out, 0xff, sizeof(out));
	answer(ioctl(fwctl, 0x9a01, &call) == 0 ? 0 : errno, bytes);
}

static void do_context(char **word)
{
	struct mlx5dv_context_attr attr = {.flags = MLX5DV_CONTEXT_FLAGS_DEVX};
	struct ibv_device **list = ibv_get_device_list(NULL);

	context = mlx5dv_open_device(list[atoi(word[1])], &attr);
	answer(context ? 0 : errno, 0);
	ibv_free_device_list(list);
}

static void do_close(char **word)
{
	(void)word;
	answer(ibv_close_device(context), 0);
}

/* devx OUT_BYTES HEX */
static void do_devx(char **word)
{
	const int bytes = atoi(word[1]), length = parse_hex(word[2]);
	int error;

	memset(out, 0xff, sizeof(out));
	error = mlx5dv_devx_general_cmd(context, in, length, out, bytes);
	answer(error < 0 ? errno : error, bytes);
}

static void do_create(char **word)
{
	const int length = parse_hex(word[1]);

	memset(out, 0xff, 16);
	objects[count] = mlx5dv_devx_obj_create(context, in, length, out, 16);
	answer(objects[count] ? 0 : errno, 16);
	count += objects[count] && count < MANY - 1;
}

/* query NUMBER HEX */
static void do_query(char **word)
{
	const int length = parse_hex(word[2]);
	int error;

	memset(out, 0xff, sizeof(out));
	error = mlx5dv_devx_obj_query(objects[atoi(word[1])], in, length, out, 272);
	answer(error < 0 ? errno : error, 272);
}

static void do_destroy(char **word)
{
	const int error = mlx5dv_devx_obj_destroy(objects[atoi(word[1])]);

	answer(error < 0 ? errno : error, 0);
}

static const struct command commands[] = {
	{"open", do_open}, {"info", do_info},	  {"rpc", do_rpc},     {"context", do_context}, {"close", do_close},
	{"devx", do_devx}, {"create", do_create}, {"query", do_query}, {"destroy", do_destroy},
};

int main(void)
{
	talk(commands, sizeof(commands) / sizeof(commands[0]));
	return 0;
}
