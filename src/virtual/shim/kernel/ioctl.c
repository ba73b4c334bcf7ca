/* The uverbs ioctl: a table of methods, and the way from a call to its method. */

enum attr_kind { IN, OUT, HANDLE, NEW };
enum { MOST_ATTRS = 17 };

struct method {
	uint16_t object, method;
	int (*handler)(struct context *, attrs);
	int count;
	struct {
		uint16_t id;
		enum attr_kind kind;
		uint16_t least; /* bytes, of IN and OUT */
		bool optional;
	} attr[MOST_ATTRS];
};

/* clang-format off */
static const struct method methods[] = {
	{UVERBS_OBJECT_DEVICE, UVERBS_METHOD_INVOKE_WRITE, invoke_write, 5,
	 {{UVERBS_ATTR_CORE_IN, IN, 0, true},
	  {UVERBS_ATTR_CORE_OUT, OUT, 0, true},
	  {UVERBS_ATTR_WRITE_CMD, IN, 4, false},
	  {UVERBS_ATTR_UHW_IN, IN, 0, true},
	  {UVERBS_ATTR_UHW_OUT, OUT, 0, true}}},
	{UVERBS_OBJECT_DEVICE, UVERBS_METHOD_QUERY_PORT, query_port, 2,
	 {{UVERBS_ATTR_QUERY_PORT_PORT_NUM, IN, 1, false}, {UVERBS_ATTR_QUERY_PORT_RESP, OUT, 0, false}}},
	{UVERBS_OBJECT_DEVICE, UVERBS_METHOD_QUERY_GID_ENTRY, query_gid, 4,
	 {{UVERBS_ATTR_QUERY_GID_ENTRY_PORT, IN, 4, false},
	  {UVERBS_ATTR_QUERY_GID_ENTRY_GID_INDEX, IN, 4, false},
	  {UVERBS_ATTR_QUERY_GID_ENTRY_FLAGS, IN, 4, false},
	  {UVERBS_ATTR_QUERY_GID_ENTRY_RESP_ENTRY, OUT, sizeof(struct ib_uverbs_gid_entry), false}}},
	{UVERBS_OBJECT_DEVICE, UVERBS_METHOD_GET_CONTEXT, get_context, 4,
	 {{UVERBS_ATTR_GET_CONTEXT_NUM_COMP_VECTORS, OUT, 4, true},
	  {UVERBS_ATTR_GET_CONTEXT_CORE_SUPPORT, OUT, 8, true},
	  {UVERBS_ATTR_UHW_IN, IN, 0, true},
	  {UVERBS_ATTR_UHW_OUT, OUT, 0, true}}},
	{UVERBS_OBJECT_DEVICE, UVERBS_METHOD_QUERY_CONTEXT, query_context, 3,
	 {{UVERBS_ATTR_QUERY_CONTEXT_NUM_COMP_VECTORS, OUT, 4, true},
	  {UVERBS_ATTR_QUERY_CONTEXT_CORE_SUPPORT, OUT, 8, true},
	  {MLX5_IB_ATTR_QUERY_CONTEXT_RESP_UCTX, OUT, 0, true}}},
	{UVERBS_OBJECT_DEVICE, UVERBS_METHOD_INFO_HANDLES, info_handles, 3,
	 {{UVERBS_ATTR_INFO_OBJECT_ID, IN, 1, false},
	  {UVERBS_ATTR_INFO_TOTAL_HANDLES, OUT, 4, true},
	  {UVERBS_ATTR_INFO_HANDLES_LIST, OUT, 4, false}}},
	{UVERBS_OBJECT_ASYNC_EVENT, UVERBS_METHOD_ASYNC_EVENT_ALLOC, alloc_async_fd, 1,
	 {{UVERBS_ATTR_ASYNC_EVENT_ALLOC_FD_HANDLE, NEW, 0, false}}},
	{UVERBS_OBJECT_PD, UVERBS_METHOD_PD_DESTROY, destroy_pd, 1,
	 {{UVERBS_ATTR_DESTROY_PD_HANDLE, HANDLE, 0, false}}},
	{UVERBS_OBJECT_PD, MLX5_IB_METHOD_PD_QUERY, query_pd, 2,
	 {{MLX5_IB_ATTR_QUERY_PD_HANDLE, HANDLE, 0, false}, {MLX5_IB_ATTR_QUERY_PD_RESP_PDN, OUT, 4, false}}},
	{UVERBS_OBJECT_CQ, UVERBS_METHOD_CQ_CREATE, create_cq, 10,
	 {{UVERBS_ATTR_CREATE_CQ_HANDLE, NEW, 0, false},
	  {UVERBS_ATTR_CREATE_CQ_CQE, IN, 4, false},
	  {UVERBS_ATTR_CREATE_CQ_USER_HANDLE, IN, 8, false},
	  {UVERBS_ATTR_CREATE_CQ_COMP_CHANNEL, HANDLE, 0, true},
	  {UVERBS_ATTR_CREATE_CQ_COMP_VECTOR, IN, 4, false},
	  {UVERBS_ATTR_CREATE_CQ_FLAGS, IN, 4, true},
	  {UVERBS_ATTR_CREATE_CQ_RESP_CQE, OUT, 4, false},
	  {UVERBS_ATTR_CREATE_CQ_EVENT_FD, HANDLE, 0, true},
	  {UVERBS_ATTR_UHW_IN, IN, 20, false},
	  {UVERBS_ATTR_UHW_OUT, OUT, 4, true}}},
	{UVERBS_OBJECT_CQ, UVERBS_METHOD_CQ_DESTROY, destroy_cq, 2,
	 {{UVERBS_ATTR_DESTROY_CQ_HANDLE, HANDLE, 0, false}, {UVERBS_ATTR_DESTROY_CQ_RESP, OUT, 8, false}}},
	{UVERBS_OBJECT_QP, UVERBS_METHOD_QP_CREATE, create_qp, 17,
	 {[QP_HANDLE] = {UVERBS_ATTR_CREATE_QP_HANDLE, NEW, 0, false},
	  [QP_PD] = {UVERBS_ATTR_CREATE_QP_PD_HANDLE, HANDLE, 0, false},
	  [QP_SEND_CQ] = {UVERBS_ATTR_CREATE_QP_SEND_CQ_HANDLE, HANDLE, 0, false},
	  [QP_RECV_CQ] = {UVERBS_ATTR_CREATE_QP_RECV_CQ_HANDLE, HANDLE, 0, false},
	  [QP_CAP] = {UVERBS_ATTR_CREATE_QP_CAP, IN, sizeof(struct ib_uverbs_qp_cap), false},
	  [QP_TYPE] = {UVERBS_ATTR_CREATE_QP_TYPE, IN, 1, false},
	  [QP_CREATE_FLAGS] = {UVERBS_ATTR_CREATE_QP_FLAGS, IN, 4, true},
	  [QP_RESP_CAP] = {UVERBS_ATTR_CREATE_QP_RESP_CAP, OUT, sizeof(struct ib_uverbs_qp_cap), false},
	  [QP_NUMBER] = {UVERBS_ATTR_CREATE_QP_RESP_QP_NUM, OUT, 4, false},
	  [QP_IN] = {UVERBS_ATTR_UHW_IN, IN, 40, false},
	  [QP_OUT] = {UVERBS_ATTR_UHW_OUT, OUT, 4, true},
	  [QP_SRQ] = {UVERBS_ATTR_CREATE_QP_SRQ_HANDLE, HANDLE, 0, true},
	  {UVERBS_ATTR_CREATE_QP_USER_HANDLE, IN, 8, true},
	  {UVERBS_ATTR_CREATE_QP_EVENT_FD, HANDLE, 0, true},
	  {UVERBS_ATTR_CREATE_QP_XRCD_HANDLE, HANDLE, 0, true},
	  {UVERBS_ATTR_CREATE_QP_IND_TABLE_HANDLE, HANDLE, 0, true},
	  {UVERBS_ATTR_CREATE_QP_SOURCE_QPN, IN, 4, true}}},
	{UVERBS_OBJECT_QP, UVERBS_METHOD_QP_DESTROY, destroy_qp, 2,
	 {{UVERBS_ATTR_DESTROY_QP_HANDLE, HANDLE, 0, false}, {UVERBS_ATTR_DESTROY_QP_RESP, OUT, 4, false}}},
	{UVERBS_OBJECT_SRQ, UVERBS_METHOD_SRQ_DESTROY, destroy_srq, 2,
	 {{UVERBS_ATTR_DESTROY_SRQ_HANDLE, HANDLE, 0, false}, {UVERBS_ATTR_DESTROY_SRQ_RESP, OUT, 4, false}}},
	{UVERBS_OBJECT_AH, UVERBS_METHOD_AH_DESTROY, destroy_ah, 1,
	 {{UVERBS_ATTR_DESTROY_AH_HANDLE, HANDLE, 0, false}}},
	{UVERBS_OBJECT_MW, UVERBS_METHOD_MW_DESTROY, dealloc_mw, 1,
	 {{UVERBS_ATTR_DESTROY_MW_HANDLE, HANDLE, 0, false}}},
	{UVERBS_OBJECT_MR, UVERBS_METHOD_ADVISE_MR, advise_mr, 4,
	 {{UVERBS_ATTR_ADVISE_MR_PD_HANDLE, HANDLE, 0, false},
	  {UVERBS_ATTR_ADVISE_MR_ADVICE, IN, 4, false},
	  {UVERBS_ATTR_ADVISE_MR_FLAGS, IN, 4, false},
	  {UVERBS_ATTR_ADVISE_MR_SGE_LIST, IN, sizeof(struct ib_uverbs_sge), false}}},
	{UVERBS_OBJECT_MR, UVERBS_METHOD_MR_DESTROY, dereg_mr, 1, {{UVERBS_ATTR_DESTROY_MR_HANDLE, HANDLE, 0, false}}},
	{UVERBS_OBJECT_MR, UVERBS_METHOD_QUERY_MR, query_mr, 5,
	 {{UVERBS_ATTR_QUERY_MR_HANDLE, HANDLE, 0, false},
	  {UVERBS_ATTR_QUERY_MR_RESP_LKEY, OUT, 4, false},
	  {UVERBS_ATTR_QUERY_MR_RESP_RKEY, OUT, 4, false},
	  {UVERBS_ATTR_QUERY_MR_RESP_LENGTH, OUT, 8, false},
	  {UVERBS_ATTR_QUERY_MR_RESP_IOVA, OUT, 8, true}}},
	{MLX5_IB_OBJECT_UAR, MLX5_IB_METHOD_UAR_OBJ_ALLOC, alloc_uar, 5,
	 {{MLX5_IB_ATTR_UAR_OBJ_ALLOC_HANDLE, NEW, 0, false},
	  {MLX5_IB_ATTR_UAR_OBJ_ALLOC_TYPE, IN, 4, false},
	  {MLX5_IB_ATTR_UAR_OBJ_ALLOC_MMAP_OFFSET, OUT, 8, false},
	  {MLX5_IB_ATTR_UAR_OBJ_ALLOC_MMAP_LENGTH, OUT, 4, false},
	  {MLX5_IB_ATTR_UAR_OBJ_ALLOC_PAGE_ID, OUT, 4, false}}},
	{MLX5_IB_OBJECT_UAR, MLX5_IB_METHOD_UAR_OBJ_DESTROY, destroy_uar, 1,
	 {{MLX5_IB_ATTR_UAR_OBJ_DESTROY_HANDLE, HANDLE, 0, false}}},
	{MLX5_IB_OBJECT_DEVX, MLX5_IB_METHOD_DEVX_OTHER, devx_other, 2,
	 {{MLX5_IB_ATTR_DEVX_OTHER_CMD_IN, IN, 16, false}, {MLX5_IB_ATTR_DEVX_OTHER_CMD_OUT, OUT, 16, false}}},
	{MLX5_IB_OBJECT_DEVX, MLX5_IB_METHOD_DEVX_QUERY_EQN, query_eqn, 2,
	 {{MLX5_IB_ATTR_DEVX_QUERY_EQN_USER_VEC, IN, 4, false}, {MLX5_IB_ATTR_DEVX_QUERY_EQN_DEV_EQN, OUT, 4, false}}},
	{MLX5_IB_OBJECT_DEVX_UMEM, MLX5_IB_METHOD_DEVX_UMEM_REG, reg_umem, 6,
	 {{MLX5_IB_ATTR_DEVX_UMEM_REG_HANDLE, NEW, 0, false},
	  {MLX5_IB_ATTR_DEVX_UMEM_REG_ADDR, IN, 8, false},
	  {MLX5_IB_ATTR_DEVX_UMEM_REG_LEN, IN, 8, false},
	  {MLX5_IB_ATTR_DEVX_UMEM_REG_ACCESS, IN, 4, false},
	  {MLX5_IB_ATTR_DEVX_UMEM_REG_OUT_ID, OUT, 4, false},
	  {MLX5_IB_ATTR_DEVX_UMEM_REG_PGSZ_BITMAP, IN, 8, true}}},
	{MLX5_IB_OBJECT_DEVX_UMEM, MLX5_IB_METHOD_DEVX_UMEM_DEREG, dereg_umem, 1,
	 {{MLX5_IB_ATTR_DEVX_UMEM_DEREG_HANDLE, HANDLE, 0, false}}},
	{MLX5_IB_OBJECT_DEVX_OBJ, MLX5_IB_METHOD_DEVX_OBJ_CREATE, devx_create, 3,
	 {{MLX5_IB_ATTR_DEVX_OBJ_CREATE_HANDLE, NEW, 0, false},
	  {MLX5_IB_ATTR_DEVX_OBJ_CREATE_CMD_IN, IN, 16, false},
	  {MLX5_IB_ATTR_DEVX_OBJ_CREATE_CMD_OUT, OUT, 16, false}}},
	{MLX5_IB_OBJECT_DEVX_OBJ, MLX5_IB_METHOD_DEVX_OBJ_QUERY, devx_query, 3,
	 {{MLX5_IB_ATTR_DEVX_OBJ_QUERY_HANDLE, HANDLE, 0, false},
	  {MLX5_IB_ATTR_DEVX_OBJ_QUERY_CMD_IN, IN, 16, false},
	  {MLX5_IB_ATTR_DEVX_OBJ_QUERY_CMD_OUT, OUT, 16, false}}},
	{MLX5_IB_OBJECT_DEVX_OBJ, MLX5_IB_METHOD_DEVX_OBJ_MODIFY, devx_modify, 3,
	 {{MLX5_IB_ATTR_DEVX_OBJ_MODIFY_HANDLE, HANDLE, 0, false},
	  {MLX5_IB_ATTR_DEVX_OBJ_MODIFY_CMD_IN, IN, 16, false},
	  {MLX5_IB_ATTR_DEVX_OBJ_MODIFY_CMD_OUT, OUT, 16, false}}},
	{MLX5_IB_OBJECT_DEVX_OBJ, MLX5_IB_METHOD_DEVX_OBJ_DESTROY, devx_destroy, 1,
	 {{MLX5_IB_ATTR_DEVX_OBJ_DESTROY_HANDLE, HANDLE, 0, false}}},
};
/* clang-format on */

/*
 * Sorts the attributes of a call into the order of its method, and checks them as the kernel does. Returns an errno.
 */
static int sort_attrs(const struct method *m, struct ib_uverbs_ioctl_hdr *hdr, struct ib_uverbs_attr **sorted)
{
	for (int i = 0; i < hdr->num_attrs; i++) {
		struct ib_uverbs_attr *a = &hdr->attrs[i];
		int k = 0;

		while (k < m->count && m->attr[k].id != a->attr_id)
			k++;
		if (k == m->count) {
			if (a->flags & UVERBS_ATTR_F_MANDATORY)
				return EPROTONOSUPPORT;
			continue;
		}
		if (sorted[k])
			return EINVAL;
		if (m->attr[k].kind == IN || m->attr[k].kind == OUT) {
			if (a->len < m->attr[k].least)
				return EINVAL;
			if (a->len > (m->attr[k].kind == IN ? 8 : 0) && a->data < 4096)
				return EFAULT;
		}
		sorted[k] = a;
	}
	for (int k = 0; k < m->count; k++)
		if (!sorted[k] && !m->attr[k].optional)
			return EINVAL;
	return 0;
}

/* Call with the mutex. Returns an errno. */
static int dispatch(struct context *c, struct ib_uverbs_ioctl_hdr *hdr)
{
	struct ib_uverbs_attr *sorted[MOST_ATTRS] = {NULL};
	int error;

	if ((uintptr_t)hdr < 4096)
		return EFAULT;
	if (hdr->num_attrs > 64 || hdr->length != sizeof(*hdr) + hdr->num_attrs * sizeof(hdr->attrs[0]) ||
	    hdr->reserved1 || hdr->reserved2)
		return EINVAL;
	if (hdr->driver_id != RDMA_DRIVER_MLX5)
		return EINVAL;
	if (!present(c))
		return EIO;
	for (size_t i = 0; i < sizeof(methods) / sizeof(methods[0]); i++) {
		const struct method *m = &methods[i];

		if (m->object != hdr->object_id || m->method != hdr->method_id)
			continue;
		if (!c->shared->ready && m->handler != get_context && m->handler != invoke_write)
			return EINVAL;
		error = sort_attrs(m, hdr, sorted);
		return error ? error : m->handler(c, sorted);
	}
	return EPROTONOSUPPORT;
}
