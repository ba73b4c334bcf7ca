/*
 * Laid over libmlx5 (LD_PRELOAD), a libmlx5 of another make: it finds the id of a DEK four bytes further on in its
 * object than all releases that we know. Build: cc -shared -fPIC misfit.c
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <infiniband/mlx5dv.h>
#include <stdint.h>
#include <string.h>

static void (*set_mkey_crypto)(struct mlx5dv_qp_ex *, const struct mlx5dv_crypto_attr *);

static void set_from_elsewhere(struct mlx5dv_qp_ex *qp, const struct mlx5dv_crypto_attr *given)
{
	struct mlx5dv_crypto_attr attr = *given;
	uint8_t object[48], *pointer = object;

	memcpy(object, *(uint8_t **)given->dek, sizeof(object));
	memmove(object + 16, object + 20, 4);
	attr.dek = (struct mlx5dv_dek *)&pointer;
	set_mkey_crypto(qp, &attr);
}

struct ibv_qp *mlx5dv_create_qp(struct ibv_context *context, struct ibv_qp_init_attr_ex *attr,
				struct mlx5dv_qp_init_attr *driver)
{
	struct ibv_qp *(*create)(struct ibv_context *, struct ibv_qp_init_attr_ex *, struct mlx5dv_qp_init_attr *) =
		dlsym(RTLD_NEXT, "mlx5dv_create_qp");
	struct ibv_qp *qp = create(context, attr, driver);
	struct mlx5dv_qp_ex *ex = qp ? mlx5dv_qp_ex_from_ibv_qp_ex(ibv_qp_to_qp_ex(qp)) : NULL;

	if (ex && ex->wr_set_mkey_crypto) {
		set_mkey_crypto = ex->wr_set_mkey_crypto;
		ex->wr_set_mkey_crypto = set_from_elsewhere;
	}
	return qp;
}
