/* What libibverbs asks of the kernel: context, device, port, PDs, UARs, the descriptor of asynchronous events. */

static int alloc_pd(struct context *c, struct ib_uverbs_attr *out, struct ib_uverbs_attr *uhw)
{
	struct ib_uverbs_alloc_pd_resp resp = {0};
	struct mlx5_ib_alloc_pd_resp pdn;

	if (!add_object(c, PD, &resp.pd_handle))
		return ENOMEM;
	pdn.pdn = resp.pd_handle + 1;
	ADD(c->slot->pds, 1);
	ADD(c->nic->image->pds_made, 1);
	put_out(out, &resp, sizeof(resp));
	put_out(uhw, &pdn, sizeof(pdn));
	return 0;
}

static int destroy_handle(struct context *c, uint32_t handle, enum kind kind)
{
	if (!object_at(c, handle, kind))
		return ENOENT;
	free_object(c, handle);
	return 0;
}

/* What a ConnectX-6 Dx says of itself. */
static void fill_device(const struct image *image, struct ib_uverbs_query_device_resp *r)
{
	r->fw_ver = 22ull << 32 | 36ull << 16 | 1010;
	r->node_guid = r->sys_image_guid = htobe64(image->guid);
	r->max_mr_size = UINT64_MAX;
	r->page_size_cap = 0xfffff000;
	r->vendor_id = 0x02c9;
	r->vendor_part_id = 0x101d;
	r->max_qp = r->max_mr = r->max_pd = r->max_cq = r->max_srq = 1 << 17;
	r->max_qp_wr = r->max_srq_wr = 1 << 15;
	r->max_cqe = (1 << 22) - 1;
	r->max_sge = r->max_sge_rd = 30;
	r->max_srq_sge = 31;
	r->max_qp_rd_atom = r->max_qp_init_rd_atom = 16;
	r->max_pkeys = 128;
	r->local_ca_ack_delay = 16;
	r->phys_port_cnt = 1;
}

static void fill_port(struct ib_uverbs_query_port_resp *r)
{
	r->max_msg_sz = 1 << 30;
	r->gid_tbl_len = 1;
	r->pkey_tbl_len = 1;
	r->state = 4; /* active */
	r->max_mtu = 5;
	r->active_mtu = 3;
	r->max_vl_num = 1;
	r->active_width = 2; /* 4x */
	r->active_speed = 32; /* EDR */
	r->phys_state = 5; /* link up */
	r->link_layer = 2; /* Ethernet */
}

/* The write commands, carried by an ioctl: CORE_IN, CORE_OUT, WRITE_CMD, UHW_IN, UHW_OUT. */
static int invoke_write(struct context *c, attrs a)
{
	uint32_t command = (uint32_t)a[2]->data;
	struct ib_uverbs_ex_query_device_resp device = {.response_length = sizeof(device)};
	struct mlx5_ib_query_device_resp driver = {.response_length = sizeof(driver)};
	struct ib_uverbs_query_port_resp port = {0};

	if (command != (IB_USER_VERBS_EX_CMD_QUERY_DEVICE | IB_USER_VERBS_CMD_FLAG_EXTENDED) &&
	    command != IB_USER_VERBS_CMD_QUERY_DEVICE && command != IB_USER_VERBS_CMD_QUERY_PORT &&
	    command != IB_USER_VERBS_CMD_ALLOC_PD && command != IB_USER_VERBS_CMD_DEALLOC_PD)
		return EOPNOTSUPP;
	if (command == IB_USER_VERBS_CMD_DEALLOC_PD)
		return a[0] && a[0]->len >= 4 ? destroy_handle(c, *(const uint32_t *)in_ptr(a[0]), PD) : EINVAL;
	if (!a[1]) /* libibverbs probes with this, and ENOSPC tells it that the command is there */
		return ENOSPC;
	switch (command) {
	case IB_USER_VERBS_CMD_ALLOC_PD:
		return alloc_pd(c, a[1], a[4]);
	case IB_USER_VERBS_CMD_QUERY_PORT:
		if (!a[0] || a[0]->len < 9 || ((const uint8_t *)in_ptr(a[0]))[8] != 1)
			return EINVAL;
		fill_port(&port);
		put_out(a[1], &port, sizeof(port));
		return 0;
	default:
		fill_device(c->nic->image, &device.base);
		put_out(a[1], &device, sizeof(device));
		put_out(a[4], &driver, sizeof(driver));
		return 0;
	}
}

static int query_port(struct context *c, attrs a)
{
	struct ib_uverbs_query_port_resp_ex port = {0};

	(void)c;
	if ((uint8_t)a[0]->data != 1)
		return EINVAL;
	fill_port(&port.legacy_resp);
	put_out(a[1], &port, sizeof(port));
	return 0;
}

/* tot_bfregs 0 tells libmlx5 to allocate UARs one by one, so that it maps nothing at open. */
static int get_context(struct context *c, attrs a)
{
	uint32_t comp_vectors = 1;
	uint64_t core_support = 0;
	struct mlx5_ib_alloc_ucontext_req_v2 req = {0};
	struct mlx5_ib_alloc_ucontext_resp resp = {
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
	};

	if (c->ready)
		return EINVAL;
	if (a[2])
		memcpy(&req, in_ptr(a[2]), a[2]->len < sizeof(req) ? a[2]->len : sizeof(req));
	c->devx = req.flags & MLX5_IB_ALLOC_UCTX_DEVX;
	c->ready = true;
	put_out(a[0], &comp_vectors, sizeof(comp_vectors));
	put_out(a[1], &core_support, sizeof(core_support));
	put_out(a[3], &resp, sizeof(resp));
	return 0;
}

static int alloc_async_fd(struct context *c, attrs a)
{
	int fd = eventfd(0, EFD_CLOEXEC);

	(void)c;
	if (fd < 0)
		return errno;
	a[0]->data_s64 = fd;
	return 0;
}

static int destroy_pd(struct context *c, attrs a)
{
	return destroy_handle(c, (uint32_t)a[0]->data, PD);
}

static int alloc_uar(struct context *c, attrs a)
{
	uint32_t handle, length = 4096, page_id;
	uint64_t offset;

	if (!add_object(c, UAR, &handle))
		return ENOMEM;
	page_id = handle + 1;
	offset = (uint64_t)page_id * sysconf(_SC_PAGESIZE);
	a[0]->data = handle;
	put_out(a[2], &offset, sizeof(offset));
	put_out(a[3], &length, sizeof(length));
	put_out(a[4], &page_id, sizeof(page_id));
	return 0;
}

static int destroy_uar(struct context *c, attrs a)
{
	return destroy_handle(c, (uint32_t)a[0]->data, UAR);
}
