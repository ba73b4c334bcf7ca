/*
 * What libibverbs asks of the one port of a device: its state, and its address (nic/gid.c). Left out: the files of
 * sysfs, which stay as they were when the device was made.
 */

static void fill_port(const struct nic *nic, struct ib_uverbs_query_port_resp *r)
{
	const bool down = is_down(nic);

	r->max_msg_sz = 1 << 30;
	r->gid_tbl_len = 1;
	r->pkey_tbl_len = 1;
	r->state = down ? 1 : 4; /* down, active */
	r->max_mtu = 5;
	r->active_mtu = 3;
	r->max_vl_num = 1;
	r->active_width = 2; /* 4x */
	r->active_speed = 32; /* EDR */
	r->phys_state = down ? 2 : 5; /* polling, link up */
	r->link_layer = 2; /* Ethernet */
}

static int query_port_by_write(struct context *c, const void *in, attrs a)
{
	struct ib_uverbs_query_port_resp port = {0};

	if (((const uint8_t *)in)[8] != 1)
		return EINVAL;
	fill_port(c->nic, &port);
	put_out(a[1], &port, sizeof(port));
	return 0;
}

static int query_port(struct context *c, attrs a)
{
	struct ib_uverbs_query_port_resp_ex port = {0};

	if ((uint8_t)a[0]->data != 1)
		return EINVAL;
	fill_port(c->nic, &port.legacy_resp);
	put_out(a[1], &port, sizeof(port));
	return 0;
}

/* An entry of the table of GIDs: ENODATA for one that is empty. */
static int query_gid(struct context *c, attrs a)
{
	struct ib_uverbs_gid_entry entry = {.port_num = 1, .gid_type = IB_UVERBS_GID_TYPE_ROCE_V2};

	if ((uint32_t)a[0]->data != 1 || (uint32_t)a[1]->data != 0 || (uint32_t)a[2]->data)
		return EINVAL;
	if (LOAD(c->nic->image->no_gid))
		return ENODATA;
	make_gid(c->nic, (uint8_t *)entry.gid);
	put_out(a[3], &entry, sizeof(entry));
	return 0;
}
