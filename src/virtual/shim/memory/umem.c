/*
 * Memory that a program registers for queues of its own making (mlx5dv_devx_umem_reg(3)): firmware commands name it by
 * its id and an offset. Left out: dma-buf, and who may write what: a queue's memory is written by its rules.
 */

struct umem {
	struct body body;
	uint64_t address, bytes;
	uint32_t users; /* CQs, QPs and keys */
};

static int reg_umem(struct context *c, attrs a)
{
	const struct object model = {.kind = UMEM};
	const uint64_t address = *(const uint64_t *)in_ptr(a[1]), bytes = *(const uint64_t *)in_ptr(a[2]);
	const uint32_t access = (uint32_t)a[3]->data;
	uint32_t handle, id;
	struct umem *u;

	if (!c->shared->devx || !bytes ||
	    access & ~(IB_UVERBS_ACCESS_LOCAL_WRITE | IB_UVERBS_ACCESS_REMOTE_WRITE | IB_UVERBS_ACCESS_REMOTE_READ |
		       IB_UVERBS_ACCESS_RELAXED_ORDERING))
		return EINVAL;
	if (!is_mapped(address, bytes))
		return EFAULT;
	if (!add_object(c, &model, &handle))
		return ENOMEM;
	id = c->objects[handle].id = handle + 1;
	u = add_body(c, handle, sizeof(*u));
	if (!u) {
		free_object(c, handle);
		return ENOMEM;
	}
	u->address = address, u->bytes = bytes;
	a[0]->data = handle;
	put_out(a[4], &id, sizeof(id));
	return 0;
}

static int dereg_umem(struct context *c, attrs a)
{
	uint32_t handle = (uint32_t)a[0]->data;
	struct umem *u;

	settle();
	if (!object_at(c, handle, UMEM))
		return ENOENT;
	u = body_at(c, handle, UMEM);
	if (u && u->users)
		return EBUSY;
	free_object(c, handle);
	return 0;
}

static struct umem *find_umem(struct context *c, uint32_t id)
{
	return body_at(c, id - 1, UMEM);
}

/* Where `bytes` of a umem from an offset on lie, 0: not in it. */
static uint64_t place_in_umem(const struct umem *u, uint64_t offset, uint64_t bytes)
{
	return u && offset <= u->bytes && bytes <= u->bytes - offset ? u->address + offset : 0;
}

/* What a queue or a key has of up to two of them: it keeps them busy. */
static void use_umems(struct umem *const umem[2])
{
	for (int i = 0; i < 2; i++)
		if (umem[i])
			umem[i]->users++;
}

static void leave_umems(struct context *c, const uint32_t id[2])
{
	for (int i = 0; i < 2; i++) {
		struct umem *u = id[i] ? find_umem(c, id[i]) : NULL;

		if (u && u->users)
			u->users--;
	}
}
