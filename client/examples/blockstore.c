// SPDX-License-Identifier: MIT
/*
 * blockstore: a block device in a file, encrypted by the NIC with DEKs of `dek agent`. An example of a service, and a
 * test of it: it reads and writes random blocks, compares each that it reads, and goes on while the agent is killed,
 * keys are rotated and DEKs fail.
 *
 *     blockstore --lend|--attach [--socket PATH] [--nic NAME] [--seconds N] [--blocks N] [--keytag HEX]
 *         FILE PLAIN TAGGED
 *
 * The first half of the blocks is encrypted with the DEK called PLAIN, the second with TAGGED. A block has 4,096 bytes
 * and its number is its tweak. "The disk" is the file, which the NIC reaches by RDMA from this same process. In the end
 * FILE.versions has a 32-bit number for each block: how often it was written, from which its content follows.
 *
 * Two threads: main moves data (fill, post, poll), the other one listens to the agent. They meet in `shared`.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <mlx5dek.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

enum { BLOCK = 4096, DEPTH = 32, VOLUMES = 2 };
enum { ACCESS = IBV_ACCESS_LOCAL_WRITE | IBV_ACCESS_REMOTE_READ | IBV_ACCESS_REMOTE_WRITE };

/* What an I/O needs of a context: all is made anew when the service moves to another one. */
struct path {
	struct mlx5dek *dek;
	struct ibv_context *opened; /* by us, to be lent; NULL: attached */
	struct ibv_pd *allocated;
	struct ibv_cq *cq;
	struct ibv_qp *qp;
	struct ibv_mr *buffers, *disk;
	struct mlx5dv_mkey *mkeys[DEPTH];
};

/* One of DEPTH I/Os at a time. */
struct slot {
	enum { FREE, READY, POSTED } state;
	bool is_write, has_failed;
	uint32_t block, version;
	uint32_t object_id; /* of the DEK that it was posted with */
	int volume;
};

static struct {
	pthread_mutex_t lock;
	pthread_cond_t moved;
	struct mlx5dek_key keys[VOLUMES]; /* object_id 0: none now */
	uint32_t *old; /* ids to be released when no I/O is using them; it grows */
	int old_count;
	struct path *next; /* where to move to */
	bool is_gone; /* the present context: nothing of it will complete */
	bool stop;
} shared = {.lock = PTHREAD_MUTEX_INITIALIZER, .moved = PTHREAD_COND_INITIALIZER};

static struct {
	uint64_t reads, writes, wrong, failed, recovered, moves, reconnects, changes;
	uint64_t longest_pause_ns;
} counts;

static const char *names[VOLUMES];
static struct mlx5dek_options options;
static uint8_t keytag[8]; /* of TAGGED, where the manifest does not say it */
static bool lends;
static uint32_t block_count = 65536;
static uint8_t *disk, *buffers;
static uint32_t *versions;
static uint8_t *is_busy;
static struct path *path;
static struct slot slots[DEPTH];
static uint32_t failed_ids[VOLUMES]; /* objects that the NIC refused: there will be others */
static bool is_broken; /* the QP is in ERROR: what was posted comes back, and nothing more is posted */
static volatile sig_atomic_t is_interrupted;

static void die(const char *what)
{
	fprintf(stderr, "blockstore: %s\n", what);
	exit(1);
}

/* A list of ids with room for so many. */
static uint32_t *grown(uint32_t *list, int count)
{
	list = count ? realloc(list, count * sizeof(*list)) : list;
	if (count && !list)
		die("realloc");
	return list;
}

static uint64_t now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000000000ull + t.tv_nsec;
}

static void say(const char *what, const char *why)
{
	fprintf(stderr, "blockstore: %s%s%s\n", what, *why ? ": " : "", why);
}

static uint32_t next_random(uint32_t *state)
{
	*state ^= *state << 13;
	*state ^= *state >> 17;
	*state ^= *state << 5;
	return *state;
}

/* The content of a block follows from its number and its version. */
static void fill_block(uint8_t *at, uint32_t block, uint32_t version)
{
	uint32_t *words = (uint32_t *)at, state = (block * 2654435761u ^ version * 40503u) | 1;

	words[0] = block;
	words[1] = version;
	for (int i = 2; i < BLOCK / 4; i++)
		words[i] = next_random(&state);
}

/* A path */

/* Connects the QP with itself, by the first GID of port 1. */
static int connect_to_itself(struct ibv_qp *qp)
{
	struct ibv_qp_attr attr = {.qp_state = IBV_QPS_INIT, .port_num = 1, .qp_access_flags = ACCESS};
	int error = ibv_modify_qp(qp, &attr, IBV_QP_STATE | IBV_QP_PKEY_INDEX | IBV_QP_PORT | IBV_QP_ACCESS_FLAGS);

	attr.qp_state = IBV_QPS_RTR;
	attr.path_mtu = IBV_MTU_1024;
	attr.dest_qp_num = qp->qp_num;
	attr.max_dest_rd_atomic = 16;
	attr.ah_attr.is_global = 1;
	attr.ah_attr.port_num = 1;
	attr.ah_attr.grh.hop_limit = 1;
	if (!error)
		error = ibv_query_gid(qp->context, 1, 0, &attr.ah_attr.grh.dgid);
	if (!error)
		error = ibv_modify_qp(qp, &attr,
				      IBV_QP_STATE | IBV_QP_AV | IBV_QP_PATH_MTU | IBV_QP_DEST_QPN | IBV_QP_RQ_PSN |
					      IBV_QP_MAX_DEST_RD_ATOMIC | IBV_QP_MIN_RNR_TIMER);
	attr.qp_state = IBV_QPS_RTS;
	attr.timeout = 14;
	attr.retry_cnt = attr.rnr_retry = 7;
	attr.max_rd_atomic = 16;
	return error ? error
		     : ibv_modify_qp(qp, &attr,
				     IBV_QP_STATE | IBV_QP_TIMEOUT | IBV_QP_RETRY_CNT | IBV_QP_RNR_RETRY |
					     IBV_QP_SQ_PSN | IBV_QP_MAX_QP_RD_ATOMIC);
}

/* After an error: the QP as it was when it was new, and connected again. */
static int reset_qp(struct ibv_qp *qp)
{
	struct ibv_qp_attr attr = {.qp_state = IBV_QPS_RESET};
	int error = ibv_modify_qp(qp, &attr, IBV_QP_STATE);

	return error ? error : connect_to_itself(qp);
}

static void close_path(struct path *p)
{
	for (int i = 0; i < DEPTH; i++)
		if (p->mkeys[i])
			mlx5dv_destroy_mkey(p->mkeys[i]);
	if (p->qp)
		ibv_destroy_qp(p->qp);
	if (p->buffers)
		ibv_dereg_mr(p->buffers);
	if (p->disk)
		ibv_dereg_mr(p->disk);
	if (p->cq)
		ibv_destroy_cq(p->cq);
	if (p->dek)
		mlx5dek_detach(p->dek, 0);
	if (p->allocated)
		ibv_dealloc_pd(p->allocated);
	if (p->opened)
		ibv_close_device(p->opened);
	free(p);
}

/* Opens a context as librdmacm does, with no thought of DEKs. */
static bool open_context(struct path *p)
{
	struct ibv_device **list = ibv_get_device_list(NULL);

	p->opened = list && list[0] ? ibv_open_device(list[0]) : NULL;
	p->allocated = p->opened ? ibv_alloc_pd(p->opened) : NULL;
	if (list)
		ibv_free_device_list(list);
	return p->allocated;
}

/* A context and PD with DEKs in it, by either road, and what data needs to pass. NULL: not now. */
static struct path *open_path(void)
{
	struct path *p = calloc(1, sizeof(*p));
	struct ibv_qp_init_attr_ex attr = {
		.cap = {.max_send_wr = 2 * DEPTH, .max_send_sge = 1, .max_inline_data = 512},
		.qp_type = IBV_QPT_RC,
		.comp_mask = IBV_QP_INIT_ATTR_PD | IBV_QP_INIT_ATTR_SEND_OPS_FLAGS,
		.send_ops_flags = IBV_QP_EX_WITH_RDMA_WRITE | IBV_QP_EX_WITH_RDMA_READ,
	};
	struct mlx5dv_qp_init_attr driver = {.comp_mask = MLX5DV_QP_INIT_ATTR_MASK_SEND_OPS_FLAGS,
					     .send_ops_flags = MLX5DV_QP_EX_WITH_MKEY_CONFIGURE};
	struct mlx5dv_mkey_init_attr mkey = {.create_flags = MLX5DV_MKEY_INIT_ATTR_FLAGS_INDIRECT |
							     MLX5DV_MKEY_INIT_ATTR_FLAGS_CRYPTO,
					     .max_entries = 1};
	struct ibv_context *context;

	if (lends && open_context(p))
		p->dek = mlx5dek_lend(p->allocated, &options);
	else if (!lends)
		p->dek = mlx5dek_attach(&options);
	if (!p->dek) {
		close_path(p);
		return NULL;
	}
	context = mlx5dek_context(p->dek);
	attr.pd = mkey.pd = mlx5dek_pd(p->dek);
	p->cq = attr.send_cq = attr.recv_cq = ibv_create_cq(context, 2 * DEPTH, NULL, NULL, 0);
	p->qp = p->cq ? mlx5dv_create_qp(context, &attr, &driver) : NULL;
	p->buffers = ibv_reg_mr(attr.pd, buffers, DEPTH * BLOCK, ACCESS);
	p->disk = ibv_reg_mr(attr.pd, disk, (size_t)block_count * BLOCK, ACCESS);
	for (int i = 0; i < DEPTH; i++)
		p->mkeys[i] = mlx5dv_create_mkey(&mkey);
	if (!p->qp || !p->buffers || !p->disk || !p->mkeys[DEPTH - 1] || connect_to_itself(p->qp)) {
		perror("blockstore: a path");
		close_path(p);
		return NULL;
	}
	return p;
}

/* The thread that listens to the agent */

/* Looks a volume's DEK up. The lock is held. */
static void look_up(struct mlx5dek *dek, int volume)
{
	if (mlx5dek_find(dek, names[volume], &shared.keys[volume]))
		shared.keys[volume].object_id = 0;
}

static void look_up_all(struct mlx5dek *dek)
{
	for (int v = 0; v < VOLUMES; v++)
		look_up(dek, v);
}

/*
 * The name has another object. The old one is released by the thread that knows what is under way, or at once if it was
 * never used here.
 */
static void take_change(struct mlx5dek *dek, const struct mlx5dek_event *event)
{
	bool is_ours = false;

	pthread_mutex_lock(&shared.lock);
	for (int v = 0; v < VOLUMES; v++)
		if (strcmp(event->name, names[v]) == 0) {
			look_up(dek, v);
			is_ours = true;
			say(event->name, event->new_id ? "has another object" : "has no object");
		}
	if (is_ours && event->old_id) {
		shared.old = grown(shared.old, shared.old_count + 1);
		shared.old[shared.old_count++] = event->old_id;
	}
	counts.changes += is_ours;
	pthread_mutex_unlock(&shared.lock);
	if (!is_ours && event->old_id)
		mlx5dek_release(dek, event->old_id);
}

static bool stops(void)
{
	bool stop;

	pthread_mutex_lock(&shared.lock);
	stop = shared.stop;
	pthread_mutex_unlock(&shared.lock);
	return stop;
}

/* Hands another path to the thread that moves data, waits until it has moved, and closes the one before. */
static void move_to(struct path *next)
{
	struct path *before = path;

	pthread_mutex_lock(&shared.lock);
	shared.next = next;
	while (shared.next && !shared.stop)
		pthread_cond_wait(&shared.moved, &shared.lock);
	next = shared.next;
	shared.next = NULL;
	pthread_mutex_unlock(&shared.lock);
	close_path(next ? next : before); /* if all ends before it has moved: the new one */
}

static void wait_ms(int ms)
{
	struct timespec t = {.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000};

	nanosleep(&t, NULL);
}

/* The agent is gone and I/O goes on. Until there is one again: the same context, or another one to move to. */
static void find_agent(bool context_is_gone)
{
	int told = 0;

	for (int pause = 20; !stops(); pause = pause < 1000 ? 2 * pause : 1000) {
		struct path *next;

		if (!context_is_gone && mlx5dek_reconnect(path->dek) == 0) {
			say("there is an agent again", "");
			counts.reconnects++;
			return;
		}
		if (context_is_gone || errno == ESTALE) {
			next = open_path();
			if (next) {
				move_to(next);
				return;
			}
		}
		if (errno != told)
			say("no agent yet", mlx5dek_error());
		told = errno;
		wait_ms(pause);
	}
}

static void *listen_to_agent(void *unused)
{
	(void)unused;
	while (!stops()) {
		struct mlx5dek *dek = path->dek;
		struct mlx5dek_event event;
		struct pollfd p = {.fd = mlx5dek_fd(dek), .events = POLLIN};

		if (mlx5dek_next_event(dek, &event) == 0) {
			poll(&p, 1, 100);
			continue;
		}
		switch (event.type) {
		case MLX5DEK_EVENT_CHANGED:
		case MLX5DEK_EVENT_ADDED:
		case MLX5DEK_EVENT_REMOVED:
			take_change(dek, &event);
			break;
		case MLX5DEK_EVENT_EXPIRED:
			break; /* what used it fails, and is done again with the new one */
		case MLX5DEK_EVENT_CONTEXT_GONE:
			say("the context is gone", mlx5dek_error());
			pthread_mutex_lock(&shared.lock);
			shared.is_gone = true;
			pthread_mutex_unlock(&shared.lock);
			find_agent(true);
			break;
		case MLX5DEK_EVENT_AGENT_GONE:
			say("the agent is gone", mlx5dek_error());
			find_agent(false);
			break;
		}
	}
	return NULL;
}

/* The thread that moves data */

/* The DEK of a volume as it is now. False: none that can be used. */
static bool take_key(int volume, struct mlx5dek_key *key)
{
	pthread_mutex_lock(&shared.lock);
	*key = shared.keys[volume];
	pthread_mutex_unlock(&shared.lock);
	if (key->object_id == 0 || key->object_id == failed_ids[volume])
		return false;
	if (failed_ids[volume])
		say(names[volume], "goes on");
	failed_ids[volume] = 0;
	return true;
}

/* Lays the slot's MKey over its buffer with the DEK and the block's tweak, and moves the block through it. */
static bool post(int index)
{
	struct slot *s = &slots[index];
	struct ibv_qp_ex *qp = ibv_qp_to_qp_ex(path->qp);
	struct mlx5dv_qp_ex *driver = mlx5dv_qp_ex_from_ibv_qp_ex(qp);
	struct mlx5dv_mkey_conf_attr conf = {0};
	struct ibv_sge buffer = {(uintptr_t)buffers + index * BLOCK, BLOCK, path->buffers->lkey};
	const uint64_t at = (uintptr_t)disk + (uint64_t)s->block * BLOCK;
	struct mlx5dv_crypto_attr crypto = {
		.crypto_standard = MLX5DV_CRYPTO_STANDARD_AES_XTS,
		.encrypt_on_tx = true,
		.signature_crypto_order = MLX5DV_SIGNATURE_CRYPTO_ORDER_SIGNATURE_BEFORE_CRYPTO_ON_TX,
		.data_unit_size = MLX5DV_BLOCK_SIZE_4096,
	};
	struct mlx5dek_key key;

	if (!take_key(s->volume, &key))
		return false;
	crypto.dek = mlx5dek_dv(&key);
	if (!crypto.dek)
		die(mlx5dek_error());
	memcpy(crypto.initial_tweak, &s->block, sizeof(s->block)); /* little-endian, as IEEE 1619 has it */
	if (key.has_keytag)
		memcpy(crypto.keytag, key.keytag_known ? key.keytag : keytag, sizeof(crypto.keytag));
	s->object_id = key.object_id;
	if (s->is_write)
		fill_block(buffers + index * BLOCK, s->block, s->version);

	ibv_wr_start(qp);
	qp->wr_id = index;
	qp->wr_flags = IBV_SEND_INLINE;
	mlx5dv_wr_mkey_configure(driver, path->mkeys[index], 3, &conf);
	mlx5dv_wr_set_mkey_access_flags(driver, ACCESS);
	mlx5dv_wr_set_mkey_layout_list(driver, 1, &buffer);
	mlx5dv_wr_set_mkey_crypto(driver, &crypto);
	qp->wr_flags = IBV_SEND_SIGNALED;
	if (s->is_write)
		ibv_wr_rdma_write(qp, path->disk->rkey, at);
	else
		ibv_wr_rdma_read(qp, path->disk->rkey, at);
	ibv_wr_set_sge(qp, path->mkeys[index]->lkey, 0, BLOCK);
	if (ibv_wr_complete(qp))
		die("a work request was not taken");
	s->state = POSTED;
	return true;
}

/*
 * Another block, which no other slot is at. What was never written is written first. Each volume has half of the slots,
 * so that the one goes on when the other has to wait for its DEK.
 */
static void choose(int index, uint32_t *random)
{
	struct slot *s = &slots[index];
	uint32_t half = block_count / 2;

	s->volume = index % VOLUMES;
	do
		s->block = next_random(random) % half + s->volume * half;
	while (is_busy[s->block]);
	is_busy[s->block] = 1;
	s->is_write = versions[s->block] == 0 || next_random(random) & 1;
	s->version = versions[s->block] + s->is_write;
	s->has_failed = false;
	s->state = READY;
}

static void complete(int index)
{
	static uint8_t expected[BLOCK] __attribute__((aligned(8)));
	struct slot *s = &slots[index];

	if (s->is_write) {
		versions[s->block] = s->version;
		counts.writes++;
	} else {
		fill_block(expected, s->block, s->version);
		counts.wrong += memcmp(expected, buffers + index * BLOCK, BLOCK) != 0;
		counts.reads++;
	}
	counts.recovered += s->has_failed;
	is_busy[s->block] = 0;
	s->state = FREE;
}

/* It did not happen, or not whole: the same again, later. */
static void fail_slot(struct slot *s)
{
	counts.failed += !s->has_failed;
	s->has_failed = true;
	s->state = READY;
}

static int posted(void)
{
	int count = 0;

	for (int i = 0; i < DEPTH; i++)
		count += slots[i].state == POSTED;
	return count;
}

/* Takes completions. False: the QP is in ERROR, and everything has come back from it. */
static bool poll_path(uint64_t *last_ns)
{
	struct ibv_wc wc[DEPTH];
	int n = ibv_poll_cq(path->cq, DEPTH, wc);

	for (int i = 0; i < n; i++) {
		struct slot *s = &slots[wc[i].wr_id];

		if (s->state != POSTED)
			continue; /* the MKey's own work request, flushed before that of its data */
		if (wc[i].status == IBV_WC_SUCCESS) {
			uint64_t now = now_ns();

			if (now - *last_ns > counts.longest_pause_ns)
				counts.longest_pause_ns = now - *last_ns;
			*last_ns = now;
			complete(wc[i].wr_id);
			continue;
		}
		/* Who is not flushed for another's sake has a DEK that the NIC does not take any more. */
		if (wc[i].status != IBV_WC_WR_FLUSH_ERR && failed_ids[s->volume] != s->object_id) {
			failed_ids[s->volume] = s->object_id;
			say(names[s->volume], "failed");
		}
		fail_slot(s);
		is_broken = true;
	}
	if (n == 0)
		sched_yield();
	if (!is_broken || posted() > 0)
		return true;
	is_broken = false;
	return false;
}

/* Releases old objects that no I/O is using: there is no MKey that will be used before it is configured anew. */
static void release_old(void)
{
	static uint32_t *unused;
	int count = 0;

	pthread_mutex_lock(&shared.lock);
	unused = grown(unused, shared.old_count);
	for (int i = shared.old_count; i-- > 0;) {
		bool is_used = false;

		for (int n = 0; n < DEPTH; n++)
			is_used |= slots[n].state == POSTED && slots[n].object_id == shared.old[i];
		if (is_used)
			continue;
		unused[count++] = shared.old[i];
		shared.old[i] = shared.old[--shared.old_count];
	}
	pthread_mutex_unlock(&shared.lock);
	while (count > 0)
		mlx5dek_release(path->dek, unused[--count]);
}

/* To the other path, when all I/O is done, or will never be. */
static void move(void)
{
	pthread_mutex_lock(&shared.lock);
	for (int i = 0; i < DEPTH; i++)
		if (slots[i].state == POSTED)
			fail_slot(&slots[i]);
	path = shared.next;
	is_broken = false;
	look_up_all(path->dek);
	shared.old_count = 0; /* they were the other context's */
	shared.next = NULL;
	shared.is_gone = false;
	counts.moves++;
	say("moved to another context", "");
	pthread_cond_signal(&shared.moved);
	pthread_mutex_unlock(&shared.lock);
}

static void run(int seconds)
{
	uint64_t last_ns = now_ns(), end_ns = last_ns + seconds * 1000000000ull;
	uint32_t random = 1;
	bool drains = false;

	for (int busy = 1; busy || !drains;) {
		bool moves, is_gone, has_old;

		pthread_mutex_lock(&shared.lock);
		moves = shared.next;
		is_gone = shared.is_gone;
		has_old = shared.old_count > 0;
		pthread_mutex_unlock(&shared.lock);
		drains = is_interrupted || now_ns() >= end_ns;
		for (int i = 0; i < DEPTH; i++) {
			if (slots[i].state == FREE && !drains)
				choose(i, &random);
			if (slots[i].state == READY && !moves && !is_gone && !is_broken)
				post(i);
		}
		if (!poll_path(&last_ns) && reset_qp(path->qp) && !is_gone)
			die("the QP could not be reset");
		if (has_old)
			release_old();
		if (moves && (is_gone || posted() == 0))
			move();
		busy = 0;
		for (int i = 0; i < DEPTH; i++)
			busy += slots[i].state != FREE;
		if (drains && now_ns() > end_ns + 30000000000ull)
			break; /* a DEK that never came back */
	}
}

static void interrupt(int signal)
{
	(void)signal;
	is_interrupted = 1;
}

static void *map_file(const char *name, size_t bytes)
{
	int fd = open(name, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	void *map = fd < 0 || ftruncate(fd, bytes) ? MAP_FAILED
						   : mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);

	if (map == MAP_FAILED) {
		perror(name);
		exit(1);
	}
	close(fd);
	return map;
}

static void usage(void)
{
	fprintf(stderr, "usage: blockstore --lend|--attach [--socket PATH] [--nic NAME] [--seconds N] [--blocks N] "
			"[--keytag HEX] FILE PLAIN TAGGED\n");
	exit(2);
}

static void report(void)
{
	uint64_t written = 0;

	for (uint32_t i = 0; i < block_count; i++)
		written += versions[i] > 0;
	printf("blocks %u\nwritten %lu\nreads %lu\nwrites %lu\nwrong %lu\nfailed %lu\nrecovered %lu\n", block_count,
	       written, counts.reads, counts.writes, counts.wrong, counts.failed, counts.recovered);
	printf("changes %lu\nreconnects %lu\nmoves %lu\nlongest pause %.3f ms\n", counts.changes, counts.reconnects,
	       counts.moves, counts.longest_pause_ns / 1e6);
}

int main(int argc, char **argv)
{
	static const struct option flags[] = {{"lend", 0, 0, 'l'},
					      {"attach", 0, 0, 'a'},
					      {"socket", 1, 0, 's'},
					      {"nic", 1, 0, 'n'},
					      {"seconds", 1, 0, 't'},
					      {"blocks", 1, 0, 'b'},
					      {"keytag", 1, 0, 'k'},
					      {0}};
	char *versions_name;
	pthread_t listener;
	int seconds = 60, road = 0;

	for (int flag; (flag = getopt_long(argc, argv, "", flags, NULL)) != -1;) {
		if (flag == 'l' || flag == 'a')
			road = flag;
		else if (flag == 's')
			options.socket = optarg;
		else if (flag == 'n')
			options.nic = optarg;
		else if (flag == 't')
			seconds = atoi(optarg);
		else if (flag == 'b')
			block_count = strtoul(optarg, NULL, 0);
		else if (flag == 'k')
			for (int i = 0; i < 8 && sscanf(optarg + 2 * i, "%2hhx", &keytag[i]) == 1;)
				i++;
		else
			usage();
	}
	if (argc - optind != 3 || !road || seconds < 0 || block_count < 2 * DEPTH || block_count > 1u << 30 ||
	    block_count % 2)
		usage();
	lends = road == 'l';
	names[0] = argv[optind + 1];
	names[1] = argv[optind + 2];
	disk = map_file(argv[optind], (size_t)block_count * BLOCK);
	if (asprintf(&versions_name, "%s.versions", argv[optind]) < 0)
		die("no memory");
	versions = map_file(versions_name, block_count * sizeof(*versions));
	free(versions_name);
	is_busy = calloc(block_count, 1);
	buffers = aligned_alloc(BLOCK, DEPTH * BLOCK);
	signal(SIGTERM, interrupt);
	signal(SIGINT, interrupt);

	path = open_path();
	if (!path)
		die(mlx5dek_error());
	look_up_all(path->dek);
	for (int v = 0; v < VOLUMES; v++)
		if (!shared.keys[v].object_id)
			die(mlx5dek_error());
	puts("ready");
	fflush(stdout);
	pthread_create(&listener, NULL, listen_to_agent, NULL);
	run(seconds);

	pthread_mutex_lock(&shared.lock);
	shared.stop = true;
	pthread_cond_signal(&shared.moved);
	pthread_mutex_unlock(&shared.lock);
	pthread_join(listener, NULL);
	close_path(path);
	report();
	return counts.wrong || counts.failed != counts.recovered;
}
