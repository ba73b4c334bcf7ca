/*
 * Memory windows: keys of one part, over a memory region that was registered for that. A UMR binds one (type 2: for one
 * QP, once) and makes it free again; see umr.c. A window is no key for local use.
 */

static int alloc_mw(struct context *c, const void *request, attrs a)
{
	const struct ib_uverbs_alloc_mw *in = request;
	struct object model = {.kind = MW, .pd = in->pd_handle + 1};
	struct ib_uverbs_alloc_mw_resp out = {0};
	struct mkey *m;

	if (!object_at(c, in->pd_handle, PD) || in->mw_type < 1 || in->mw_type > 2)
		return EINVAL;
	m = add_mkey(c, &model, 4, &out.mw_handle);
	if (!m)
		return ENOMEM;
	m->is_free = true;
	m->qpn = NO_QPN;
	m->window = in->mw_type;
	out.rkey = model.id << 8;
	put_out(a[1], &out, sizeof(out));
	return 0;
}

static int dealloc_mw(struct context *c, attrs a)
{
	uint32_t handle = (uint32_t)a[0]->data;

	settle();
	if (!object_at(c, handle, MW))
		return ENOENT;
	free_object(c, handle);
	return 0;
}
