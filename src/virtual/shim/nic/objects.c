/*
 * The objects of a context: a table in its file, whose index is the handle, as the kernel hands them out. Every
 * process that has the descriptor sees the same ones. What moves data (queues, memory keys) has a body besides, in
 * the memory of the process that made it; when that is dead, the object still exists, and moves nothing.
 */

/* Begins every body. They are found by their number, which is unique on a NIC (a CQ's: in its context). */
struct body {
	struct body *next, **link; /* of the same bucket; what points to this one */
	struct body *next_queue, *previous_queue; /* CQ, QP */
	struct context *context;
	uint64_t serial; /* of the object; another one there means that this is a body of nothing */
	uint32_t handle;
	uint32_t number;
	uint32_t bytes;
	uint8_t kind;
};

#define BUCKETS (1u << 16)
static struct body *buckets[BUCKETS];
static struct body *queues; /* those of kind CQ and QP */
static uint32_t bodies;

static bool is_queue(const struct body *b)
{
	return b->kind == CQ || b->kind == QP;
}

static struct object *object_at(struct context *c, uint32_t handle, enum kind kind)
{
	return !c->cut && handle < OBJECTS && LOAD(c->objects[handle].kind) == kind ? &c->objects[handle] : NULL;
}

/* Takes a record out of the list of free ones. Call with the image locked. */
static bool take_record(struct context *c, uint32_t *handle)
{
	struct shared *s = c->shared;

	if (s->free_head && s->free_head <= OBJECTS) {
		*handle = s->free_head - 1;
		STORE(s->free_head, c->objects[*handle].next_free);
	} else if (s->count < OBJECTS && can_write((uint64_t *)&c->objects[s->count + 1] - 1)) { /* its last bytes */
		*handle = s->count;
		STORE(s->count, *handle + 1);
	} else {
		return false;
	}
	return true;
}

static void give_record(struct context *c, uint32_t handle)
{
	c->objects[handle].next_free = c->shared->free_head;
	STORE(c->shared->free_head, handle + 1);
}

/*
 * Half of the spare records a process may have, so that it takes the lock once for many objects. What a process that is
 * killed has of them is lost until the context ends.
 */
static void take_spares(struct context *c)
{
	uint32_t handle[SPARES / 2], count = 0;

	lock_image(c->nic, F_WRLCK);
	while (count < SPARES / 2 && take_record(c, &handle[count]))
		count++;
	lock_image(c->nic, F_UNLCK);
	while (count)
		c->spare[c->spares++] = handle[--count]; /* the lowest one is used first */
}

static void give_spares(struct context *c, uint32_t keep)
{
	if (c->spares <= keep)
		return;
	lock_image(c->nic, F_WRLCK);
	while (c->spares > keep)
		give_record(c, c->spare[--c->spares]);
	lock_image(c->nic, F_UNLCK);
}

/* Makes a record an object, as `model` says. */
static struct object *fill_record(struct context *c, const struct object *model, uint32_t handle)
{
	struct object *o = &c->objects[handle];

	*o = *model;
	o->kind = FREE;
	o->serial = ADD(c->nic->image->next_serial, 1);
	STORE(o->kind, model->kind);
	if (model->kind == DEK)
		ADD(c->slot->deks, 1);
	return o;
}

/*
 * A new object, as `model` says; its handle in *handle. NULL: the table is full. Call with the image locked, or with
 * spare records.
 */
static struct object *add_locked(struct context *c, const struct object *model, uint32_t *handle)
{
	if (c->spares)
		*handle = c->spare[--c->spares];
	else if (!take_record(c, handle))
		return NULL;
	return fill_record(c, model, *handle);
}

static struct object *add_object(struct context *c, const struct object *model, uint32_t *handle)
{
	if (!c->spares)
		take_spares(c);
	return c->spares ? add_locked(c, model, handle) : NULL;
}

static bool is_alive(const struct body *b)
{
	const struct object *o = object_at(b->context, b->handle, b->kind);

	return o && o->serial == b->serial;
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
			   .next = buckets[o->id % BUCKETS],
			   .link = &buckets[o->id % BUCKETS]};
	if (b->next)
		b->next->link = &b->next;
	c->bodies[handle] = b;
	bodies++;
	if (is_queue(b)) {
		b->next_queue = queues;
		if (queues)
			queues->previous_queue = b;
		queues = b;
	}
	STORE(buckets[o->id % BUCKETS], b); /* the engine reads without the mutex while it moves data */
	return b;
}

/* The body of an object of this process, or NULL. */
static void *body_at(struct context *c, uint32_t handle, enum kind kind)
{
	const struct object *o = object_at(c, handle, kind);
	struct body *b = o ? c->bodies[handle] : NULL;

	return b && b->serial == o->serial ? b : NULL;
}

static void release_cq(struct body *b); /* what a body holds besides its memory */
static void release_qp(struct body *b);
static void release_mkey(struct body *b);

static void free_body(struct body *b)
{
	if (b->kind == CQ)
		release_cq(b);
	if (b->kind == QP)
		release_qp(b);
	if (b->kind == MKEY)
		release_mkey(b);

	STORE(*b->link, b->next);
	if (b->next)
		b->next->link = b->link;
	b->context->bodies[b->handle] = NULL;
	if (is_queue(b)) {
		if (b->previous_queue)
			b->previous_queue->next_queue = b->next_queue;
		else
			queues = b->next_queue;
		if (b->next_queue)
			b->next_queue->previous_queue = b->previous_queue;
	}
	bodies--;
	explicit_bzero(b, b->bytes);
	free(b);
}

static void settle(void);

/* The child of a fork: they are the parent's. */
static void drop_bodies(void)
{
	if (bodies)
		memset(buckets, 0, sizeof(buckets));
	queues = NULL;
	bodies = 0;
}

static void forget_bodies(struct context *c)
{
	settle();
	for (uint32_t i = 0; i < BUCKETS && bodies; i++)
		for (struct body *b = buckets[i], *next; b; b = next) {
			next = b->next;
			if (b->context == c)
				free_body(b);
		}
}

/* How many QPs have a CQ or an SRQ is counted in its record; a process that is killed in the middle counts one more. */
static void count_users(struct context *c, const struct object *o, int32_t n)
{
	for (int i = 0; i < 2; i++)
		if (o->cq[i] && o->cq[i] <= OBJECTS)
			ADD(c->objects[o->cq[i] - 1].cq[0], n);
	if (o->srq && o->srq <= OBJECTS)
		ADD(c->objects[o->srq - 1].cq[0], n);
}

/* Against assumption 8: the id of the last DEK is that of the next one as well. */
static void use_id_again(struct image *image, uint32_t id)
{
	uint32_t next = id + 1;

	if (is_contrary(image, CONTRARY_IDS))
		__atomic_compare_exchange_n(&image->next_object, &next, id, false, __ATOMIC_ACQ_REL, __ATOMIC_RELAXED);
}

static void free_object(struct context *c, uint32_t handle)
{
	struct object *o = &c->objects[handle];
	uint8_t kind = o->kind;
	struct body *b = kind >= CQ ? body_at(c, handle, kind) : NULL;

	if (b)
		free_body(b);
	if (!__atomic_compare_exchange_n(&o->kind, &kind, FREE, false, __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE) ||
	    kind == FREE)
		return; /* another process was faster */
	if (kind == DEK) {
		ADD(c->slot->deks, -1);
		use_id_again(c->nic->image, o->id);
	}
	if (kind == LOGIN)
		STORE(c->shared->login, 0);
	if (kind == QP)
		count_users(c, o, -1);
	explicit_bzero(o->key, sizeof(o->key));
	if (c->spares == SPARES)
		give_spares(c, SPARES / 2);
	c->spare[c->spares++] = handle;
}
