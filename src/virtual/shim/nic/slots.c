/*
 * Slots: the contexts of a NIC, in its image. Whether one is still open only the lock on its file tells: whoever has
 * a copy of the descriptor holds that, in whatever process, and the kernel ends it with the last copy. Slots of
 * contexts that are gone are taken back here, and the limit of DEKs is kept. All of it with the image locked.
 */

static void context_path(char path[PATH_BYTES], const struct nic *nic, uint32_t slot)
{
	snprintf(path, PATH_BYTES, "%s.ctx/%u", nic->path, slot);
}

/* Whether a program has a file open, asked through another open of it (F_OFD_GETLK takes no lock to find out). */
static bool is_locked(int file)
{
	struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = 0, .l_len = 1};

	return fcntl(file, F_OFD_GETLK, &lock) == 0 && lock.l_type != F_UNLCK;
}

/* Call with the image locked: who writes a key looks for one that is not valid. */
static void delete_key(struct key *key)
{
	STORE(key->valid, 0);
	explicit_bzero(key->secret, sizeof(key->secret));
}

/* The KEKs and credentials that a context made as objects go with it. */
static void drop_keys_of(struct image *image, uint64_t serial)
{
	for (int i = 0; i < 2 * KEYS && serial; i++) {
		struct key *key = i < KEYS ? &image->kek[i] : &image->credential[i - KEYS];

		if (LOAD(key->valid) && key->owner == serial)
			delete_key(key);
	}
}

/* Opens the file of a slot if a program still has it; else takes the slot back and returns -1. */
static int open_held(struct nic *nic, uint32_t index)
{
	char path[PATH_BYTES];
	int file;

	context_path(path, nic, index);
	file = open_file(path, O_RDONLY, 0);
	if (file >= 0 && is_locked(file))
		return file;
	if (file >= 0) {
		syscall(SYS_unlinkat, AT_FDCWD, path, 0);
		real_close(file);
	}
	drop_keys_of(nic->image, nic->image->slot[index].serial);
	STORE(nic->image->slot[index].used, 0);
	return -1;
}

static uint32_t slots_used(const struct image *image)
{
	uint32_t used = LOAD(image->slots_used);

	return used < SLOTS ? used : SLOTS;
}

/* Takes back what nobody holds: all of it, or a few slots, so that each open pays a little. */
static void reap(struct nic *nic, bool all)
{
	static uint32_t next;
	uint32_t used = slots_used(nic->image);

	for (uint32_t i = 0; i < used && (all || i < 4); i++) {
		uint32_t index = all ? i : next++ % used;
		int file = LOAD(nic->image->slot[index].used) ? open_held(nic, index) : -1;

		if (file >= 0)
			real_close(file);
	}
}

/* A file that other users of the image may open too: those of its group, if it has one (dek virtual create --group). */
static void share_file(const struct nic *nic, int file)
{
	struct stat st;

	if (file >= 0 && real_fstat(nic->fd, &st) == 0 && st.st_mode & S_IWGRP)
		fchmod(file, 0660);
}

/*
 * Makes the file of a free slot, of its full size, and locks it: -1 and errno, EEXIST when a program has such a file.
 */
static int make_file(struct nic *nic, uint32_t index, int flags)
{
	struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = 0, .l_len = 1};
	char path[PATH_BYTES];
	int fd = -1;

	for (int tries = 0; tries < 2 && fd < 0; tries++) {
		context_path(path, nic, index);
		fd = syscall(SYS_openat, AT_FDCWD, path, O_RDWR | O_CREAT | O_EXCL | flags, 0600);
		if (fd >= 0 || (errno != EEXIST && errno != ENOENT))
			break;
		if (errno == ENOENT) {
			strrchr(path, '/')[0] = 0;
			if (syscall(SYS_mkdirat, AT_FDCWD, path, 0700) != 0 && errno != EEXIST)
				return -1;
		} else {
			int file = open_held(nic, index);

			if (file >= 0) {
				real_close(file);
				errno = EEXIST;
				return -1;
			}
			errno = EEXIST; /* a directory, say, that cannot be taken away */
		}
	}
	share_file(nic, fd);
	if (fd >= 0 && (ftruncate(fd, CONTEXT_BYTES) != 0 || fcntl(fd, F_OFD_SETLK, &lock) != 0)) {
		int error = errno;

		syscall(SYS_unlinkat, AT_FDCWD, path, 0);
		real_close(fd);
		errno = error;
		return -1;
	}
	return fd;
}

/* A new context: its descriptor, or -1 and errno, ENFILE when all slots are taken. */
static int claim(struct nic *nic, uint32_t device, int flags)
{
	struct image *image = nic->image;

	reap(nic, false);
	for (uint32_t i = 0, tried = 0; i < SLOTS; i++) {
		struct slot *slot = &image->slot[i];
		struct shared header = {.magic = CONTEXT_MAGIC, .device = device, .slot = i, .era = LOAD(image->era)};
		int fd;

		if (LOAD(slot->used)) {
			if (i == SLOTS - 1 && !tried++) {
				reap(nic, true);
				i = -1;
			}
			continue;
		}
		fd = make_file(nic, i, flags);
		if (fd < 0 && errno == EEXIST)
			continue;
		if (fd < 0)
			return -1;
		header.serial = ADD(image->next_serial, 1);
		/* The last byte as well: whether it can be read tells whether the file is whole, see is_whole. */
		if (pwrite(fd, &header, sizeof(header), CONTEXT_HEADER) != sizeof(header) ||
		    pwrite(fd, "", 1, CONTEXT_BYTES - 1) != 1) {
			real_close(fd);
			errno = ENOSPC;
			return -1;
		}
		*slot = (struct slot){.serial = header.serial, .era = header.era};
		if (slots_used(image) <= i)
			STORE(image->slots_used, i + 1);
		STORE(slot->used, 1);
		return fd;
	}
	errno = ENFILE;
	return -1;
}

static uint64_t live_deks(const struct image *image)
{
	uint64_t deks = 0;

	for (uint32_t i = 0; i < slots_used(image); i++)
		if (LOAD(image->slot[i].used) && image->slot[i].era == image->era)
			deks += LOAD(image->slot[i].deks);
	return deks;
}

/* Counts the DEKs of each context in its table: those of the dead go, and what a death in the middle of it left. */
static void count_deks(struct nic *nic)
{
	for (uint32_t i = 0; i < slots_used(nic->image); i++) {
		struct object records[64];
		struct shared header;
		uint32_t deks = 0;
		ssize_t got;
		off_t at = CONTEXT_RECORDS;
		int file = LOAD(nic->image->slot[i].used) ? open_held(nic, i) : -1;

		if (file < 0)
			continue;
		got = pread(file, &header, sizeof(header), CONTEXT_HEADER);
		for (uint32_t left = got == sizeof(header) ? header.count : 0; left > 0 && got > 0; at += got) {
			uint32_t n = left < 64 ? left : 64;

			got = pread(file, records, n * sizeof(records[0]), at);
			for (uint32_t k = 0; k < n && got == (ssize_t)(n * sizeof(records[0])); k++)
				deks += records[k].kind == DEK;
			left -= n;
		}
		real_close(file);
		STORE(nic->image->slot[i].deks, deks);
	}
}

/* Whether the device has room for one more DEK. */
static bool has_room(struct nic *nic)
{
	uint64_t limit = 1ull << (nic->image->log_max_num_deks & 31);

	if (live_deks(nic->image) < limit)
		return true;
	count_deks(nic);
	return live_deks(nic->image) < limit;
}
