/*
 * Address handles: libmlx5 keeps the address itself, and asks for the MAC address that belongs to a GID. Each GID of a
 * virtual NIC has its MAC address in it, as EUI-64 does; so has every link-local one.
 */

static int create_ah(struct context *c, const void *request, attrs a)
{
	const struct ib_uverbs_create_ah *in = request;
	const uint8_t *gid = in->attr.grh.dgid;
	struct object model = {.kind = AH, .pd = in->pd_handle + 1};
	struct mlx5_ib_create_ah_resp driver = {.response_length = sizeof(driver)};
	struct ib_uverbs_create_ah_resp out;

	if (!object_at(c, in->pd_handle, PD) || in->attr.port_num != 1 || !in->attr.is_global ||
	    in->attr.grh.sgid_index != 0 || in->attr.sl > 15)
		return EINVAL;
	if (!add_object(c, &model, &out.ah_handle))
		return ENOMEM;
	memcpy(driver.dmac, (uint8_t[]){gid[8] ^ 2, gid[9], gid[10], gid[13], gid[14], gid[15]}, sizeof(driver.dmac));
	put_out(a[1], &out, sizeof(out));
	put_out(a[4], &driver, sizeof(driver));
	return 0;
}

static int destroy_ah(struct context *c, attrs a)
{
	uint32_t handle = (uint32_t)a[0]->data;

	if (!object_at(c, handle, AH))
		return ENOENT;
	free_object(c, handle);
	return 0;
}
