/* Injected faults: firmware commands that fail because the image says so. Those that strike DEKs are in dek.c. */

/* Counts one use of a fault; false when none is left. */
static bool use_up(uint32_t *left)
{
	uint32_t seen = LOAD(*left);

	do {
		if (seen == ALWAYS || seen == 0)
			return seen == ALWAYS;
	} while (!__atomic_compare_exchange_n(left, &seen, seen - 1, false, __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE));
	return true;
}

/* What the faults that were set make of a command: the first that is meant for it, if any is left. */
static struct verdict verdict_of_faults(struct image *image, uint16_t opcode, uint16_t type)
{
	for (int i = 0; i < RULES; i++) {
		struct fault *f = &image->fault[i];

		if (!LOAD(f->active) || (f->opcode && f->opcode != opcode) || (f->type && f->type != type) ||
		    !use_up(&f->left))
			continue;
		ADD(f->hits, 1);
		return REFUSE(f->status, f->syndrome);
	}
	return DONE;
}
