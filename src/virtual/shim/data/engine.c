/*
 * The engine: one thread that looks at the doorbell records of all QPs of the process, and does what is posted. It
 * exists while a QP is in RTS (or in ERROR, where what is posted is flushed), and sleeps the longer the less there is
 * to do. Nothing has to be trapped, since every producer writes the record before it rings.
 *
 * It holds the mutex but for the time that it moves a piece of data. Whoever takes away a queue or a key waits for
 * that.
 */

enum { SPINS = 10, STEP_NS = 5000, DOZE_NS = 1000000, SLEEP_NS = 10000000 };
#define DOZE_AFTER_NS 1000000000ull /* idle for so long it sleeps longer */

/* Whether a QP has to be looked at: it may send or is flushed, or something may come from another process. */
static bool is_busy(const struct body *b)
{
	const struct qp *q = (const struct qp *)b;

	return b->kind == QP && (q->attr.qp_state == RTS || q->attr.qp_state == ERROR || q->on_wire);
}

/*
 * Which of these QPs have something to do: their doorbell records are read together. Those that wait for something are
 * looked at in any case, and all are when a record is gone.
 */
static void look_at_records(struct reference *references, uint32_t count)
{
	enum { BATCH = 512 };
	uint32_t value[BATCH];
	struct iovec remote[BATCH];

	for (uint32_t from = 0; from < count; from += BATCH) {
		const uint32_t n = count - from < BATCH ? count - from : BATCH;
		struct iovec local = {value, n * sizeof(value[0])};
		bool all;

		for (uint32_t i = 0; i < n; i++)
			remote[i] =
				(struct iovec){(void *)(uintptr_t)(references[from + i].record + 4), sizeof(value[0])};
		all = process_vm_readv(getpid(), &local, 1, remote, n, 0) != (ssize_t)local.iov_len;
		for (uint32_t i = 0; i < n; i++) {
			struct reference *r = &references[from + i];

			r->rings = all || r->waits || (uint16_t)be32toh(value[i]) != r->at;
		}
	}
}

/* Looks at each QP once. A QP may go, and others come, while it is looked at: hence the numbers. */
static bool run_all(bool *any)
{
	static struct reference *references;
	static uint32_t room, first;
	uint32_t count = 0;
	bool worked = false;

	for (struct context *c = contexts; c; c = c->next)
		is_whole(c);
	for (struct body *b = queues, *next; b; b = next) {
		next = b->next_queue;
		if (b->kind == CQ && is_alive(b))
			notify((struct cq *)b); /* armed since its last completion */
		if (!is_busy(b))
			continue;
		if (!is_alive(b)) { /* another process of its context destroyed it */
			free_body(b);
			continue;
		}
		if (count == room) {
			struct reference *more = realloc(references, (room + 64) * sizeof(*more));

			if (!more)
				break;
			references = more;
			room += 64;
		}
		if (((struct qp *)b)->attr.qp_state == ERROR && present(b->context))
			worked |= flush_receives((struct qp *)b);
		references[count++] = refer((struct qp *)b);
	}
	*any = count > 0;
	look_at_records(references, count);
	full.number = 0;
	first++; /* each is the first in its turn: there may be room for a few alone */
	for (uint32_t n = 0; n < count; n++) {
		const uint32_t i = (first + n) % count;
		struct qp *q = references[i].rings ? find_again(&references[i]) : NULL;

		for (int entries = 0; q && entries < 64 && may_send(q) && present(q->body.context) && run_entry(q);
		     entries++) {
			worked = true;
			q = find_again(&references[i]);
		}
	}
	return worked;
}

/*
 * Looks again at once a few times, then sleeps, the longer the less there is to do. Yielding the processor would be
 * dear on a busy machine: who yields comes after all others.
 */
static void doze(uint32_t idle, uint64_t since)
{
	uint64_t most = now_ns() - since > DOZE_AFTER_NS ? SLEEP_NS : DOZE_NS;
	uint64_t ns = (uint64_t)(idle - SPINS + 1) * STEP_NS;
	struct timespec t = {.tv_nsec = ns < most ? ns : most};

	if (idle >= SPINS)
		wait_for_wire(&t);
}

static void *run_engine(void *unused)
{
	uint64_t since = now_ns();
	bool any = true;

	(void)unused;
	for (uint32_t idle = 0;; idle++) {
		pthread_mutex_lock(&mutex);
		if (run_all(&any) | run_wire()) {
			idle = 0;
			since = now_ns();
		}
		if (!any) {
			engine.runs = false;
			pthread_mutex_unlock(&mutex);
			return NULL;
		}
		pthread_mutex_unlock(&mutex);
		doze(idle, since);
	}
}

/* Starts the engine if it is not running. False: no thread, or no memory that can be locked. */
static bool start_engine(void)
{
	/* A C library before 2.34 has it in another file, which only programs with threads load. */
	int (*create)(pthread_t *, const pthread_attr_t *, void *(*)(void *), void *) =
		dlsym(RTLD_DEFAULT, "pthread_create");
	pthread_attr_t attr;
	sigset_t all, before;
	pthread_t thread;

	if (engine.runs)
		return true;
	if (!create || !make_vault() || pthread_attr_init(&attr) != 0)
		return false;
	find_aes_instructions();
	pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
	sigfillset(&all);
	sigprocmask(SIG_SETMASK, &all, &before); /* its signals are the program's other threads' */
	engine.runs = create(&thread, &attr, run_engine, NULL) == 0;
	sigprocmask(SIG_SETMASK, &before, NULL);
	pthread_attr_destroy(&attr);
	return engine.runs;
}
