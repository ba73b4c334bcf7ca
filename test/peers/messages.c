/*
 * Many messages from one process to another, each with its number in it: none may be lost, doubled, changed or out of
 * its order.
 *
 *     messages send|receive COUNT DEVICE     prints "QPN GID", reads those of the other side, does its part, prints
 *                                            how many messages there were and how long they took
 */
#include <inttypes.h>
#include <infiniband/verbs.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { DEPTH = 256, BYTES = 64 };

static struct ibv_context *context;
static struct ibv_pd *pd;
static struct ibv_cq *cq;
static struct ibv_qp *qp;
static struct ibv_mr *mr;
static uint64_t *slots; /* DEPTH of BYTES each */

static void fail(const char *what)
{
	fprintf(stderr, "%s failed\n", what);
	exit(1);
}

static void open_device(const char *name)
{
	struct ibv_device **list = ibv_get_device_list(NULL);
	struct ibv_qp_init_attr attr = {
		.qp_type = IBV_QPT_RC,
		.sq_sig_all = 1,
		.cap = {.max_send_wr = DEPTH, .max_recv_wr = DEPTH, .max_send_sge = 1, .max_recv_sge = 1}};

	while (list && *list && strcmp(ibv_get_device_name(*list), name) != 0)
		list++;
	context = list && *list ? ibv_open_device(*list) : NULL;
	pd = context ? ibv_alloc_pd(context) : NULL;
	slots = aligned_alloc(4096, DEPTH * BYTES);
	mr = pd ? ibv_reg_mr(pd, slots, DEPTH * BYTES, IBV_ACCESS_LOCAL_WRITE) : NULL;
	cq = context ? ibv_create_cq(context, 2 * DEPTH, NULL, NULL, 0) : NULL;
	attr.send_cq = attr.recv_cq = cq;
	qp = mr && cq ? ibv_create_qp(pd, &attr) : NULL;
	if (!qp)
		fail("open");
}

static void connect_to_other(void)
{
	struct ibv_qp_attr attr = {.qp_state = IBV_QPS_INIT,
				   .port_num = 1,
				   .path_mtu = IBV_MTU_1024,
				   .max_dest_rd_atomic = 1,
				   .max_rd_atomic = 1,
				   .min_rnr_timer = 12,
				   .timeout = 14,
				   .retry_cnt = 7,
				   .rnr_retry = 7,
				   .ah_attr = {.is_global = 1, .port_num = 1, .grh = {.hop_limit = 1}}};
	union ibv_gid gid;
	uint64_t high, low;

	if (ibv_modify_qp(qp, &attr, IBV_QP_STATE | IBV_QP_PKEY_INDEX | IBV_QP_PORT | IBV_QP_ACCESS_FLAGS) ||
	    ibv_query_gid(context, 1, 0, &gid))
		fail("init");
	printf("%u %" PRIx64 " %" PRIx64 "\n", qp->qp_num, (uint64_t)gid.global.subnet_prefix,
	       (uint64_t)gid.global.interface_id);
	fflush(stdout);
	if (scanf("%u %" SCNx64 " %" SCNx64, &attr.dest_qp_num, &high, &low) != 3)
		fail("the other side");
	attr.ah_attr.grh.dgid.global.subnet_prefix = high;
	attr.ah_attr.grh.dgid.global.interface_id = low;
	attr.qp_state = IBV_QPS_RTR;
	if (ibv_modify_qp(qp, &attr,
			  IBV_QP_STATE | IBV_QP_AV | IBV_QP_PATH_MTU | IBV_QP_DEST_QPN | IBV_QP_RQ_PSN |
				  IBV_QP_MAX_DEST_RD_ATOMIC | IBV_QP_MIN_RNR_TIMER))
		fail("ready to receive");
	attr.qp_state = IBV_QPS_RTS;
	if (ibv_modify_qp(qp, &attr,
			  IBV_QP_STATE | IBV_QP_TIMEOUT | IBV_QP_RETRY_CNT | IBV_QP_RNR_RETRY | IBV_QP_SQ_PSN |
				  IBV_QP_MAX_QP_RD_ATOMIC))
		fail("ready to send");
}

static void post(int receives, uint32_t slot)
{
	struct ibv_sge place = {.addr = (uintptr_t)slots + slot * BYTES, .length = BYTES, .lkey = mr->lkey};
	struct ibv_recv_wr receive = {.wr_id = slot, .sg_list = &place, .num_sge = 1}, *bad_receive;
	struct ibv_send_wr send = {.wr_id = slot, .sg_list = &place, .num_sge = 1, .opcode = IBV_WR_SEND}, *bad_send;

	if (receives ? ibv_post_recv(qp, &receive, &bad_receive) : ibv_post_send(qp, &send, &bad_send))
		fail("post");
}

/* What a message is: its number, and words that follow from it. */
static void write_slot(uint32_t slot, uint64_t message)
{
	for (int i = 0; i < BYTES / 8; i++)
		slots[slot * (BYTES / 8) + i] = message * (2 * i + 1);
}

static void check_slot(uint32_t slot, uint64_t message)
{
	for (int i = 0; i < BYTES / 8; i++)
		if (slots[slot * (BYTES / 8) + i] != message * (2 * i + 1)) {
			fprintf(stderr, "message %" PRIu64 " came where %" PRIu64 " was due\n",
				slots[slot * (BYTES / 8)], message);
			exit(1);
		}
}

int main(int argc, char **argv)
{
	const int receives = argc > 1 && strcmp(argv[1], "receive") == 0;
	const uint64_t count = argc > 2 ? strtoull(argv[2], NULL, 10) : 0;
	const struct timespec pause = {.tv_nsec = 20000};
	struct timespec from, to;
	uint64_t posted = 0, done = 0;

	if (argc != 4)
		return 2;
	open_device(argv[3]);
	connect_to_other();
	clock_gettime(CLOCK_MONOTONIC, &from);
	while (done < count) {
		struct ibv_wc wc[32];
		int n;

		for (; posted < count && posted - done < DEPTH; posted++) {
			if (!receives)
				write_slot(posted % DEPTH, posted);
			post(receives, posted % DEPTH);
		}
		n = ibv_poll_cq(cq, 32, wc);
		if (n == 0)
			nanosleep(&pause, NULL);
		for (int i = 0; i < n; i++, done++) {
			if (wc[i].status != IBV_WC_SUCCESS)
				fail(ibv_wc_status_str(wc[i].status));
			if (receives)
				check_slot(wc[i].wr_id, done);
		}
	}
	clock_gettime(CLOCK_MONOTONIC, &to);
	printf("%" PRIu64 " messages in %.1f s\n", done, (to.tv_sec - from.tv_sec) + (to.tv_nsec - from.tv_nsec) / 1e9);
	fflush(stdout);
	getchar(); /* the other side may have to hear of the last one still */
	getchar();
	return 0;
}
