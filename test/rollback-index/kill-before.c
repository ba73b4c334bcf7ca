/*
 * kill-before I COMMAND...: runs a command and kills it, with all its threads, right before system call I of those
 * between access("/dek-begin") and access("/dek-end"), counted over all threads. Exits with 0 when it was killed, with
 * 1 when it ended before, after printing how many calls there were, and with 2 when something failed.
 *
 * Calls that change nothing outside of the process are not counted, unless I begins with "all:": who is killed before
 * one of them leaves what who is killed before the next call that is counted leaves.
 */
#define _GNU_SOURCE
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

/* Of a thread that stands before a system call. */
struct call {
  long number;
  unsigned long path;
};

static int entered(pid_t thread, struct call *call) {
  struct __ptrace_syscall_info info;
  if (ptrace(PTRACE_GET_SYSCALL_INFO, thread, sizeof info, &info) <= 0) return 0;
  if (info.op != PTRACE_SYSCALL_INFO_ENTRY) return 0;
  call->number = (long)info.entry.nr;
  call->path = info.entry.args[1];
#ifdef SYS_access
  if (call->number == SYS_access) call->path = info.entry.args[0];
#endif
  return 1;
}

/* Node calls access, faccessat or faccessat2. */
static int is_access(const struct call *call, pid_t thread, const char *name) {
  char path[16] = "";
  struct iovec here = {path, strlen(name) + 1}, there = {(void *)call->path, strlen(name) + 1};
  int known = call->number == SYS_faccessat;
#ifdef SYS_access
  known |= call->number == SYS_access;
#endif
#ifdef SYS_faccessat2
  known |= call->number == SYS_faccessat2;
#endif
  return known && process_vm_readv(thread, &here, 1, &there, 1, 0) > 0 && strcmp(path, name) == 0;
}

static int is_inward(const struct call *call) {
  switch (call->number) {
    case SYS_futex: case SYS_mmap: case SYS_munmap: case SYS_mprotect: case SYS_madvise: case SYS_brk: case SYS_mremap:
    case SYS_epoll_pwait: case SYS_epoll_ctl: case SYS_sched_yield: case SYS_getpid: case SYS_gettid:
    case SYS_rt_sigaction: case SYS_rt_sigprocmask: case SYS_clock_gettime: case SYS_getrandom:
#ifdef SYS_epoll_wait
    case SYS_epoll_wait:
#endif
      return 1;
    default:
      return 0;
  }
}

int main(int argc, char **argv) {
  if (argc < 3) return 2;
  int all = strncmp(argv[1], "all:", 4) == 0;
  long at = atol(argv[1] + (all ? 4 : 0)), count = 0;
  int counting = 0, status;
  pid_t child = fork();
  if (child < 0) return 2;
  if (child == 0) {
    ptrace(PTRACE_TRACEME, 0, 0, 0);
    raise(SIGSTOP);
    execvp(argv[2], argv + 2);
    _exit(127);
  }
  if (waitpid(child, &status, 0) < 0) return 2;
  long options = PTRACE_O_TRACECLONE | PTRACE_O_TRACESYSGOOD | PTRACE_O_EXITKILL;
  if (ptrace(PTRACE_SETOPTIONS, child, 0, options) < 0 || ptrace(PTRACE_SYSCALL, child, 0, 0) < 0) return 2;
  for (;;) {
    pid_t thread = waitpid(-1, &status, __WALL);
    if (thread < 0) return 2;
    if (WIFEXITED(status) || WIFSIGNALED(status)) {
      if (thread != child) continue;
      if (WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL) return 0;
      printf("%ld\n", count);
      return WIFEXITED(status) && WEXITSTATUS(status) == 0 ? 1 : 2;
    }
    int deliver = 0;
    struct call call = {0, 0};
    if (WSTOPSIG(status) == (SIGTRAP | 0x80)) {
      if (entered(thread, &call)) {
        if (is_access(&call, thread, "/dek-begin")) counting = 1;
        else if (is_access(&call, thread, "/dek-end")) counting = 0;
        else if (counting && (all || !is_inward(&call)) && ++count == at) {
          kill(child, SIGKILL);
          continue;
        }
      }
    } else if (WSTOPSIG(status) != SIGTRAP && WSTOPSIG(status) != SIGSTOP) {
      deliver = WSTOPSIG(status);
    }
    ptrace(PTRACE_SYSCALL, thread, 0, deliver);
  }
}
