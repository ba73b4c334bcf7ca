/* The objects of a context: a table whose index is the handle, as the kernel hands them out. */

static struct object *object_at(struct context *c, uint32_t handle, enum kind kind)
{
	return handle < c->count && c->objects[handle].kind == kind ? &c->objects[handle] : NULL;
}

/* A new object; its handle in *handle. NULL: ENOMEM. */
static struct object *add_object(struct context *c, enum kind kind, uint32_t *handle)
{
	struct object *o;

	if (c->free_head) {
		*handle = c->free_head - 1;
		c->free_head = c->objects[*handle].next_free;
	} else {
		if (c->count == c->room) {
			uint32_t room = c->room ? 2 * c->room : 16;

			o = realloc(c->objects, room * sizeof(*o));
			if (!o)
				return NULL;
			c->objects = o;
			c->room = room;
		}
		*handle = c->count++;
	}
	o = &c->objects[*handle];
	*o = (struct object){.kind = kind};
	return o;
}

static void free_object(struct context *c, uint32_t handle)
{
	struct object *o = &c->objects[handle];

	if (o->kind == PD)
		ADD(c->slot->pds, -1);
	if (o->kind == DEK)
		ADD(c->slot->deks, -1);
	if (o->kind == LOGIN) {
		ADD(c->slot->logins, -1);
		c->login = 0;
	}
	*o = (struct object){.kind = FREE, .next_free = c->free_head};
	c->free_head = handle + 1;
}

static struct context *find_context(int fd)
{
	struct context *c = contexts;

	while (c && c->fd != fd)
		c = c->next;
	return c;
}

/* Call with the mutex. */
static void drop(struct context *c)
{
	if (--c->references > 0)
		return;
	if (usable(c->nic) && c->slot->pid == (uint32_t)getpid())
		STORE(c->slot->pid, 0);
	free(c->objects);
	free(c);
}

/* The descriptor `fd` is about to be closed, or is known to be. Call with the mutex. */
static void forget(int fd)
{
	for (struct context **p = &contexts; *p; p = &(*p)->next)
		if ((*p)->fd == fd) {
			struct context *c = *p;

			*p = c->next;
			STORE(ours[fd], 0);
			drop(c);
			return;
		}
}
