/*
 * The C side of calls.ts: the same calls on the same NIC, without bindings. Reads its setting from argv and a line from
 * stdin for each round; prints the nanoseconds per create, query and destroy of that round.
 * usage: calls CREDENTIAL_HEX CREDENTIAL_ID IMPORT_KEK_ID WRAPPED_KEY_HEX DEKS
 */
#include "nic.h"

int main(int argc, char **argv)
{
	unsigned char key[128] = {0};
	char line[16];

	if (argc != 6)
		return 2;
	struct nic nic = open_nic(argv[1], argv[2], argv[3]);
	from_hex(argv[4], key);
	int deks = atoi(argv[5]);
	struct mlx5dv_dek **made = calloc(deks, sizeof(*made));
	if (!made)
		fail("calloc");

	while (fgets(line, sizeof(line), stdin)) {
		double start = now();
		for (int i = 0; i < deks; i++)
			made[i] = create(&nic, key);
		double created = now();
		for (int i = 0; i < deks; i++)
			assert_ready(made[i]);
		double queried = now();
		for (int i = 0; i < deks; i++)
			if (mlx5dv_dek_destroy(made[i]))
				fail("destroy");
		double destroyed = now();
		printf("%.1f %.1f %.1f\n", (created - start) / deks, (queried - created) / deks,
		       (destroyed - queried) / deks);
		fflush(stdout);
	}
	mlx5dv_crypto_login_destroy(nic.login);
	ibv_dealloc_pd(nic.pd);
	ibv_close_device(nic.context);
	return 0;
}
