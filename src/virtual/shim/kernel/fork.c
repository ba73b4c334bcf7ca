/*
 * What a fork leaves: the child has no contexts yet, and finds its parent's again through the descriptors that it has
 * inherited; queues and memory keys stay the parent's, since their memory does.
 */

static void after_fork(void)
{
	mutex = (pthread_mutex_t)PTHREAD_MUTEX_INITIALIZER;
	contexts = NULL; /* their tables are not mapped in the child: MADV_DONTFORK */
	drop_bodies();
	forget_channels();
	forget_wire();
	forget_engine();
	close_nics();
}

static __attribute__((constructor)) void start(void)
{
	pthread_atfork(NULL, NULL, after_fork);
}
