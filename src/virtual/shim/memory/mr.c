/*
 * Memory regions: registered, changed, looked up, ended. On-demand paging is no more than a flag: data is moved by
 * system calls, which find a page that is not there yet as the NIC would. Left out: dma-buf, device memory, null keys.
 */

enum { REREG_PLACE = 1, REREG_PD = 2, REREG_ACCESS = 4 };
enum {
	MR_FLAGS = IB_UVERBS_ACCESS_LOCAL_WRITE | IB_UVERBS_ACCESS_REMOTE_WRITE | IB_UVERBS_ACCESS_REMOTE_READ |
		   IB_UVERBS_ACCESS_REMOTE_ATOMIC | IB_UVERBS_ACCESS_MW_BIND | IB_UVERBS_ACCESS_ZERO_BASED |
		   IB_UVERBS_ACCESS_HUGETLB | IB_UVERBS_ACCESS_RELAXED_ORDERING | IB_UVERBS_ACCESS_ON_DEMAND,
};

/* Whether flags make sense, and the memory is there: all of it, unless pages are to come on demand. An errno. */
static int check_region(uint64_t start, uint64_t length, uint64_t address, uint32_t flags)
{
	const uint32_t page = sysconf(_SC_PAGESIZE);

	if (flags & ~MR_FLAGS)
		return EINVAL;
	if (flags & (IB_UVERBS_ACCESS_REMOTE_WRITE | IB_UVERBS_ACCESS_REMOTE_ATOMIC) &&
	    !(flags & IB_UVERBS_ACCESS_LOCAL_WRITE))
		return EINVAL;
	if (!(flags & IB_UVERBS_ACCESS_ZERO_BASED) && start % page != address % page)
		return EINVAL;
	if (flags & IB_UVERBS_ACCESS_ON_DEMAND)
		return length == UINT64_MAX ? (start ? EINVAL : 0) : start + length < start ? EFAULT : 0;
	return is_mapped(start, length) ? 0 : EFAULT;
}

static uint32_t access_of_flags(uint32_t flags)
{
	return LOCAL_READ | (flags & IB_UVERBS_ACCESS_LOCAL_WRITE ? LOCAL_WRITE : 0) |
	       (flags & IB_UVERBS_ACCESS_REMOTE_WRITE ? REMOTE_WRITE : 0) |
	       (flags & IB_UVERBS_ACCESS_REMOTE_READ ? REMOTE_READ : 0) |
	       (flags & IB_UVERBS_ACCESS_REMOTE_ATOMIC ? REMOTE_ATOMIC : 0);
}

static int reg_mr(struct context *c, const void *request, attrs a)
{
	const struct ib_uverbs_reg_mr *in = request;
	const uint32_t flags = in->access_flags;
	struct object model = {.kind = MR, .pd = in->pd_handle + 1, .length = in->length};
	struct ib_uverbs_reg_mr_resp out = {0};
	struct mkey *m;
	int error = check_region(in->start, in->length, in->hca_va, flags);

	if (!object_at(c, in->pd_handle, PD))
		return EINVAL;
	if (error)
		return error;
	m = add_mkey(c, &model, 0, &out.mr_handle);
	if (!m)
		return ENOMEM;
	m->start = flags & IB_UVERBS_ACCESS_ZERO_BASED ? 0 : in->hca_va;
	m->host = in->start;
	m->direct = true;
	m->length = in->length;
	m->access = access_of_flags(flags);
	m->binds = flags & IB_UVERBS_ACCESS_MW_BIND;
	out.lkey = out.rkey = model.id << 8;
	put_out(a[1], &out, sizeof(out));
	return 0;
}

/* Changes place, access or PD; its keys stay. Nothing is changed when it fails. */
static int rereg_mr(struct context *c, const void *request, attrs a)
{
	const struct ib_uverbs_rereg_mr *in = request;
	struct ib_uverbs_rereg_mr_resp out = {0};
	struct object *o;
	struct mkey *m;
	int error;

	settle();
	o = object_at(c, in->mr_handle, MR);
	m = body_at(c, in->mr_handle, MR);
	if (!o || !m || !in->flags || in->flags & ~(REREG_PLACE | REREG_PD | REREG_ACCESS))
		return EINVAL;
	if (in->flags & REREG_PD && !object_at(c, in->pd_handle, PD))
		return EINVAL;
	error = check_region(
		in->flags & REREG_PLACE ? in->start : m->host, in->flags & REREG_PLACE ? in->length : m->length,
		in->flags & REREG_PLACE ? in->hca_va : m->host, in->flags & REREG_ACCESS ? in->access_flags : 0);
	if (error)
		return error;
	if (in->flags & REREG_PLACE) {
		m->host = in->start, m->start = in->hca_va;
		m->length = o->length = in->length;
	}
	if (in->flags & REREG_ACCESS) {
		m->access = access_of_flags(in->access_flags);
		m->binds = in->access_flags & IB_UVERBS_ACCESS_MW_BIND;
	}
	if (in->flags & REREG_PD)
		m->pd = o->pd = in->pd_handle + 1;
	out.lkey = out.rkey = m->body.number << 8;
	put_out(a[1], &out, sizeof(out));
	return 0;
}

/* Prefetching: there is nothing to fetch, but the ranges have to be those of keys of the PD. */
static int advise_mr(struct context *c, attrs a)
{
	const uint32_t advice = (uint32_t)a[1]->data, flags = (uint32_t)a[2]->data;
	const struct ib_uverbs_sge *list = in_ptr(a[3]);

	if (!object_at(c, (uint32_t)a[0]->data, PD) || advice > IB_UVERBS_ADVISE_MR_ADVICE_PREFETCH_NO_FAULT ||
	    flags & ~IB_UVERBS_ADVISE_MR_FLAG_FLUSH)
		return EINVAL;
	for (size_t i = 0; i < a[3]->len / sizeof(*list); i++) {
		const struct mkey *m = find_mkey(c->nic, list[i].lkey);

		if (!m || m->body.context != c || m->pd != (uint32_t)a[0]->data + 1)
			return ENOENT;
		if (list[i].addr - m->start > m->length || list[i].length > m->length - (list[i].addr - m->start))
			return EINVAL;
		if (advice == IB_UVERBS_ADVISE_MR_ADVICE_PREFETCH_WRITE && !(m->access & LOCAL_WRITE))
			return EPERM;
		if (flags && !is_mapped(m->host + (list[i].addr - m->start), list[i].length))
			return EFAULT;
	}
	return 0;
}

static int dereg_mr(struct context *c, attrs a)
{
	uint32_t handle = (uint32_t)a[0]->data;

	settle();
	if (!object_at(c, handle, MR))
		return ENOENT;
	free_object(c, handle);
	return 0;
}

/* For ibv_import_mr. */
static int query_mr(struct context *c, attrs a)
{
	const struct object *o = object_at(c, (uint32_t)a[0]->data, MR);
	uint32_t key = o ? o->id << 8 : 0;

	if (!o)
		return ENOENT;
	put_out(a[1], &key, sizeof(key));
	put_out(a[2], &key, sizeof(key));
	put_out(a[3], &o->length, sizeof(o->length));
	return 0;
}
