/*
 * PSVs, which mlx5dv makes for a key with a signature: numbers, and nothing behind them. Left out: the signature
 * itself.
 */
static const struct field F_NUM_PSV = {0x40, 4}, F_PSV_PD = {0x48, 24};

static struct verdict create_psv(struct context *c, const uint8_t *in, uint32_t inlen, uint32_t *handle)
{
	const struct field fields[] = {F_OPCODE, F_NUM_PSV, F_PSV_PD};
	struct object model = {.kind = PSV};

	if (inlen < 16)
		return REFUSE(BAD_INP_LEN, MAILBOX_LENGTH);
	if (HAS_OTHERS(in, inlen, fields))
		return REFUSE(BAD_PARAM, RESERVED_FIELD);
	if (get_field(in, F_NUM_PSV) != 1)
		return REFUSE(BAD_PARAM, RESERVED_FIELD);
	if (!object_at(c, get_field(in, F_PSV_PD) - 1, PD))
		return REFUSE(BAD_RES, NO_SUCH_PD);
	model.id = ADD(c->nic->image->next_psv, 1) & 0xffffff;
	return add_object(c, &model, handle) ? DONE : REFUSE(NO_RES, 0);
}
