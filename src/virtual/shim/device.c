/* Opening a device, and asking whether it may be opened. */

/* N of /dev/infiniband/uverbsN, -1 for any other path. */
static __attribute__((noinline)) int device_index(const char *path)
{
	static const char prefix[] = "/dev/infiniband/uverbs";
	const char *digits = path;
	int index = 0;

	for (const char *p = prefix; *p; p++, digits++)
		if (!path || *digits != *p)
			return -1;
	if (!getenv("DEK_VIRTUAL") || !*digits || strlen(digits) > 3)
		return -1;
	for (; *digits; digits++) {
		if (*digits < '0' || *digits > '9')
			return -1;
		index = 10 * index + *digits - '0';
	}
	return index;
}

/* The device as /dev/zero. */
static int open_device(int index, int flags)
{
	struct context *c = NULL;
	struct nic *nic;
	int fd, error = 0;

	fd = syscall(SYS_openat, AT_FDCWD, "/dev/zero", flags & (O_ACCMODE | O_CLOEXEC | O_NONBLOCK), 0);
	if (fd >= FDS) {
		real_close(fd);
		errno = EMFILE;
		return -1;
	}
	if (fd < 0)
		return -1;
	pthread_mutex_lock(&mutex);
	forget(fd); /* its former owner went without close(2) */
	nic = attach(index);
	if (!nic)
		error = errno;
	else if (!usable(nic) || LOAD(nic->image->gone))
		error = EIO;
	else if (LOAD(nic->image->open_errno))
		error = LOAD(nic->image->open_errno);
	else if (!(c = calloc(1, sizeof(*c))))
		error = ENOMEM;
	if (!error) {
		lock_image(nic, F_WRLCK);
		reap(nic->image, nic->user != getpid());
		nic->user = owner = getpid();
		c->slot = claim(nic->image, fd);
		lock_image(nic, F_UNLCK);
		if (!c->slot)
			error = ENFILE;
	}
	if (error) {
		free(c);
	} else {
		ADD(nic->image->contexts_made, 1);
		c->nic = nic;
		c->fd = fd;
		c->references = 1;
		c->next = contexts;
		contexts = c;
		STORE(ours[fd], 1);
	}
	pthread_mutex_unlock(&mutex);
	if (error) {
		real_close(fd);
		errno = error;
		return -1;
	}
	return fd;
}

/* Whether a program may open the device: 0, or -1 and errno. */
static int access_device(int index)
{
	struct nic *nic;
	int error = 0;

	pthread_mutex_lock(&mutex);
	nic = attach(index);
	if (!nic)
		error = errno;
	else if (usable(nic))
		error = LOAD(nic->image->open_errno);
	pthread_mutex_unlock(&mutex);
	if (error == 0)
		return 0;
	errno = error;
	return -1;
}
