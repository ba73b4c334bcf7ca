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

/* /dev/zero's own answer is the right one for a device that is /dev/zero. */
static const char *stat_path(const char *path)
{
	int error = errno, index = device_index(path);
	char image[PATH_BYTES];
	bool found;

	if (index < 0)
		return path;
	found = image_path(image, index) && syscall(SYS_faccessat, AT_FDCWD, image, F_OK) == 0;
	errno = error;
	return found ? "/dev/zero" : path;
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
	int error;

	va_start(list, request);
	argument = va_arg(list, void *);
	va_end(list);
	if (request == RDMA_VERBS_IOCTL && is_ours(fd)) {
		pthread_mutex_lock(&mutex);
		c = find_context(fd);
		if (!c)
			pthread_mutex_unlock(&mutex);
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

	if (is_ours(fd)) {
		int error = errno;

		pthread_mutex_lock(&mutex);
		forget(fd);
		pthread_mutex_unlock(&mutex);
		errno = error;
	}
	return real(fd);
}
