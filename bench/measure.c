/*
 * Runs a command and writes to a file what it took: nanoseconds of wall clock and of CPU (its own and of all the
 * children it waited for), and the most resident memory in KiB of any of them. Small, since a child's peak counts what
 * it was forked from.
 * usage: measure FILE CMD [ARG ...]; exits as CMD does
 */
#include <stdio.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static double now(void)
{
	struct timespec time;

	clock_gettime(CLOCK_MONOTONIC, &time);
	return time.tv_sec * 1e9 + time.tv_nsec;
}

int main(int argc, char **argv)
{
	struct rusage usage;
	int status;

	if (argc < 3)
		return 2;
	double start = now();
	pid_t child = fork();
	if (child == 0) {
		execvp(argv[2], argv + 2);
		perror(argv[2]);
		_exit(127);
	}
	if (child < 0 || wait4(child, &status, 0, &usage) != child)
		return 2;
	double wall = now() - start;
	double cpu = (usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) * 1e9 +
		     (usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) * 1e3;
	FILE *file = fopen(argv[1], "w");
	if (!file || fprintf(file, "%.0f %.0f %ld\n", wall, cpu, usage.ru_maxrss) < 0 || fclose(file))
		return 2;
	return WIFEXITED(status) ? WEXITSTATUS(status) : 1;
}
