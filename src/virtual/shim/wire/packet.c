/*
 * What goes over the wire: a message is one packet, its data behind the head or, if there is much of it, in a memory
 * file beside it. Each message of a reliable connection is answered. Lengths and numbers are looked at by who receives
 * them, as nobody knows who sent them.
 */

enum { INLINE_MOST = 32768, PACKET_MAGIC = 0x7c0de117 };
enum packet_kind { REQUEST = 1, ANSWER = 2 };

struct packet {
	uint32_t magic;
	uint8_t kind;
	uint8_t type; /* enum qp_type */
	uint16_t outcome; /* ANSWER: a syndrome, 0 or LATER */
	uint64_t guid; /* of the NIC that it comes from */
	uint64_t number; /* of the message, since its QP was reset */
	uint32_t to; /* QPN */
	uint8_t has_file;
	uint8_t reserved[3];
	struct message message;
};

enum sent { SENT, NOBODY, NO_ROOM };

/* The process that had no room, of those that this pass over all queues came to: others need not try it. */
static struct {
	const struct nic *nic;
	uint64_t number; /* of its endpoint, 0: none */
} full;

/* When a process took something last, by the number of its endpoint; of many that share a place, the last one. */
static struct {
	uint64_t number, at;
} taken[64];

/* Whether there is no room at the process that has a QP. What waits for room since *since waits as long as it takes. */
static bool is_full(const struct nic *nic, uint32_t qpn, uint64_t *since)
{
	const uint64_t *table = full.number && full.nic == nic ? owners_of(nic) : NULL;
	const uint64_t number = table ? LOAD(table[qpn % QPNS]) : 0;

	if (!number || number != full.number)
		return false;
	if (*since && taken[number % 64].number == number && taken[number % 64].at > *since)
		*since = taken[number % 64].at;
	return true;
}

/* A memory file with these bytes, or -1. */
static int file_of(const uint8_t *data, uint32_t bytes)
{
	int file = syscall(SYS_memfd_create, "mlx5-message", 1 /* MFD_CLOEXEC */);

	for (uint32_t at = 0; file >= 0 && at < bytes;) {
		ssize_t n = pwrite(file, data + at, bytes - at, at);

		if (n <= 0) {
			real_close(file);
			return -1;
		}
		at += n;
	}
	return file;
}

/* Sends a packet, with as many bytes of data as its message says or none, to the process that has its QP. */
static enum sent send_packet(struct nic *own, struct nic *nic, struct packet *p, const uint8_t *data)
{
	const uint64_t *table = nic ? owners_of(nic) : NULL;
	const uint64_t number = table ? LOAD(table[p->to % QPNS]) : 0;
	const uint32_t bytes = data ? p->message.bytes : 0;
	union {
		struct cmsghdr head;
		char room[CMSG_SPACE(sizeof(int))];
	} control = {{0}};
	struct iovec part[2] = {{p, sizeof(*p)}, {(void *)(uintptr_t)data, bytes}};
	struct sockaddr_un address;
	struct msghdr message = {
		.msg_name = &address, .msg_namelen = sizeof(address), .msg_iov = part, .msg_iovlen = 2};
	int fd = number ? wire_of(own) : -1, file = -1, folder = -1;
	ssize_t sent = -1;

	if (fd < 0)
		return NOBODY;
	p->magic = PACKET_MAGIC;
	p->guid = own->image->guid;
	p->has_file = bytes > INLINE_MOST;
	if (p->has_file) {
		file = file_of(data, bytes);
		if (file < 0)
			return NO_ROOM;
		message.msg_iovlen = 1;
		message.msg_control = control.room;
		message.msg_controllen = sizeof(control.room);
		control.head = (struct cmsghdr){CMSG_LEN(sizeof(int)), SOL_SOCKET, SCM_RIGHTS};
		memcpy(CMSG_DATA(&control.head), &file, sizeof(file));
	}
	if (address_of(nic, number, &address, &folder))
		sent = sendmsg(fd, &message, MSG_DONTWAIT | MSG_NOSIGNAL);
	fd = errno;
	if (folder >= 0)
		real_close(folder);
	if (file >= 0)
		real_close(file);
	if (sent >= 0) {
		taken[number % 64].number = number, taken[number % 64].at = now_ns();
		return SENT;
	}
	if (fd != EAGAIN && fd != ENOBUFS && fd != ENOMEM)
		return NOBODY;
	full.nic = nic, full.number = number;
	return NO_ROOM;
}

/* What must not wait for long: who has no room for it gets the processor a few times. */
static enum sent send_now(struct nic *own, struct nic *nic, struct packet *p, const uint8_t *data)
{
	enum { TRIES = 100 };
	enum sent sent = send_packet(own, nic, p, data);

	for (int tries = 0; sent == NO_ROOM && tries < TRIES; tries++) {
		sched_yield();
		sent = send_packet(own, nic, p, data);
	}
	return sent;
}

/* The file that came with a packet, or -1. Of more, which nobody of ours sends, the last stays, and *files counts. */
static int file_with(struct msghdr *message, int *files)
{
	int file = -1;

	for (struct cmsghdr *head = CMSG_FIRSTHDR(message); head; head = CMSG_NXTHDR(message, head)) {
		if (head->cmsg_level != SOL_SOCKET || head->cmsg_type != SCM_RIGHTS)
			continue;
		for (size_t at = 0; CMSG_LEN(at + sizeof(file)) <= head->cmsg_len; at += sizeof(file)) {
			if (file >= 0)
				real_close(file);
			memcpy(&file, CMSG_DATA(head) + at, sizeof(file));
			(*files)++;
		}
	}
	return file;
}

/*
 * Takes a packet from a socket. *data: its bytes, in `inside` or in memory that is to be freed. False: there is none;
 * one that makes no sense has the magic 0.
 */
static bool take_packet(int fd, struct packet *p, uint8_t inside[INLINE_MOST], uint8_t **data)
{
	union {
		struct cmsghdr head;
		char room[CMSG_SPACE(sizeof(int))];
	} control;
	struct iovec part[2] = {{p, sizeof(*p)}, {inside, INLINE_MOST}};
	struct msghdr message = {
		.msg_iov = part, .msg_iovlen = 2, .msg_control = control.room, .msg_controllen = sizeof(control.room)};
	const ssize_t got = recvmsg(fd, &message, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
	int file, files = 0;
	bool good;

	if (got < 0)
		return false;
	file = file_with(&message, &files);
	good = got >= (ssize_t)sizeof(*p) && p->magic == PACKET_MAGIC && p->has_file == files &&
	       !(message.msg_flags & (MSG_TRUNC | MSG_CTRUNC)) && p->message.bytes <= MESSAGE_MOST;
	*data = inside;
	if (good && file >= 0) {
		*data = malloc(p->message.bytes);
		good = *data && pread(file, *data, p->message.bytes, 0) == (ssize_t)p->message.bytes;
		if (!good)
			free(*data);
	} else if (good) {
		good = (size_t)got == sizeof(*p) || (size_t)got == sizeof(*p) + p->message.bytes;
		if ((size_t)got == sizeof(*p))
			*data = NULL;
	}
	if (file >= 0)
		real_close(file);
	if (!good) {
		p->magic = 0;
		*data = NULL;
	}
	return true;
}
