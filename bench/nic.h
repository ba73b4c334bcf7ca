/* What the C programs of the benches share: opening the virtual ConnectX, logging in, the clock. */
#include <infiniband/mlx5dv.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

struct nic {
	struct ibv_context *context;
	struct ibv_pd *pd;
	struct mlx5dv_crypto_login_obj *login;
};

static inline void fail(const char *what)
{
	perror(what);
	exit(1);
}

static inline size_t from_hex(const char *hex, unsigned char *bytes)
{
	size_t length = strlen(hex) / 2;

	for (size_t i = 0; i < length; i++)
		if (sscanf(hex + 2 * i, "%2hhx", &bytes[i]) != 1)
			fail("hex");
	return length;
}

/* Nanoseconds, on the clock of process.hrtime(). */
static inline double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1e9 + t.tv_nsec;
}

/* Opens the first device and logs in. */
static inline struct nic open_nic(const char *credential_hex, const char *credential_id, const char *import_kek_id)
{
	unsigned char credential[48];
	struct ibv_device **list = ibv_get_device_list(NULL);
	struct mlx5dv_context_attr devx = {.flags = MLX5DV_CONTEXT_FLAGS_DEVX};
	struct nic nic = {.context = list && list[0] ? mlx5dv_open_device(list[0], &devx) : NULL};

	if (!nic.context)
		fail("open");
	nic.pd = ibv_alloc_pd(nic.context);
	from_hex(credential_hex, credential);
	struct mlx5dv_crypto_login_attr_ex attr = {
		.credential_id = atoi(credential_id),
		.import_kek_id = atoi(import_kek_id),
		.credential = credential,
		.credential_len = sizeof(credential),
	};
	nic.login = mlx5dv_crypto_login_create(nic.context, &attr);
	if (!nic.pd || !nic.login)
		fail("login");
	return nic;
}

/* Creates a 256-bit DEK with keytag from its 80 wrapped bytes. */
static inline struct mlx5dv_dek *create(const struct nic *nic, const unsigned char *wrapped)
{
	struct mlx5dv_dek_init_attr attr = {
		.key_size = MLX5DV_CRYPTO_KEY_SIZE_256,
		.has_keytag = true,
		.key_purpose = MLX5DV_CRYPTO_KEY_PURPOSE_AES_XTS,
		.pd = nic->pd,
		.comp_mask = MLX5DV_DEK_INIT_ATTR_CRYPTO_LOGIN,
		.crypto_login = nic->login,
	};

	memcpy(attr.key, wrapped, 80);
	struct mlx5dv_dek *dek = mlx5dv_dek_create(nic->context, &attr);
	if (!dek)
		fail("create");
	return dek;
}

static inline void assert_ready(struct mlx5dv_dek *dek)
{
	struct mlx5dv_dek_attr attr = {0};

	if (mlx5dv_dek_query(dek, &attr) || attr.state != MLX5DV_DEK_STATE_READY)
		fail("query");
}
