/* DEVX: firmware commands that libmlx5 sends through the kernel. */

static int devx_other(struct context *c, attrs a)
{
	const uint8_t *in = in_ptr(a[0]);
	uint8_t *out = out_ptr(a[1]);
	struct verdict v;
	int error;

	if (!c->devx || get32(in) >> 16 != QUERY_HCA_CAP)
		return EINVAL;
	error = begin(c, QUERY_HCA_CAP, 0, &v);
	if (error)
		return error;
	clear_out(a[1]);
	if (v.status == OK)
		query_caps(c->nic->image, get32(in + 4), out, a[1]->len);
	return answer(c, out, v, 0);
}

static int devx_create(struct context *c, attrs a)
{
	const uint8_t *in = in_ptr(a[1]);
	uint8_t *out = out_ptr(a[2]);
	uint16_t type = get32(in + 4);
	uint32_t handle = 0;
	struct verdict v;
	int error;

	if (!c->devx || get32(in) >> 16 != CREATE_OBJECT)
		return EINVAL;
	error = begin(c, CREATE_OBJECT, type, &v);
	if (error)
		return error;
	if (v.status == OK)
		v = type == TYPE_DEK	 ? create_dek(c, in, a[1]->len, &handle)
		    : type == TYPE_LOGIN ? create_login(c, in, a[1]->len, &handle)
					 : REFUSE(BAD_PARAM, OBJECT_TYPE);
	clear_out(a[2]);
	if (v.status == OK)
		a[0]->data = handle;
	return answer(c, out, v, v.status == OK ? c->objects[handle].id : 0);
}

static struct object *devx_object(struct context *c, uint32_t handle)
{
	struct object *o = object_at(c, handle, DEK);

	return o ? o : object_at(c, handle, LOGIN);
}

static uint16_t object_type(const struct object *o)
{
	return o->kind == DEK ? TYPE_DEK : TYPE_LOGIN;
}

static int devx_query(struct context *c, attrs a)
{
	uint32_t handle = a[0]->data;
	const uint8_t *in = in_ptr(a[1]);
	uint8_t *out = out_ptr(a[2]);
	struct object *o = devx_object(c, handle);
	struct verdict v;
	int error;

	if (!o)
		return ENOENT;
	if (!c->devx || get32(in) >> 16 != QUERY_OBJECT || (uint16_t)get32(in + 4) != object_type(o) ||
	    get32(in + 8) != o->id)
		return EINVAL;
	error = begin(c, QUERY_OBJECT, object_type(o), &v);
	if (error)
		return error;
	o = devx_object(c, handle); /* another thread may have destroyed it meanwhile, or moved the table */
	if (!o || get32(in + 8) != o->id)
		return ENOENT;
	clear_out(a[2]);
	if (v.status == OK)
		v = query_object(c, o, out, a[2]->len);
	return answer(c, out, v, o->id);
}

/* No mailbox: the kernel makes the command up, and a refusal comes back as an errno. The object lives on then. */
static int devx_destroy(struct context *c, attrs a)
{
	uint32_t handle = a[0]->data, id;
	struct object *o = devx_object(c, handle);
	struct verdict v;
	int error;

	if (!o)
		return ENOENT;
	id = o->id;
	error = begin(c, DESTROY_OBJECT, object_type(o), &v);
	if (error)
		return error;
	if (v.status != OK) {
		ADD(c->nic->image->refused, 1);
		return status_errno(v.status);
	}
	o = devx_object(c, handle);
	if (!o || o->id != id)
		return ENOENT;
	free_object(c, handle);
	return 0;
}
