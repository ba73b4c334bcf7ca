/*
 * Fuzzes libmlx5dek: `liar SOCKET SEED ROUNDS`. In each round a stand-in for the agent says what an agent would say,
 * spoilt in some places (or not at all, one round in four), and the library goes through its calls. No round may crash,
 * hang, or leave a descriptor; one that was not spoilt has to succeed. Build with client/mlx5dek.c and sanitizers.
 */
#include "stand-in.h"
#include "../../client/mlx5dek.h"

#include <dirent.h>
#include <poll.h>

enum { MOST_ITEMS = 64, MOST_FDS = 16, DEKS = 40 };

/* What is sent at once. */
struct item {
	uint8_t *bytes;
	size_t count;
	int fds[MOST_FDS], fd_count;
};

static uint64_t state;
static struct ibv_pd *pd;
static int listener;
static struct item items[MOST_ITEMS];
static int item_count;
static bool spoilt;
static bool done; /* the client of this round has what it came for */
static int shrinkable = -1; /* a table that was not sealed, to be cut off when the client may have it mapped */

static uint32_t pick(uint32_t below)
{
	state ^= state << 13;
	state ^= state >> 7;
	state ^= state << 17;
	return (state >> 16) % below;
}

static uint32_t odd_number(void)
{
	static const uint32_t numbers[] = {0,	    1,		2,	    7,		8,	   16,
					   127,	    128,	255,	    4096,	65535,	   65536,
					   1 << 20, 0x7fffffff, 0x80000000, 0xfffffff8, 0xffffffff};

	return pick(2) ? numbers[pick(sizeof(numbers) / sizeof(*numbers))] : (uint32_t)(state >> 8);
}

static struct item *add_item(const void *bytes, size_t count)
{
	struct item *i = &items[item_count++];

	*i = (struct item){.bytes = malloc(count + 1), .count = count};
	memcpy(i->bytes, bytes, count);
	return i;
}

static struct item *add_record(int type, const void *payload, size_t bytes)
{
	uint8_t record[8 + 4096] = {0};

	put(record, type, 2);
	put(record + 2, 1, 2);
	put(record + 4, bytes, 4);
	memcpy(record + 8, payload, bytes);
	return add_item(record, 8 + bytes);
}

static void add_fd(struct item *i, int fd)
{
	if (i->fd_count < MOST_FDS)
		i->fds[i->fd_count++] = fd;
	else
		close(fd);
}

/* A table of DEKS names or some more, spoilt if `lie`. */
static void add_table(uint64_t serial, int count, uint32_t first_id, bool lie)
{
	static char names[2 * DEKS][16];
	struct entry entries[2 * DEKS];
	const struct other others[] = {{1, 5, 6}, {3, 7, 8}};
	uint8_t payload[24] = {0}, *table;
	size_t bytes;
	int seals = SEALS;

	for (int i = 0; i < count; i++) {
		snprintf(names[i], sizeof(names[i]), "vol-%03d", i);
		entries[i] = (struct entry){names[i], first_id + i, 100 + i, 128, HAS_KEYTAG, "keytag..", "label..."};
	}
	table = table_bytes(serial, entries, count, others, 2, &bytes);
	put(payload, serial, 8);
	put(payload + 8, bytes, 8);
	put(payload + 16, count, 4);
	put(payload + 20, 2, 4);
	for (int lies = lie ? pick(4) : 0; lies > 0; lies--) {
		static const uint8_t fields[] = {0, 8, 10, 12, 14, 16, 20, 24, 28, 32, 40, 48};
		size_t at = pick(2) ? fields[pick(sizeof(fields))] : pick(bytes - 4);

		put(table + at, odd_number(), pick(2) ? 2 : 4);
	}
	if (lie && pick(4) == 0) { /* more than there are, in both places */
		uint32_t n = pick(2) ? count + 1 + pick(100) : odd_number(), what = pick(2);

		put(table + (what ? 16 : 20), n, 4);
		put(payload + (what ? 16 : 20), n, 4);
	}
	if (lie && pick(4) == 0)
		bytes = pick(2) ? pick(bytes + 1) : bytes; /* shorter than it says */
	if (lie && pick(4) == 0)
		put(payload + 8, pick(2) ? bytes : odd_number(), 8);
	if (lie && pick(6) == 0)
		seals = pick(16);
	add_fd(add_record(TABLE, payload, sizeof(payload)), sealed(table, bytes, seals));
	if (!(seals & F_SEAL_SHRINK) && shrinkable < 0)
		shrinkable = dup(items[item_count - 1].fds[0]);
	free(table);
}

static void add_change(uint64_t serial, int index, uint32_t old_id, uint32_t id)
{
	uint8_t payload[16 + 56] = {0};

	put(payload, serial, 8);
	put(payload + 8, 1, 4);
	put(payload + 16, index, 4);
	put(payload + 20, old_id, 4);
	put(payload + 24, id, 4);
	put(payload + 28, id, 4);
	put(payload + 32, 128, 2);
	add_record(CHANGE, payload, sizeof(payload));
}

static void plan(bool attach)
{
	uint8_t context[72] = {0}, others[8 + 3 * OTHER_BYTES] = {3};
	static const uint8_t made[8 + OTHER_BYTES] = {1, [8] = 9};

	for (int n = pick(3); n > 0; n--)
		add_record(PROGRESS, "\1\0\0\0\2\0\0\0", 8);
	if (attach) {
		put(context, pd->handle, 4);
		memcpy(context + 8, "mlx5_0", 6);
		add_fd(add_record(CONTEXT, context, sizeof(context)), dup(pd->context->cmd_fd));
	} else {
		add_record(OTHERS, others, sizeof(others));
		for (int n = pick(3); n > 0; n--)
			add_record(MADE, made, sizeof(made));
	}
	add_table(1, DEKS, 1000, spoilt && pick(2));
	if (pick(4) == 0)
		return;
	for (int i = pick(5); i > 0; i--)
		add_change(1, i, 1000 + i, 2000 + i);
	add_record(OTHERS, others, sizeof(others));
	add_table(2, DEKS + pick(DEKS), 2000, spoilt && pick(2));
	add_record(EXPIRED, "\1\0\0\0\0\0\0\0\xe8\3\0\0", 12);
	if (pick(3) == 0)
		add_record(GONE, "\0\0\0\0\5\0\0\0\4\0\0\0\0\0\0\0gone", 20);
	if (pick(6) == 0)
		add_record(REFUSAL, "\x7d\0\0\0\0\0\0\0\0\0\0\0\3\0\0\0end", 19);
}

static int odd_fd(void)
{
	int pair[2];

	switch (pick(5)) {
	case 0:
		return open("/dev/null", O_RDWR | O_CLOEXEC);
	case 1:
		return open("/", O_RDONLY | O_CLOEXEC);
	case 2:
		return dup(pd->context->cmd_fd);
	case 3:
		return sealed("", 0, pick(2) ? SEALS : 0);
	default:
		if (pipe(pair))
			abort();
		close(pair[1]);
		return pair[0];
	}
}

/* One lie about the records, whatever their content. */
static void spoil(void)
{
	struct item *i = &items[pick(item_count)], swap;
	static const int types[] = {0,	     1,	       4,  CONTEXT, TABLE,    CHANGE, OTHERS, GONE,
				    REFUSAL, DETACHED, 23, EXPIRED, PROGRESS, MADE,   0xffff};

	switch (pick(10)) {
	case 0: /* another byte */
		if (i->count)
			i->bytes[pick(i->count)] = pick(2) ? pick(256) : 0xff;
		break;
	case 1: /* another number, somewhere */
		if (i->count >= 4)
			put(i->bytes + pick(i->count / 4) * 4, odd_number(), 4);
		break;
	case 2: /* another length */
		if (i->count >= 8)
			put(i->bytes + 4, pick(2) ? odd_number() : pick(i->count), 4);
		break;
	case 3: /* another type */
		if (i->count >= 2)
			put(i->bytes, types[pick(sizeof(types) / sizeof(*types))], 2);
		break;
	case 4: /* cut off */
		i->count = pick(i->count + 1);
		break;
	case 5: /* in another order */
		swap = items[0];
		items[0] = *i;
		*i = swap;
		break;
	case 6: /* without its descriptors */
		while (i->fd_count > 0)
			close(i->fds[--i->fd_count]);
		break;
	case 7: /* with more of them */
		for (int more = 1 + pick(8); more > 0; more--)
			add_fd(i, odd_fd());
		break;
	case 8: /* with another one */
		if (i->fd_count > 0) {
			close(i->fds[0]);
			i->fds[0] = odd_fd();
		}
		break;
	case 9: /* the end */
		for (int after = pick(item_count); item_count > after;) {
			struct item *last = &items[--item_count];

			while (last->fd_count > 0)
				close(last->fds[--last->fd_count]);
			free(last->bytes);
		}
		break;
	}
}

static void send_item(int s, struct item *i, bool slowly)
{
	if (!slowly) {
		send_bytes(s, i->bytes, i->count, i->fds, i->fd_count);
	} else {
		for (size_t at = 0; at < i->count; at++)
			if (!send_bytes(s, i->bytes + at, 1, i->fds, at == 0 ? i->fd_count : 0))
				break;
	}
	while (i->fd_count > 0)
		close(i->fds[--i->fd_count]);
	free(i->bytes);
}

/* One connection: returns when the client or the plan has ended. */
static void lie_once(void)
{
	static struct heard heard;
	static const char *const heads[] = {"HTTP/1.1 404 Not Found\r\n\r\n", "HTTP/1.1 101 \r\n\r", "\r\n\r\n",
					    "HTTP/1.1 99999999999999999999 x\r\n\r\n"};
	bool slowly = pick(8) == 0, talks;
	int s = take_client(listener);

	if (s < 0)
		return;
	if (spoilt && pick(12) == 0) {
		const char *head = heads[pick(4)];

		send_bytes(s, head, strlen(head), NULL, 0);
		close(s);
		return;
	}
	send_bytes(s, ANSWER, strlen(ANSWER), NULL, 0);
	if (!hear(s, &heard)) {
		close(s);
		return;
	}
	forget(&heard);
	item_count = 0;
	plan(heard.type == ATTACH);
	for (int lies = spoilt ? pick(4) : 0; lies > 0 && item_count > 0; lies--)
		spoil();
	for (int n = 0; n < item_count; n++)
		send_item(s, &items[n], slowly && items[n].count < 1000);
	if (shrinkable >= 0 && ftruncate(shrinkable, 0) + close(shrinkable) == 0)
		shrinkable = -1;
	talks = !spoilt;
	while (talks && hear(s, &heard)) {
		talks = heard.type != DETACH;
		if (!talks)
			say(s, DETACHED, "", 0, -1);
		forget(&heard);
	}
	close(s);
}

/* Lies once; refuses who comes again because the agent died before its table. */
static void *lie(void *unused)
{
	static struct heard heard;
	struct pollfd p = {.fd = listener, .events = POLLIN};

	(void)unused;
	lie_once();
	while (!__atomic_load_n(&done, __ATOMIC_ACQUIRE)) {
		int s = poll(&p, 1, 1) > 0 ? take_client(listener) : -1;

		if (s < 0)
			continue;
		if (send_bytes(s, ANSWER, strlen(ANSWER), NULL, 0) && hear(s, &heard))
			say_text(s, REFUSAL, EACCES, 12, "no more");
		forget(&heard);
		close(s);
	}
	return NULL;
}

/* What an honest agent's words come to; after some lies too, since not all of them touch what is looked at. */
static bool go_on(struct mlx5dek *dek)
{
	struct mlx5dek_event event;
	struct mlx5dek_key key;
	bool ended = false, right = true;

	for (int i = 0; i < 2000 && !ended; i++) {
		int n = mlx5dek_next_event(dek, &event);

		right &= n >= 0;
		if (n == 1 && (event.type == MLX5DEK_EVENT_AGENT_GONE || event.type == MLX5DEK_EVENT_CONTEXT_GONE))
			ended = true;
		if (n == 1 && event.old_id && event.type != MLX5DEK_EVENT_EXPIRED && i % 2)
			mlx5dek_release(dek, event.old_id);
		if (n == 0 && i > 200)
			break;
	}
	right &= mlx5dek_find(dek, "vol-007", &key) == 0 && (key.object_id == 1007 || key.object_id == 2007);
	if (right && mlx5dek_dv(&key))
		right &= memcmp(key.keytag, "keytag..", 8) == 0 || key.object_id == 2007;
	mlx5dek_find(dek, "none", &key);
	for (size_t i = 0, count = mlx5dek_count(dek); i < count && i < 100; i++)
		mlx5dek_at(dek, i, &key);
	return right;
}

static int open_descriptors(void)
{
	DIR *folder = opendir("/proc/self/fd");
	int count = 0;

	while (readdir(folder))
		count++;
	closedir(folder);
	return count;
}

int main(int argc, char **argv)
{
	uint64_t seed = argc > 2 ? strtoull(argv[2], NULL, 0) : 1;
	int rounds = argc > 3 ? atoi(argv[3]) : 1000, whole = 0, refused = 0, descriptors = 0;

	if (argc < 2)
		return 2;
	listener = listen_at(argv[1]);
	pd = open_pd();
	for (int round = 0; round < rounds; round++) {
		const struct mlx5dek_options options = {.socket = argv[1], .timeout_ms = 10000};
		pthread_t agent;
		struct mlx5dek *dek;
		bool attach, right;

		state = (seed + round) * 0x9e3779b97f4a7c15ull | 1;
		for (int i = 0; i < 8; i++)
			pick(2);
		attach = pick(2);
		spoilt = pick(4) > 0;
		done = false;
		pthread_create(&agent, NULL, lie, NULL);
		dek = attach ? mlx5dek_attach(&options) : mlx5dek_lend(pd, &options);
		right = dek && go_on(dek);
		if (dek)
			mlx5dek_detach(dek, 0);
		__atomic_store_n(&done, true, __ATOMIC_RELEASE);
		pthread_join(agent, NULL);
		if (!spoilt && !right) {
			fprintf(stderr, "seed %lu: an honest agent was not understood: %s\n",
				(unsigned long)(seed + round), mlx5dek_error());
			return 1;
		}
		whole += right;
		refused += !dek;
		if (round == 0)
			descriptors = open_descriptors();
		if (open_descriptors() != descriptors) {
			fprintf(stderr, "seed %lu: %d descriptors are open, not %d\n", (unsigned long)(seed + round),
				open_descriptors(), descriptors);
			return 1;
		}
	}
	close_pd(pd);
	printf("%d rounds: %d went well, %d were refused\n", rounds, whole, refused);
	return 0;
}
