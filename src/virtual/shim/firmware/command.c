/*
 * What all firmware commands share: how they are taken in, and the head of the answer. Commands run with the mutex
 * held; what sleeps or unwraps gives it up.
 */

/* Lets the time of a command pass. False when it takes none; else the NIC may be gone now. */
static bool take_time(struct image *image, uint16_t opcode)
{
	if (!takes_time(image, opcode))
		return false;
	pthread_mutex_unlock(&mutex);
	wait_turn(image, opcode);
	pthread_mutex_lock(&mutex);
	return true;
}

/* Against assumption 10: what makes an object takes its time when it has made it, and none when it is refused. */
static bool costs_when_done(const struct image *image, uint16_t opcode)
{
	return opcode == CREATE_OBJECT && is_contrary(image, CONTRARY_TIME);
}

/* Takes a command in: latency, then the faults that were set. Returns an errno, or 0 with the verdict so far. */
static int begin(struct context *c, uint16_t opcode, uint16_t type, struct verdict *v)
{
	struct image *image = c->nic->image;

	if (!costs_when_done(image, opcode) && take_time(image, opcode) && !present(c))
		return EIO;
	ADD(image->commands, 1);
	*v = verdict_of_faults(image, opcode, type);
	return 0;
}

/* Writes the head of the out mailbox. Returns the errno of the ioctl: the kernel hands a refusal on as EREMOTEIO. */
static int answer_of(struct image *image, uint8_t *out, struct verdict v, uint32_t id)
{
	out[0] = v.status;
	put32(out + 4, v.syndrome);
	put32(out + 8, id);
	if (v.status == OK)
		return 0;
	ADD(image->refused, 1);
	return EREMOTEIO;
}

static int answer(struct context *c, uint8_t *out, struct verdict v, uint32_t id)
{
	return answer_of(c->nic->image, out, v, id);
}
