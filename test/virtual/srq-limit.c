/*
 * The event of a shared receive queue that has less in it than its limit: said once, to the one that reads it; one that
 * nobody reads keeps no queue from going.
 */
#include <infiniband/verbs.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>

static struct ibv_context *context;

static int set_limit(struct ibv_srq *srq, uint32_t limit)
{
	return ibv_modify_srq(srq, &(struct ibv_srq_attr){.srq_limit = limit}, IBV_SRQ_LIMIT);
}

static bool is_told(void)
{
	return poll(&(struct pollfd){.fd = context->async_fd, .events = POLLIN}, 1, 0) == 1;
}

int main(void)
{
	struct ibv_srq_init_attr attr = {.attr = {.max_wr = 16, .max_sge = 1}};
	struct ibv_device **list = ibv_get_device_list(NULL);
	struct ibv_async_event event;
	struct ibv_srq_attr now;
	struct ibv_srq *srq[2];
	struct ibv_pd *pd;
	int done;

	context = ibv_open_device(list[0]);
	pd = ibv_alloc_pd(context);
	for (int i = 0; i < 2; i++) {
		struct ibv_recv_wr receive = {0}, *bad;

		srq[i] = ibv_create_srq(pd, &attr);
		for (int n = 0; n < 4; n++)
			ibv_post_srq_recv(srq[i], &receive, &bad);
	}
	done = set_limit(srq[0], 4);
	printf("not below: %d, told %d\n", done, is_told());
	done = set_limit(srq[0], 5) | set_limit(srq[1], 5);
	printf("below: %d, told %d\n", done, is_told());
	done = ibv_get_async_event(context, &event);
	printf("read: %d, event %d, of the first %d\n", done, event.event_type, event.element.srq == srq[0]);
	ibv_ack_async_event(&event);
	ibv_query_srq(srq[0], &now);
	printf("limit: %u\n", now.srq_limit);
	done = ibv_destroy_srq(srq[0]) | ibv_destroy_srq(srq[1]);
	printf("gone: %d, told %d\n", done, is_told());
	ibv_dealloc_pd(pd);
	ibv_close_device(context);
	return 0;
}
