/*
 * A piece of data on its way: the engine moves it without the mutex, so that no call waits for a long message.
 * Whoever takes away a queue or a key waits for the end of the piece (settle), and goes first then. The buffer that
 * data passes through is here, and the page for the secrets of xts.c.
 */

/* Whole data units of 512, 520, 4,096 and 4,160 bytes, and whole blocks of the others. */
#define PIECE_BYTES 266240u

static struct {
	bool runs, moves;
	uint32_t waiting; /* for the end of a piece */
	pthread_cond_t moved, go;
	struct vault *vault;
	uint8_t *buffer; /* of PIECE_BYTES */
} engine = {.moved = PTHREAD_COND_INITIALIZER, .go = PTHREAD_COND_INITIALIZER};

/* Waits until no data is moved; with the mutex, so that none is until that is given up. */
static void settle(void)
{
	engine.waiting++;
	while (engine.moves)
		pthread_cond_wait(&engine.moved, &mutex);
	if (--engine.waiting == 0)
		pthread_cond_signal(&engine.go);
}

/* Gives up the mutex: from now on data is moved. */
static void begin_move(void)
{
	engine.moves = true;
	pthread_mutex_unlock(&mutex);
}

/* Takes the mutex again, after those that waited for it. What was looked at before may be gone. */
static void end_move(void)
{
	pthread_mutex_lock(&mutex);
	engine.moves = false;
	pthread_cond_broadcast(&engine.moved);
	while (engine.waiting)
		pthread_cond_wait(&engine.go, &mutex);
}

/* Gives up the mutex and returns a buffer of so many bytes, or returns NULL with the mutex. */
static uint8_t *begin_piece(uint64_t bytes)
{
	uint8_t *buffer = bytes <= PIECE_BYTES ? engine.buffer : malloc(bytes);

	if (buffer)
		begin_move();
	return buffer;
}

static void end_piece(uint8_t *buffer)
{
	if (buffer != engine.buffer)
		free(buffer);
	end_move();
}

/* One page for secrets: locked, in no core dump, in no child. */
static bool make_vault(void)
{
	size_t page = sysconf(_SC_PAGESIZE);
	void *p;

	_Static_assert(sizeof(struct vault) <= 4096, "a page");
	if (engine.vault)
		return true;
	p = mmap(NULL, page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (p == MAP_FAILED)
		return false;
	if (mlock(p, page) != 0 || madvise(p, page, MADV_DONTDUMP) != 0 || madvise(p, page, MADV_DONTFORK) != 0) {
		munmap(p, page);
		return false;
	}
	engine.buffer = malloc(PIECE_BYTES);
	if (!engine.buffer) {
		munmap(p, page);
		return false;
	}
	engine.vault = p;
	return true;
}

/* The child of a fork has no engine; the page of secrets is not in it. */
static void forget_engine(void)
{
	engine.runs = engine.moves = false;
	engine.waiting = 0;
	engine.moved = engine.go = (pthread_cond_t)PTHREAD_COND_INITIALIZER;
	engine.vault = NULL;
	engine.buffer = NULL;
}
