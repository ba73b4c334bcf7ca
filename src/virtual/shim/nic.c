/*
 * Devices and contexts as this process knows them: the mapped image of each NIC, the contexts that are open, the lock
 * that excludes other processes, and what a fork leaves.
 */

#define MAX_NICS 64
#define PATH_BYTES 4096
#define FDS 65536 /* a device gets no higher descriptor */

struct nic {
	struct image *image;
	int fd;
	pid_t user; /* the process that last opened it by this mapping */
	dev_t dev;
	ino_t inode;
	char path[PATH_BYTES];
};

enum kind { FREE = 0, PD, UAR, LOGIN, DEK };

struct object {
	uint8_t kind;
	uint8_t wrapped; /* DEK: came wrapped, so a query needs a login */
	uint8_t error; /* DEK */
	uint8_t size; /* DEK: the mailbox's key_size, has_keytag in bit 7 */
	uint32_t id;
	union {
		uint8_t opaque[8]; /* DEK */
		uint64_t next_free; /* FREE */
	};
};

struct context {
	struct context *next;
	struct nic *nic;
	struct slot *slot;
	struct object *objects; /* a handle is an index here */
	uint32_t count, free_head; /* free_head: index + 1, 0 for none */
	uint32_t room;
	uint32_t login; /* handle + 1, 0 for none */
	const struct key *kek, *credential; /* of the login */
	uint32_t kek_generation, credential_generation;
	int fd, references;
	bool ready, devx;
};

/* Guards all of the below and every context; never held while a command sleeps or unwraps. */
static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static struct nic nics[MAX_NICS];
static struct context *contexts;
static pid_t owner; /* whose contexts these are: not a vfork child's, which shares our memory */
static uint8_t ours[FDS]; /* by descriptor, so that a signal handler may close any other without the mutex */

static int real_close(int fd)
{
	return syscall(SYS_close, fd);
}

static bool same_file(const struct nic *nic, int fd)
{
	struct stat st;

	return fd >= 0 && fstat(fd, &st) == 0 && st.st_dev == nic->dev && st.st_ino == nic->inode &&
	       st.st_size == sizeof(struct image);
}

/* The child of a fork starts without contexts. Its copies of our descriptors share the parent's lock: closed. */
static void after_fork(void)
{
	mutex = (pthread_mutex_t)PTHREAD_MUTEX_INITIALIZER;
	for (; contexts; contexts = contexts->next)
		ours[contexts->fd] = 0;
	for (int i = 0; i < MAX_NICS && nics[i].image; i++) {
		if (same_file(&nics[i], nics[i].fd))
			real_close(nics[i].fd);
		nics[i].fd = -1;
	}
}

static __attribute__((constructor)) void start(void)
{
	pthread_atfork(NULL, NULL, after_fork);
}

static int open_file(const char *path)
{
	return syscall(SYS_openat, AT_FDCWD, path, O_RDWR | O_CLOEXEC | O_NOCTTY, 0);
}

/*
 * Whether the image can be touched: a file cut short would raise SIGBUS, and a program that closes all descriptors
 * closes ours. Call with the mutex.
 */
static bool usable(struct nic *nic)
{
	if (same_file(nic, nic->fd))
		return true;
	nic->fd = open_file(nic->path);
	if (same_file(nic, nic->fd))
		return true;
	if (nic->fd >= 0)
		real_close(nic->fd);
	nic->fd = -1;
	return false;
}

static bool present(struct context *c)
{
	return usable(c->nic) && !LOAD(c->nic->image->gone) && LOAD(c->nic->image->era) == c->slot->era;
}

/* Excludes other processes; the kernel frees it when its holder dies. Call with the mutex, which excludes threads. */
static void lock_image(struct nic *nic, short type)
{
	struct flock lock = {.l_type = type, .l_whence = SEEK_SET, .l_start = 0, .l_len = 1};

	while (fcntl(nic->fd, F_OFD_SETLKW, &lock) != 0 && errno == EINTR)
		;
}

/* The path of the image of device `index`. */
static bool image_path(char path[PATH_BYTES], int index)
{
	const char *directory = getenv("DEK_VIRTUAL");

	return snprintf(path, PATH_BYTES, "%s/mlx5_%d.nvram", directory ? directory : "", index) < PATH_BYTES;
}

/* Maps the image of device `index`. NULL and errno when there is none that we understand. Call with the mutex. */
static struct nic *attach(int index)
{
	char path[PATH_BYTES];
	struct image *image = MAP_FAILED;
	struct stat st;
	int fd, i;

	if (!image_path(path, index)) {
		errno = ENAMETOOLONG;
		return NULL;
	}
	fd = open_file(path);
	if (fd < 0 || fstat(fd, &st) != 0)
		goto fail;
	for (i = 0; i < MAX_NICS && nics[i].image; i++)
		if (nics[i].dev == st.st_dev && nics[i].inode == st.st_ino && st.st_size == sizeof(*image)) {
			if (same_file(&nics[i], nics[i].fd))
				real_close(fd);
			else
				nics[i].fd = fd;
			return &nics[i];
		}
	errno = EIO;
	if (i < MAX_NICS && st.st_size == sizeof(*image))
		image = mmap(NULL, sizeof(*image), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (image == MAP_FAILED)
		goto fail;
	if (memcmp(image->magic, IMAGE_MAGIC, 8) != 0 || image->version != IMAGE_VERSION ||
	    image->bytes != sizeof(*image)) {
		munmap(image, sizeof(*image));
		errno = EIO;
		goto fail;
	}
	madvise(image, sizeof(*image), MADV_DONTDUMP);
	if (!sbox[0])
		make_tables();
	nics[i] = (struct nic){.image = image, .fd = fd, .dev = st.st_dev, .inode = st.st_ino};
	strcpy(nics[i].path, path);
	return &nics[i];
fail:
	if (fd >= 0) {
		int error = errno;

		real_close(fd);
		errno = error;
	}
	return NULL;
}

static bool is_ours(int fd)
{
	return fd >= 0 && fd < FDS && LOAD(ours[fd]) && owner == getpid();
}
