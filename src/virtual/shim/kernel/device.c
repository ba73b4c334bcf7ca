/*
 * A device as a file: opening it, asking whether it may be opened, and what stat says of it: a character device of
 * the number that sysfs has, 231:(192 + N). Of /dev/fwctl/fwctlN stat says no more than that it is there.
 */

#define DEVICE_MAJOR 231
#define DEVICE_MINOR 192

/* N of a path that begins with `prefix`, -1 for any other path. */
static __attribute__((noinline)) int index_behind(const char *prefix, const char *path)
{
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

enum { FWCTL = 1000 }; /* added to N */

/* N of /dev/infiniband/uverbsN, FWCTL + N of /dev/fwctl/fwctlN, -1 for any other path. */
static int device_index(const char *path)
{
	int index = index_behind("/dev/infiniband/uverbs", path);

	if (index >= 0)
		return index;
	index = index_behind("/dev/fwctl/fwctl", path);
	return index < 0 ? -1 : FWCTL + index;
}

static int open_error; /* errno of the last open that failed: see inotify_add_watch in interpose.c */

/* A new context. */
static int open_device(int index, int flags)
{
	struct nic *nic;
	int fd = -1, error = 0;

	pthread_mutex_lock(&mutex);
	sweep(); /* what went without close(2) */
	nic = attach(index % FWCTL);
	if (!nic)
		error = errno;
	else if (index >= FWCTL && !has_fwctl(index - FWCTL))
		error = ENOENT;
	else if (!usable(nic) || LOAD(nic->image->gone))
		error = index < FWCTL ? EIO : ENODEV;
	else if (LOAD(nic->image->open_errno))
		error = LOAD(nic->image->open_errno);
	if (!error && index >= FWCTL) {
		fd = make_fwctl(nic, index - FWCTL, flags);
		error = fd < 0 ? errno : 0;
	} else if (!error) {
		lock_image(nic, F_WRLCK);
		fd = claim(nic, index, flags & (O_CLOEXEC | O_NONBLOCK));
		error = fd < 0 ? errno : 0;
		lock_image(nic, F_UNLCK);
	}
	if (!error && index < FWCTL)
		ADD(nic->image->contexts_made, 1);
	pthread_mutex_unlock(&mutex);
	if (error) {
		if (index < FWCTL)
			STORE(open_error, error);
		errno = error;
	}
	return fd;
}

/* Whether a program may open the device: 0, or -1 and errno. */
static int access_device(int index)
{
	struct nic *nic;
	int error = 0;

	pthread_mutex_lock(&mutex);
	nic = attach(index % FWCTL);
	if (!nic)
		error = errno;
	else if (index >= FWCTL && !has_fwctl(index - FWCTL))
		error = ENOENT;
	else if (usable(nic))
		error = LOAD(nic->image->open_errno);
	pthread_mutex_unlock(&mutex);
	if (error == 0)
		return 0;
	errno = error;
	return -1;
}

/* Of the path of a device only whether there is one matters: libibverbs looks at no more. */
static const char *stat_path(const char *path)
{
	int error = errno, index = device_index(path);
	char image[PATH_BYTES];
	bool found;

	if (index < 0)
		return path;
	found = (index < FWCTL || has_fwctl(index - FWCTL)) && image_path(image, index % FWCTL) &&
		syscall(SYS_faccessat, AT_FDCWD, image, F_OK) == 0;
	errno = error;
	return found ? "/dev/zero" : path;
}

/* N of the device that a descriptor is of, or -1. */
static int descriptor_index(int fd)
{
	struct shared header;
	struct stat st;
	int error = errno, index = is_device(fd, &st) && read_header(fd, &header) ? (int)header.device : -1;

	errno = error;
	return index;
}
