/*
 * Slots: which process holds which context, and how many objects, in the image. What a dead process held is taken back
 * here, and the limit of DEKs is kept.
 */

/* The start time of a process, 0 when there is none (a zombie counts as none). */
static uint64_t process_start(uint32_t pid)
{
	char path[32], text[1024], *p;
	ssize_t length;
	int fd;

	snprintf(path, sizeof(path), "/proc/%u/stat", pid);
	fd = syscall(SYS_openat, AT_FDCWD, path, O_RDONLY | O_CLOEXEC, 0);
	if (fd < 0)
		return 0;
	length = read(fd, text, sizeof(text) - 1);
	real_close(fd);
	text[length > 0 ? length : 0] = 0;
	p = strrchr(text, ')'); /* the name may hold anything; field 3, the state, follows it */
	if (!p || p[1] != ' ' || p[2] == 'Z' || p[2] == 'X')
		return 0;
	for (int field = 3; field < 22 && p; field++)
		p = strchr(p + 2, ' ');
	return p ? strtoull(p, NULL, 10) : 0;
}

/* Whether the owner of a slot lives and has the device open still: it may have called exec, or close_range(2). */
static bool held(const struct slot *slot)
{
	char path[48], target[16] = "";

	if (process_start(slot->pid) != slot->start)
		return false;
	snprintf(path, sizeof(path), "/proc/%u/fd/%u", slot->pid, slot->fd);
	if (readlink(path, target, sizeof(target) - 1) < 0)
		return errno != ENOENT;
	return strcmp(target, "/dev/zero") == 0;
}

/* Frees the slots that nobody holds. `own`: all of this pid, left by the program that called exec. */
static void reap(struct image *image, bool own)
{
	uint32_t used = image->slots_used, pid, self = getpid();

	for (uint32_t i = 0; i < used && i < SLOTS; i++) {
		pid = image->slot[i].pid;
		if (pid != 0 && (pid == self ? own : !held(&image->slot[i])))
			STORE(image->slot[i].pid, 0);
	}
}

/* Call with the image locked. NULL when all slots are taken. */
static struct slot *claim(struct image *image, int fd)
{
	for (uint32_t i = 0; i < SLOTS; i++) {
		struct slot *slot = &image->slot[i];

		if (slot->pid != 0)
			continue;
		*slot = (struct slot){.fd = fd, .start = process_start(getpid()), .era = LOAD(image->era)};
		if (image->slots_used <= i)
			STORE(image->slots_used, i + 1);
		STORE(slot->pid, getpid());
		return slot;
	}
	return NULL;
}

static uint64_t live_deks(const struct image *image)
{
	uint64_t deks = 0;

	for (uint32_t i = 0; i < image->slots_used && i < SLOTS; i++)
		if (LOAD(image->slot[i].pid) != 0 && image->slot[i].era == image->era)
			deks += LOAD(image->slot[i].deks);
	return deks;
}

/* One more DEK for this context, unless the device has no room for it. Call with the mutex. */
static bool count_dek(struct context *c)
{
	struct image *image = c->nic->image;
	uint64_t limit = 1ull << (image->log_max_num_deks & 31);
	bool room;

	lock_image(c->nic, F_WRLCK);
	room = live_deks(image) < limit;
	if (!room) {
		reap(image, false);
		room = live_deks(image) < limit;
	}
	if (room)
		ADD(c->slot->deks, 1);
	lock_image(c->nic, F_UNLCK);
	return room;
}
