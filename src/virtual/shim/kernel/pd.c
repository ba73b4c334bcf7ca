/* Protection domains. As in the kernel, queues and memory regions keep one busy; DEKs and memory keys do not. */

static int alloc_pd(struct context *c, const void *in, attrs a)
{
	const struct object model = {.kind = PD};
	struct ib_uverbs_alloc_pd_resp resp = {0};
	struct mlx5_ib_alloc_pd_resp pdn;

	(void)in;
	if (!add_object(c, &model, &resp.pd_handle))
		return ENOMEM;
	pdn.pdn = resp.pd_handle + 1;
	ADD(c->nic->image->pds_made, 1);
	put_out(a[1], &resp, sizeof(resp));
	put_out(a[4], &pdn, sizeof(pdn));
	return 0;
}

static int free_pd(struct context *c, uint32_t handle)
{
	if (!object_at(c, handle, PD))
		return ENOENT;
	for (uint32_t i = 0; i < c->shared->count && i < OBJECTS; i++) {
		enum kind kind = LOAD(c->objects[i].kind);

		if ((kind == QP || kind == SRQ || kind == MR || kind == MW || kind == AH) &&
		    c->objects[i].pd == handle + 1)
			return EBUSY;
		if (kind == DEK && c->objects[i].pd == handle + 1 && is_contrary(c->nic->image, CONTRARY_PD))
			return EBUSY;
	}
	free_object(c, handle);
	return 0;
}

static int dealloc_pd(struct context *c, const void *in, attrs a)
{
	(void)a;
	return free_pd(c, *(const uint32_t *)in);
}

static int destroy_pd(struct context *c, attrs a)
{
	return free_pd(c, (uint32_t)a[0]->data);
}

/* For ibv_import_pd. */
static int query_pd(struct context *c, attrs a)
{
	uint32_t handle = (uint32_t)a[0]->data, pdn = handle + 1;

	if (!object_at(c, handle, PD))
		return ENOENT;
	put_out(a[1], &pdn, sizeof(pdn));
	return 0;
}
