/*
 * Contexts as this process knows them. A program's descriptor is an open file, mlx5_N.ctx/SLOT, locked through that
 * descriptor: its inode tells which context it is, whichever way it came (open, dup, fork, SCM_RIGHTS, exec), and the
 * lock is held until the last copy goes, a mapping of a UAR included. Nothing is remembered of a descriptor.
 *
 * The table is mapped by an open of our own, which holds no lock and so keeps nothing alive.
 */

enum { SPARES = 128 };
#define BODIES_BYTES (OBJECTS * sizeof(struct body *))

struct body;

struct context {
	struct context *next;
	struct nic *nic;
	struct slot *slot;
	struct shared *shared;
	struct object *objects;
	struct body **bodies; /* by handle: those of this process */
	uint8_t *map;
	dev_t dev;
	ino_t inode;
	int event_fd; /* of the program, where asynchronous events go, or -1: queue/event.c */
	ino_t event_inode;
	bool cut; /* the file was cut short: its table is not touched any more */
	int references; /* one of the list, one of each call under way */
	uint32_t spare[SPARES], spares; /* free records that this process took out of the list of all: objects.c */
};

static struct context *contexts;

static void forget_bodies(struct context *c);
static void give_spares(struct context *c, uint32_t keep);

/* Call with the mutex. */
static void drop(struct context *c)
{
	if (--c->references > 0)
		return;
	forget_bodies(c);
	if (!c->cut && usable(c->nic))
		give_spares(c, 0);
	munmap(c->bodies, BODIES_BYTES);
	munmap(c->map, CONTEXT_BYTES);
	free(c);
}

/* Whether the file of a context has its full length. */
static bool is_whole(struct context *c)
{
	c->cut = c->cut || !can_read(&c->objects[OBJECTS - 1]);
	return !c->cut;
}

/* Whether the context that `c` is of is open, in any process. */
static bool is_open(const struct context *c)
{
	char path[PATH_BYTES];
	struct stat st;
	bool open;
	int file;

	context_path(path, c->nic, c->shared->slot);
	file = open_file(path, O_RDONLY, 0);
	open = file >= 0 && real_fstat(file, &st) == 0 && st.st_ino == c->inode && st.st_dev == c->dev &&
	       is_locked(file);
	if (file >= 0)
		real_close(file);
	return open;
}

/* After a close: frees the contexts of which no copy is left anywhere, or no whole file. Call with the mutex. */
static void sweep(void)
{
	for (struct context **p = &contexts; *p;) {
		struct context *c = *p;

		if (is_whole(c) && is_open(c)) {
			p = &c->next;
			continue;
		}
		*p = c->next;
		if (!c->cut && usable(c->nic)) {
			lock_image(c->nic, F_WRLCK);
			if (LOAD(c->slot->used) && c->slot->serial == c->shared->serial) {
				int file = open_held(c->nic, c->shared->slot);

				if (file >= 0)
					real_close(file);
			}
			lock_image(c->nic, F_UNLCK);
		}
		drop(c);
	}
}

/* Whether a descriptor may be a device: cheap, without a lock, for close(2) in a signal handler. */
static bool is_device(int fd, struct stat *st)
{
	int error = errno;
	bool device = fd >= 0 && real_fstat(fd, st) == 0 && S_ISREG(st->st_mode) && st->st_size == CONTEXT_BYTES;

	errno = error;
	return device;
}

static bool read_header(int fd, struct shared *header)
{
	return pread(fd, header, sizeof(*header), CONTEXT_HEADER) == sizeof(*header) &&
	       memcmp(header->magic, CONTEXT_MAGIC, 8) == 0 && header->slot < SLOTS;
}

static struct context *map_context(struct nic *nic, const struct shared *header, const struct stat *st)
{
	char path[PATH_BYTES];
	struct stat mine;
	struct context *c = calloc(1, sizeof(*c));
	void *map = MAP_FAILED, *bodies;
	int file;

	if (!c)
		return NULL;
	context_path(path, nic, header->slot);
	file = open_file(path, O_RDWR, 0);
	if (file >= 0 && real_fstat(file, &mine) == 0 && mine.st_ino == st->st_ino && mine.st_dev == st->st_dev)
		map = map_file(file, CONTEXT_BYTES);
	if (file >= 0)
		real_close(file);
	bodies = (void *)syscall(SYS_mmap, NULL, BODIES_BYTES, PROT_READ | PROT_WRITE,
				 MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (map == MAP_FAILED || bodies == MAP_FAILED) {
		if (map != MAP_FAILED)
			munmap(map, CONTEXT_BYTES);
		if (bodies != MAP_FAILED)
			munmap(bodies, BODIES_BYTES);
		free(c);
		return NULL;
	}
	madvise(map, CONTEXT_BYTES, MADV_DONTDUMP);
	madvise(map, CONTEXT_BYTES, MADV_DONTFORK);
	madvise(bodies, BODIES_BYTES, MADV_DONTFORK);
	*c = (struct context){
		.next = contexts, .nic = nic, .map = map, .bodies = bodies, .event_fd = -1, .references = 1};
	c->slot = &nic->image->slot[header->slot];
	c->shared = (struct shared *)(c->map + CONTEXT_HEADER);
	c->objects = (struct object *)(c->map + CONTEXT_RECORDS);
	c->dev = st->st_dev, c->inode = st->st_ino;
	contexts = c;
	return c;
}

/* The context that a descriptor is of. Call with the mutex. */
static struct context *find_context(int fd)
{
	struct shared header;
	struct stat st;
	struct nic *nic;

	if (!is_device(fd, &st))
		return NULL;
	for (struct context *c = contexts; c; c = c->next)
		if (c->inode == st.st_ino && c->dev == st.st_dev)
			return c;
	if (!read_header(fd, &header))
		return NULL;
	nic = attach(header.device);
	return nic && usable(nic) ? map_context(nic, &header, &st) : NULL;
}

/* Whether a context can be used: its NIC is there, and has not been away since it was opened. */
static bool present(struct context *c)
{
	return !c->cut && usable(c->nic) && !LOAD(c->nic->image->gone) && LOAD(c->nic->image->era) == c->shared->era;
}
