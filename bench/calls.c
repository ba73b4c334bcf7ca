/*
 * The C side of calls.ts: the same calls on the same NIC, without bindings. Reads its setting from argv and a line from
 * stdin for each round; prints the nanoseconds per create, query and destroy of that round.
 * usage: calls CREDENTIAL_HEX CREDENTIAL_ID IMPORT_KEK_ID WRAPPED_KEY_HEX DEKS
 */
#include <infiniband/mlx5dv.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static void fail(const char *what)
{
	perror(what);
	exit(1);
}

static size_t from_hex(const char *hex, unsigned char *bytes)
{
	size_t length = strlen(hex) / 2;

	for (size_t i = 0; i < length; i++)
		if (sscanf(hex + 2 * i, "%2hhx", &bytes[i]) != 1)
			fail("hex");
	return length;
}

static double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1e9 + t.tv_nsec;
}

int main(int argc, char **argv)
{
	unsigned char credential[48], key[128] = {0};
	char line[16];

	if (argc != 6)
		return 2;
	from_hex(argv[1], credential);
	from_hex(argv[4], key);
	int deks = atoi(argv[5]);

	struct ibv_device **list = ibv_get_device_list(NULL);
	struct mlx5dv_context_attr devx = {.flags = MLX5DV_CONTEXT_FLAGS_DEVX};
	struct ibv_context *context = list && list[0] ? mlx5dv_open_device(list[0], &devx) : NULL;
	if (!context)
		fail("open");
	struct ibv_pd *pd = ibv_alloc_pd(context);
	struct mlx5dv_crypto_login_attr_ex login_attr = {
		.credential_id = atoi(argv[2]),
		.import_kek_id = atoi(argv[3]),
		.credential = credential,
		.credential_len = sizeof(credential),
	};
	struct mlx5dv_crypto_login_obj *login = mlx5dv_crypto_login_create(context, &login_attr);
	struct mlx5dv_dek **made = calloc(deks, sizeof(*made));
	if (!pd || !login || !made)
		fail("set-up");

	while (fgets(line, sizeof(line), stdin)) {
		double start = now();
		for (int i = 0; i < deks; i++) {
			struct mlx5dv_dek_init_attr attr = {
				.key_size = MLX5DV_CRYPTO_KEY_SIZE_256,
				.has_keytag = true,
				.key_purpose = MLX5DV_CRYPTO_KEY_PURPOSE_AES_XTS,
				.pd = pd,
				.comp_mask = MLX5DV_DEK_INIT_ATTR_CRYPTO_LOGIN,
				.crypto_login = login,
			};
			memcpy(attr.key, key, 80);
			made[i] = mlx5dv_dek_create(context, &attr);
			if (!made[i])
				fail("create");
		}
		double created = now();
		for (int i = 0; i < deks; i++) {
			struct mlx5dv_dek_attr attr = {0};

			if (mlx5dv_dek_query(made[i], &attr) || attr.state != MLX5DV_DEK_STATE_READY)
				fail("query");
		}
		double queried = now();
		for (int i = 0; i < deks; i++)
			if (mlx5dv_dek_destroy(made[i]))
				fail("destroy");
		double destroyed = now();
		printf("%.1f %.1f %.1f\n", (created - start) / deks, (queried - created) / deks, (destroyed - queried) / deks);
		fflush(stdout);
	}
	mlx5dv_crypto_login_destroy(login);
	ibv_dealloc_pd(pd);
	ibv_close_device(context);
	return 0;
}
