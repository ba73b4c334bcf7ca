/*
 * What all firmware commands share: latency, the faults that were set, the head of the answer. Commands run with the
 * mutex held; what sleeps or unwraps gives it up.
 */

static uint64_t now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000000000ull + t.tv_nsec;
}

/*
 * Waits as long as the command takes: it is given the lane that is free first, and ends one latency after that. A lane
 * is a time in the image, so nothing is held while sleeping and nothing is left behind by a process that dies.
 */
static void wait_turn(struct image *image)
{
	uint64_t latency = (uint64_t)image->latency_us * 1000, end, seen, now;
	int lanes = image->parallel < 1 ? 1 : image->parallel > LANES ? LANES : image->parallel, best;
	struct timespec until;

	if (latency == 0)
		return;
	if (latency > 1000000000)
		latency = 1000000000;
	do {
		best = 0;
		for (int i = 1; i < lanes; i++)
			if (LOAD(image->lane_free[i]) < LOAD(image->lane_free[best]))
				best = i;
		seen = LOAD(image->lane_free[best]);
		now = now_ns();
		/* More than ten minutes ahead: left from before a reboot. */
		end = (seen > now && seen < now + 600000000000ull ? seen : now) + latency;
	} while (!__atomic_compare_exchange_n(&image->lane_free[best], &seen, end, false, __ATOMIC_ACQ_REL,
					      __ATOMIC_RELAXED));
	until = (struct timespec){.tv_sec = end / 1000000000, .tv_nsec = end % 1000000000};
	while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &until, NULL) == EINTR)
		;
}

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

/* Takes a command in: latency, then the faults that were set. Returns an errno, or 0 with the verdict so far. */
static int begin(struct context *c, uint16_t opcode, uint16_t type, struct verdict *v)
{
	struct image *image = c->nic->image;

	pthread_mutex_unlock(&mutex);
	wait_turn(image);
	pthread_mutex_lock(&mutex);
	if (!present(c))
		return EIO;
	ADD(image->commands, 1);
	*v = DONE;
	for (int i = 0; i < RULES && v->status == OK; i++) {
		struct fault *f = &image->fault[i];

		if (!LOAD(f->active) || (f->opcode && f->opcode != opcode) || (f->type && f->type != type) ||
		    !use_up(&f->left))
			continue;
		ADD(f->hits, 1);
		*v = REFUSE(f->status, f->syndrome);
	}
	return 0;
}

/* Writes the head of the out mailbox. Returns the errno of the ioctl: the kernel hands a refusal on as EREMOTEIO. */
static int answer(struct context *c, uint8_t *out, struct verdict v, uint32_t id)
{
	out[0] = v.status;
	put32(out + 4, v.syndrome);
	put32(out + 8, id);
	if (v.status == OK)
		return 0;
	ADD(c->nic->image->refused, 1);
	return EREMOTEIO;
}
