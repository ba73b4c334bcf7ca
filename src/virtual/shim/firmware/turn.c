/*
 * How long a firmware command takes: the latency of each, many at once, and the time that the firmware itself needs,
 * one command after the other.
 */

static uint64_t now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000000000ull + t.tv_nsec;
}

/*
 * Books `ns` of what is free from *free_at on, and says when they end. What is booked is a time in the image, so
 * nothing is held while waiting and nothing is left behind by a process that dies. False: another was faster.
 */
static bool book(uint64_t *free_at, uint64_t ns, uint64_t *end)
{
	uint64_t seen = LOAD(*free_at), now = now_ns();

	/* More than ten minutes ahead: left from before a reboot. */
	*end = (seen > now && seen < now + 600000000000ull ? seen : now) + ns;
	return __atomic_compare_exchange_n(free_at, &seen, *end, false, __ATOMIC_ACQ_REL, __ATOMIC_RELAXED);
}

/*
 * `exact`: without the slack of 50 us that the kernel gives the timers of a thread, and looking at the clock for the
 * last microseconds, so that a NIC that is asked one command after the other is as fast as was set.
 */
static void wait_until(uint64_t end, bool exact)
{
	const uint64_t wake = exact ? end - 10000 : end;
	const struct timespec until = {.tv_sec = wake / 1000000000, .tv_nsec = wake % 1000000000};
	const int slack = exact ? prctl(PR_GET_TIMERSLACK) : 0;

	if (slack > 0)
		prctl(PR_SET_TIMERSLACK, 1);
	while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &until, NULL) == EINTR)
		;
	if (slack > 0)
		prctl(PR_SET_TIMERSLACK, slack);
	while (exact && now_ns() < end)
		;
}

static enum service service_of(uint16_t opcode)
{
	return opcode == CREATE_OBJECT	  ? SERVE_CREATE
	       : opcode == QUERY_OBJECT	  ? SERVE_QUERY
	       : opcode == DESTROY_OBJECT ? SERVE_DESTROY
					  : SERVE_OTHER;
}

/* Whether a command takes any time at all. */
static bool takes_time(const struct image *image, uint16_t opcode)
{
	return image->latency_us || image->service_us[service_of(opcode)];
}

/*
 * Waits as long as the command takes: it is given the lane that is free first, and ends one latency after that; and
 * it ends when the firmware, which does one command after the other, is through with it.
 */
static void wait_turn(struct image *image, uint16_t opcode)
{
	uint64_t latency = (uint64_t)image->latency_us * 1000, end = 0, served = 0;
	uint64_t service = (uint64_t)image->service_us[service_of(opcode)] * 1000;
	int lanes = image->parallel < 1 ? 1 : image->parallel > LANES ? LANES : image->parallel, best;

	if (latency > 1000000000)
		latency = 1000000000;
	if (service > 1000000000)
		service = 1000000000;
	if (latency)
		do {
			best = 0;
			for (int i = 1; i < lanes; i++)
				if (LOAD(image->lane_free[i]) < LOAD(image->lane_free[best]))
					best = i;
		} while (!book(&image->lane_free[best], latency, &end));
	while (service && !book(&image->firmware_free, service, &served))
		;
	if (latency || service)
		wait_until(served > end ? served : end, served > end);
}
