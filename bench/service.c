/*
 * A service that moves data through one DEK on the virtual ConnectX: blocks of 4,096 bytes, 32 at a time, each with an
 * MKey that is configured for it. The DEK is its own, or an agent's by either road.
 *
 *     service own CREDENTIAL CREDENTIAL_ID KEK_ID WRAPPED | service lend|attach SOCKET
 *
 * Says CLOCK_MONOTONIC in nanoseconds when the DEKs are there, and how long the lend or the attach itself took. Then it
 * answers a line of N with the nanoseconds that N blocks took. The DEK is called vol-0, has 256 bits and a keytag of
 * zeros.
 */
#include "nic.h"

#include <mlx5dek.h>
#include <sched.h>

enum { BLOCK = 4096, DEPTH = 32 };

static struct ibv_context *context;
static struct ibv_pd *pd;
static struct ibv_cq *cq;
static struct ibv_qp *qp;
static struct ibv_mr *mr;
static struct mlx5dv_mkey *mkeys[DEPTH];
static unsigned char *memory;
static struct mlx5dek *agent;
static struct mlx5dv_dek *own;

static void open_own(char **argv)
{
	unsigned char wrapped[128];
	struct nic nic = open_nic(argv[2], argv[3], argv[4]);

	from_hex(argv[5], wrapped);
	context = nic.context;
	pd = nic.pd;
	own = create(&nic, wrapped);
}

/* Returns how long the agent took. */
static double open_agents(char **argv)
{
	struct mlx5dek_options options = {.socket = argv[2]};
	double begin = now();

	if (strcmp(argv[1], "lend") == 0) {
		context = ibv_open_device(ibv_get_device_list(NULL)[0]);
		pd = context ? ibv_alloc_pd(context) : NULL;
		if (!pd)
			fail("open");
		begin = now();
		agent = mlx5dek_lend(pd, &options);
	} else {
		agent = mlx5dek_attach(&options);
	}
	if (!agent)
		fail(mlx5dek_error());
	context = mlx5dek_context(agent);
	pd = mlx5dek_pd(agent);
	return now() - begin;
}

static void connect_qp(void)
{
	enum { ACCESS = IBV_ACCESS_LOCAL_WRITE | IBV_ACCESS_REMOTE_WRITE };
	struct ibv_qp_attr attr = {.qp_state = IBV_QPS_INIT, .port_num = 1, .qp_access_flags = ACCESS};
	int error = ibv_modify_qp(qp, &attr, IBV_QP_STATE | IBV_QP_PKEY_INDEX | IBV_QP_PORT | IBV_QP_ACCESS_FLAGS);

	attr.qp_state = IBV_QPS_RTR;
	attr.path_mtu = IBV_MTU_1024;
	attr.dest_qp_num = qp->qp_num;
	attr.ah_attr.is_global = attr.ah_attr.port_num = 1;
	error |= ibv_query_gid(context, 1, 0, &attr.ah_attr.grh.dgid);
	error |= ibv_modify_qp(qp, &attr,
			       IBV_QP_STATE | IBV_QP_AV | IBV_QP_PATH_MTU | IBV_QP_DEST_QPN | IBV_QP_RQ_PSN |
				       IBV_QP_MAX_DEST_RD_ATOMIC | IBV_QP_MIN_RNR_TIMER);
	attr.qp_state = IBV_QPS_RTS;
	attr.timeout = 14;
	error |= ibv_modify_qp(qp, &attr,
			       IBV_QP_STATE | IBV_QP_TIMEOUT | IBV_QP_RETRY_CNT | IBV_QP_RNR_RETRY | IBV_QP_SQ_PSN |
				       IBV_QP_MAX_QP_RD_ATOMIC);
	if (error)
		fail("connect");
}

static void make_path(void)
{
	struct ibv_qp_init_attr_ex attr = {
		.cap = {.max_send_wr = 2 * DEPTH, .max_send_sge = 1, .max_inline_data = 512},
		.qp_type = IBV_QPT_RC,
		.comp_mask = IBV_QP_INIT_ATTR_PD | IBV_QP_INIT_ATTR_SEND_OPS_FLAGS,
		.pd = pd,
		.send_ops_flags = IBV_QP_EX_WITH_RDMA_WRITE,
	};
	struct mlx5dv_qp_init_attr driver = {.comp_mask = MLX5DV_QP_INIT_ATTR_MASK_SEND_OPS_FLAGS,
					     .send_ops_flags = MLX5DV_QP_EX_WITH_MKEY_CONFIGURE};
	struct mlx5dv_mkey_init_attr mkey = {.pd = pd,
					     .create_flags = MLX5DV_MKEY_INIT_ATTR_FLAGS_INDIRECT |
							     MLX5DV_MKEY_INIT_ATTR_FLAGS_CRYPTO,
					     .max_entries = 1};

	memory = aligned_alloc(BLOCK, 2 * DEPTH * BLOCK);
	memset(memory, 'c', 2 * DEPTH * BLOCK);
	cq = attr.send_cq = attr.recv_cq = ibv_create_cq(context, 2 * DEPTH, NULL, NULL, 0);
	qp = mlx5dv_create_qp(context, &attr, &driver);
	mr = ibv_reg_mr(pd, memory, 2 * DEPTH * BLOCK, IBV_ACCESS_LOCAL_WRITE | IBV_ACCESS_REMOTE_WRITE);
	for (int i = 0; i < DEPTH; i++)
		mkeys[i] = mlx5dv_create_mkey(&mkey);
	if (!cq || !qp || !mr || !mkeys[DEPTH - 1])
		fail("path");
	connect_qp();
}

static void post(int slot, uint64_t block)
{
	struct ibv_qp_ex *ex = ibv_qp_to_qp_ex(qp);
	struct mlx5dv_qp_ex *driver = mlx5dv_qp_ex_from_ibv_qp_ex(ex);
	struct mlx5dv_mkey_conf_attr conf = {0};
	struct ibv_sge sge = {(uintptr_t)memory + slot * BLOCK, BLOCK, mr->lkey};
	struct mlx5dv_crypto_attr crypto = {
		.crypto_standard = MLX5DV_CRYPTO_STANDARD_AES_XTS,
		.encrypt_on_tx = true,
		.signature_crypto_order = MLX5DV_SIGNATURE_CRYPTO_ORDER_SIGNATURE_BEFORE_CRYPTO_ON_TX,
		.data_unit_size = MLX5DV_BLOCK_SIZE_4096,
		.dek = own,
	};
	struct mlx5dek_key key;

	if (agent) { /* looked up for each block: no service can do worse */
		if (mlx5dek_find(agent, "vol-0", &key))
			fail(mlx5dek_error());
		crypto.dek = mlx5dek_dv(&key);
	}
	memcpy(crypto.initial_tweak, &block, sizeof(block));
	ibv_wr_start(ex);
	ex->wr_id = slot;
	ex->wr_flags = IBV_SEND_INLINE;
	mlx5dv_wr_mkey_configure(driver, mkeys[slot], 3, &conf);
	mlx5dv_wr_set_mkey_access_flags(driver, IBV_ACCESS_LOCAL_WRITE);
	mlx5dv_wr_set_mkey_layout_list(driver, 1, &sge);
	mlx5dv_wr_set_mkey_crypto(driver, &crypto);
	ex->wr_flags = IBV_SEND_SIGNALED;
	ibv_wr_rdma_write(ex, mr->rkey, (uintptr_t)memory + (DEPTH + slot) * BLOCK);
	ibv_wr_set_sge(ex, mkeys[slot]->lkey, 0, BLOCK);
	if (ibv_wr_complete(ex))
		fail("post");
}

static double move(long count)
{
	double begin = now();
	long posted = 0;

	for (; posted < DEPTH && posted < count; posted++)
		post(posted, posted);
	for (long done = 0; done < count;) {
		struct ibv_wc wc[DEPTH];
		int n = ibv_poll_cq(cq, DEPTH, wc);

		for (int i = 0; i < n; i++, done++) {
			if (wc[i].status)
				fail(ibv_wc_status_str(wc[i].status));
			if (posted < count)
				post(wc[i].wr_id, posted++);
		}
		if (n == 0)
			sched_yield();
	}
	return now() - begin;
}

int main(int argc, char **argv)
{
	double took = 0;
	long count;

	if (argc == 6)
		open_own(argv);
	else if (argc == 3)
		took = open_agents(argv);
	else
		return 2;
	printf("%.0f %.0f\n", now(), took);
	fflush(stdout);
	make_path();
	while (scanf("%ld", &count) == 1) {
		printf("%.0f\n", move(count));
		fflush(stdout);
	}
	return 0;
}
