/*
 * The memory of the program, as the NIC sees it. All of it is read and written by system calls on this process
 * itself: they cannot fault, so that memory that is gone, after it was registered or while it was in use, is an error
 * of one work request and not the end of the program.
 */

static bool fetch(void *to, uint64_t address, size_t bytes)
{
	struct iovec local = {to, bytes}, remote = {(void *)(uintptr_t)address, bytes};

	return process_vm_readv(getpid(), &local, 1, &remote, 1, 0) == (ssize_t)bytes;
}

static bool store(uint64_t address, const void *from, size_t bytes)
{
	struct iovec local = {(void *)(uintptr_t)from, bytes}, remote = {(void *)(uintptr_t)address, bytes};

	return process_vm_writev(getpid(), &local, 1, &remote, 1, 0) == (ssize_t)bytes;
}

/* Whether every page of a range can be read: what the kernel finds out by pinning. */
static bool is_mapped(uint64_t address, uint64_t bytes)
{
	enum { BATCH = 512 };
	const uint64_t page = sysconf(_SC_PAGESIZE), end = address + bytes;
	struct iovec remote[BATCH];
	uint8_t seen[BATCH];

	if (end < address)
		return false;
	while (address < end) {
		struct iovec local = {seen, 0};
		int n = 0;

		for (; n < BATCH && address < end; n++, address = (address / page + 1) * page)
			remote[n] = (struct iovec){(void *)(uintptr_t)address, 1};
		local.iov_len = n;
		if (process_vm_readv(getpid(), &local, 1, remote, n, 0) != n)
			return false;
	}
	return true;
}

/*
 * A number of a doorbell record, big-endian. The kernel may copy it byte by byte while the program writes it: what is
 * not `known` is read until it is the same twice.
 */
static bool fetch_record(uint64_t address, uint32_t known, uint32_t *value)
{
	uint32_t first, again;

	if (!fetch(&first, address, sizeof(first)))
		return false;
	for (again = first; be32toh(first) != known; first = again)
		if (!fetch(&again, address, sizeof(again)))
			return false;
		else if (again == first)
			break;
	*value = be32toh(first);
	return true;
}
