/*
 * Calls what the shim interposes on files that are none of its business, and prints all that can be seen of the
 * answers.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

/* errno has to stay as it is when a call succeeds. */
#define SHOW(call)                                                                                                     \
	do {                                                                                                           \
		long result;                                                                                           \
		errno = 4242;                                                                                          \
		result = (call);                                                                                       \
		printf("%s: %ld, errno %d\n", #call, result, errno);                                                   \
	} while (0)

static int mode_of(int fd)
{
	struct stat st;

	fstat(fd, &st);
	close(fd);
	return st.st_mode & 07777;
}

/* What a file has after a byte was written to a mapping of it. */
static int write_through(int fd, int flags)
{
	char *p, byte = 0;

	if (ftruncate(fd, 4096))
		return -1;
	p = mmap(NULL, 4096, PROT_READ | PROT_WRITE, flags, fd, 0);
	p[5] = 'x';
	munmap(p, 4096);
	byte = pread(fd, &byte, 1, 5) == 1 ? byte : -1;
	close(fd);
	return byte;
}

int main(int argc, char **argv)
{
	struct stat st;
	struct stat64 st64;
	int pair[2], waiting = 0;

	(void)argc;
	umask(0);
	if (chdir(argv[1]))
		return 1;
	SHOW(mode_of(open("a", O_CREAT | O_RDWR, 0640)));
	SHOW(mode_of(open64("b", O_CREAT | O_RDWR, 0604)));
	SHOW(mode_of(openat(AT_FDCWD, "c", O_CREAT | O_RDWR, 0460)));
	SHOW(mode_of(openat64(AT_FDCWD, "d", O_CREAT | O_RDWR, 0406)));
	SHOW(mode_of(open(".", O_TMPFILE | O_RDWR, 0611)));
	SHOW(open("missing", O_RDONLY));
	SHOW(open(NULL, O_RDONLY));
	SHOW(open("/dev/infiniband/uverbs", O_RDONLY));
	SHOW(open("/dev/infiniband/uverbs0x", O_RDONLY));
	SHOW(open("/dev/infiniband/uverbs99999", O_RDONLY));
	SHOW(stat("a", &st));
	SHOW(st.st_mode);
	SHOW(stat64("missing", &st64));
	SHOW(stat("", &st));
	SHOW(fstat64(0, &st64));
	SHOW(fstat(-1, &st));
	SHOW(write_through(open("a", O_RDWR), MAP_SHARED));
	SHOW(write_through(open("b", O_RDWR), MAP_PRIVATE));
	SHOW(mmap(NULL, 0, PROT_READ, MAP_SHARED, -1, 0) == MAP_FAILED);
	SHOW(inotify_add_watch(inotify_init(), "/dev/char", IN_CREATE) >= -1);
	SHOW(inotify_add_watch(inotify_init(), ".", IN_CREATE) > 0);
	SHOW(access("a", R_OK));
	SHOW(access("missing", R_OK));
	SHOW(faccessat(AT_FDCWD, "b", F_OK, AT_SYMLINK_NOFOLLOW));
	SHOW(socketpair(AF_UNIX, SOCK_STREAM, 0, pair));
	SHOW(fstat(pair[0], &st));
	SHOW(S_ISSOCK(st.st_mode));
	SHOW(write(pair[0], "12345", 5));
	SHOW(ioctl(pair[1], FIONREAD, &waiting));
	SHOW(waiting);
	SHOW(ioctl(pair[1], 0xc0181b01, &st));
	SHOW(ioctl(-1, FIONREAD, &waiting));
	SHOW(close(pair[0]));
	SHOW(close(pair[0]));
	SHOW(socket(AF_NETLINK, SOCK_RAW, 0) >= 0);
	SHOW(socket(AF_UNIX, SOCK_STREAM, 20));
	return 0;
}
