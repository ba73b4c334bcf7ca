/* The attributes of a uverbs ioctl, as linux/rdma_user_ioctl_cmds.h has them: read and answered. */

/* The attributes of a call, in the order of the method's table; absent ones are NULL. */
typedef struct ib_uverbs_attr *const *attrs;

static const void *in_ptr(const struct ib_uverbs_attr *a)
{
	return a->len <= 8 ? (const void *)&a->data : (const void *)(uintptr_t)a->data;
}

static void *out_ptr(const struct ib_uverbs_attr *a)
{
	return (void *)(uintptr_t)a->data;
}

static void clear_out(struct ib_uverbs_attr *a)
{
	memset(out_ptr(a), 0, a->len);
	a->flags |= UVERBS_ATTR_F_VALID_OUTPUT;
}

/* Answers an output, if it was asked for: as much as fits, the rest zero. */
static void put_out(struct ib_uverbs_attr *a, const void *data, size_t bytes)
{
	if (!a || a->len == 0)
		return;
	clear_out(a);
	memcpy(out_ptr(a), data, bytes < a->len ? bytes : a->len);
}
