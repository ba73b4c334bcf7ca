/*
 * The CMD of fleet.ts's `dek run -- CMD`: its first instruction is to look at the clock. Prints CLOCK_MONOTONIC in
 * nanoseconds and the resident KiB of its parent, which holds the DEKs.
 */
#include "resident.h"
#include <time.h>
#include <unistd.h>

int main(void)
{
	struct timespec t;
	char parent[16];

	clock_gettime(CLOCK_MONOTONIC, &t);
	snprintf(parent, sizeof(parent), "%d", getppid());
	printf("%.0f %ld\n", t.tv_sec * 1e9 + t.tv_nsec, resident_kib(parent));
	return 0;
}
