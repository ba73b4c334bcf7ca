/*
 * A memory key with a signature BSF: behind each block of data stand check bytes, in memory, on the wire or on both
 * sides, a CRC or a T10 protection field. What is loaded or stored through the key is checked on the side that it comes
 * from, as far as the check mask says, and gets new check bytes, or those that came, on the other. An address of such a
 * key counts the bytes on the wire.
 *
 * What does not match is told by a CQE of its own, once until the key is laid out again; the data goes its way. The
 * PSVs that a BSF names stand for their seeds, which the BSF implies. Left out: blocks of a key that has a crypto BSF
 * as well, which go unchecked; more than one kind of blocks in a key; stopping the queue (pipelining).
 */

enum { REFERENCE_DIFFERS = 1 << 11, APPLICATION_DIFFERS = 1 << 12, GUARD_DIFFERS = 1 << 13 };

static uint32_t signature_bytes(const struct domain *d)
{
	return d->kind == NO_SIGNATURE ? 0 : d->kind == CRC32 || d->kind == CRC32C ? 4 : 8;
}

/* Bit by bit, as data of a signature is checked seldom here; `reflected`: the lowest bit of a byte first. */
static uint64_t crc(uint64_t value, const uint8_t *p, uint32_t bytes, uint64_t polynomial, int bits, bool reflected)
{
	for (uint32_t i = 0; i < bytes; i++) {
		value ^= reflected ? p[i] : (uint64_t)p[i] << (bits - 8);
		for (int k = 0; k < 8; k++)
			if (reflected)
				value = value >> 1 ^ (value & 1 ? polynomial : 0);
			else
				value = value << 1 ^ (value >> (bits - 1) & 1 ? polynomial : 0);
	}
	return bits == 64 ? value : value & ((1ull << bits) - 1);
}

/* The sum of RFC 1071, of whole words. */
static uint16_t internet_sum(uint32_t sum, const uint8_t *p, uint32_t bytes)
{
	for (uint32_t i = 0; i + 1 < bytes; i += 2)
		sum += p[i] << 8 | p[i + 1];
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return ~sum;
}

/* The check bytes of a block, as a number whose first byte is highest: CRC32 and CRC32C in the upper half. */
static uint64_t signature_of(const struct domain *d, const uint8_t *p, uint64_t block)
{
	const uint64_t seed = d->seeded ? UINT64_MAX : 0;
	uint64_t guard;

	switch (d->kind) {
	case CRC32:
		return (uint64_t)(uint32_t)~crc(seed & UINT32_MAX, p, d->unit, 0xedb88320, 32, true) << 32;
	case CRC32C:
		return (uint64_t)(uint32_t)~crc(seed & UINT32_MAX, p, d->unit, 0x82f63b78, 32, true) << 32;
	case CRC64_XP10:
		return ~crc(seed, p, d->unit, 0xc96c5795d7870f42, 64, true);
	default:
		guard = d->kind == T10_CRC ? crc(seed & 0xffff, p, d->unit, 0x8bb7, 16, false)
					   : internet_sum(seed & 0xffff, p, d->unit);
		return guard << 48 | (uint64_t)d->application << 32 |
		       (uint32_t)(d->reference + (d->counts ? block : 0));
	}
}

/* The bytes that a mask has bits for. */
static uint64_t bytes_of_mask(uint8_t mask)
{
	uint64_t bytes = 0;

	for (int i = 0; i < 8; i++)
		bytes = bytes << 8 | (mask & 0x80 >> i ? 0xff : 0);
	return bytes;
}

static void check_block(struct mkey *m, const struct domain *d, uint64_t expected, uint64_t actual, uint64_t offset)
{
	const uint64_t differs = (expected ^ actual) & bytes_of_mask(m->signature.check_mask);
	const bool escapes = d->kind >= T10_CRC && d->escape && (actual >> 32 & 0xffff) == 0xffff &&
			     (d->escape == 1 || (uint32_t)actual == UINT32_MAX);
	struct signature_error *e = &m->signature_error;

	if (!differs || escapes || e->found)
		return;
	*e = (struct signature_error){.found = true,
				      .in_memory = d == &m->signature.memory,
				      .expected = expected,
				      .actual = actual,
				      .offset = offset,
				      .syndrome = GUARD_DIFFERS};
	if (d->kind >= T10_CRC && !(differs >> 48))
		e->syndrome = differs >> 32 & 0xffff ? APPLICATION_DIFFERS : REFERENCE_DIFFERS;
}

static void put_signature(uint8_t *p, uint64_t value, uint32_t bytes)
{
	for (uint32_t i = 0; i < bytes; i++)
		p[i] = value >> (56 - 8 * i);
}

static uint64_t get_signature(const uint8_t *p, uint32_t bytes)
{
	uint64_t value = 0;

	for (uint32_t i = 0; i < bytes; i++)
		value |= (uint64_t)p[i] << (56 - 8 * i);
	return value;
}

/* How many bytes stand in memory for so many on the wire, from the beginning of a block on. */
static uint64_t bytes_in_memory(const struct signature *s, uint64_t wire)
{
	const uint32_t unit = s->wire.unit ? s->wire.unit : s->memory.unit;
	const uint64_t step = unit + signature_bytes(&s->wire), rest = wire % step;

	return wire / step * (unit + signature_bytes(&s->memory)) +
	       (rest >= unit ? unit + signature_bytes(&s->memory) : rest);
}

/*
 * One way of a message: blocks with the check bytes of `from` become blocks with those of `to`. What is no whole block
 * at its end has none. `first`: the number of the first block.
 */
static void sign_blocks(struct mkey *m, const struct domain *from, const struct domain *to, const uint8_t *in,
			uint64_t in_bytes, uint8_t *out, uint64_t out_bytes, uint64_t first)
{
	const uint32_t unit = from->unit ? from->unit : to->unit;
	const uint32_t in_check = signature_bytes(from), out_check = signature_bytes(to);
	const uint64_t copied = from->kind == to->kind ? bytes_of_mask(m->signature.copy_mask) : 0;

	for (uint64_t block = first; in_bytes > 0 && out_bytes > 0; block++) {
		const uint64_t have = in_bytes < unit + in_check ? in_bytes : unit + in_check;
		const uint64_t room = out_bytes < unit + out_check ? out_bytes : unit + out_check;
		const uint64_t data = have < unit ? have : unit;
		uint64_t came = 0;

		memcpy(out, in, data < room ? data : room);
		if (in_check && have == unit + in_check) {
			came = get_signature(in + unit, in_check);
			check_block(m, from, signature_of(from, in, block), came, block * (unit + in_check));
		}
		if (out_check && data == unit && room == unit + out_check)
			put_signature(out + unit, (signature_of(to, in, block) & ~copied) | (came & copied), out_check);
		in += have, in_bytes -= have;
		out += room, out_bytes -= room;
	}
}

/*
 * A signature BSF: size 0 (2 bits) and "both sides alike" (bit 4), check mask 1, copy mask or selector of the wire's
 * blocks 2, of the memory's 3, format and PSV of the wire 8, of the memory 12, T10 of the wire 32, of the memory 48:
 * valid 0 (bit 7), application tag 2, reference tag 4, kind 8, repeat (bit 7), count (bit 6), seed (bit 3) 9, escape
 * 13. The format: kind 5 (3 bits: 1 CRC32, 2 CRC32C), seed (bit 0).
 */
static bool read_domain(const uint8_t *format, const uint8_t *t10, uint8_t selector, struct domain *d)
{
	static const uint32_t units[] = {0, 512, 520, 4096, 4160, 1 << 20, 4048};
	const uint8_t crc_kind = format[0] & 0xf0;

	*d = (struct domain){.unit = selector < sizeof(units) / sizeof(units[0]) ? units[selector] : 0};
	if (t10[0] & 0x80) {
		d->kind = t10[8] == 1 ? T10_CRC : t10[8] == 2 ? T10_SUM : NO_SIGNATURE;
		d->application = t10[2] << 8 | t10[3];
		d->reference = get32(t10 + 4);
		d->seeded = t10[9] & 8;
		d->counts = (t10[9] | t10[13]) & 0x40;
		d->escape = t10[13] & 2 ? 2 : t10[13] & 1;
	} else if (crc_kind) {
		d->kind = crc_kind == 0x20 ? CRC32 : crc_kind == 0x40 ? CRC32C : crc_kind == 0x50 ? CRC64_XP10 : 0;
		d->seeded = !(format[0] & 1);
	} else {
		return true; /* nothing on this side */
	}
	return d->kind != NO_SIGNATURE && d->unit != 0;
}

static bool read_signature_bsf(const uint8_t *b, bool alone, struct signature *s)
{
	const bool alike = b[0] & 0x10;

	if (b[0] >> 6 != (alone ? 2 : 3))
		return false;
	*s = (struct signature){.check_mask = b[1], .copy_mask = alike ? b[2] : 0};
	if (!read_domain(b + 12, b + 48, b[3], &s->memory) ||
	    !read_domain(b + 8, b + 32, alike ? b[3] : b[2], &s->wire))
		return false;
	s->on = alone && (s->memory.kind || s->wire.kind);
	return !(s->memory.kind && s->wire.kind && s->memory.unit != s->wire.unit);
}
