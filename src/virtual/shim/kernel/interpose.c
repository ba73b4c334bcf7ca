/* What is interposed. Each call that is not ours is passed on untouched, errno included. */

#define MODE_ARGUMENT(mode, flags)                                                                                     \
	mode_t mode = 0;                                                                                               \
	if (((flags)&O_CREAT) || ((flags)&O_TMPFILE) == O_TMPFILE) {                                                   \
		va_list list;                                                                                          \
		va_start(list, flags);                                                                                 \
		mode = va_arg(list, mode_t);                                                                           \
		va_end(list);                                                                                          \
	}

int open(const char *path, int flags, ...)
{
	REAL(int, "open", const char *, int, ...);
	MODE_ARGUMENT(mode, flags);
	int index = device_index(path);

	return index < 0 ? real(path, flags, mode) : open_device(index, flags);
}

int open64(const char *path, int flags, ...)
{
	REAL(int, "open64", const char *, int, ...);
	MODE_ARGUMENT(mode, flags);
	int index = device_index(path);

	return index < 0 ? real(path, flags, mode) : open_device(index, flags);
}

int openat(int directory, const char *path, int flags, ...)
{
	REAL(int, "openat", int, const char *, int, ...);
	MODE_ARGUMENT(mode, flags);
	int index = device_index(path);

	return index < 0 ? real(directory, path, flags, mode) : open_device(index, flags);
}

int openat64(int directory, const char *path, int flags, ...)
{
	REAL(int, "openat64", int, const char *, int, ...);
	MODE_ARGUMENT(mode, flags);
	int index = device_index(path);

	return index < 0 ? real(directory, path, flags, mode) : open_device(index, flags);
}

/* What programs built with _FORTIFY_SOURCE call when the flags are no constant. */
int __open_2(const char *path, int flags);
int __open_2(const char *path, int flags)
{
	REAL(int, "__open_2", const char *, int);
	int index = device_index(path);

	return index < 0 ? real(path, flags) : open_device(index, flags);
}

int __open64_2(const char *path, int flags);
int __open64_2(const char *path, int flags)
{
	REAL(int, "__open64_2", const char *, int);
	int index = device_index(path);

	return index < 0 ? real(path, flags) : open_device(index, flags);
}

int stat(const char *path, struct stat *st)
{
	REAL(int, "stat", const char *, struct stat *);
	return real(stat_path(path), st);
}

int stat64(const char *path, struct stat64 *st)
{
	REAL(int, "stat64", const char *, struct stat64 *);
	return real(stat_path(path), st);
}

/* stat() of programs built against glibc < 2.33. */
int __xstat(int version, const char *path, struct stat *st);
int __xstat(int version, const char *path, struct stat *st)
{
	REAL(int, "__xstat", int, const char *, struct stat *);
	return real(version, stat_path(path), st);
}

int __xstat64(int version, const char *path, struct stat64 *st);
int __xstat64(int version, const char *path, struct stat64 *st)
{
	REAL(int, "__xstat64", int, const char *, struct stat64 *);
	return real(version, stat_path(path), st);
}

/* What fstat says of a file stays as it is, but for a device. Of struct stat and struct stat64 alike. */
#define ANSWER_FSTAT(call, fd, st)                                                                                     \
	do {                                                                                                           \
		int result = (call), index = result == 0 ? descriptor_index(fd) : -1;                                  \
                                                                                                                       \
		if (index >= 0) {                                                                                      \
			(st)->st_mode = S_IFCHR | 0666;                                                                \
			(st)->st_rdev = makedev(DEVICE_MAJOR, DEVICE_MINOR + index);                                   \
			(st)->st_size = (st)->st_blocks = 0;                                                           \
		}                                                                                                      \
		return result;                                                                                         \
	} while (0)

int fstat(int fd, struct stat *st)
{
	REAL(int, "fstat", int, struct stat *);
	ANSWER_FSTAT(real ? real(fd, st) : real_fstat(fd, st), fd, st);
}

int fstat64(int fd, struct stat64 *st)
{
	REAL(int, "fstat64", int, struct stat64 *);
	ANSWER_FSTAT(real ? real(fd, st) : real_fstat(fd, (struct stat *)st), fd, st);
}

/* fstat() of programs built against glibc < 2.33. */
int __fxstat(int version, int fd, struct stat *st);
int __fxstat(int version, int fd, struct stat *st)
{
	REAL(int, "__fxstat", int, int, struct stat *);
	ANSWER_FSTAT(real(version, fd, st), fd, st);
}

int __fxstat64(int version, int fd, struct stat64 *st);
int __fxstat64(int version, int fd, struct stat64 *st)
{
	REAL(int, "__fxstat64", int, int, struct stat64 *);
	ANSWER_FSTAT(real(version, fd, st), fd, st);
}

/*
 * UARs are mapped privately: the mapping keeps the device open as ever, and what is written there gets to no disk. By
 * the system call itself: an allocator may call this while dlsym is looking for the next one.
 */
static void *map(void *address, size_t length, int protection, int flags, int fd, off_t offset)
{
	if (fd >= 0 && (flags & MAP_TYPE) == MAP_SHARED && descriptor_index(fd) >= 0) {
		flags = (flags & ~MAP_TYPE) | MAP_PRIVATE;
		offset = place_of_mapping(offset);
	}
	return (void *)syscall(SYS_mmap, address, length, protection, flags, fd, offset);
}

void *mmap(void *address, size_t length, int protection, int flags, int fd, off_t offset)
{
	return map(address, length, protection, flags, fd, offset);
}

void *mmap64(void *address, size_t length, int protection, int flags, int fd, off64_t offset)
{
	return map(address, length, protection, flags, fd, offset);
}

/*
 * When a device cannot be opened libibverbs looks for it by its number in /dev/char, and waits five seconds for it to
 * come. There is nothing to wait for: this ends it with the errno of the open.
 */
int inotify_add_watch(int fd, const char *path, uint32_t mask)
{
	REAL(int, "inotify_add_watch", int, const char *, uint32_t);

	if (path && getenv("DEK_VIRTUAL") && strncmp(path, "/dev/char", 9) == 0 && LOAD(open_error)) {
		errno = LOAD(open_error);
		return -1;
	}
	return real(fd, path, mask);
}

int access(const char *path, int mode)
{
	REAL(int, "access", const char *, int);
	int index = device_index(path);

	return index < 0 ? real(path, mode) : access_device(index);
}

int faccessat(int directory, const char *path, int mode, int flags)
{
	REAL(int, "faccessat", int, const char *, int, int);
	int index = device_index(path);

	return index < 0 ? real(directory, path, mode, flags) : access_device(index);
}

/* Discovery by netlink would find the host's own NICs; without it libibverbs reads sysfs. */
int socket(int domain, int type, int protocol)
{
	REAL(int, "socket", int, int, int);

	if (domain == AF_NETLINK && protocol == 20 /* NETLINK_RDMA */ && getenv("DEK_VIRTUAL")) {
		errno = EPROTONOSUPPORT;
		return -1;
	}
	return real(domain, type, protocol);
}

int ioctl(int fd, unsigned long request, ...)
{
	REAL(int, "ioctl", int, unsigned long, ...);
	struct context *c = NULL;
	va_list list;
	void *argument;
	struct fwctl_file fwctl;
	int error = errno;

	va_start(list, request);
	argument = va_arg(list, void *);
	va_end(list);
	if ((request == FWCTL_RPC_CALL || request == FWCTL_INFO_CALL) && read_fwctl(fd, &fwctl)) {
		pthread_mutex_lock(&mutex);
		error = fwctl_ioctl(&fwctl, request, argument);
		pthread_mutex_unlock(&mutex);
		if (!error)
			return 0;
		errno = error;
		return -1;
	}
	if (request == RDMA_VERBS_IOCTL) {
		pthread_mutex_lock(&mutex);
		c = find_context(fd);
		if (!c)
			pthread_mutex_unlock(&mutex);
		errno = error;
	}
	if (!c)
		return real(fd, request, argument);
	c->references++;
	error = dispatch(c, argument);
	drop(c);
	pthread_mutex_unlock(&mutex);
	if (!error)
		return 0;
	errno = error;
	return -1;
}

int close(int fd)
{
	REAL(int, "close", int);
	struct stat st;
	int result, error;

	if (!is_device(fd, &st))
		return real(fd);
	result = real(fd);
	error = errno;
	pthread_mutex_lock(&mutex);
	sweep();
	pthread_mutex_unlock(&mutex);
	errno = error;
	return result;
}
