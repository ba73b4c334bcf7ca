/*
 * RST2INIT, INIT2RTR, RTR2RTS, 2ERR and 2RST: a QP of uverbs modified by firmware commands
 * (mlx5dv_devx_qp_modify(3)). The QP context stands at bit 0xc0 of the mailbox, its primary address path at bit 0xc0
 * of that. Each command knows the fields of its own; the fields that users of it set and this NIC has no use for are
 * ACK and retry figures.
 */
enum { QPC = 0xc0, PATH = QPC + 0xc0, MIGRATED = 3, LOG_MSG_MOST = 30 };

static const struct field F_QPN = {0x48, 24};
static const struct field F_PM_STATE = {QPC + 0x13, 2}, F_MTU = {QPC + 0x40, 3}, F_LOG_MSG_MAX = {QPC + 0x43, 5};
static const struct field F_REMOTE_QPN = {QPC + 0xa8, 24};
static const struct field F_LOOPBACK = {PATH + 0x0, 1}, F_PKEY_INDEX = {PATH + 0x10, 16};
static const struct field F_ACK_TIMEOUT = {PATH + 0x40, 5}, F_SOURCE_INDEX = {PATH + 0x48, 8};
static const struct field F_HOP_LIMIT = {PATH + 0x58, 8}, F_REMOTE_GID = {PATH + 0x80, 128};
static const struct field F_UDP_PORT = {PATH + 0x110, 16}, F_PORT = {PATH + 0x128, 8},
			  F_REMOTE_MAC = {PATH + 0x130, 48};
static const struct field F_ACK_FREQUENCY = {QPC + 0x380, 4}, F_SRA_MAX = {QPC + 0x388, 3};
static const struct field F_RETRIES = {QPC + 0x38d, 3}, F_RNR_RETRIES = {QPC + 0x390, 3};
static const struct field F_NEXT_SEND_PSN = {QPC + 0x3c8, 24}, F_RRA_MAX = {QPC + 0x488, 3};
static const struct field F_RRE = {QPC + 0x490, 1}, F_RWE = {QPC + 0x491, 1}, F_RNR_TIMER = {QPC + 0x4a3, 5};
static const struct field F_NEXT_RECEIVE_PSN = {QPC + 0x4a8, 24};

static uint32_t access_of(const uint8_t *in)
{
	return (get_field(in, F_RRE) ? IB_UVERBS_ACCESS_REMOTE_READ : 0) |
	       (get_field(in, F_RWE) ? IB_UVERBS_ACCESS_REMOTE_WRITE : 0);
}

/* One that a command made has got it there: pyverbs says it once. */
static bool has_migration_state(const struct qp *q, const uint8_t *in)
{
	const uint32_t state = get_field(in, F_PM_STATE);

	return state == MIGRATED || (state == 0 && q->body.context->objects[q->body.handle].size == BY_COMMAND);
}

static struct verdict to_init(struct qp *q, const uint8_t *in, uint32_t inlen)
{
	const struct field fields[] = {F_OPCODE, F_QPN, F_PM_STATE, F_PKEY_INDEX, F_PORT, F_RRE, F_RWE};

	if (HAS_OTHERS(in, inlen, fields))
		return REFUSE(BAD_PARAM, RESERVED_FIELD);
	if (q->attr.qp_state != RESET)
		return REFUSE(BAD_RES_STATE, QP_STATE);
	if (!has_migration_state(q, in) || get_field(in, F_PORT) != 1 || get_field(in, F_PKEY_INDEX))
		return REFUSE(BAD_PARAM, QP_CONTEXT);
	q->attr.port_num = 1;
	q->attr.qp_access_flags = access_of(in);
	set_state(q, INIT);
	return DONE;
}

static struct verdict to_rtr(struct qp *q, const uint8_t *in, uint32_t inlen)
{
	const struct field fields[] = {
		F_OPCODE,     F_QPN,	      F_MTU,	   F_LOG_MSG_MAX, F_REMOTE_QPN, F_LOOPBACK,
		F_PKEY_INDEX, F_SOURCE_INDEX, F_HOP_LIMIT, F_REMOTE_GID,  F_UDP_PORT,	F_PORT,
		F_REMOTE_MAC, F_RRA_MAX,      F_RRE,	   F_RWE,	  F_RNR_TIMER,	F_NEXT_RECEIVE_PSN};
	uint32_t mtu, log_msg_max;

	if (HAS_OTHERS(in, inlen, fields))
		return REFUSE(BAD_PARAM, RESERVED_FIELD);
	if (q->attr.qp_state != INIT)
		return REFUSE(BAD_RES_STATE, QP_STATE);
	mtu = get_field(in, F_MTU);
	log_msg_max = get_field(in, F_LOG_MSG_MAX);
	if (mtu < 1 || mtu > 5 || log_msg_max < 6 || log_msg_max > LOG_MSG_MOST || !get_field(in, F_REMOTE_QPN) ||
	    get_field(in, F_PORT) != 1 || get_field(in, F_PKEY_INDEX) || get_field(in, F_SOURCE_INDEX))
		return REFUSE(BAD_PARAM, QP_CONTEXT);
	if (get_field(in, F_LOOPBACK) && LOAD(q->body.context->nic->image->no_loopback))
		return REFUSE(BAD_PARAM, QP_CONTEXT);
	q->attr.path_mtu = mtu;
	q->attr.dest_qp_num = get_field(in, F_REMOTE_QPN);
	q->attr.qp_access_flags |= access_of(in);
	q->loops = get_field(in, F_LOOPBACK);
	memcpy(q->attr.dest.dgid, in + F_REMOTE_GID.at / 8, sizeof(q->attr.dest.dgid));
	q->peer_nic = q->loops ? q->body.context->nic : find_nic(q->attr.dest.dgid);
	set_state(q, RTR);
	return DONE;
}

static struct verdict to_rts(struct qp *q, const uint8_t *in, uint32_t inlen)
{
	const struct field fields[] = {F_OPCODE,  F_QPN,     F_ACK_TIMEOUT, F_PORT,	    F_ACK_FREQUENCY,
				       F_SRA_MAX, F_RETRIES, F_RNR_RETRIES, F_NEXT_SEND_PSN};

	if (HAS_OTHERS(in, inlen, fields))
		return REFUSE(BAD_PARAM, RESERVED_FIELD);
	if (q->attr.qp_state != RTR)
		return REFUSE(BAD_RES_STATE, QP_STATE);
	if (set_state(q, RTS) != 0)
		return REFUSE(NO_RES, 0);
	q->attr.timeout = get_field(in, F_ACK_TIMEOUT);
	q->attr.retry_cnt = get_field(in, F_RETRIES);
	q->attr.rnr_retry = get_field(in, F_RNR_RETRIES);
	return DONE;
}

static struct verdict to_end(struct qp *q, const uint8_t *in, uint32_t inlen, enum qp_state state)
{
	const struct field fields[] = {F_OPCODE, F_QPN};

	if (HAS_OTHERS(in, inlen, fields))
		return REFUSE(BAD_PARAM, RESERVED_FIELD);
	set_state(q, state);
	return DONE;
}

static struct verdict run_qp_command(struct qp *q, const uint8_t *in, uint32_t inlen)
{
	uint16_t opcode = get_field(in, F_OPCODE);

	if (opcode == QP_TO_ERROR || opcode == QP_TO_RESET)
		return to_end(q, in, inlen, opcode == QP_TO_ERROR ? ERROR : RESET);
	if (inlen < (QPC + 0x740) / 8)
		return REFUSE(BAD_INP_LEN, MAILBOX_LENGTH);
	switch (opcode) {
	case QP_TO_INIT:
		return to_init(q, in, inlen);
	case QP_TO_RTR:
		return to_rtr(q, in, inlen);
	case QP_TO_RTS:
		return to_rts(q, in, inlen);
	default:
		return REFUSE(BAD_OP, QP_STATE);
	}
}
