/*
 * The objects of a context: a table in its file, whose index is the handle, as the kernel hands them out. Every
 * process that has the descriptor sees the same ones. What moves data (queues, memory keys) has a body besides, in
 * the memory of the process that made it; when that is dead, the object still exists, and moves nothing.
 */

/* Begins every body. They are found by their number, which is unique on a NIC (a CQ's: in its context). */
struct body {
	struct body *next; /* of the same bucket */
	struct context *context;
	uint64_t serial; /* of the object; another one there means that this is a body of nothing */
	uint32_t handle;
	uint32_t number;
	uint32_t bytes;
	uint8_t kind;
};

#define BUCKETS 1024
static struct body *buckets[BUCKETS];

static struct object *object_at(struct context *c, uint32_t handle, enum kind kind)
{
	return handle < OBJECTS && LOAD(c->objects[handle].kind) == kind ? &c->objects[handle] : NULL;
}

/* A new object, as `model` says; its handle in *handle. NULL: the table is full. Call with the image locked. */
static struct object *add_locked(struct context *c, const struct object *model, uint32_t *handle)
{
	struct shared *s = c->shared;
	struct object *o;

	if (s->free_head && s->free_head <= OBJECTS) {
		*handle = s->free_head - 1;
		STORE(s->free_head, c->objects[*handle].next_free);
	} else if (s->count < OBJECTS) {
		*handle = s->count;
		STORE(s->count, *handle + 1);
	} else {
		return NULL;
	}
	o = &c->objects[*handle];
	*o = *model;
	o->kind = FREE;
	o->serial = ADD(c->nic->image->next_serial, 1);
	STORE(o->kind, model->kind);
	if (model->kind == DEK)
		ADD(c->slot->deks, 1);
	return o;
}

static struct object *add_object(struct context *c, const struct object *model, uint32_t *handle)
{
	struct object *o;

	lock_image(c->nic, F_WRLCK);
	o = add_locked(c, model, handle);
	lock_image(c->nic, F_UNLCK);
	return o;
}

static bool is_alive(const struct body *b)
{
	const struct object *o = &b->context->objects[b->handle];

	return LOAD(o->kind) == b->kind && o->serial == b->serial;
}

/* Gives an object its body: `bytes` of zeros that begin with struct body. NULL: no memory. */
static void *add_body(struct context *c, uint32_t handle, uint32_t bytes)
{
	struct object *o = &c->objects[handle];
	struct body *b = calloc(1, bytes);

	if (!b)
		return NULL;
	*b = (struct body){.context = c,
			   .serial = o->serial,
			   .handle = handle,
			   .number = o->id,
			   .bytes = bytes,
			   .kind = o->kind,
			   .next = buckets[o->id % BUCKETS]};
	STORE(buckets[o->id % BUCKETS], b); /* the engine reads without the mutex while it moves data */
	return b;
}

/* The body of an object of this process, or NULL. */
static void *body_at(struct context *c, uint32_t handle, enum kind kind)
{
	struct object *o = object_at(c, handle, kind);
	struct body *b = o ? buckets[o->id % BUCKETS] : NULL;

	while (b && (b->context != c || b->handle != handle || b->serial != o->serial))
		b = b->next;
	return b;
}

static void release_cq(struct body *b); /* what a body holds besides its memory */
static void release_qp(struct body *b);

static void free_body(struct body *b)
{
	struct body **p = &buckets[b->number % BUCKETS];

	if (b->kind == CQ)
		release_cq(b);
	if (b->kind == QP)
		release_qp(b);

	while (*p != b)
		p = &(*p)->next;
	*p = b->next;
	explicit_bzero(b, b->bytes);
	free(b);
}

static void settle(void);

static void forget_bodies(struct context *c)
{
	settle();
	for (uint32_t i = 0; i < BUCKETS; i++)
		for (struct body *b = buckets[i], *next; b; b = next) {
			next = b->next;
			if (b->context == c)
				free_body(b);
		}
}

static void free_object(struct context *c, uint32_t handle)
{
	struct object *o = &c->objects[handle];
	enum kind kind = o->kind;
	struct body *b = kind >= CQ ? body_at(c, handle, kind) : NULL;

	if (b)
		free_body(b);
	lock_image(c->nic, F_WRLCK);
	STORE(o->kind, FREE);
	if (kind == DEK)
		ADD(c->slot->deks, -1);
	if (kind == LOGIN)
		c->shared->login = 0;
	explicit_bzero(o->key, sizeof(o->key));
	o->next_free = c->shared->free_head;
	STORE(c->shared->free_head, handle + 1);
	lock_image(c->nic, F_UNLCK);
}
