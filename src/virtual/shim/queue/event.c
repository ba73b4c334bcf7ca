/*
 * Asynchronous events: a program reads struct ib_uverbs_async_event_desc from a descriptor of its context. It is a
 * socket that is connected with itself, so that what we write into it is read there, and nothing else is to be kept.
 * The one event that there is: a shared receive queue has less in it than its limit (SRQ_LIMIT_REACHED).
 */

enum { EVENT_SRQ_LIMIT_REACHED = 15 }; /* of enum ibv_event_type */

/* A socket that is connected with itself, or -1 and errno. Nobody else can write into it. */
static int loop_socket(void)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	socklen_t bytes = sizeof(address);
	int fd = syscall(SYS_socket, AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	if (fd < 0)
		return -1;
	if (bind(fd, (struct sockaddr *)&address, sizeof(address.sun_family)) == 0 && /* to a name of the kernel's */
	    getsockname(fd, (struct sockaddr *)&address, &bytes) == 0 &&
	    connect(fd, (struct sockaddr *)&address, bytes) == 0)
		return fd;
	bytes = errno;
	real_close(fd);
	errno = bytes;
	return -1;
}

/* Of several in a process the first tells, while it is open. */
static int alloc_async_fd(struct context *c, attrs a)
{
	struct stat st;
	int fd = loop_socket();

	if (fd < 0)
		return errno;
	if (!is_socket(c->event_fd, c->event_inode) && real_fstat(fd, &st) == 0)
		c->event_fd = fd, c->event_inode = st.st_ino;
	a[0]->data_s64 = fd;
	return 0;
}

/* False: there is no room, or nobody to tell. */
static bool send_async(const struct context *c, const struct ib_uverbs_async_event_desc *event)
{
	return is_socket(c->event_fd, c->event_inode) &&
	       send(c->event_fd, event, sizeof(*event), MSG_DONTWAIT | MSG_NOSIGNAL) == sizeof(*event);
}

/* Takes the events of an object that the program has not read yet away, and returns how many there were. */
static uint32_t take_async(const struct context *c, uint64_t element)
{
	struct ib_uverbs_async_event_desc event, kept[64];
	uint32_t taken = 0, count = 0;

	if (!is_socket(c->event_fd, c->event_inode))
		return 0;
	while (count < 64 && recv(c->event_fd, &event, sizeof(event), MSG_DONTWAIT) == sizeof(event))
		if (event.element == element)
			taken++;
		else
			kept[count++] = event;
	for (uint32_t i = 0; i < count; i++)
		send_async(c, &kept[i]);
	return taken;
}
