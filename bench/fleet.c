/*
 * The C side of fleet.ts, the least that a service could do at its start: logs in, reads wrapped keys of 80 bytes each
 * from a flat file and creates a DEK of each. Prints CLOCK_MONOTONIC in nanoseconds and its resident KiB then.
 * usage: fleet KEYS_FILE CREDENTIAL_HEX CREDENTIAL_ID IMPORT_KEK_ID
 */
#include "nic.h"
#include "resident.h"

int main(int argc, char **argv)
{
	unsigned char key[80];
	size_t deks = 0, room = 0;
	struct mlx5dv_dek **made = NULL;

	if (argc != 5)
		return 2;
	struct nic nic = open_nic(argv[2], argv[3], argv[4]);
	FILE *keys = fopen(argv[1], "r");
	if (!keys)
		fail(argv[1]);
	while (fread(key, sizeof(key), 1, keys) == 1) {
		if (deks == room) {
			room = room ? 2 * room : 64;
			made = realloc(made, room * sizeof(*made));
			if (!made)
				fail("realloc");
		}
		made[deks++] = create(&nic, key);
	}
	double ready = now();
	printf("%.0f %ld\n", ready, resident_kib("self"));
	return 0; /* the kernel takes the DEKs */
}
