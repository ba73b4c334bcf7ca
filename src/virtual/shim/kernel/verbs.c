/*
 * What libibverbs asks of the kernel of the device and of a context: query, get, import, the handles of a context. Its
 * port is in port.c, its asynchronous events in queue/event.c.
 */

/* Of enum ibv_device_cap_flags. */
enum {
	RESIZES_MAX_WR = 1 << 0,
	RC_RNR_NAKS = 1 << 12,
	MW_WINDOWS = 1 << 17,
	MEMORY_EXTENSIONS = 1 << 21,
	MW_TYPE_2B = 1 << 24,
};
enum {
	COMPRESSED_FORMATS =
		MLX5_IB_CQE_RES_FORMAT_HASH | MLX5_IB_CQE_RES_FORMAT_CSUM | MLX5_IB_CQE_RES_FORMAT_CSUM_STRIDX,
};
/* Of enum ibv_odp_transport_cap_bits: SEND, RECV, WRITE, READ, atomics, receives of an SRQ. */
enum { ODP_RC = 0x3f, ODP_UC = 0x27, ODP_UD = 0x23 };

/* What a ConnectX-6 Dx says of itself. */
static void fill_device(const struct image *image, struct ib_uverbs_query_device_resp *r)
{
	r->fw_ver = 22ull << 32 | 36ull << 16 | 1010;
	r->node_guid = htobe64(image->guid);
	r->sys_image_guid = htobe64(CARD_GUID);
	r->max_mr_size = UINT64_MAX;
	r->page_size_cap = 0xfffff000;
	r->vendor_id = 0x02c9;
	r->vendor_part_id = 0x101d;
	r->max_qp = r->max_mr = r->max_pd = r->max_cq = r->max_srq = 1 << 17;
	r->max_qp_wr = r->max_srq_wr = 1 << 15;
	r->max_cqe = CQ_MOST;
	r->max_mw = r->max_ah = 1 << 17;
	r->atomic_cap = 1; /* IBV_ATOMIC_HCA */
	r->device_cap_flags = MW_WINDOWS | MW_TYPE_2B | MEMORY_EXTENSIONS | RC_RNR_NAKS | RESIZES_MAX_WR;
	r->max_sge = r->max_sge_rd = 30;
	r->max_srq_sge = 31;
	r->max_qp_rd_atom = r->max_qp_init_rd_atom = 16;
	r->max_pkeys = 128;
	r->local_ca_ack_delay = 16;
	r->phys_port_cnt = 1;
}

static int query_device(struct context *c, const void *in, attrs a)
{
	struct ib_uverbs_ex_query_device_resp device = {
		.response_length = sizeof(device),
		.odp_caps = {3, {ODP_RC, ODP_UC, ODP_UD}, 0}, /* explicit and implicit */
		.timestamp_mask = INT64_MAX,
		.hca_core_clock = 1000000, /* kHz */
	};
	struct mlx5_ib_query_device_resp driver = {
		.response_length = sizeof(driver),
		.cqe_comp_caps = {64, COMPRESSED_FORMATS},
		.flags = MLX5_IB_QUERY_DEV_RESP_FLAGS_CQE_128B_COMP | MLX5_IB_QUERY_DEV_RESP_FLAGS_CQE_128B_PAD,
	};

	(void)in;
	fill_device(c->nic->image, &device.base);
	put_out(a[1], &device, sizeof(device));
	put_out(a[4], &driver, sizeof(driver));
	return 0;
}

/* tot_bfregs 0 tells libmlx5 to allocate UARs one by one: only such contexts can be shared. */
static void answer_context(struct ib_uverbs_attr *vectors, struct ib_uverbs_attr *support,
			   struct ib_uverbs_attr *ucontext)
{
	const uint32_t comp_vectors = 1;
	const uint64_t core_support = 0;
	const struct mlx5_ib_alloc_ucontext_resp resp = {
		.qp_tab_size = 1 << 17,
		.bf_reg_size = 512,
		.cache_line_size = 64,
		.max_sq_desc_sz = 1024,
		.max_rq_desc_sz = 512,
		.max_send_wqebb = 1 << 15,
		.max_recv_wr = 1 << 15,
		.max_srq_recv_wr = 1 << 15,
		.num_ports = 1,
		.response_length = sizeof(resp),
		.cqe_version = 1,
		.cmds_supp_uhw = MLX5_USER_CMDS_SUPP_UHW_QUERY_DEVICE | MLX5_USER_CMDS_SUPP_UHW_CREATE_AH,
		.log_uar_size = 12,
		.num_uars_per_page = 1,
		.clock_info_versions = 1 << MLX5_IB_CLOCK_INFO_V1,
	};

	put_out(vectors, &comp_vectors, sizeof(comp_vectors));
	put_out(support, &core_support, sizeof(core_support));
	put_out(ucontext, &resp, sizeof(resp));
}

static int get_context(struct context *c, attrs a)
{
	struct mlx5_ib_alloc_ucontext_req_v2 req = {0};

	if (c->shared->ready)
		return EINVAL;
	if (a[2])
		memcpy(&req, in_ptr(a[2]), a[2]->len < sizeof(req) ? a[2]->len : sizeof(req));
	if (!can_write(c->map + CONTEXT_CLOCK))
		return ENOMEM;
	c->shared->devx = !!(req.flags & MLX5_IB_ALLOC_UCTX_DEVX);
	write_clock_info(c);
	c->shared->ready = true;
	answer_context(a[0], a[1], a[3]);
	return 0;
}

/* The same answer for a process that imports the context. */
static int query_context(struct context *c, attrs a)
{
	(void)c;
	answer_context(a[0], a[1], a[2]);
	return 0;
}

/* The uverbs object that a kind is. */
static uint16_t uverbs_object(enum kind kind)
{
	switch (kind) {
	case PD:
		return UVERBS_OBJECT_PD;
	case CQ:
		return UVERBS_OBJECT_CQ;
	case QP:
		return UVERBS_OBJECT_QP;
	case SRQ:
		return UVERBS_OBJECT_SRQ;
	case MR:
		return UVERBS_OBJECT_MR;
	case MW:
		return UVERBS_OBJECT_MW;
	case AH:
		return UVERBS_OBJECT_AH;
	case UMEM:
		return MLX5_IB_OBJECT_DEVX_UMEM;
	case UAR:
		return MLX5_IB_OBJECT_UAR;
	default:
		return MLX5_IB_OBJECT_DEVX_OBJ;
	}
}

struct made {
	uint64_t serial;
	uint32_t handle;
};

static int newest_first(const void *a, const void *b)
{
	const struct made *x = a, *y = b;

	return x->serial < y->serial ? 1 : x->serial > y->serial ? -1 : 0;
}

/*
 * The handles of all objects of a type, as many as there is room for, the newest first, as the kernel keeps them: what
 * a tenant that died has left.
 */
static int info_handles(struct context *c, attrs a)
{
	uint32_t count = c->shared->count < OBJECTS ? c->shared->count : OBJECTS, found = 0, total;
	uint32_t *list = out_ptr(a[2]), room = a[2]->len / sizeof(*list);
	struct made *made = calloc(count + 1, sizeof(*made));
	uint16_t type = a[0]->data;

	if (!made)
		return ENOMEM;
	clear_out(a[2]);
	for (uint32_t i = 0; i < count; i++) {
		enum kind kind = LOAD(c->objects[i].kind);

		if (kind != FREE && uverbs_object(kind) == type)
			made[found++] = (struct made){c->objects[i].serial, i};
	}
	qsort(made, found, sizeof(*made), newest_first);
	total = found < room ? found : room;
	for (uint32_t i = 0; i < total; i++)
		list[i] = made[i].handle;
	free(made);
	put_out(a[1], &total, sizeof(total));
	return 0;
}

struct write_command {
	uint32_t command;
	uint16_t least; /* bytes of CORE_IN */
	bool answers;
	int (*run)(struct context *, const void *in, attrs);
};

static const struct write_command write_commands[] = {
	{IB_USER_VERBS_CMD_QUERY_DEVICE, 0, true, query_device},
	{IB_USER_VERBS_EX_CMD_QUERY_DEVICE | IB_USER_VERBS_CMD_FLAG_EXTENDED, 0, true, query_device},
	{IB_USER_VERBS_CMD_QUERY_PORT, 9, true, query_port_by_write},
	{IB_USER_VERBS_CMD_ALLOC_PD, 0, true, alloc_pd},
	{IB_USER_VERBS_CMD_DEALLOC_PD, 4, false, dealloc_pd},
	{IB_USER_VERBS_CMD_REG_MR, sizeof(struct ib_uverbs_reg_mr), true, reg_mr},
	{IB_USER_VERBS_CMD_REREG_MR, sizeof(struct ib_uverbs_rereg_mr), true, rereg_mr},
	{IB_USER_VERBS_CMD_ALLOC_MW, sizeof(struct ib_uverbs_alloc_mw), true, alloc_mw},
	{IB_USER_VERBS_CMD_CREATE_AH, sizeof(struct ib_uverbs_create_ah), true, create_ah},
	{IB_USER_VERBS_CMD_CREATE_COMP_CHANNEL, 0, true, create_channel},
	{IB_USER_VERBS_CMD_RESIZE_CQ, sizeof(struct ib_uverbs_resize_cq), true, resize_cq},
	{IB_USER_VERBS_CMD_MODIFY_QP, sizeof(struct ib_uverbs_modify_qp), false, modify_qp},
	{IB_USER_VERBS_EX_CMD_MODIFY_QP | IB_USER_VERBS_CMD_FLAG_EXTENDED, sizeof(struct ib_uverbs_ex_modify_qp), false,
	 modify_qp_extended},
	{IB_USER_VERBS_CMD_CREATE_SRQ, sizeof(struct ib_uverbs_create_srq), true, create_srq},
	{IB_USER_VERBS_CMD_MODIFY_SRQ, sizeof(struct ib_uverbs_modify_srq), false, modify_srq},
	{IB_USER_VERBS_CMD_QUERY_SRQ, sizeof(struct ib_uverbs_query_srq), true, query_srq},
	{IB_USER_VERBS_CMD_QUERY_QP, sizeof(struct ib_uverbs_query_qp), true, query_qp},
};

/* The write commands, carried by an ioctl: CORE_IN, CORE_OUT, WRITE_CMD, UHW_IN, UHW_OUT. */
static int invoke_write(struct context *c, attrs a)
{
	for (size_t i = 0; i < sizeof(write_commands) / sizeof(write_commands[0]); i++) {
		const struct write_command *w = &write_commands[i];

		if (w->command != (uint32_t)a[2]->data)
			continue;
		if (w->answers &&
		    !a[1]) /* libibverbs probes with this, and ENOSPC tells it that the command is there */
			return ENOSPC;
		if (w->least && (!a[0] || a[0]->len < w->least))
			return EINVAL;
		return w->run(c, a[0] ? in_ptr(a[0]) : NULL, a);
	}
	return EOPNOTSUPP;
}
