/*
 * Calls the device as no library would, and prints how each call ends: a title, then "ok" or the name of an errno.
 * With an argument: that many random calls instead, after which it prints "alive".
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <rdma/ib_user_ioctl_cmds.h>
#include <rdma/ib_user_verbs.h>
#include <rdma/mlx5-abi.h>
#include <rdma/mlx5_user_ioctl_cmds.h>
#include <rdma/rdma_user_ioctl_cmds.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

static int fd;
static struct {
	struct ib_uverbs_ioctl_hdr hdr;
	struct ib_uverbs_attr attr[80];
} call;
static uint8_t in[512], out[512]; /* what is outside of them is never named */

static void begin(int object, int method)
{
	memset(&call, 0, sizeof(call));
	call.hdr.object_id = object;
	call.hdr.method_id = method;
	call.hdr.driver_id = 1;
}

static void attr(int id, int flags, int length, const void *data)
{
	struct ib_uverbs_attr *a = &call.attr[call.hdr.num_attrs++];

	a->attr_id = id;
	a->flags = flags;
	a->len = length;
	a->data = (uintptr_t)data;
}

static int end(const char *title)
{
	int result;

	if (!call.hdr.length)
		call.hdr.length = sizeof(call.hdr) + call.hdr.num_attrs * sizeof(call.attr[0]);
	result = ioctl(fd, RDMA_VERBS_IOCTL, &call);
	if (title)
		printf("%s: %s\n", title, result ? strerrorname_np(errno) : "ok");
	return result;
}

static void create(int inlen, int outlen)
{
	begin(MLX5_IB_OBJECT_DEVX_OBJ, MLX5_IB_METHOD_DEVX_OBJ_CREATE);
	attr(MLX5_IB_ATTR_DEVX_OBJ_CREATE_HANDLE, 1, 0, NULL);
	attr(MLX5_IB_ATTR_DEVX_OBJ_CREATE_CMD_IN, 1, inlen, in);
	attr(MLX5_IB_ATTR_DEVX_OBJ_CREATE_CMD_OUT, 1, outlen, out);
}

static void get_context(int devx)
{
	static struct mlx5_ib_alloc_ucontext_req_v2 req;
	static struct mlx5_ib_alloc_ucontext_resp resp;

	req.flags = devx;
	begin(UVERBS_OBJECT_DEVICE, UVERBS_METHOD_GET_CONTEXT);
	attr(UVERBS_ATTR_UHW_IN, 0, sizeof(req), &req);
	attr(UVERBS_ATTR_UHW_OUT, 0, sizeof(resp), &resp);
}

static void command(int opcode, int type)
{
	memset(in, 0, sizeof(in));
	in[0] = opcode >> 8;
	in[1] = opcode;
	in[6] = type >> 8;
	in[7] = type;
}

/* A create with a bit that the command has no name for. */
static void reserved(int opcode, int type, int at, int bit, const char *title)
{
	command(opcode, type);
	in[at] |= bit;
	create(272, 32);
	end(title);
	printf("its answer: 0x%x 0x%x\n", out[0], out[5] << 16 | out[6] << 8 | out[7]);
}

/* Calls that are shaped as they should be: so many attributes of this object and method, whatever is in them. */
static const struct {
	uint16_t object, method;
	int count;
	uint16_t id[17];
} shapes[] = {
	{0, 0, 5, {0, 1, 2, 0x1000, 0x1001}},
	{0, 1, 3, {0, 1, 2}},
	{0, 4, 3, {0, 1, 0x1000}},
	{1, 0, 1, {0}},
	{1, 0x1000, 2, {0x1000, 0x1001}},
	{3, 0, 9, {0, 1, 2, 4, 5, 6, 7, 0x1000, 0x1001}},
	{3, 1, 2, {0, 1}},
	{4, 0, 13, {0, 2, 4, 5, 7, 8, 9, 10, 12, 13, 14, 0x1000, 0x1001}},
	{4, 1, 2, {0, 1}},
	{7, 1, 1, {0}},
	{7, 3, 4, {0, 1, 2, 3}},
	{0x1000, 0x1000, 2, {0x1000, 0x1001}},
	{0x1001, 0x1000, 3, {0x1000, 0x1001, 0x1002}},
	{0x1001, 0x1001, 1, {0x1000}},
	{0x1001, 0x1002, 3, {0x1000, 0x1001, 0x1002}},
	{0x1001, 0x1003, 3, {0x1000, 0x1001, 0x1002}},
	{0x1008, 0x1000, 5, {0x1000, 0x1001, 0x1002, 0x1003, 0x1004}},
	{0x1008, 0x1001, 1, {0x1000}},
};

/* A number that a handle, a command, a size or a count could be; or an address. */
static const void *any_value(void)
{
	return random() % 3 ? (void *)(random() % 40) : random() % 2 ? (const void *)out : (const void *)in;
}

static void shaped_call(void)
{
	static const uint16_t lengths[] = {0, 1, 2, 4, 8, 16, 20, 32, 40, 48, 112, 120, 272, 300};
	int shape = random() % (sizeof(shapes) / sizeof(shapes[0]));

	begin(shapes[shape].object, shapes[shape].method);
	for (int k = 0; k < shapes[shape].count; k++) {
		int length = random() % 2 ? 300 : random() % 2 ? 8 : lengths[random() % 14];

		attr(shapes[shape].id[k], random() % 2, length, length > 8 ? random() % 2 ? in : out : any_value());
	}
}

static void random_call(void)
{
	static const uint16_t objects[] = {0, 1, 3, 4, 7, 0x10, 0x1000, 0x1001, 0x1008, 0x1003};
	static const uint16_t methods[] = {0, 1, 2, 3, 4, 0x1000, 0x1001, 0x1002, 0x1003};
	int attrs = random() % 6;

	begin(objects[random() % 10], methods[random() % 9]);
	for (int k = 0; k < attrs; k++)
		attr((random() % 2 ? 0x1000 : 0) + random() % 6, random() % 2,
		     random() % 4 ? random() % 300 : random() % 9,
		     random() % 3   ? out
		     : random() % 2 ? in
				    : (void *)(random() % 64));
}

/* What mailboxes and requests have in them: a command, and addresses, numbers, or noise behind it. */
static void fill_in(void)
{
	static const uint16_t opcodes[] = {0x100, 0x200, 0x502, 0x503, 0x504, 0x507, 0x50a, 0x600, 0xa00, 0xa02};

	if (random() % 2)
		command(opcodes[random() % 10], random() % 3 ? 0xc : 0x1f);
	for (size_t k = random() % 2 ? 8 : 0; k < sizeof(in) / 2; k += 8)
		switch (random() % 6) {
		case 0:
			memcpy(in + k, &(uint64_t){(uintptr_t)out & ~63ul}, 8);
			break;
		case 1:
			memcpy(in + k, (uint32_t[]){1u << random() % 8, 1u << random() % 8}, 8);
			break;
		case 2:
			in[k + random() % 8] = random();
		}
}

static void fuzz(long count)
{
	srandom(1);
	for (long i = 0; i < count; i++) {
		if (random() % 4)
			shaped_call();
		else
			random_call();
		fill_in();
		if (random() % 50 == 0)
			call.hdr.length = random();
		if (end(NULL) == 0 && call.hdr.object_id == 0x10)
			close(call.attr[0].data);
	}
	printf("alive\n");
}

int main(int argc, char **argv)
{
	fd = open("/dev/infiniband/uverbs0", O_RDWR | O_CLOEXEC);
	if (fd < 0) {
		perror("open");
		return 1;
	}
	command(0xa00, 0xc);
	create(272, 16);
	end("create before get_context");
	get_context(0);
	end("get_context without devx");
	end("get_context twice");
	create(272, 16);
	end("create without devx");
	close(fd);
	fd = open("/dev/infiniband/uverbs0", O_RDWR | O_CLOEXEC);
	get_context(1);
	end("get_context");
	if (argc > 1) {
		fuzz(atol(argv[1]));
		return 0;
	}

	printf("null call: %s\n", ioctl(fd, RDMA_VERBS_IOCTL, NULL) ? strerrorname_np(errno) : "ok");
	printf("another ioctl: %s\n", ioctl(fd, TIOCGWINSZ, out) ? strerrorname_np(errno) : "ok");
	begin(0x7777, 0);
	end("unknown object");
	begin(MLX5_IB_OBJECT_DEVX_OBJ, 0x77);
	end("unknown method");
	create(272, 16);
	call.hdr.driver_id = 2;
	end("another driver");
	create(272, 16);
	call.hdr.length = 8;
	end("wrong length");
	create(272, 16);
	call.hdr.num_attrs = 70;
	end("too many attributes");
	create(272, 16);
	call.hdr.reserved1 = 1;
	end("reserved field");
	create(272, 16);
	attr(0x1055, 1, 0, NULL);
	end("unknown attribute, mandatory");
	create(272, 16);
	attr(MLX5_IB_ATTR_DEVX_OBJ_CREATE_CMD_IN, 1, 272, in);
	end("attribute twice");
	create(272, 16);
	call.hdr.num_attrs--;
	end("attribute missing");
	create(15, 16);
	end("in mailbox of 15 bytes");
	create(272, 15);
	end("out mailbox of 15 bytes");
	create(272, 16);
	call.attr[1].data = 0;
	end("null in mailbox");
	create(272, 16);
	call.attr[2].data = 0;
	end("null out mailbox");

	create(16, 16);
	end("create DEK in 16 bytes");
	printf("its status: 0x%x\n", out[0]);
	command(0xa00, 0x1f);
	create(100, 16);
	end("create login in 100 bytes");
	printf("its status: 0x%x\n", out[0]);
	command(0xa00, 0x33);
	create(272, 300);
	attr(0x1055, 0, 0, NULL);
	end("create of an unknown type, with an unknown attribute that is optional");
	printf("its status: 0x%x\n", out[0]);
	reserved(0xa00, 0xc, 3, 1, "a DEK with a user id");
	reserved(0xa00, 0xc, 11, 1, "a DEK with an object id");
	reserved(0xa00, 0xc, 16 + 8, 1, "a DEK with a state");
	reserved(0xa00, 0xc, 16 + 10, 0x10, "a DEK with a bit beside its key size");
	reserved(0xa00, 0xc, 271, 1, "a DEK with a bit behind it");
	reserved(0xa00, 0x1f, 16 + 16, 1, "a login with a state");
	reserved(0xa00, 0x1f, 16 + 64 + 48, 0x80, "a login with a bit behind its credential");
	reserved(0x200, 0, 7, 1, "an MKey with an op_mod");
	reserved(0x200, 0, 16, 0x80, "an MKey with a bit at its beginning");
	reserved(0x200, 0, 16 + 63, 1, "an MKey with a bit at its end");
	reserved(0x600, 0, 12, 1, "a PSV with a bit behind it");
	command(0xa03, 0xc);
	create(272, 16);
	end("another opcode than create");
	begin(MLX5_IB_OBJECT_DEVX, MLX5_IB_METHOD_DEVX_OTHER);
	attr(MLX5_IB_ATTR_DEVX_OTHER_CMD_IN, 1, 272, in);
	attr(MLX5_IB_ATTR_DEVX_OTHER_CMD_OUT, 1, 16, out);
	end("another opcode than a query of the caps");
	command(0x100, 0x35);
	end("caps in 16 bytes");

	for (unsigned long handle = 0; handle < 0x200000000; handle += 0xffffffff) {
		begin(MLX5_IB_OBJECT_DEVX_OBJ, MLX5_IB_METHOD_DEVX_OBJ_DESTROY);
		attr(MLX5_IB_ATTR_DEVX_OBJ_DESTROY_HANDLE, 1, 0, (void *)handle);
		end("destroy of no handle");
		begin(MLX5_IB_OBJECT_DEVX_OBJ, MLX5_IB_METHOD_DEVX_OBJ_QUERY);
		attr(MLX5_IB_ATTR_DEVX_OBJ_QUERY_HANDLE, 1, 0, (void *)handle);
		attr(MLX5_IB_ATTR_DEVX_OBJ_QUERY_CMD_IN, 1, 16, in);
		attr(MLX5_IB_ATTR_DEVX_OBJ_QUERY_CMD_OUT, 1, 272, out);
		end("query of no handle");
		begin(UVERBS_OBJECT_PD, UVERBS_METHOD_PD_DESTROY);
		attr(UVERBS_ATTR_DESTROY_PD_HANDLE, 1, 0, (void *)handle);
		end("dealloc of no PD");
	}
	close(fd);
	get_context(1);
	end("after close");
	return 0;
}
