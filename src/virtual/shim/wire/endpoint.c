/*
 * The wire between processes: a datagram socket for each process and NIC, mlx5_N.wire/NUMBER, while it has QPs that can
 * receive; and mlx5_N.qpn, which tells at which of them a QP is. The kernel keeps what is on its way in order, loses
 * none of it, and says when a process is dead. What such a one leaves, the next takes away.
 */

#define WIRE_PATH_BYTES (NIC_PATH_BYTES + 32)
#define QPNS (1u << 24)

struct endpoint {
	int fd; /* -1: none */
	ino_t inode;
	uint64_t number; /* never the same twice on a NIC */
	uint32_t users; /* QPs */
};

static struct endpoint endpoints[MAX_NICS] = {[0 ... MAX_NICS - 1] = {.fd = -1}};
static uint64_t *owners[MAX_NICS]; /* by QPN: the number of an endpoint, 0 for none */

static struct endpoint *endpoint_of(const struct nic *nic)
{
	return &endpoints[nic - nics];
}

/* The table of a NIC, of this process's or of another one's; NULL: none that can be mapped, or it was cut short. */
static uint64_t *owners_of(const struct nic *nic)
{
	uint64_t **table = &owners[nic - nics];
	char path[PATH_BYTES];
	struct stat st;
	void *map = MAP_FAILED;
	int file;

	if (*table)
		return can_read(*table + QPNS - 1) ? *table : NULL;
	snprintf(path, sizeof(path), "%s.qpn", nic->path);
	file = open_file(path, O_RDWR | O_CREAT, 0600);
	if (file < 0)
		return NULL;
	share_file(nic, file); /* of another user's file it changes nothing */
	/* Never shorter: others have it mapped. */
	if (real_fstat(file, &st) == 0 &&
	    (st.st_size >= (off_t)(QPNS * sizeof(uint64_t)) || ftruncate(file, QPNS * sizeof(uint64_t)) == 0))
		map = map_file(file, QPNS * sizeof(uint64_t));
	real_close(file);
	if (map == MAP_FAILED)
		return NULL;
	madvise(map, QPNS * sizeof(uint64_t), MADV_DONTDUMP);
	return *table = map;
}

/*
 * The address of an endpoint of a NIC. A path that is too long for one goes by a descriptor of the folder, which the
 * caller closes: -1 if there is none.
 */
static bool address_of(const struct nic *nic, uint64_t number, struct sockaddr_un *address, int *folder)
{
	char path[WIRE_PATH_BYTES];
	int length = snprintf(path, sizeof(path), "%s.wire/%llx", nic->path, (unsigned long long)number);

	*address = (struct sockaddr_un){.sun_family = AF_UNIX};
	*folder = -1;
	if (length < (int)sizeof(address->sun_path)) {
		memcpy(address->sun_path, path, length);
		return true;
	}
	strrchr(path, '/')[0] = 0;
	*folder = open_file(path, O_PATH | O_DIRECTORY, 0);
	snprintf(address->sun_path, sizeof(address->sun_path), "/proc/self/fd/%d/%llx", *folder,
		 (unsigned long long)number);
	return *folder >= 0;
}

/* Takes away the sockets in a folder that no process has, and that are not being made. */
static void sweep_wire(const struct nic *nic, const char *folder)
{
	DIR *list = opendir(folder);
	struct dirent *entry;

	while (list && (entry = readdir(list))) {
		unsigned long long number;
		struct sockaddr_un address;
		struct stat st;
		int directory, fd;

		if (sscanf(entry->d_name, "%llx", &number) != 1 ||
		    syscall(SYS_newfstatat, dirfd(list), entry->d_name, &st, AT_SYMLINK_NOFOLLOW) != 0 ||
		    !S_ISSOCK(st.st_mode) || time(NULL) - st.st_ctime < 2)
			continue;
		fd = syscall(SYS_socket, AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
		if (address_of(nic, number, &address, &directory) && fd >= 0 &&
		    connect(fd, (struct sockaddr *)&address, sizeof(address)) != 0 && errno == ECONNREFUSED)
			syscall(SYS_unlinkat, dirfd(list), entry->d_name, 0);
		if (directory >= 0)
			real_close(directory);
		if (fd >= 0)
			real_close(fd);
	}
	if (list)
		closedir(list);
}

static bool open_endpoint(struct nic *nic)
{
	struct endpoint *e = endpoint_of(nic);
	const uint64_t number = ADD(nic->image->next_serial, 1) + 1;
	char folder[WIRE_PATH_BYTES];
	struct sockaddr_un address;
	struct stat st;
	int directory = -1, fd;
	bool bound = false;

	snprintf(folder, sizeof(folder), "%s.wire", nic->path);
	if (syscall(SYS_mkdirat, AT_FDCWD, folder, 0700) != 0 && errno != EEXIST)
		return false;
	sweep_wire(nic, folder);
	fd = syscall(SYS_socket, AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd >= 0 && address_of(nic, number, &address, &directory))
		bound = bind(fd, (struct sockaddr *)&address, sizeof(address)) == 0 && real_fstat(fd, &st) == 0;
	if (directory >= 0)
		real_close(directory);
	if (!bound) {
		if (fd >= 0)
			real_close(fd);
		return false;
	}
	e->fd = fd, e->inode = st.st_ino, e->number = number;
	return true;
}

static void close_endpoint(struct nic *nic)
{
	struct endpoint *e = endpoint_of(nic);
	char path[WIRE_PATH_BYTES];

	if (is_socket(e->fd, e->inode))
		real_close(e->fd);
	e->fd = -1;
	snprintf(path, sizeof(path), "%s.wire/%llx", nic->path, (unsigned long long)e->number);
	syscall(SYS_unlinkat, AT_FDCWD, path, 0);
}

/* The socket of this process at a NIC, made anew if the program closed it; -1: none. Call with the mutex. */
static int wire_of(struct nic *nic)
{
	struct endpoint *e = endpoint_of(nic);
	uint64_t *table;

	if (is_socket(e->fd, e->inode))
		return e->fd;
	table = e->users ? owners_of(nic) : NULL;
	if (!table || !open_endpoint(nic))
		return -1;
	for (const struct body *b = queues; b; b = b->next_queue)
		if (b->kind == QP && b->context->nic == nic && ((const struct qp *)b)->on_wire)
			STORE(table[b->number % QPNS], e->number);
	return e->fd;
}

/* A QP that can receive is found by others from now on. False: they cannot reach it. */
static bool join_wire(struct qp *q)
{
	struct nic *nic = q->body.context->nic;
	uint64_t *table = owners_of(nic);

	if (q->on_wire)
		return true;
	endpoint_of(nic)->users++;
	if (!table || !can_write(table + q->body.number % QPNS) || wire_of(nic) < 0) {
		endpoint_of(nic)->users--;
		return false;
	}
	STORE(table[q->body.number % QPNS], endpoint_of(nic)->number);
	return q->on_wire = true;
}

static void leave_wire(struct qp *q)
{
	struct nic *nic = q->body.context->nic;
	uint64_t *table = owners_of(nic);

	if (!q->on_wire)
		return;
	q->on_wire = false;
	if (table && LOAD(table[q->body.number % QPNS]) == endpoint_of(nic)->number)
		STORE(table[q->body.number % QPNS], 0);
	if (--endpoint_of(nic)->users == 0)
		close_endpoint(nic);
}

/* A QP that is freed. */
static void release_qp(struct body *b)
{
	leave_wire((struct qp *)b);
	leave_umems(b->context, ((struct qp *)b)->umem);
}

/* The child of a fork: who sends to the parent must not find its socket open here. */
static void forget_wire(void)
{
	for (int i = 0; i < MAX_NICS; i++) {
		if (is_socket(endpoints[i].fd, endpoints[i].inode))
			real_close(endpoints[i].fd);
		endpoints[i] = (struct endpoint){.fd = -1};
	}
}
