/* How much memory a process has resident. */
#include <stdio.h>
#include <string.h>

/* VmRSS of /proc/PROCESS/status in KiB, or -1. */
static inline long resident_kib(const char *process)
{
	char path[64], line[256];
	long kib = -1;

	snprintf(path, sizeof(path), "/proc/%s/status", process);
	FILE *status = fopen(path, "r");
	while (status && fgets(line, sizeof(line), status))
		if (sscanf(line, "VmRSS: %ld", &kib) == 1)
			break;
	if (status)
		fclose(status);
	return kib;
}
