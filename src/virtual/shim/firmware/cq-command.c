/*
 * CREATE_CQ: a completion queue in memory of umems (DPDK makes its own so). The CQ context stands at bit 0x80 of the
 * mailbox. Left out: events; compressed CQEs, which are asked for and not made.
 */
enum { CQC = 0x80 };
static const struct field F_CQ_DBR_VALID = {CQC + 0x6, 1}, F_CQE_SIZE = {CQC + 0x8, 3}, F_COLLAPSED = {CQC + 0xb, 1};
static const struct field F_OVERRUN = {CQC + 0xe, 1}, F_PERIOD_MODE = {CQC + 0xf, 2}, F_COMPRESSED = {CQC + 0x11, 1};
static const struct field F_MINI_FORMAT = {CQC + 0x12, 2}, F_CQ_DBR_UMEM = {CQC + 0x20, 32};
static const struct field F_MINI_FORMAT_MORE = {CQC + 0x5c, 2}, F_LOG_CQ_SIZE = {CQC + 0x63, 5};
static const struct field F_CQ_UAR = {CQC + 0x68, 24}, F_EQN = {CQC + 0xb8, 8}, F_CQ_PAGE_SIZE = {CQC + 0xc3, 5};
static const struct field F_CQ_DBR = {CQC + 0x1c0, 64}, F_CQ_OFFSET = {0x280, 64}, F_CQ_UMEM = {0x2c0, 32};
static const struct field F_CQ_UMEM_VALID = {0x2e0, 1};

static uint64_t get_field64(const uint8_t *mailbox, struct field f)
{
	return get64(mailbox + f.at / 8);
}

static struct verdict create_cq_by_command(struct context *c, const uint8_t *in, uint32_t inlen, uint32_t *handle)
{
	const struct field fields[] = {
		F_OPCODE,     F_CQ_DBR_VALID, F_CQE_SIZE,    F_COLLAPSED,	 F_OVERRUN,	F_PERIOD_MODE,
		F_COMPRESSED, F_MINI_FORMAT,  F_CQ_DBR_UMEM, F_MINI_FORMAT_MORE, F_LOG_CQ_SIZE, F_CQ_UAR,
		F_EQN,	      F_CQ_PAGE_SIZE, F_CQ_DBR,	     F_CQ_OFFSET,	 F_CQ_UMEM,	F_CQ_UMEM_VALID};
	const struct object model = {.kind = CQ, .size = BY_COMMAND};
	struct umem *umem[2];
	uint32_t entries, cqe_bytes;
	uint64_t buffer, record;
	struct cq *cq;

	if (inlen < 0x880 / 8)
		return REFUSE(BAD_INP_LEN, MAILBOX_LENGTH);
	if (HAS_OTHERS(in, inlen, fields))
		return REFUSE(BAD_PARAM, RESERVED_FIELD);
	if (get_field(in, F_LOG_CQ_SIZE) > 22 || get_field(in, F_CQE_SIZE) > 2 || get_field(in, F_COLLAPSED) ||
	    !get_field(in, F_CQ_DBR_VALID) || !get_field(in, F_CQ_UMEM_VALID) || get_field(in, F_EQN) != EVENT_QUEUE ||
	    !object_at(c, get_field(in, F_CQ_UAR) - 1, UAR))
		return REFUSE(BAD_PARAM, CQ_CONTEXT);
	entries = 1u << get_field(in, F_LOG_CQ_SIZE);
	cqe_bytes = get_field(in, F_CQE_SIZE) == 0 ? 64 : 128;
	umem[0] = find_umem(c, get_field(in, F_CQ_UMEM));
	umem[1] = find_umem(c, get_field(in, F_CQ_DBR_UMEM));
	buffer = place_in_umem(umem[0], get_field64(in, F_CQ_OFFSET), (uint64_t)entries * cqe_bytes);
	record = place_in_umem(umem[1], get_field64(in, F_CQ_DBR), 8);
	if (!buffer || !record || record % 8)
		return REFUSE(BAD_PARAM, CQ_CONTEXT);
	cq = add_cq(c, &model, handle, buffer, record, entries, cqe_bytes);
	if (!cq)
		return REFUSE(NO_RES, 0);
	cq->umem[0] = get_field(in, F_CQ_UMEM), cq->umem[1] = get_field(in, F_CQ_DBR_UMEM);
	use_umems(umem);
	return DONE;
}
