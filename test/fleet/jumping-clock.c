/*
 * Runs a program whose clock of the day is off by so many seconds as stand in FILE, and jumps when they change:
 *
 *     jumping-clock FILE PROGRAM [ARGUMENT]...
 *
 * FILE has the seconds as 8 bytes, a signed integer of this machine. The monotonic clock goes on as before, as it does
 * when the clock of a host is set. A second process answers what the program asks (seccomp_unotify(2)), and takes the
 * vDSO from it, by which a program would know the time without asking the kernel: in this way it works for those that
 * do not use the C library as well, as programs in Go, but not for what they begin in their place or beside them. The
 * program keeps its process id.
 */
#define _GNU_SOURCE
#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <poll.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static void die(const char *what)
{
	perror(what);
	_exit(126);
}

#define LOAD(field) BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, field))
/* To the answer "ask" when it is that number; `left` instructions stand between. */
#define ASK_IF(value, left) BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, value, left, 0)

/* From now on who asks for the time of day is answered by whoever reads the descriptor that is returned. */
static int filter(void)
{
	struct sock_filter code[] = {
		LOAD(nr),
#ifdef __NR_time
		ASK_IF(__NR_time, 6),
#else
		ASK_IF(__NR_gettimeofday, 6),
#endif
		ASK_IF(__NR_gettimeofday, 5),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, __NR_clock_gettime, 0, 3),
		LOAD(args[0]),
		ASK_IF(CLOCK_REALTIME, 2),
		ASK_IF(CLOCK_REALTIME_COARSE, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_USER_NOTIF),
	};
	struct sock_fprog program = {.len = sizeof code / sizeof code[0], .filter = code};
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)) die("no_new_privs");
	int fd = syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_NEW_LISTENER, &program);
	if (fd < 0) die("seccomp");
	return fd;
}

static void send_fd(int socket, int fd)
{
	char byte = 0, space[CMSG_SPACE(sizeof fd)] = {0};
	struct iovec data = {&byte, 1};
	struct msghdr message = {.msg_iov = &data, .msg_iovlen = 1};
	message.msg_control = space;
	message.msg_controllen = sizeof space;
	struct cmsghdr *head = CMSG_FIRSTHDR(&message);
	*head = (struct cmsghdr){.cmsg_len = CMSG_LEN(sizeof fd), .cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS};
	*(int *)CMSG_DATA(head) = fd;
	if (sendmsg(socket, &message, 0) != 1) die("sendmsg");
}

static int receive_fd(int socket)
{
	char byte, space[CMSG_SPACE(sizeof(int))];
	struct iovec data = {&byte, 1};
	struct msghdr message = {.msg_iov = &data, .msg_iovlen = 1};
	message.msg_control = space;
	message.msg_controllen = sizeof space;
	if (recvmsg(socket, &message, 0) != 1) die("recvmsg");
	return *(int *)CMSG_DATA(CMSG_FIRSTHDR(&message));
}

/* Where the kernel has put argc: proc(5), stat, startstack. */
static unsigned long stack_of(pid_t pid)
{
	char path[64], text[1024];
	snprintf(path, sizeof path, "/proc/%d/stat", pid);
	FILE *file = fopen(path, "r");
	if (!file || !fgets(text, sizeof text, file)) die(path);
	fclose(file);
	char *at = text;
	for (char *c = text; *c; c++) if (*c == ')') at = c;
	for (int field = 2; field < 28; field++) while (*++at != ' ');
	return strtoul(at, NULL, 10);
}

static unsigned long word_at(pid_t pid, unsigned long at)
{
	errno = 0;
	long word = ptrace(PTRACE_PEEKDATA, pid, at, 0);
	if (errno) die("peek");
	return word;
}

/* The program has just begun, and knows of no vDSO from now on. */
static void hide_vdso(pid_t pid)
{
	const unsigned long step = sizeof(long);
	unsigned long at = stack_of(pid) + step;
	for (int lists = 0; lists < 2; at += step) if (!word_at(pid, at)) lists++;
	for (unsigned long type; (type = word_at(pid, at)) != AT_NULL; at += 2 * step) {
		if (type == AT_SYSINFO_EHDR && ptrace(PTRACE_POKEDATA, pid, at, AT_IGNORE)) die("poke");
	}
}

static int64_t answer(const struct seccomp_notif *asked, int64_t offset)
{
	const __u64 *args = asked->data.args;
	struct timespec now;
	clock_gettime(CLOCK_REALTIME, &now);
	now.tv_sec += offset;
	struct timeval coarse = {now.tv_sec, now.tv_nsec / 1000};
	struct iovec from = {&now, sizeof now}, to = {(void *)args[1], sizeof now};
	if (asked->data.nr == __NR_gettimeofday) {
		from = (struct iovec){&coarse, sizeof coarse};
		to = (struct iovec){(void *)args[0], sizeof coarse};
	}
#ifdef __NR_time
	if (asked->data.nr == __NR_time) {
		from = (struct iovec){&now.tv_sec, sizeof now.tv_sec};
		to = (struct iovec){(void *)args[0], sizeof now.tv_sec};
	}
#endif
	if (to.iov_base && process_vm_writev(asked->pid, &from, 1, &to, 1, 0) < 0) return -errno;
#ifdef __NR_time
	if (asked->data.nr == __NR_time) return now.tv_sec;
#endif
	return 0;
}

/* Until nobody is left who could ask. */
static void serve(int listener, const volatile int64_t *offset)
{
	struct pollfd wait = {.fd = listener, .events = POLLIN};
	while (poll(&wait, 1, -1) > 0 && !(wait.revents & POLLHUP)) {
		struct seccomp_notif asked = {0};
		if (ioctl(listener, SECCOMP_IOCTL_NOTIF_RECV, &asked)) continue;
		int64_t result = answer(&asked, *offset);
		struct seccomp_notif_resp told = {.id = asked.id, .val = result < 0 ? 0 : result};
		if (result < 0) told.error = result;
		ioctl(listener, SECCOMP_IOCTL_NOTIF_SEND, &told);
	}
}

static void supervise(pid_t program, int socket, const volatile int64_t *offset)
{
	int status;
	setsid();
	int listener = receive_fd(socket);
	if (ptrace(PTRACE_SEIZE, program, 0, PTRACE_O_TRACEEXEC)) die("seize");
	if (write(socket, "", 1) != 1) die("write");
	close(socket);
	/* It may be asked before the program has begun: by the one that begins it. */
	if (waitpid(program, &status, __WALL) != program) die("waitpid");
	if (status >> 8 != (SIGTRAP | PTRACE_EVENT_EXEC << 8)) die("exec");
	hide_vdso(program);
	if (ptrace(PTRACE_DETACH, program, 0, 0)) die("detach");
	int null = open("/dev/null", O_RDWR);
	for (int fd = 0; fd < 3; fd++) dup2(null, fd);
	serve(listener, offset);
	_exit(0);
}

int main(int argc, char **argv)
{
	int pair[2];
	char byte;
	if (argc < 3) return fprintf(stderr, "jumping-clock FILE PROGRAM [ARGUMENT]...\n"), 2;
	int file = open(argv[1], O_RDONLY | O_CLOEXEC);
	if (file < 0) die(argv[1]);
	const int64_t *offset = mmap(NULL, sizeof *offset, PROT_READ, MAP_SHARED, file, 0);
	if (offset == MAP_FAILED) die(argv[1]);
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair)) die("socketpair");
	const pid_t program = getpid();
	prctl(PR_SET_PTRACER, PR_SET_PTRACER_ANY, 0, 0, 0);
	const pid_t child = fork();
	if (child < 0) die("fork");
	if (child == 0) {
		close(pair[0]);
		if (fork() == 0) supervise(program, pair[1], offset);
		_exit(0);
	}
	close(pair[1]);
	waitpid(child, NULL, 0);
	int listener = filter();
	send_fd(pair[0], listener);
	close(listener);
	if (read(pair[0], &byte, 1) != 1) die("read");
	execvp(argv[2], argv + 2);
	die(argv[2]);
}
