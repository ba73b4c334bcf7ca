/*
 * Devices as this process knows them: the mapped image of each NIC, and the lock that excludes other processes. The
 * mutex of the process is here as well. Left out: unmapping; a NIC stays mapped until the process ends.
 */

#define MAX_NICS 64
#define PATH_BYTES 4096
#define NIC_PATH_BYTES (PATH_BYTES - 32) /* leaves room for the name of a file of the NIC */

struct nic {
	struct image *image;
	int fd;
	dev_t dev;
	ino_t inode;
	char path[NIC_PATH_BYTES]; /* of the image, without ".nvram" */
};

/* Guards all that follows in this library; never held while a command sleeps or unwraps, or while data is moved. */
static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static struct nic nics[MAX_NICS];

static int real_close(int fd)
{
	return syscall(SYS_close, fd);
}

/* fstat and mmap are interposed, and treat a device in their own way. */
static int real_fstat(int fd, struct stat *st)
{
	return syscall(SYS_fstat, fd, st);
}

static void *map_file(int fd, size_t bytes)
{
	return (void *)syscall(SYS_mmap, NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_NORESERVE, fd, 0);
}

/* Not to wait for a writer where somebody has put a pipe. */
static int open_file(const char *path, int flags, mode_t mode)
{
	return syscall(SYS_openat, AT_FDCWD, path, flags | O_CLOEXEC | O_NOCTTY | O_NONBLOCK, mode);
}

/*
 * Whether 8 bytes of a mapped file can be read, and written with zeros. Where the file was cut short, or the file
 * system has no room for a page that was never written, to touch them raises SIGBUS: a system call only says so.
 */
static bool can_read(const void *bytes)
{
	uint64_t value;
	struct iovec local = {&value, sizeof(value)}, remote = {(void *)bytes, sizeof(value)};
	int error = errno;
	bool can = process_vm_readv(getpid(), &local, 1, &remote, 1, 0) >= 0 || errno != EFAULT;

	errno = error;
	return can;
}

static bool can_write(void *bytes)
{
	uint64_t zeros = 0;
	struct iovec local = {&zeros, sizeof(zeros)}, remote = {bytes, sizeof(zeros)};
	int error = errno;
	bool can = process_vm_writev(getpid(), &local, 1, &remote, 1, 0) >= 0 || errno != EFAULT;

	errno = error;
	return can;
}

static bool same_file(const struct nic *nic, int fd)
{
	struct stat st;

	return fd >= 0 && real_fstat(fd, &st) == 0 && st.st_dev == nic->dev && st.st_ino == nic->inode &&
	       st.st_size == sizeof(struct image);
}

/*
 * Whether the image can be touched: a file cut short would raise SIGBUS, and a program that closes all descriptors
 * closes ours. Call with the mutex.
 */
static bool usable(struct nic *nic)
{
	char path[PATH_BYTES];

	if (same_file(nic, nic->fd))
		return true;
	snprintf(path, sizeof(path), "%s.nvram", nic->path);
	nic->fd = open_file(path, O_RDWR, 0);
	if (same_file(nic, nic->fd))
		return true;
	if (nic->fd >= 0)
		real_close(nic->fd);
	nic->fd = -1;
	return false;
}

/* Excludes other processes; the kernel frees it when its holder dies. Call with the mutex, which excludes threads. */
static void lock_image(struct nic *nic, short type)
{
	struct flock lock = {.l_type = type, .l_whence = SEEK_SET, .l_start = 0, .l_len = 1};

	while (fcntl(nic->fd, F_OFD_SETLKW, &lock) != 0 && errno == EINTR)
		;
}

/* The path of device `index`, without what follows mlx5_N. */
static bool nic_path(char *path, int index)
{
	const char *directory = getenv("DEK_VIRTUAL");

	return snprintf(path, NIC_PATH_BYTES, "%s/mlx5_%d", directory ? directory : "", index) < NIC_PATH_BYTES;
}

static bool image_path(char path[PATH_BYTES], int index)
{
	if (!nic_path(path, index))
		return false;
	strcat(path, ".nvram");
	return true;
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
	fd = open_file(path, O_RDWR, 0);
	if (fd < 0 || real_fstat(fd, &st) != 0)
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
		image = map_file(fd, sizeof(*image));
	if (image == MAP_FAILED)
		goto fail;
	if (memcmp(image->magic, IMAGE_MAGIC, 8) != 0 || image->version != IMAGE_VERSION ||
	    image->bytes != sizeof(*image)) {
		munmap(image, sizeof(*image));
		errno = EIO;
		goto fail;
	}
	madvise(image, sizeof(*image), MADV_DONTDUMP);
	make_tables();
	nics[i] = (struct nic){.image = image, .fd = fd, .dev = st.st_dev, .inode = st.st_ino};
	nic_path(nics[i].path, index);
	return &nics[i];
fail:
	if (fd >= 0) {
		int error = errno;

		real_close(fd);
		errno = error;
	}
	return NULL;
}

/* The child of a fork: its copies of our descriptors share the parent's lock, so they are closed. */
static void close_nics(void)
{
	for (int i = 0; i < MAX_NICS && nics[i].image; i++) {
		if (same_file(&nics[i], nics[i].fd))
			real_close(nics[i].fd);
		nics[i].fd = -1;
	}
}
