/*
 * UARs: pages that a program rings doorbells in. All are one page of the context's file, which nobody reads: the
 * engine looks at the doorbell records, which every producer writes first. mmap(2) makes them private (see
 * interpose.c), so that nothing of what is written there gets to a disk.
 */

static int alloc_uar(struct context *c, attrs a)
{
	const struct object model = {.kind = UAR};
	uint32_t handle, length = 4096, page_id;
	uint64_t offset = 0;

	if (!add_object(c, &model, &handle))
		return ENOMEM;
	page_id = handle + 1;
	a[0]->data = handle;
	put_out(a[2], &offset, sizeof(offset));
	put_out(a[3], &length, sizeof(length));
	put_out(a[4], &page_id, sizeof(page_id));
	return 0;
}

static int destroy_uar(struct context *c, attrs a)
{
	uint32_t handle = (uint32_t)a[0]->data;

	if (!object_at(c, handle, UAR))
		return ENOENT;
	free_object(c, handle);
	return 0;
}
