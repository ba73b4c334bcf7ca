/*
 * CREATE_QP: an RC queue pair in memory of umems (DPDK and pyverbs make their own so). Its QP context stands where that
 * of the other commands does (qp-command.c). Left out: all other types, queues in pages that the command lists.
 */
static const struct field F_QP_TYPE = {QPC + 0x8, 8}, F_QP_PD = {QPC + 0x28, 24};
static const struct field F_LOG_RQ_SIZE = {QPC + 0x49, 4}, F_LOG_RQ_STRIDE = {QPC + 0x4d, 3};
static const struct field F_NO_SQ = {QPC + 0x50, 1}, F_LOG_SQ_SIZE = {QPC + 0x51, 4}, F_STAMP = {QPC + 0x58, 2};
static const struct field F_QP_UAR = {QPC + 0x68, 24}, F_USER_INDEX = {QPC + 0x88, 24};
static const struct field F_QP_PAGE_SIZE = {QPC + 0xa3, 5}, F_CQ_SEND = {QPC + 0x3e8, 24};
static const struct field F_CQ_RECEIVE = {QPC + 0x4e8, 24}, F_QP_DBR = {QPC + 0x500, 64}, F_RQ_TYPE = {QPC + 0x565, 3};
static const struct field F_QP_DBR_VALID = {QPC + 0x683, 1}, F_QP_DBR_UMEM = {QPC + 0x720, 32};
static const struct field F_WQ_OFFSET = {0x800, 64}, F_WQ_UMEM = {0x840, 32}, F_WQ_UMEM_VALID = {0x860, 1};

enum { TYPE_RC = 0, REGULAR_RQ = 0, NO_RQ = 3 };

/* A CQ of this context by its number, which the command of either way gives out. */
static struct cq *cq_of_number(struct context *c, uint32_t number)
{
	return body_at(c, number - 1, CQ);
}

static bool is_qp_context_good(struct context *c, const uint8_t *in)
{
	const uint32_t rq = get_field(in, F_RQ_TYPE);

	return get_field(in, F_QP_TYPE) == TYPE_RC && get_field(in, F_PM_STATE) == MIGRATED &&
	       (rq == REGULAR_RQ || rq == NO_RQ) && get_field(in, F_QP_DBR_VALID) && get_field(in, F_WQ_UMEM_VALID) &&
	       object_at(c, get_field(in, F_QP_UAR) - 1, UAR) && get_field(in, F_LOG_RQ_STRIDE) <= 5 &&
	       (get_field(in, F_NO_SQ) || cq_of_number(c, get_field(in, F_CQ_SEND))) &&
	       (rq == NO_RQ || cq_of_number(c, get_field(in, F_CQ_RECEIVE)));
}

static struct verdict create_qp_by_command(struct context *c, const uint8_t *in, uint32_t inlen, uint32_t *handle)
{
	const struct field fields[] = {F_OPCODE,	F_QP_TYPE,	F_PM_STATE,    F_QP_PD,	     F_LOG_RQ_SIZE,
				       F_LOG_RQ_STRIDE, F_NO_SQ,	F_LOG_SQ_SIZE, F_STAMP,	     F_QP_UAR,
				       F_USER_INDEX,	F_QP_PAGE_SIZE, F_CQ_SEND,     F_CQ_RECEIVE, F_QP_DBR,
				       F_RQ_TYPE,	F_QP_DBR_VALID, F_QP_DBR_UMEM, F_WQ_OFFSET,  F_WQ_UMEM,
				       F_WQ_UMEM_VALID};
	struct object model = {.kind = QP, .size = BY_COMMAND};
	struct qp_queues queues = {0};
	struct umem *umem[2];
	struct cq *cq[2];
	uint64_t rq_bytes;
	struct qp *q;

	if (inlen < 0x880 / 8)
		return REFUSE(BAD_INP_LEN, MAILBOX_LENGTH);
	if (HAS_OTHERS(in, inlen, fields))
		return REFUSE(BAD_PARAM, RESERVED_FIELD);
	if (!is_qp_context_good(c, in))
		return REFUSE(BAD_PARAM, QP_CONTEXT);
	model.pd = get_field(in, F_QP_PD);
	if (!object_at(c, model.pd - 1, PD))
		return REFUSE(BAD_RES, NO_SUCH_PD);
	cq[0] = cq_of_number(c, get_field(in, F_CQ_SEND));
	cq[1] = cq_of_number(c, get_field(in, F_CQ_RECEIVE));
	queues.sq_entries = get_field(in, F_NO_SQ) ? 0 : 1u << get_field(in, F_LOG_SQ_SIZE);
	queues.rq_entries = get_field(in, F_RQ_TYPE) == NO_RQ ? 0 : 1u << get_field(in, F_LOG_RQ_SIZE);
	queues.rq_shift = 4 + get_field(in, F_LOG_RQ_STRIDE);
	rq_bytes = (uint64_t)queues.rq_entries << queues.rq_shift;
	umem[0] = find_umem(c, get_field(in, F_WQ_UMEM));
	umem[1] = find_umem(c, get_field(in, F_QP_DBR_UMEM));
	queues.rq = place_in_umem(umem[0], get_field64(in, F_WQ_OFFSET),
				  rq_bytes + (uint64_t)queues.sq_entries * WQE_BLOCK);
	queues.record = place_in_umem(umem[1], get_field64(in, F_QP_DBR), 8);
	if (!queues.rq || !queues.record || queues.record % 8)
		return REFUSE(BAD_PARAM, QP_CONTEXT);
	queues.sq = queues.rq + rq_bytes;
	q = add_qp(c, &model, handle, cq[0] ? cq[0] : cq[1], cq[1] ? cq[1] : cq[0], NULL, &queues);
	if (!q)
		return REFUSE(NO_RES, 0);
	q->type = QP_TYPE_RC;
	q->user_index = get_field(in, F_USER_INDEX);
	q->umem[0] = get_field(in, F_WQ_UMEM), q->umem[1] = get_field(in, F_QP_DBR_UMEM);
	use_umems(umem);
	return DONE;
}
