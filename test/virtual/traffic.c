/*
 * A program that moves data on the NIC, driven by lines as client.c is: a command a line on stdin, an answer a line
 * on stdout, "ok ..." or the name of an errno. Each context has one CQ and one MR over memory of its own; KEY is "mr"
 * or "kN", an MKey. Offsets are into that memory for "mr", and addresses of the key for an MKey. Commands are in the
 * table at the end. Build: cc traffic.c -libverbs -lmlx5
 */
#define _GNU_SOURCE
#include <endian.h>
#include <errno.h>
#include <infiniband/mlx5dv.h>
#include <infiniband/verbs.h>
#include <pthread.h>
#include <rdma/ib_user_ioctl_cmds.h>
#include <rdma/rdma_user_ioctl_cmds.h>
#include <sched.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "talk.h"

#define MEMORY (8 << 20)
#define MANY 256

static struct {
	struct ibv_context *verbs;
	struct ibv_pd *pd;
	struct ibv_cq *cq;
	struct ibv_mr *mr;
	uint8_t *memory;
	bool imported;
} contexts[MANY];
static struct {
	struct ibv_qp *qp;
	int context;
} qps[MANY];
static struct mlx5dv_mkey *mkeys[MANY];
static struct mlx5dv_dek *deks[MANY];
static int qp_count, mkey_count, dek_count;

static int number(const char *word)
{
	return word ? strtol(word, NULL, 0) : 0;
}

static int parse_hex(const char *hex, uint8_t *bytes, int room)
{
	int n = 0;

	for (; hex && hex[0] && hex[1] && n < room; hex += 2, n++) {
		unsigned int byte;

		sscanf(hex, "%2x", &byte);
		bytes[n] = byte;
	}
	return n;
}

static void answer(int error)
{
	printf("%s\n", error ? strerrorname_np(error) : "ok");
}

static uint64_t now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000000000ull + t.tv_nsec;
}

/* open CONTEXT [NAME] */
static void do_open(char **word)
{
	struct mlx5dv_context_attr attr = {.flags = MLX5DV_CONTEXT_FLAGS_DEVX};
	struct ibv_device **list = ibv_get_device_list(NULL);
	int c = number(word[1]), i = 0;

	while (word[2] && list[i] && strcmp(ibv_get_device_name(list[i]), word[2]) != 0)
		i++;
	contexts[c].verbs = mlx5dv_open_device(list[i], &attr);
	ibv_free_device_list(list);
	if (!contexts[c].verbs)
		return answer(errno);
	contexts[c].memory = mmap(NULL, MEMORY, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	contexts[c].pd = ibv_alloc_pd(contexts[c].verbs);
	contexts[c].cq = ibv_create_cq(contexts[c].verbs, 256, NULL, NULL, 0);
	contexts[c].mr = ibv_reg_mr(contexts[c].pd, contexts[c].memory, MEMORY,
				    IBV_ACCESS_LOCAL_WRITE | IBV_ACCESS_REMOTE_WRITE | IBV_ACCESS_REMOTE_READ);
	answer(contexts[c].pd && contexts[c].cq && contexts[c].mr ? 0 : errno);
}

/* login CONTEXT KEK_ID CREDENTIAL_ID HEX */
static void do_login(char **word)
{
	struct mlx5dv_crypto_login_attr attr = {.import_kek_id = number(word[2]), .credential_id = number(word[3])};

	parse_hex(word[4], (uint8_t *)attr.credential, sizeof(attr.credential));
	answer(mlx5dv_crypto_login(contexts[number(word[1])].verbs, &attr));
}

/* dek CONTEXT 128|256 KEYTAG HEX [OPAQUE]: "ok INDEX" */
static void do_dek(char **word)
{
	struct mlx5dv_dek_init_attr attr = {
		.key_size = number(word[2]) == 256 ? MLX5DV_CRYPTO_KEY_SIZE_256 : MLX5DV_CRYPTO_KEY_SIZE_128,
		.has_keytag = number(word[3]),
		.key_purpose = MLX5DV_CRYPTO_KEY_PURPOSE_AES_XTS,
		.pd = contexts[number(word[1])].pd,
	};

	parse_hex(word[4], (uint8_t *)attr.key, sizeof(attr.key));
	if (word[5])
		memcpy(attr.opaque, word[5], strnlen(word[5], sizeof(attr.opaque)));
	if (contexts[number(word[1])].imported) { /* the context has a login, which libmlx5 here knows nothing of */
#ifdef LOGIN_OBJECTS
		attr.comp_mask = MLX5DV_DEK_INIT_ATTR_CRYPTO_LOGIN;
		attr.crypto_login = (void *)&attr;
#else
		return answer(EOPNOTSUPP);
#endif
	}
	deks[dek_count] = mlx5dv_dek_create(contexts[number(word[1])].verbs, &attr);
	explicit_bzero(attr.key, sizeof(attr.key));
	if (!deks[dek_count])
		return answer(errno);
	printf("ok %d\n", dek_count++);
}

/* destroy_dek INDEX */
static void do_destroy_dek(char **word)
{
	answer(mlx5dv_dek_destroy(deks[number(word[1])]));
}

/* qp CONTEXT [ENTRIES]: "ok INDEX" */
static void do_qp(char **word)
{
	int c = number(word[1]), entries = word[2] ? number(word[2]) : 64;
	struct ibv_qp_init_attr_ex attr = {
		.send_cq = contexts[c].cq,
		.recv_cq = contexts[c].cq,
		.cap = {entries, 64, 4, 4, 512},
		.qp_type = IBV_QPT_RC,
		.comp_mask = IBV_QP_INIT_ATTR_PD | IBV_QP_INIT_ATTR_SEND_OPS_FLAGS,
		.pd = contexts[c].pd,
		.send_ops_flags = IBV_QP_EX_WITH_RDMA_WRITE | IBV_QP_EX_WITH_RDMA_READ | IBV_QP_EX_WITH_SEND,
	};
	struct mlx5dv_qp_init_attr driver = {.comp_mask = MLX5DV_QP_INIT_ATTR_MASK_SEND_OPS_FLAGS,
					     .send_ops_flags = MLX5DV_QP_EX_WITH_MKEY_CONFIGURE};

	qps[qp_count].qp = mlx5dv_create_qp(contexts[c].verbs, &attr, &driver);
	qps[qp_count].context = c;
	if (!qps[qp_count].qp)
		return answer(errno);
	printf("ok %d\n", qp_count++);
}

/* destroy_qp INDEX */
static void do_destroy_qp(char **word)
{
	answer(ibv_destroy_qp(qps[number(word[1])].qp));
}

static int connect_one(struct ibv_qp *qp, uint32_t other)
{
	struct ibv_qp_attr attr = {.qp_state = IBV_QPS_INIT,
				   .port_num = 1,
				   .qp_access_flags =
					   IBV_ACCESS_LOCAL_WRITE | IBV_ACCESS_REMOTE_WRITE | IBV_ACCESS_REMOTE_READ};
	int error = ibv_modify_qp(qp, &attr, IBV_QP_STATE | IBV_QP_PKEY_INDEX | IBV_QP_PORT | IBV_QP_ACCESS_FLAGS);

	if (error)
		return error;
	attr.qp_state = IBV_QPS_RTR;
	attr.path_mtu = IBV_MTU_1024;
	attr.dest_qp_num = other;
	attr.max_dest_rd_atomic = 1;
	attr.ah_attr.is_global = 1;
	attr.ah_attr.port_num = 1;
	attr.ah_attr.grh.hop_limit = 64;
	error = ibv_query_gid(qp->context, 1, 0, &attr.ah_attr.grh.dgid);
	if (!error)
		error = ibv_modify_qp(qp, &attr,
				      IBV_QP_STATE | IBV_QP_AV | IBV_QP_PATH_MTU | IBV_QP_DEST_QPN | IBV_QP_RQ_PSN |
					      IBV_QP_MAX_DEST_RD_ATOMIC | IBV_QP_MIN_RNR_TIMER);
	attr.qp_state = IBV_QPS_RTS;
	attr.timeout = 14;
	attr.retry_cnt = attr.rnr_retry = 6;
	attr.max_rd_atomic = 1;
	return error ? error
		     : ibv_modify_qp(qp, &attr,
				     IBV_QP_STATE | IBV_QP_TIMEOUT | IBV_QP_RETRY_CNT | IBV_QP_RNR_RETRY |
					     IBV_QP_SQ_PSN | IBV_QP_MAX_QP_RD_ATOMIC);
}

/* connect QP QP: with each other by the NIC's GID, or one with itself. */
static void do_connect(char **word)
{
	struct ibv_qp *a = qps[number(word[1])].qp, *b = qps[number(word[2])].qp;
	int error = connect_one(a, b->qp_num);

	answer(error || a == b ? error : connect_one(b, a->qp_num));
}

/* number QP: "ok NUMBER", for a QP of another process */
static void do_number(char **word)
{
	printf("ok %u\n", qps[number(word[1])].qp->qp_num);
}

/* join QP NUMBER: with the QP of that number, in another process on the NIC */
static void do_join(char **word)
{
	answer(connect_one(qps[number(word[1])].qp, number(word[2])));
}

static int qp_command(struct ibv_qp *qp, int opcode, void (*fill)(uint8_t *, uint32_t), int at, int value)
{
	uint8_t in[272] = {0}, out[16] = {0};

	in[0] = opcode >> 8, in[1] = opcode;
	for (int i = 0; i < 3; i++)
		in[9 + i] = qp->qp_num >> (16 - 8 * i);
	fill(in + 24, qp->qp_num);
	if (at >= 0)
		in[at] ^= value;
	if (mlx5dv_devx_qp_modify(qp, in, sizeof(in), out, sizeof(out)) == 0)
		return 0;
	return out[0] ? out[0] << 24 | out[5] << 16 | out[6] << 8 | out[7] : -1;
}

static void fill_init(uint8_t *q, uint32_t number)
{
	(void)number;
	q[2] = 3 << 3;
	q[24 + 37] = 1;
	q[146] = 0xc0;
}

static void fill_rtr(uint8_t *q, uint32_t number)
{
	q[8] = 3 << 5 | 30;
	q[21] = number >> 16, q[22] = number >> 8, q[23] = number;
	q[24] = 0x80;
	q[24 + 37] = 1;
}

static void fill_rts(uint8_t *q, uint32_t number)
{
	(void)number;
	q[113] = 7;
	q[114] = 7 << 5;
}

/*
 * loop QP [STEP BYTE BITS]: to RTS by force loopback. With STEP (0 to 2) the bits at that byte of its mailbox are
 * turned over: "ok", or "refused STATUS SYNDROME".
 */
static void do_loop(char **word)
{
	void (*const fill[])(uint8_t *, uint32_t) = {fill_init, fill_rtr, fill_rts};
	int wrong = word[2] ? number(word[2]) : -1, refusal = 0;

	for (int step = 0; step < 3 && !refusal; step++)
		refusal = qp_command(qps[number(word[1])].qp, 0x502 + step, fill[step],
				     step == wrong ? number(word[3]) : -1, number(word[4]));
	if (refusal)
		printf("refused 0x%x 0x%x\n", refusal >> 24 & 0xff, refusal & 0xffffff);
	else
		printf("ok\n");
}

/* state QP RESET|INIT|ERR */
static void do_state(char **word)
{
	const bool init = strcmp(word[2], "INIT") == 0;
	struct ibv_qp_attr attr = {
		.qp_state = init ? IBV_QPS_INIT : strcmp(word[2], "RESET") == 0 ? IBV_QPS_RESET : IBV_QPS_ERR,
		.port_num = 1,
	};
	int mask = IBV_QP_STATE | (init ? IBV_QP_PORT | IBV_QP_PKEY_INDEX | IBV_QP_ACCESS_FLAGS : 0);

	answer(ibv_modify_qp(qps[number(word[1])].qp, &attr, mask));
}

/* query_qp QP: "ok STATE" */
static void do_query_qp(char **word)
{
	struct ibv_qp_init_attr init;
	struct ibv_qp_attr attr;
	int error = ibv_query_qp(qps[number(word[1])].qp, &attr, IBV_QP_STATE, &init);

	if (error)
		return answer(error);
	printf("ok %d\n", attr.qp_state);
}

/* mkey CONTEXT ENTRIES [plain]: "ok INDEX" */
static void do_mkey(char **word)
{
	struct mlx5dv_mkey_init_attr attr = {
		.pd = contexts[number(word[1])].pd,
		.create_flags =
			MLX5DV_MKEY_INIT_ATTR_FLAGS_INDIRECT | (word[3] ? 0 : MLX5DV_MKEY_INIT_ATTR_FLAGS_CRYPTO),
		.max_entries = number(word[2]),
	};

	mkeys[mkey_count] = mlx5dv_create_mkey(&attr);
	if (!mkeys[mkey_count])
		return answer(errno);
	printf("ok %d\n", mkey_count++);
}

static uint32_t key_of(int context, const char *word)
{
	return word[0] == 'k' ? mkeys[atoi(word + 1)]->lkey : contexts[context].mr->lkey;
}

static uint64_t address_of(int context, const char *key, const char *offset)
{
	return (key[0] == 'k' ? 0 : (uintptr_t)contexts[context].memory) + strtoull(offset, NULL, 0);
}

/*
 * poll CONTEXT COUNT [MS]: "ok STATUS[/BYTES[/imm]] ...", the bytes of what came in; or ETIMEDOUT after MS, or five
 * seconds.
 */
static void do_poll(char **word)
{
	struct ibv_wc wc[MANY];
	uint64_t until = now_ns() + (word[3] ? number(word[3]) : 5000) * 1000000ull;
	int count = number(word[2]), got = 0;

	while (got < count && now_ns() < until)
		got += ibv_poll_cq(contexts[number(word[1])].cq, count - got, wc + got);
	if (got < count)
		return answer(ETIMEDOUT);
	printf("ok");
	for (int i = 0; i < count; i++) {
		printf(" %s", wc[i].status ? ibv_wc_status_str(wc[i].status) : "success");
		if (!wc[i].status && (wc[i].opcode == IBV_WC_RECV || wc[i].opcode == IBV_WC_RECV_RDMA_WITH_IMM ||
				      wc[i].opcode == IBV_WC_RDMA_READ))
			printf("/%u%s", wc[i].byte_len, wc[i].wc_flags & IBV_WC_WITH_IMM ? "/imm" : "");
	}
	printf("\n");
}

/*
 * umr QP MKEY list|REPEAT OFFSET:BYTES[:KEY|:SKIP],... [DEK UNIT TX TWEAK KEYTAG]: lays a key out, over the MR or, in
 * a list, over another key. UNIT is the name's number in enum mlx5dv_block_size.
 */
static void do_umr(char **word)
{
	int q = number(word[1]), c = qps[q].context, count = 0, repeat = number(word[3]);
	struct ibv_qp_ex *qp = ibv_qp_to_qp_ex(qps[q].qp);
	struct mlx5dv_qp_ex *driver = mlx5dv_qp_ex_from_ibv_qp_ex(qp);
	struct mlx5dv_mkey_conf_attr conf = {0};
	struct mlx5dv_mr_interleaved parts[16];
	struct ibv_sge list[16];

	for (char *part = strtok(word[4], ","); part && count < 16; part = strtok(NULL, ","), count++) {
		char *offset = strsep(&part, ":"), *bytes = strsep(&part, ":"), key[16] = "mr";

		if (part && !repeat)
			snprintf(key, sizeof(key), "%s", part);
		list[count] = (struct ibv_sge){address_of(c, key, offset), number(bytes), key_of(c, key)};
		parts[count] = (struct mlx5dv_mr_interleaved){list[count].addr, number(bytes), part ? number(part) : 0,
							      contexts[c].mr->lkey};
	}
	ibv_wr_start(qp);
	qp->wr_flags = IBV_SEND_SIGNALED | IBV_SEND_INLINE;
	mlx5dv_wr_mkey_configure(driver, mkeys[number(word[2])], word[5] ? 3 : 2, &conf);
	mlx5dv_wr_set_mkey_access_flags(driver,
					IBV_ACCESS_LOCAL_WRITE | IBV_ACCESS_REMOTE_WRITE | IBV_ACCESS_REMOTE_READ);
	if (repeat)
		mlx5dv_wr_set_mkey_layout_interleaved(driver, repeat, count, parts);
	else
		mlx5dv_wr_set_mkey_layout_list(driver, count, list);
	if (word[5]) {
		struct mlx5dv_crypto_attr crypto = {
			.crypto_standard = MLX5DV_CRYPTO_STANDARD_AES_XTS,
			.data_unit_size = number(word[6]),
			.encrypt_on_tx = number(word[7]),
			.signature_crypto_order = MLX5DV_SIGNATURE_CRYPTO_ORDER_SIGNATURE_BEFORE_CRYPTO_ON_TX,
			.dek = deks[number(word[5])],
		};

		parse_hex(word[8], (uint8_t *)crypto.initial_tweak, sizeof(crypto.initial_tweak));
		parse_hex(word[9], (uint8_t *)crypto.keytag, sizeof(crypto.keytag));
		mlx5dv_wr_set_mkey_crypto(driver, &crypto);
	}
	answer(ibv_wr_complete(qp));
}

static int post_rdma(int q, enum ibv_wr_opcode opcode, const char *key, const char *offset, int bytes, int remote,
		     const char *remote_key, const char *remote_offset)
{
	struct ibv_sge sge = {address_of(qps[q].context, key, offset), bytes, key_of(qps[q].context, key)};
	struct ibv_send_wr *bad,
		wr = {.sg_list = &sge, .num_sge = 1, .opcode = opcode, .send_flags = IBV_SEND_SIGNALED};

	wr.imm_data = htobe32(0x12345678);
	wr.wr.rdma.rkey = key_of(remote, remote_key);
	wr.wr.rdma.remote_addr = address_of(remote, remote_key, remote_offset);
	return ibv_post_send(qps[q].qp, &wr, &bad);
}

/* write|write_imm|read QP KEY OFFSET BYTES CONTEXT KEY OFFSET */
static void do_rdma(char **word)
{
	enum ibv_wr_opcode opcode = strcmp(word[0], "read") == 0    ? IBV_WR_RDMA_READ
				    : strcmp(word[0], "write") == 0 ? IBV_WR_RDMA_WRITE
								    : IBV_WR_RDMA_WRITE_WITH_IMM;

	answer(post_rdma(number(word[1]), opcode, word[2], word[3], number(word[4]), number(word[5]), word[6],
			 word[7]));
}

/* send QP KEY OFFSET BYTES [inline|imm] [KEY OFFSET BYTES] */
static void do_send(char **word)
{
	int q = number(word[1]), c = qps[q].context;
	struct ibv_sge sge[2] = {{address_of(c, word[2], word[3]), number(word[4]), key_of(c, word[2])}};
	struct ibv_send_wr *bad,
		wr = {.sg_list = sge, .num_sge = 1, .opcode = IBV_WR_SEND, .send_flags = IBV_SEND_SIGNALED};

	if (word[5] && strcmp(word[5], "inline") == 0)
		wr.send_flags |= IBV_SEND_INLINE;
	if (word[5] && strcmp(word[5], "imm") == 0)
		wr.opcode = IBV_WR_SEND_WITH_IMM;
	if (word[5] && word[6]) {
		sge[1] = (struct ibv_sge){address_of(c, word[6], word[7]), number(word[8]), key_of(c, word[6])};
		wr.num_sge = 2;
	}
	answer(ibv_post_send(qps[q].qp, &wr, &bad));
}

/* recv QP KEY OFFSET BYTES [KEY OFFSET BYTES] */
static void do_recv(char **word)
{
	int q = number(word[1]), c = qps[q].context;
	struct ibv_sge sge[2] = {{address_of(c, word[2], word[3]), number(word[4]), key_of(c, word[2])}};
	struct ibv_recv_wr *bad, wr = {.sg_list = sge, .num_sge = 1};

	if (word[5]) {
		sge[1] = (struct ibv_sge){address_of(c, word[5], word[6]), number(word[7]), key_of(c, word[5])};
		wr.num_sge = 2;
	}
	answer(ibv_post_recv(qps[q].qp, &wr, &bad));
}

/* put CONTEXT OFFSET HEX */
static void do_put(char **word)
{
	int c = number(word[1]);

	parse_hex(word[3], contexts[c].memory + number(word[2]), MEMORY);
	answer(0);
}

/* fill CONTEXT OFFSET BYTES SEED: byte i is i * 7 + (i >> 8) * 13 + SEED. */
static void do_fill(char **word)
{
	uint8_t *at = contexts[number(word[1])].memory + number(word[2]);

	for (int i = 0; i < number(word[3]); i++)
		at[i] = i * 7 + (i >> 8) * 13 + number(word[4]);
	answer(0);
}

/* get CONTEXT OFFSET BYTES: "ok HEX" */
static void do_get(char **word)
{
	const uint8_t *at = contexts[number(word[1])].memory + number(word[2]);

	printf("ok ");
	for (int i = 0; i < number(word[3]); i++)
		printf("%02x", at[i]);
	printf("\n");
}

/* unmap CONTEXT OFFSET BYTES */
static void do_unmap(char **word)
{
	answer(munmap(contexts[number(word[1])].memory + number(word[2]), number(word[3])) ? errno : 0);
}

/* dereg CONTEXT */
static void do_dereg(char **word)
{
	answer(ibv_dereg_mr(contexts[number(word[1])].mr));
}

/* destroy_cq, dealloc, close, close_fd CONTEXT */
static void do_end(char **word)
{
	int c = number(word[1]);

	answer(strcmp(word[0], "destroy_cq") == 0 ? ibv_destroy_cq(contexts[c].cq)
	       : strcmp(word[0], "dealloc") == 0  ? ibv_dealloc_pd(contexts[c].pd)
	       : strcmp(word[0], "close") == 0	  ? ibv_close_device(contexts[c].verbs)
	       : close(contexts[c].verbs->cmd_fd) ? errno
						  : 0);
}

static int compare(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return x < y ? -1 : x > y;
}

/* latency QP BYTES COUNT: WRITEs one after the other: "ok MEDIAN_NS P99_NS" */
static void do_latency(char **word)
{
	int q = number(word[1]), count = number(word[3]), c = qps[q].context;
	uint64_t *ns = calloc(count, sizeof(*ns));
	struct ibv_wc wc;

	for (int i = 0; i < count; i++) {
		uint64_t begin = now_ns();

		if (post_rdma(q, IBV_WR_RDMA_WRITE, "mr", "0", number(word[2]), c, "mr", "4194304"))
			return answer(EIO);
		while (ibv_poll_cq(contexts[c].cq, 1, &wc) == 0)
			;
		if (wc.status)
			return answer(EIO);
		ns[i] = now_ns() - begin;
	}
	qsort(ns, count, sizeof(*ns), compare);
	printf("ok %lu %lu\n", ns[count / 2], ns[count - 1 - count / 100]);
	free(ns);
}

/* fork: a child writes through nothing of its parent's, opens a context, and closes all. "ok STATUS" */
static void do_fork(char **word)
{
	int status;
	pid_t child;

	(void)word;
	fflush(stdout);
	child = fork();
	if (child == 0) {
		struct ibv_device **list = ibv_get_device_list(NULL);
		struct ibv_context *c = list && list[0] ? ibv_open_device(list[0]) : NULL;
		int failed = !c || !ibv_alloc_pd(c) || ibv_close_device(c);

		for (int fd = 3; fd < 256; fd++)
			close(fd);
		_exit(failed);
	}
	waitpid(child, &status, 0);
	printf("ok %d\n", status);
}

static int thread_rounds;

/* A context of its own, looped to itself; WRITEs, each compared with what came. Returns how many went wrong. */
static void *run_thread(void *argument)
{
	struct ibv_device **list = ibv_get_device_list(NULL);
	struct ibv_context *context = ibv_open_device(list[0]);
	struct ibv_pd *pd = ibv_alloc_pd(context);
	struct ibv_cq *cq = ibv_create_cq(context, 16, NULL, NULL, 0);
	uint8_t *memory = aligned_alloc(4096, 65536);
	struct ibv_mr *mr = ibv_reg_mr(pd, memory, 65536, IBV_ACCESS_LOCAL_WRITE | IBV_ACCESS_REMOTE_WRITE);
	struct ibv_qp_init_attr attr = {.send_cq = cq, .recv_cq = cq, .cap = {8, 8, 1, 1, 0}, .qp_type = IBV_QPT_RC};
	struct ibv_qp *qp = ibv_create_qp(pd, &attr);
	intptr_t failed = connect_one(qp, qp->qp_num) != 0;

	ibv_free_device_list(list);
	for (int i = 0; i < thread_rounds && !failed; i++) {
		struct ibv_sge sge = {(uintptr_t)memory, 512, mr->lkey};
		struct ibv_send_wr *bad, wr = {.sg_list = &sge,
					       .num_sge = 1,
					       .opcode = IBV_WR_RDMA_WRITE,
					       .send_flags = IBV_SEND_SIGNALED};
		struct ibv_wc wc;

		memset(memory, i + (intptr_t)argument, 512);
		wr.wr.rdma.rkey = mr->rkey;
		wr.wr.rdma.remote_addr = (uintptr_t)memory + 32768;
		failed += ibv_post_send(qp, &wr, &bad) != 0;
		while (ibv_poll_cq(cq, 1, &wc) == 0)
			sched_yield();
		failed += wc.status != 0 || memcmp(memory, memory + 32768, 512) != 0;
	}
	failed += ibv_destroy_qp(qp) || ibv_dereg_mr(mr) || ibv_destroy_cq(cq) || ibv_dealloc_pd(pd) ||
		  ibv_close_device(context);
	free(memory);
	return (void *)failed;
}

/* threads N ROUNDS: "ok FAILED" */
static void do_threads(char **word)
{
	pthread_t threads[MANY];
	int n = number(word[1]);
	intptr_t failed = 0;

	thread_rounds = number(word[2]);
	for (intptr_t i = 0; i < n; i++)
		pthread_create(&threads[i], NULL, run_thread, (void *)i);
	for (int i = 0; i < n; i++) {
		void *result;

		pthread_join(threads[i], &result);
		failed += (intptr_t)result;
	}
	printf("ok %ld\n", (long)failed);
}

/* ids INDEX: "ok HANDLE ID" of a DEK. struct mlx5dv_dek is a pointer to the object, in all releases of rdma-core. */
static void do_ids(char **word)
{
	const struct mlx5dv_devx_obj *object = *(struct mlx5dv_devx_obj **)deks[number(word[1])];
	uint32_t handle, id;

	memcpy(&handle, (const uint8_t *)object + 8, 4);
	memcpy(&id, (const uint8_t *)object + 16, 4);
	printf("ok %u %u\n", handle, id);
}

static int listener;

static struct sockaddr_un socket_address(const char *path)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};

	snprintf(address.sun_path, sizeof(address.sun_path), "%s", path);
	return address;
}

/* listen PATH: for what another program hands over. */
static void do_listen(char **word)
{
	struct sockaddr_un address = socket_address(word[1]);

	listener = socket(AF_UNIX, SOCK_STREAM, 0);
	answer(bind(listener, (struct sockaddr *)&address, sizeof(address)) || listen(listener, 1) ? errno : 0);
}

/* hand CONTEXT PATH: sends the descriptor and the handle of the PD to who listens. */
static void do_hand(char **word)
{
	struct sockaddr_un address = socket_address(word[2]);
	int c = number(word[1]), s = socket(AF_UNIX, SOCK_STREAM, 0);
	char control[CMSG_SPACE(sizeof(int))] = {0};
	struct iovec data = {&contexts[c].pd->handle, 4};
	struct msghdr m = {
		.msg_iov = &data, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof(control)};
	struct cmsghdr *head = CMSG_FIRSTHDR(&m);

	*head = (struct cmsghdr){.cmsg_len = CMSG_LEN(sizeof(int)), .cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS};
	memcpy(CMSG_DATA(head), &contexts[c].verbs->cmd_fd, sizeof(int));
	answer(connect(s, (struct sockaddr *)&address, sizeof(address)) || sendmsg(s, &m, 0) != 4 ? errno : 0);
	close(s);
}

/* import CONTEXT: takes what was handed over, with a CQ and an MR of its own. */
static void do_import(char **word)
{
	char control[CMSG_SPACE(sizeof(int))];
	uint32_t handle;
	struct iovec data = {&handle, 4};
	struct msghdr m = {
		.msg_iov = &data, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof(control)};
	int c = number(word[1]), s = accept(listener, NULL, NULL), fd;

	if (recvmsg(s, &m, 0) != 4)
		return answer(EIO);
	close(s);
	memcpy(&fd, CMSG_DATA(CMSG_FIRSTHDR(&m)), sizeof(fd));
	contexts[c].verbs = ibv_import_device(fd);
	contexts[c].imported = true;
	if (!contexts[c].verbs)
		return answer(errno);
	contexts[c].pd = ibv_import_pd(contexts[c].verbs, handle);
	contexts[c].memory = mmap(NULL, MEMORY, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	contexts[c].cq = contexts[c].pd ? ibv_create_cq(contexts[c].verbs, 256, NULL, NULL, 0) : NULL;
	contexts[c].mr = contexts[c].cq
				 ? ibv_reg_mr(contexts[c].pd, contexts[c].memory, MEMORY,
					      IBV_ACCESS_LOCAL_WRITE | IBV_ACCESS_REMOTE_WRITE | IBV_ACCESS_REMOTE_READ)
				 : NULL;
	answer(contexts[c].mr ? 0 : errno);
}

/* foreign CONTEXT HANDLE ID: a DEK that another program made, rebuilt: "ok INDEX" */
static void do_foreign(char **word)
{
	uint8_t *object = calloc(1, 64), **dek = calloc(1, sizeof(*dek));
	uint32_t handle = number(word[2]), id = number(word[3]);

	memcpy(object, &contexts[number(word[1])].verbs, sizeof(void *));
	memcpy(object + 8, &handle, 4);
	memcpy(object + 16, &id, 4);
	*dek = object;
	deks[dek_count] = (struct mlx5dv_dek *)dek;
	printf("ok %d\n", dek_count++);
}

/* query_dek INDEX: "ok STATE OPAQUE" */
static void do_query_dek(char **word)
{
	struct mlx5dv_dek_attr attr = {0};
	int error = mlx5dv_dek_query(deks[number(word[1])], &attr);

	if (error)
		return answer(error);
	printf("ok %s %.8s\n", attr.state == MLX5DV_DEK_STATE_READY ? "READY" : "ERROR", attr.opaque);
}

static int raw_call(int context, int object, int method, struct ib_uverbs_attr *attr, int count)
{
	struct {
		struct ib_uverbs_ioctl_hdr hdr;
		struct ib_uverbs_attr attr[4];
	} call = {.hdr = {.length = sizeof(call.hdr) + count * sizeof(*attr),
			  .object_id = object,
			  .method_id = method,
			  .num_attrs = count,
			  .driver_id = RDMA_DRIVER_MLX5}};

	memcpy(call.attr, attr, count * sizeof(*attr));
	return ioctl(contexts[context].verbs->cmd_fd, RDMA_VERBS_IOCTL, &call) ? errno : 0;
}

/* handles CONTEXT TYPE: "ok HANDLE ..." of all objects of a uverbs type. */
static void do_handles(char **word)
{
	uint32_t list[64], total = 0;
	struct ib_uverbs_attr attr[] = {
		{.attr_id = UVERBS_ATTR_INFO_OBJECT_ID, .len = 8, .flags = 1, .data = number(word[2])},
		{.attr_id = UVERBS_ATTR_INFO_TOTAL_HANDLES, .len = 4, .flags = 1, .data = (uintptr_t)&total},
		{.attr_id = UVERBS_ATTR_INFO_HANDLES_LIST, .len = sizeof(list), .flags = 1, .data = (uintptr_t)list},
	};
	int error = raw_call(number(word[1]), UVERBS_OBJECT_DEVICE, UVERBS_METHOD_INFO_HANDLES, attr, 3);

	if (error)
		return answer(error);
	printf("ok");
	for (uint32_t i = 0; i < total; i++)
		printf(" %u", list[i]);
	printf("\n");
}

/* sweep_qp|sweep_cq CONTEXT HANDLE: destroys what may be another program's. */
static void do_sweep(char **word)
{
	bool qp = strcmp(word[0], "sweep_qp") == 0;
	uint64_t out = 0;
	struct ib_uverbs_attr attr[] = {
		{.attr_id = qp ? UVERBS_ATTR_DESTROY_QP_HANDLE : UVERBS_ATTR_DESTROY_CQ_HANDLE,
		 .flags = 1,
		 .data = number(word[2])},
		{.attr_id = qp ? UVERBS_ATTR_DESTROY_QP_RESP : UVERBS_ATTR_DESTROY_CQ_RESP,
		 .len = qp ? 4 : 8,
		 .flags = 1,
		 .data = (uintptr_t)&out},
	};

	answer(raw_call(number(word[1]), qp ? UVERBS_OBJECT_QP : UVERBS_OBJECT_CQ,
			qp ? UVERBS_METHOD_QP_DESTROY : UVERBS_METHOD_CQ_DESTROY, attr, 2));
}

static const struct command commands[] = {
	{"open", do_open},	 {"login", do_login},
	{"dek", do_dek},	 {"destroy_dek", do_destroy_dek},
	{"qp", do_qp},		 {"destroy_qp", do_destroy_qp},
	{"connect", do_connect}, {"loop", do_loop},
	{"number", do_number},	 {"join", do_join},
	{"state", do_state},	 {"query_qp", do_query_qp},
	{"mkey", do_mkey},	 {"umr", do_umr},
	{"poll", do_poll},	 {"write", do_rdma},
	{"write_imm", do_rdma},	 {"read", do_rdma},
	{"send", do_send},	 {"recv", do_recv},
	{"put", do_put},	 {"fill", do_fill},
	{"get", do_get},	 {"unmap", do_unmap},
	{"dereg", do_dereg},	 {"destroy_cq", do_end},
	{"dealloc", do_end},	 {"close", do_end},
	{"close_fd", do_end},	 {"latency", do_latency},
	{"fork", do_fork},	 {"threads", do_threads},
	{"ids", do_ids},	 {"listen", do_listen},
	{"hand", do_hand},	 {"import", do_import},
	{"foreign", do_foreign}, {"query_dek", do_query_dek},
	{"handles", do_handles}, {"sweep_qp", do_sweep},
	{"sweep_cq", do_sweep},
};

int main(void)
{
	talk(commands, sizeof(commands) / sizeof(commands[0]));
	return 0;
}
