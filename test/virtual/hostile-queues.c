/*
 * A program that fills its queues with what no library would write, and rings for it:
 *
 *     hostile-queues COUNT SEED        COUNT random entries; in between states, doorbells and keys at random
 *     hostile-queues COUNT SEED QPN    the same, and one of its queue pairs is connected with that of a victim
 *     hostile-queues victim            prints its QPN, reads the other one's, and lives until its input ends
 *
 * Each prints "alive" when it has got to its end, and nothing is changed of its memory that it did not give to the NIC.
 */
#include <arpa/inet.h>
#include <infiniband/mlx5dv.h>
#include <infiniband/verbs.h>
#include <poll.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { ENTRIES = 64, BUFFER = 1 << 16, CANARY = 1 << 16, PAIRS = 5 };

static struct ibv_context *context;
static struct ibv_pd *pd;
static struct ibv_mr *mr;
static uint8_t *buffer, *canary;
static union ibv_gid gid;

static struct pair {
	struct ibv_cq *cq;
	struct ibv_qp *qp;
	struct mlx5dv_qp queue;
	struct mlx5dv_cq completions;
	uint32_t consumer, peer;
	uint16_t producer, received;
} pairs[PAIRS];

static void fail(const char *what)
{
	perror(what);
	exit(1);
}

static void open_device(void)
{
	struct ibv_device **list = ibv_get_device_list(NULL);
	struct mlx5dv_context_attr attr = {.flags = MLX5DV_CONTEXT_FLAGS_DEVX};

	context = list && list[0] ? mlx5dv_open_device(list[0], &attr) : NULL;
	pd = context ? ibv_alloc_pd(context) : NULL;
	buffer = aligned_alloc(4096, BUFFER);
	canary = aligned_alloc(4096, CANARY);
	memset(buffer, 0x11, BUFFER);
	memset(canary, 0x5a, CANARY);
	mr = pd ? ibv_reg_mr(pd, buffer, BUFFER,
			     IBV_ACCESS_LOCAL_WRITE | IBV_ACCESS_REMOTE_WRITE | IBV_ACCESS_REMOTE_READ |
				     IBV_ACCESS_REMOTE_ATOMIC | IBV_ACCESS_MW_BIND)
		: NULL;
	if (!mr || ibv_query_gid(context, 1, 0, &gid))
		fail("open");
}

static void make_pair(struct pair *p, enum ibv_qp_type type)
{
	struct mlx5dv_obj obj = {.qp = {.out = &p->queue}, .cq = {.out = &p->completions}};
	struct ibv_qp_init_attr attr = {.qp_type = type,
					.cap = {.max_send_wr = ENTRIES,
						.max_recv_wr = ENTRIES,
						.max_send_sge = 4,
						.max_recv_sge = 4,
						.max_inline_data = 64}};

	p->cq = ibv_create_cq(context, 4 * ENTRIES, NULL, NULL, 0);
	attr.send_cq = attr.recv_cq = p->cq;
	p->qp = p->cq ? ibv_create_qp(pd, &attr) : NULL;
	if (!p->qp)
		fail("queue pair");
	obj.qp.in = p->qp, obj.cq.in = p->cq;
	if (mlx5dv_init_obj(&obj, MLX5DV_OBJ_QP | MLX5DV_OBJ_CQ))
		fail("mlx5dv_init_obj");
	p->peer = p->qp->qp_num;
}

/* To RTS from any state, by as many steps as are wanted. */
static void connect_pair(struct pair *p, int steps)
{
	const int connected = p->qp->qp_type != IBV_QPT_UD, reliable = p->qp->qp_type == IBV_QPT_RC;
	struct ibv_qp_attr attr = {.qp_state = IBV_QPS_RESET,
				   .port_num = 1,
				   .qkey = 0x11111111,
				   .qp_access_flags = IBV_ACCESS_LOCAL_WRITE | IBV_ACCESS_REMOTE_WRITE |
						      IBV_ACCESS_REMOTE_READ | IBV_ACCESS_REMOTE_ATOMIC,
				   .path_mtu = IBV_MTU_1024,
				   .dest_qp_num = p->peer,
				   .max_dest_rd_atomic = 1,
				   .max_rd_atomic = 1,
				   .timeout = 1,
				   .ah_attr = {.is_global = 1, .port_num = 1, .grh = {.dgid = gid, .hop_limit = 1}}};
	const int state = IBV_QP_STATE;

	ibv_modify_qp(p->qp, &attr, state);
	p->producer = p->received = 0;
	attr.qp_state = IBV_QPS_INIT;
	if (steps > 0)
		ibv_modify_qp(p->qp, &attr,
			      state | IBV_QP_PKEY_INDEX | IBV_QP_PORT |
				      (connected ? IBV_QP_ACCESS_FLAGS : IBV_QP_QKEY));
	attr.qp_state = IBV_QPS_RTR;
	if (steps > 1)
		ibv_modify_qp(p->qp, &attr,
			      state | (connected ? IBV_QP_AV | IBV_QP_PATH_MTU | IBV_QP_DEST_QPN | IBV_QP_RQ_PSN : 0) |
				      (reliable ? IBV_QP_MAX_DEST_RD_ATOMIC | IBV_QP_MIN_RNR_TIMER : 0));
	attr.qp_state = IBV_QPS_RTS;
	if (steps > 2)
		ibv_modify_qp(p->qp, &attr,
			      state | IBV_QP_SQ_PSN |
				      (reliable ? IBV_QP_TIMEOUT | IBV_QP_RETRY_CNT | IBV_QP_RNR_RETRY |
							  IBV_QP_MAX_QP_RD_ATOMIC
						: 0));
}

static uint32_t number(void)
{
	return (uint32_t)random() << 1 ^ random();
}

static void put32(uint8_t *p, uint32_t v)
{
	v = htonl(v);
	memcpy(p, &v, sizeof(v));
}

static void put64(uint8_t *p, uint64_t v)
{
	put32(p, v >> 32);
	put32(p + 4, v);
}

/* An address that may be good, nearly so, or anything. */
static uint64_t address(void)
{
	switch (random() % 5) {
	case 0:
		return number() * 0x100000001ull;
	case 1:
		return (uintptr_t)canary + random() % CANARY;
	case 2:
		return (uintptr_t)buffer + BUFFER - random() % 64;
	default:
		return (uintptr_t)buffer + random() % BUFFER;
	}
}

static uint32_t length(void)
{
	return random() % 4 ? random() % 4096 : random() % 2 ? number() & 0x7fffffff : 0x80000000 | random() % 128;
}

static uint32_t key(void)
{
	return random() % 4 ? mr->lkey : random() % 2 ? mr->lkey ^ (1u << random() % 12) : number();
}

/* An entry of up to 1,024 bytes: of the known opcodes, with segments that look like some; or noise. */
static void fill_entry(uint8_t w[1024], const struct pair *p)
{
	static const uint8_t opcodes[] = {0, 1, 8, 9, 0xa, 0xb, 0x10, 0x11, 0x12, 0x20, 0x25, 0x25, 0x25};
	const int known = random() % 8 != 0;
	uint32_t size = random() % 4 ? 1 + random() % 16 : random() % 64;

	for (int i = 0; i < 1024; i += 4)
		put32(w + i, random() % 3 ? 0 : number());
	for (int at = 16; at + 16 <= 1024 && known; at += 16)
		if (random() % 3) {
			put32(w + at, length());
			put32(w + at + 4, key());
			put64(w + at + 8, address());
		} else if (random() % 2) {
			put64(w + at, address());
			put32(w + at + 8, key());
			put32(w + at + 12, 0);
		}
	if (!known)
		return;
	put32(w, (uint32_t)p->producer << 8 | opcodes[random() % sizeof(opcodes)]);
	put32(w + 4, p->qp->qp_num << 8 | size);
	put32(w + 8, random() % 2 ? 8 : number());
	put32(w + 12, key());
	if (w[3] == 0x25) { /* a UMR that is nearly one */
		w[16] = 0x80 | (random() % 4 ? 0 : number());
		w[20] = 0, w[21] = 4 * (random() % 4);
		w[22] = 0, w[23] = 4 * (random() % 3);
		if (random() % 2)
			memset(w + 32, 0, 32);
	}
}

/* Posts an entry, or many at once, or only rings. */
static uint32_t post(struct pair *p)
{
	const uint32_t count = random() % 8 ? 1 : 1 + random() % 8, blocks = p->queue.sq.wqe_cnt;
	uint8_t w[1024];

	for (uint32_t i = 0; i < count; i++) {
		const uint32_t used = 1 + random() % 4;

		fill_entry(w, p);
		for (uint32_t b = 0; b < used; b++)
			memcpy((uint8_t *)p->queue.sq.buf + (p->producer + b) % blocks * 64, w + 64 * b, 64);
		p->producer += random() % 16 ? used : random() % 40;
	}
	if (random() % 4 == 0 && p->queue.rq.wqe_cnt) {
		fill_entry(w, p);
		memcpy((uint8_t *)p->queue.rq.buf + p->received % p->queue.rq.wqe_cnt * p->queue.rq.stride, w + 16,
		       p->queue.rq.stride);
		p->received += random() % 64 ? 1 : random();
		((volatile uint32_t *)p->queue.dbrec)[0] = htonl(p->received);
	}
	__sync_synchronize();
	((volatile uint32_t *)p->queue.dbrec)[1] = htonl(random() % 64 ? p->producer : number() & 0xffff);
	return count;
}

/* Takes what was completed, for half a millisecond at most; with a wrong index now and then. */
static void consume(struct pair *p)
{
	const struct timespec pause = {.tv_nsec = 20000};
	uint32_t seen = 0;

	for (int tries = 0; tries < 25 && !seen; tries++) {
		for (; seen < p->completions.cqe_cnt; seen++) {
			const uint8_t *e = (uint8_t *)p->completions.buf +
					   (p->consumer & (p->completions.cqe_cnt - 1)) * p->completions.cqe_size;
			const uint8_t last = *(volatile const uint8_t *)(e + p->completions.cqe_size - 1);

			if (last >> 4 == 0xf || (last & 1) != !!(p->consumer & p->completions.cqe_cnt))
				break;
			p->consumer++;
		}
		if (!seen)
			nanosleep(&pause, NULL);
	}
	p->completions.dbrec[0] = htonl((random() % 256 ? p->consumer : number()) & 0xffffff);
	p->completions.dbrec[1] = htonl(number());
}

static void end(void)
{
	for (int i = 0; i < CANARY; i++)
		if (canary[i] != 0x5a) {
			printf("memory that is not the NIC's was changed\n");
			exit(1);
		}
	for (struct pair *p = pairs; p < pairs + PAIRS && p->qp; p++)
		if (ibv_destroy_qp(p->qp) || ibv_destroy_cq(p->cq))
			fail("destroy");
	if (ibv_dereg_mr(mr) || ibv_dealloc_pd(pd) || ibv_close_device(context))
		fail("close");
	printf("alive\n");
}

static int attack(long count, unsigned seed, uint32_t victim)
{
	static const enum ibv_qp_type types[PAIRS] = {IBV_QPT_RC, IBV_QPT_RC, IBV_QPT_UD, IBV_QPT_UC, IBV_QPT_RC};

	srandom(seed);
	for (int i = 0; i < PAIRS; i++) {
		make_pair(&pairs[i], types[i]);
		connect_pair(&pairs[i], 3);
	}
	pairs[4].peer = victim ? victim : pairs[4].peer;
	printf("%u\n", pairs[4].qp->qp_num);
	fflush(stdout);
	for (long done = 0; done < count;) {
		struct pair *p = &pairs[random() % PAIRS];

		done += post(p);
		consume(p);
		connect_pair(p, random() % 32 ? 3 : random() % 4);
	}
	end();
	return 0;
}

static int be_victim(void)
{
	struct pollfd input = {.fd = 0, .events = POLLIN};
	struct pair *p = pairs;

	make_pair(p, IBV_QPT_RC);
	printf("%u\n", p->qp->qp_num);
	fflush(stdout);
	if (scanf("%u", &p->peer) != 1)
		return 1;
	do {
		struct ibv_sge place = {.addr = (uintptr_t)buffer, .length = 4096, .lkey = mr->lkey};
		struct ibv_recv_wr receive = {.sg_list = &place, .num_sge = 1}, *bad;
		struct ibv_wc wc[16];

		connect_pair(p, 3);
		for (int i = 0; i < ENTRIES; i++)
			ibv_post_recv(p->qp, &receive, &bad);
		for (int i = 0; i < 20 && poll(&input, 1, 1) == 0; i++)
			ibv_poll_cq(p->cq, 16, wc);
	} while (poll(&input, 1, 0) == 0);
	end();
	return 0;
}

int main(int argc, char **argv)
{
	open_device();
	if (argc > 1 && strcmp(argv[1], "victim") == 0)
		return be_victim();
	if (argc < 3)
		return 2;
	return attack(atol(argv[1]), strtoul(argv[2], NULL, 10), argc > 3 ? strtoul(argv[3], NULL, 10) : 0);
}
