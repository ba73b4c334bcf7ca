/*
 * Mailboxes, as the PRM draws them: fields of so many bits, counted from the first byte's highest bit. A command
 * names its fields; every bit that has no name has to be zero, so that a caller who writes into the wrong place is
 * told.
 */

struct field {
	uint16_t at, bits;
};

/* Up to 32 bits. */
static uint32_t get_field(const uint8_t *mailbox, struct field f)
{
	uint32_t value = 0;

	for (uint32_t i = f.at; i < (uint32_t)f.at + f.bits; i++)
		value = value << 1 | (mailbox[i / 8] >> (7 - i % 8) & 1);
	return value;
}

static bool is_clear(const uint8_t *mailbox, uint32_t from, uint32_t to)
{
	while (from < to) {
		const uint32_t step = from % 8 || to - from < 8 ? 1 : to - from < 64 ? 8 : 64;
		uint64_t eight;

		if (step < 64 && mailbox[from / 8] & (step == 8 ? 0xff : 0x80 >> from % 8))
			return false;
		if (step == 64 && (memcpy(&eight, mailbox + from / 8, sizeof(eight)), eight))
			return false;
		from += step;
	}
	return true;
}

/* Whether a mailbox has bits set outside of these fields, which are in the order of their places. */
static bool has_others(const uint8_t *mailbox, uint32_t bytes, const struct field *fields, size_t count)
{
	uint32_t at = 0;

	for (size_t i = 0; i < count; i++) {
		if (!is_clear(mailbox, at, fields[i].at))
			return true;
		at = fields[i].at + fields[i].bits;
	}
	return at < 8 * bytes && !is_clear(mailbox, at, 8 * bytes);
}

#define HAS_OTHERS(mailbox, bytes, fields) has_others(mailbox, bytes, fields, sizeof(fields) / sizeof((fields)[0]))

/* Of all commands. */
static const struct field F_OPCODE = {0x0, 16}, F_OP_MOD = {0x30, 16};
/* Of those of general objects. */
static const struct field F_OBJ_TYPE = {0x30, 16}, F_OBJ_ID = {0x40, 32};
