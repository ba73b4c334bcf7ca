/*
 * Completion channels: a socket of which the program reads, 8 bytes for each event, the user's handle of the CQ. A CQ
 * is armed by its doorbell record, which the engine looks at (PRM, "Completion Event Notification"):
 *
 *     record + 4   sequence number 28 (2 bits), solicited completions only 24 (inverted), consumer index 0 (24 bits)
 *
 * One event is written for each sequence number, when there are completions behind that index. A channel is told by
 * the inode of the program's end, so that nothing is remembered of descriptors that a program may close or pass on.
 */

struct channel {
	struct channel *next;
	int fd; /* our end */
	ino_t inode, peer; /* of our end, of the program's */
	uint32_t users; /* CQs */
};

static struct channel *channels;

/* Whether a descriptor is the socket of this inode still: a program that closes all descriptors closes ours. */
static bool is_socket(int fd, ino_t inode)
{
	struct stat st;

	return fd >= 0 && real_fstat(fd, &st) == 0 && S_ISSOCK(st.st_mode) && st.st_ino == inode;
}

/* Frees the channels that no CQ has and whose other end is closed. */
static void sweep_channels(void)
{
	for (struct channel **p = &channels; *p;) {
		struct channel *ch = *p;
		uint8_t byte;
		bool ours = is_socket(ch->fd, ch->inode);

		if (ch->users || (ours && recv(ch->fd, &byte, 1, MSG_DONTWAIT) != 0)) {
			p = &ch->next;
			continue;
		}
		*p = ch->next;
		if (ours)
			real_close(ch->fd);
		free(ch);
	}
}

static int create_channel(struct context *c, const void *in, attrs a)
{
	struct ib_uverbs_create_comp_channel_resp out;
	struct channel *ch = calloc(1, sizeof(*ch));
	struct stat ours, theirs;
	int fd[2];

	(void)c, (void)in;
	sweep_channels();
	if (!ch)
		return ENOMEM;
	if (syscall(SYS_socketpair, AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fd) != 0) {
		int error = errno;

		free(ch);
		return error;
	}
	real_fstat(fd[0], &ours);
	real_fstat(fd[1], &theirs);
	*ch = (struct channel){.next = channels, .fd = fd[0], .inode = ours.st_ino, .peer = theirs.st_ino};
	channels = ch;
	out.fd = fd[1];
	put_out(a[1], &out, sizeof(out));
	return 0;
}

/* The channel that a program's descriptor is of, or NULL. */
static struct channel *find_channel(int fd)
{
	struct stat st;

	if (fd < 0 || real_fstat(fd, &st) != 0 || !S_ISSOCK(st.st_mode))
		return NULL;
	for (struct channel *ch = channels; ch; ch = ch->next)
		if (ch->peer == st.st_ino)
			return ch;
	return NULL;
}

/* False: there is no room for an event; it is tried again. */
static bool send_event(const struct channel *ch, uint64_t user)
{
	return !is_socket(ch->fd, ch->inode) ||
	       send(ch->fd, &user, sizeof(user), MSG_DONTWAIT | MSG_NOSIGNAL) == sizeof(user) || errno != EAGAIN;
}

/* Takes the events of a CQ that the program has not read yet out of its channel, and returns how many there were. */
static uint32_t take_events(const struct channel *ch, int program_fd, uint64_t user)
{
	uint64_t event, kept[512];
	uint32_t taken = 0, count = 0;

	if (!is_socket(program_fd, ch->peer))
		return 0;
	while (count < 512 && recv(program_fd, &event, sizeof(event), MSG_DONTWAIT) == sizeof(event))
		if (event == user)
			taken++;
		else
			kept[count++] = event;
	for (uint32_t i = 0; i < count; i++)
		send_event(ch, kept[i]);
	return taken;
}

/* The child of a fork: the events are the parent's. */
static void forget_channels(void)
{
	for (struct channel *ch = channels, *next; ch; ch = next) {
		next = ch->next;
		if (is_socket(ch->fd, ch->inode))
			real_close(ch->fd);
		free(ch);
	}
	channels = NULL;
}
