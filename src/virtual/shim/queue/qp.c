/*
 * Queue pairs: reliable and unreliable connections and unreliable datagrams, created and destroyed by uverbs. What
 * their states are is in qp-state.c, what they do in data/. Left out: raw packets, XRC, DC, RSS.
 */

/* A message on the wire: what is needed of its entry to complete it. */
struct flight {
	uint16_t at, counter; /* in the queue; as a CQE has it */
	uint8_t blocks, opcode;
	bool signaled;
	uint32_t bytes;
};
enum { WINDOW = 8 };
#define NOT_READY_NS 50000ull /* after a peer had no receive posted, growing */

/* Where queues are in memory, and how large. */
struct qp_queues {
	uint64_t sq, rq, record; /* record: how many receives were posted, and how many blocks of sends */
	uint32_t sq_entries, rq_entries, rq_shift; /* of 64 bytes; of 1 << rq_shift */
};

struct qp {
	struct body body;
	struct cq *send_cq, *recv_cq;
	struct srq *srq; /* or NULL */
	struct qp_queues queues;
	uint16_t sq_at, rq_at; /* the oldest entry that is not completed */
	uint16_t sq_next; /* the first one that is not under way */
	uint32_t pd, user_index;
	uint32_t umem[2]; /* ids of the memory that it is in, 0: none */
	uint8_t type; /* enum qp_type */
	uint32_t resets;
	uint64_t waits_since; /* ns; for its peer, or for a receive of that */
	uint64_t busy_since; /* ns; for room at the process of its peer, which takes nothing */
	bool signal_all;
	bool loops; /* force loopback: its peer is on this NIC, whatever its address says */
	struct nic *peer_nic; /* that its address names, NULL: none of this directory */
	bool on_wire; /* found by other processes */
	struct flight flight[WINDOW]; /* under way to another process, oldest first */
	uint8_t flights, answered; /* how many there are, how many of those are done */
	uint32_t failure; /* what became of the one behind those */
	uint64_t first_number, expected; /* of the oldest message under way; of the next one that comes */
	uint64_t sent_at,
		silent_since; /* when one was sent last; since when nothing was heard, 0: nothing is waited for */
	uint64_t not_before, pause_ns; /* when the next one may be sent; how long after the next refusal */
	uint64_t atomic_number, atomic_value; /* what the last atomic that came was answered */
	bool owes; /* the answer to the message `owed`, which is done: there was no room for it */
	uint64_t owed;
	struct ib_uverbs_qp_cap cap;
	struct ib_uverbs_modify_qp attr;
};

enum qp_state { RESET = 0, INIT = 1, RTR = 2, RTS = 3, SQD = 4, ERROR = 6 };
enum qp_type { QP_TYPE_RC = 2, QP_TYPE_UC = 3, QP_TYPE_UD = 4 };

/* As it was made: nothing is under way. */
static void reset_queues(struct qp *q)
{
	q->sq_at = q->sq_next = q->rq_at = 0;
	q->flights = q->answered = 0;
	q->failure = 0;
	q->first_number = q->expected = 0;
	q->atomic_number = UINT64_MAX;
	q->owes = false;
	q->not_before = q->waits_since = q->busy_since = q->silent_since = 0;
	q->pause_ns = NOT_READY_NS;
	q->resets++;
}

/* A QP of this process, or NULL. */
static struct qp *find_qp(const struct nic *nic, uint32_t number)
{
	for (struct body *b = buckets[number % BUCKETS]; b; b = b->next)
		if (b->kind == QP && b->number == number && b->context->nic == nic && is_alive(b))
			return (struct qp *)b;
	return NULL;
}

enum {
	QP_FLAGS = MLX5_QP_FLAG_SCATTER_CQE | MLX5_QP_FLAG_ALLOW_SCATTER_CQE | MLX5_QP_FLAG_BFREG_INDEX |
		   MLX5_QP_FLAG_PACKET_BASED_CREDIT_MODE | MLX5_QP_FLAG_UAR_PAGE_INDEX,
	MOST_ENTRIES = 1 << 15,
};

static bool is_power_of_two(uint32_t n)
{
	return n && !(n & (n - 1));
}

/* The attributes of UVERBS_METHOD_QP_CREATE, in the order of ioctl.c. */
enum {
	QP_HANDLE,
	QP_PD,
	QP_SEND_CQ,
	QP_RECV_CQ,
	QP_CAP,
	QP_TYPE,
	QP_CREATE_FLAGS,
	QP_RESP_CAP,
	QP_NUMBER,
	QP_IN,
	QP_OUT,
	QP_SRQ
};

static int check_qp(struct context *c, const struct mlx5_ib_create_qp *in, attrs a)
{
	const uint64_t rq_bytes = (uint64_t)in->rq_wqe_count << (in->rq_wqe_shift & 31);
	const uint32_t flags = a[QP_CREATE_FLAGS] ? (uint32_t)a[QP_CREATE_FLAGS]->data : 0;
	const uint32_t type = (uint32_t)a[QP_TYPE]->data;
	const size_t known = offsetof(struct mlx5_ib_create_qp, ece_options) + sizeof(in->ece_options);

	if ((type != QP_TYPE_RC && type != QP_TYPE_UC && type != QP_TYPE_UD) ||
	    flags & ~(IB_UVERBS_QP_CREATE_SQ_SIG_ALL |
		      (type == QP_TYPE_UD ? IB_UVERBS_QP_CREATE_BLOCK_MULTICAST_LOOPBACK : 0)) ||
	    in->flags & ~QP_FLAGS)
		return EOPNOTSUPP;
	if (!object_at(c, (uint32_t)a[QP_PD]->data, PD) || (in->sq_wqe_count && !is_power_of_two(in->sq_wqe_count)) ||
	    in->sq_wqe_count > MOST_ENTRIES || in->db_addr % 8 || in->buf_addr % WQE_BLOCK)
		return EINVAL;
	if (in->rq_wqe_count && (!is_power_of_two(in->rq_wqe_count) || in->rq_wqe_count > MOST_ENTRIES ||
				 in->rq_wqe_shift < 4 || in->rq_wqe_shift > 9 || rq_bytes < WQE_BLOCK))
		return EINVAL;
	/* Of other types: sq_buf_addr, and what stands behind ece_options, of which older headers have less. */
	if (in->sq_buf_addr || !is_clear((const uint8_t *)in, 8 * known, 8 * sizeof(*in)))
		return EINVAL;
	if (in->flags & MLX5_QP_FLAG_UAR_PAGE_INDEX && !object_at(c, in->bfreg_index - 1, UAR))
		return EINVAL;
	return is_mapped(in->buf_addr, rq_bytes + (uint64_t)in->sq_wqe_count * WQE_BLOCK) && is_mapped(in->db_addr, 8)
		       ? 0
		       : EFAULT;
}

/* A new QP with its body: `model` has its PD, its type is to be set. NULL: no room. */
static struct qp *add_qp(struct context *c, struct object *model, uint32_t *handle, struct cq *send_cq,
			 struct cq *recv_cq, struct srq *srq, const struct qp_queues *queues)
{
	struct qp *q;

	model->cq[0] = send_cq->body.handle + 1;
	model->cq[1] = recv_cq->body.handle + 1;
	model->srq = srq ? srq->body.handle + 1 : 0;
	model->id = ADD(c->nic->image->next_qpn, 1) & 0xffffff;
	if (!add_object(c, model, handle))
		return NULL;
	count_users(c, model, 1);
	q = add_body(c, *handle, sizeof(*q));
	if (!q) {
		free_object(c, *handle);
		return NULL;
	}
	q->send_cq = send_cq, q->recv_cq = recv_cq, q->srq = srq;
	q->queues = *queues;
	q->pd = model->pd;
	reset_queues(q);
	return q;
}

static int create_qp(struct context *c, attrs a)
{
	struct object model = {.kind = QP, .pd = (uint32_t)a[QP_PD]->data + 1};
	struct mlx5_ib_create_qp in = {0};
	const struct mlx5_ib_create_qp_resp out = {0};
	struct cq *send_cq = body_at(c, (uint32_t)a[QP_SEND_CQ]->data, CQ);
	struct cq *recv_cq = body_at(c, (uint32_t)a[QP_RECV_CQ]->data, CQ);
	struct srq *srq = a[QP_SRQ] ? body_at(c, (uint32_t)a[QP_SRQ]->data, SRQ) : NULL;
	struct ib_uverbs_qp_cap cap; /* in and out may be one buffer */
	uint32_t handle;
	struct qp *q;
	int error;

	memcpy(&in, in_ptr(a[QP_IN]), a[QP_IN]->len < sizeof(in) ? a[QP_IN]->len : sizeof(in));
	error = check_qp(c, &in, a);
	if (error)
		return error;
	if (!send_cq || !recv_cq || (a[QP_SRQ] && (!srq || in.rq_wqe_count)))
		return EINVAL;
	memcpy(&cap, in_ptr(a[QP_CAP]), sizeof(cap));
	q = add_qp(c, &model, &handle, send_cq, recv_cq, srq,
		   &(struct qp_queues){.sq = in.buf_addr + ((uint64_t)in.rq_wqe_count << in.rq_wqe_shift),
				       .rq = in.buf_addr,
				       .record = in.db_addr,
				       .sq_entries = in.sq_wqe_count,
				       .rq_entries = in.rq_wqe_count,
				       .rq_shift = in.rq_wqe_shift});
	if (!q)
		return ENOMEM;
	q->user_index = in.uidx;
	q->type = (uint32_t)a[QP_TYPE]->data;
	q->cap = cap;
	q->signal_all = a[QP_CREATE_FLAGS] && (uint32_t)a[QP_CREATE_FLAGS]->data & IB_UVERBS_QP_CREATE_SQ_SIG_ALL;
	a[QP_HANDLE]->data = handle;
	put_out(a[QP_RESP_CAP], &cap, sizeof(cap));
	put_out(a[QP_NUMBER], &model.id, sizeof(model.id));
	put_out(a[QP_OUT], &out, sizeof(out));
	return 0;
}

static int destroy_qp(struct context *c, attrs a)
{
	const struct ib_uverbs_destroy_qp_resp out = {0};
	uint32_t handle = (uint32_t)a[0]->data;

	settle();
	if (!object_at(c, handle, QP) || c->objects[handle].size == BY_COMMAND)
		return ENOENT;
	free_object(c, handle);
	put_out(a[1], &out, sizeof(out));
	return 0;
}
