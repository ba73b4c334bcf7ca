/*
 * DEVX: firmware commands that libmlx5 sends through the kernel. Left out: events, and all commands that are not in the
 * tables below.
 */

static int devx_other(struct context *c, attrs a)
{
	const struct field fields[] = {F_OPCODE, F_OP_MOD};
	const uint8_t *in = in_ptr(a[0]);
	uint8_t *out = out_ptr(a[1]);
	const uint16_t opcode = get_field(in, F_OPCODE);
	const bool is_register = opcode == ACCESS_REGISTER_USER;
	struct verdict v;
	int error;

	if (!c->shared->devx || (opcode != QUERY_HCA_CAP && !is_register))
		return EINVAL;
	error = begin(c, is_register ? ACCESS_REGISTER : opcode, is_register ? get_field(in, F_REGISTER_ID) : 0, &v);
	if (error)
		return error;
	clear_out(a[1]);
	if (v.status == OK && is_register && !LOAD(c->nic->image->devx_registers))
		v = REFUSE(BAD_OP, NOT_PRIVILEGED);
	else if (v.status == OK && is_register)
		v = access_register(c->nic, in, a[0]->len, out, a[1]->len);
	else if (v.status == OK && HAS_OTHERS(in, a[0]->len, fields))
		v = REFUSE(BAD_PARAM, RESERVED_FIELD);
	else if (v.status == OK)
		query_caps(c->nic->image, get_field(in, F_OP_MOD), out, a[1]->len);
	return answer(c, out, v, 0);
}

/* What can be made, and the command that destroys it, which the kernel makes up. */
static const struct {
	enum kind kind;
	uint16_t create, type, destroy;
	struct verdict (*run)(struct context *, const uint8_t *in, uint32_t inlen, uint32_t *handle);
} creations[] = {
	{DEK, CREATE_OBJECT, TYPE_DEK, DESTROY_OBJECT, create_dek},
	{LOGIN, CREATE_OBJECT, TYPE_LOGIN, DESTROY_OBJECT, create_login},
	{IMPORT_KEK, CREATE_OBJECT, TYPE_IMPORT_KEK, DESTROY_OBJECT, create_import_kek},
	{CREDENTIAL, CREATE_OBJECT, TYPE_CREDENTIAL, DESTROY_OBJECT, create_credential},
	{MKEY, CREATE_MKEY, 0, DESTROY_MKEY, create_mkey},
	{PSV, CREATE_PSV, 0, DESTROY_PSV, create_psv},
	{CQ, CREATE_CQ, 0, DESTROY_CQ, create_cq_by_command},
	{QP, CREATE_QP, 0, DESTROY_QP, create_qp_by_command},
};
enum { CREATIONS = sizeof(creations) / sizeof(creations[0]), PSV_INDEX_AT = 16 };

/* The line of what a command makes, or CREATIONS. */
static uint32_t find_creation(uint16_t opcode, uint16_t type)
{
	uint32_t i = 0;

	while (i < CREATIONS && (creations[i].create != opcode || creations[i].type != type))
		i++;
	return i;
}

static int devx_create(struct context *c, attrs a)
{
	const uint8_t *in = in_ptr(a[1]);
	uint8_t *out = out_ptr(a[2]);
	uint16_t opcode = get_field(in, F_OPCODE), type = opcode == CREATE_OBJECT ? get_field(in, F_OBJ_TYPE) : 0;
	uint32_t handle = 0, id = 0, line = find_creation(opcode, type);
	struct verdict v;
	int error;

	if (!c->shared->devx || (opcode != CREATE_OBJECT && line == CREATIONS))
		return EINVAL;
	error = begin(c, opcode, type, &v);
	if (error)
		return error;
	if (v.status == OK)
		v = line < CREATIONS ? creations[line].run(c, in, a[1]->len, &handle) : REFUSE(BAD_PARAM, OBJECT_TYPE);
	clear_out(a[2]);
	if (v.status == OK) {
		a[0]->data = handle;
		id = c->objects[handle].id;
	}
	if (v.status == OK && costs_when_done(c->nic->image, opcode) && take_time(c->nic->image, opcode) && !present(c))
		return EIO;
	if (v.status == OK && opcode == CREATE_PSV && a[2]->len >= PSV_INDEX_AT + 4)
		put32(out + PSV_INDEX_AT, id);
	return answer(c, out, v, id);
}

/* CQs and QPs are made by verbs as well. */
static bool is_of_command(const struct object *o)
{
	return (o->kind != CQ && o->kind != QP) || o->size == BY_COMMAND;
}

/* The object of a handle, and its line in the table. */
static struct object *devx_object(struct context *c, uint32_t handle, uint32_t *line)
{
	for (uint32_t i = 0; i < CREATIONS; i++)
		if (object_at(c, handle, creations[i].kind) && is_of_command(&c->objects[handle])) {
			*line = i;
			return &c->objects[handle];
		}
	return NULL;
}

static int devx_query(struct context *c, attrs a)
{
	const struct field fields[] = {F_OPCODE, F_OBJ_TYPE, F_OBJ_ID};
	uint32_t handle = a[0]->data, line;
	const uint8_t *in = in_ptr(a[1]);
	uint8_t *out = out_ptr(a[2]);
	struct object *o = devx_object(c, handle, &line);
	struct verdict v;
	int error;

	if (!o)
		return ENOENT;
	if (!c->shared->devx || !creations[line].type || get_field(in, F_OPCODE) != QUERY_OBJECT ||
	    get_field(in, F_OBJ_TYPE) != creations[line].type || get_field(in, F_OBJ_ID) != o->id)
		return EINVAL;
	error = begin(c, QUERY_OBJECT, creations[line].type, &v);
	if (error)
		return error;
	o = devx_object(c, handle, &line); /* another thread or process may have destroyed it meanwhile */
	if (!o || get_field(in, F_OBJ_ID) != o->id)
		return ENOENT;
	clear_out(a[2]);
	if (v.status == OK && HAS_OTHERS(in, a[1]->len, fields))
		v = REFUSE(BAD_PARAM, RESERVED_FIELD);
	if (v.status == OK)
		v = query_object(c, o, out, a[2]->len);
	return answer(c, out, v, o->id);
}

/* Of a QP, which need not be one of DEVX: for mlx5dv_devx_qp_modify. */
static int devx_modify(struct context *c, attrs a)
{
	uint32_t handle = a[0]->data;
	const uint8_t *in = in_ptr(a[1]);
	uint8_t *out = out_ptr(a[2]);
	struct qp *q = body_at(c, handle, QP);
	struct verdict v;
	int error;

	if (!q)
		return ENOENT;
	if (!c->shared->devx || get_field(in, F_QPN) != q->body.number)
		return EINVAL;
	error = begin(c, get_field(in, F_OPCODE), 0, &v);
	if (error)
		return error;
	settle();
	q = body_at(c, handle, QP);
	if (!q || get_field(in, F_QPN) != q->body.number)
		return ENOENT;
	clear_out(a[2]);
	if (v.status == OK)
		v = run_qp_command(q, in, a[1]->len);
	return answer(c, out, v, 0);
}

/* No mailbox: the kernel makes the command up, and a refusal comes back as an errno. The object lives on then. */
static int devx_destroy(struct context *c, attrs a)
{
	uint32_t handle = a[0]->data, line;
	struct object *o = devx_object(c, handle, &line);
	struct verdict v;
	uint64_t serial;
	int error;

	if (!o)
		return ENOENT;
	serial = o->serial;
	error = begin(c, creations[line].destroy, creations[line].type, &v);
	if (error)
		return error;
	if (v.status != OK) {
		ADD(c->nic->image->refused, 1);
		return status_errno(v.status);
	}
	settle();
	o = devx_object(c, handle, &line);
	if (!o || o->serial != serial)
		return ENOENT;
	if (o->kind == CQ && is_cq_used(c, handle))
		return EBUSY;
	if (o->kind == IMPORT_KEK || o->kind == CREDENTIAL)
		forget_key_of(c, o);
	free_object(c, handle);
	return 0;
}

/* The only event queue, of which nothing comes. */
static int query_eqn(struct context *c, attrs a)
{
	const uint32_t eqn = EVENT_QUEUE;

	if (!c->shared->devx || (uint32_t)a[0]->data != 0)
		return EINVAL;
	put_out(a[1], &eqn, sizeof(eqn));
	return 0;
}
