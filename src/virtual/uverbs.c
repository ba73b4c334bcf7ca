/*
 * The virtual ConnectX: an mlx5 NIC in software, below the real libibverbs and libmlx5.
 *
 * Put in front of a program by LD_PRELOAD, this answers what those libraries ask of the kernel (the uverbs ioctls) and
 * what they ask of the NIC through it (DEVX firmware commands): list, open, query, PDs, UARs, crypto logins and DEKs. It
 * unwraps keys for real (RFC 3394) and refuses what a NIC refuses. There is no data path: no QP, CQ, MKey or traffic.
 *
 * $DEK_VIRTUAL names a directory with one NVRAM image a device: /dev/infiniband/uverbsN is mlx5_N.nvram. The image
 * (`struct image` below, the one description of its layout) is mapped by every process that opens the device; the
 * TypeScript side writes and reads it as a file. Without $DEK_VIRTUAL, and for all other files, every call is passed on.
 * sysfs is a directory of plain files that $SYSFS_PATH names. A device file is /dev/zero opened: a character device, which
 * libibverbs' fstat wants to see, and which can be mapped at any offset.
 *
 * Assumptions about firmware. No public source says these; real NICs may differ and nothing may depend on them.
 *  1. The status and the syndrome of each refusal (enum syndrome; these syndromes are ours alone).
 *  2. A second login in one context is BAD_RES_STATE. A login belongs to its context; the DEKs of that context use it.
 *  3. A KEK or credential that is deleted and loaded again under its id is a new one: older logins stay INVALID.
 *  4. Dealloc of a PD, and destroy of a login, succeed while DEKs made under them live.
 *  5. key1 == key2 is refused with BAD_PARAM, wrapped or plaintext.
 *  6. A plaintext import is refused when a byte after the last one of its size and tag is not zero.
 *  7. A wrapped-import NIC that is not operational refuses logins and DEKs with BAD_SYS_STATE.
 *  8. A DEK in ERROR stays in ERROR until it is destroyed. Object ids are never used twice.
 *  9. A plaintext-import NIC refuses logins; its DEKs are queried without one.
 * 10. Latency is spent before a command is looked at, and by refused commands too; PDs and UARs cost none.
 * 11. A NIC that was gone comes back empty: contexts of before get EIO until they are closed, and hold nothing.
 *
 * Limits: a forked child cannot use its parent's context (ENOTTY), nor can a dup of the descriptor; processes that share
 * an image must share a PID namespace, since an owner is known by pid and start time.
 *
 * Secrets: KEKs and credentials stay in the mapped image. What is unwrapped from it lives on one stack frame, in general
 * purpose registers only, and is wiped before the call returns. No key is kept: a DEK is its opaque, its id, its state.
 *
 * Build: cc -O2 -shared -fPIC -o uverbs.so uverbs.c
 */
#undef _FORTIFY_SOURCE
#undef _FILE_OFFSET_BITS
#define _GNU_SOURCE
#include <dlfcn.h>
#include <endian.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <rdma/ib_user_ioctl_cmds.h>
#include <rdma/ib_user_ioctl_verbs.h>
#include <rdma/ib_user_verbs.h>
#include <rdma/mlx5-abi.h>
#include <rdma/mlx5_user_ioctl_cmds.h>
#include <rdma/rdma_user_ioctl_cmds.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

/* ---- The NVRAM image. Little-endian. src/virtual/image-layout.ts has the same offsets, and a test compares the two. ---- */

#define IMAGE_MAGIC "mlx5vnic"
#define IMAGE_VERSION 1
#define KEYS 64
#define RULES 16
#define LANES 64
#define SLOTS 1024
#define ALWAYS UINT32_MAX

/* An import KEK (16 or 32 bytes) or a credential (40). Written while `valid` is 0; `generation` counts the writings. */
struct key {
	uint32_t id;
	uint32_t generation;
	uint8_t valid;
	uint8_t bytes;
	uint8_t reserved[6];
	uint8_t secret[40];
	uint8_t reserved2[8];
};

/* A firmware command to fail. opcode 0: any; type 0: any. `left` counts down to 0, or is ALWAYS. */
struct fault {
	uint8_t active;
	uint8_t status;
	uint16_t opcode;
	uint16_t type;
	uint16_t reserved;
	uint32_t syndrome;
	uint32_t left;
	uint64_t hits;
	uint64_t reserved2;
};

/* DEKs that turn to ERROR, of those with an object id below `before`. */
struct dek_error {
	uint8_t active;
	uint8_t by; /* enum by */
	uint8_t reserved[2];
	uint32_t id;
	uint32_t before;
	uint32_t reserved2;
	uint8_t opaque[8];
	uint64_t hits;
};
enum by { BY_ALL = 1, BY_OPAQUE = 2, BY_ID = 3 };

/* An open context and what it holds. `pid` 0: free. An owner that is dead holds nothing, whatever is written here. */
struct slot {
	uint32_t pid;
	uint32_t fd;
	uint64_t start; /* of the process, in clock ticks since boot: /proc/PID/stat, field 22 */
	uint32_t pds;
	uint32_t logins;
	uint32_t deks;
	uint32_t era; /* the image's, when this was opened */
};

struct image {
	char magic[8];
	uint32_t version;
	uint32_t bytes; /* of the whole image */
	uint8_t wrapped_import; /* 1: wrapped, 0: plaintext */
	uint8_t state; /* enum state */
	uint8_t engines; /* bit 0: single-block, bit 1: multi-block */
	uint8_t log_max_num_deks;
	uint8_t gone; /* 1: EIO on everything */
	uint8_t parallel; /* how many firmware commands run at once, 1 to LANES */
	uint16_t failed_selftests;
	uint32_t latency_us; /* of a firmware command, up to 1,000,000 */
	uint32_t open_errno; /* what opening the device fails with, or 0 */
	uint64_t guid;
	uint32_t next_object; /* from here on written by this file */
	uint32_t slots_used; /* slots from here on were never used */
	uint64_t contexts_made;
	uint64_t pds_made;
	uint64_t logins_made;
	uint64_t deks_made;
	uint64_t commands;
	uint64_t refused;
	uint32_t era; /* counts how often the NIC went: what was opened before that holds nothing, and gets EIO for ever */
	uint32_t reserved;
	uint64_t reserved2[3];
	uint64_t lane_free[LANES]; /* when each lane is free again: CLOCK_MONOTONIC, ns */
	struct key kek[KEYS];
	struct key credential[KEYS];
	struct fault fault[RULES];
	struct dek_error dek_error[RULES];
	struct slot slot[SLOTS];
};
enum state { COMMISSIONING = 0, OPERATIONAL = 1, GOING_TO_COMMISSIONING = 2 };

#ifndef LAYOUT_ONLY /* the test of the layout wants no more than the above */

_Static_assert(sizeof(struct key) == 64 && sizeof(struct slot) == 32, "no padding");
_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "the image is little-endian");

#define ADD(field, n) __atomic_fetch_add(&(field), (n), __ATOMIC_RELAXED)
#define LOAD(field) __atomic_load_n(&(field), __ATOMIC_ACQUIRE)
#define STORE(field, value) __atomic_store_n(&(field), (value), __ATOMIC_RELEASE)

/* ---- Firmware constants ---- */

enum { QUERY_HCA_CAP = 0x100, CREATE_OBJECT = 0xa00, QUERY_OBJECT = 0xa02, DESTROY_OBJECT = 0xa03 };
enum { TYPE_DEK = 0xc, TYPE_LOGIN = 0x1f };
enum { KEY_PURPOSE_AES_XTS = 3, IMPORT_METHOD_AES = 4, CAPS_GENERAL = 0, CAPS_CRYPTO = 0x1a };

enum status {
	OK = 0,
	BAD_OP = 2,
	BAD_PARAM = 3,
	BAD_SYS_STATE = 4,
	BAD_RES = 5,
	RES_BUSY = 6,
	LIM_ERR = 8,
	BAD_RES_STATE = 9,
	BAD_IX = 0xa,
	NO_RES = 0xf,
	BAD_INP_LEN = 0x50,
	BAD_OUTP_LEN = 0x51,
};

enum syndrome {
	NO_CRYPTO = 0x0d0001,
	NOT_OPERATIONAL,
	NOT_WRAPPED_IMPORT,
	SECOND_LOGIN,
	NO_SUCH_KEK,
	NO_SUCH_CREDENTIAL,
	CREDENTIAL_UNWRAP,
	CREDENTIAL_DIFFERS,
	LOGIN_NEEDED,
	LOGIN_INVALID,
	KEY_UNWRAP,
	KEY_TOO_LONG,
	KEYS_EQUAL,
	KEY_SIZE,
	KEY_PURPOSE,
	NO_SUCH_PD,
	NO_DEK_LEFT,
	OBJECT_TYPE,
	MAILBOX_LENGTH,
};

/* What the firmware says of a command. */
struct verdict {
	uint8_t status;
	uint32_t syndrome;
};
#define DONE ((struct verdict){OK, 0})
#define REFUSE(status, syndrome) ((struct verdict){(status), (syndrome)})

/* The kernel's errno for a firmware status, where it has no mailbox to hand the status on (mlx5's cmd.c). */
static int status_errno(uint8_t status)
{
	switch (status) {
	case OK:
		return 0;
	case BAD_OP:
	case BAD_PARAM:
	case BAD_RES:
	case BAD_RES_STATE:
	case BAD_IX:
		return EINVAL;
	case RES_BUSY:
		return EBUSY;
	case LIM_ERR:
		return ENOMEM;
	case NO_RES:
		return EAGAIN;
	default:
		return EIO;
	}
}

/* ---- RFC 3394 unwrap on a small AES. Tables are made once; `struct scratch` holds all that is secret. ---- */

/* No vector registers here: a lazy symbol binding after us would save them on the stack, key bytes and all. */
#ifndef __clang__
#pragma GCC push_options
#pragma GCC target("general-regs-only")
#endif

static uint32_t get32(const uint8_t *p)
{
	return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

static uint32_t get24(const uint8_t *p)
{
	return get32(p) >> 8;
}

static void put32(uint8_t *p, uint32_t v)
{
	for (int i = 0; i < 4; i++)
		p[i] = v >> (24 - 8 * i);
}

struct scratch {
	uint32_t round_keys[60];
	uint32_t a[2];
	uint32_t r[18]; /* the plaintext, big-endian words */
};

static uint8_t sbox[256], inverse_sbox[256];
static uint32_t td[256];

static uint32_t ror(uint32_t x, int n)
{
	return x >> n | x << (32 - n);
}

static uint8_t gf_mul(uint8_t a, uint8_t b)
{
	uint8_t product = 0;

	for (; b; b >>= 1, a = a << 1 ^ (a & 0x80 ? 0x1b : 0))
		if (b & 1)
			product ^= a;
	return product;
}

static void make_tables(void)
{
	uint8_t p = 1, q = 1; /* FIPS 197 section 5.1.1: p runs through the field by 3, q by its inverse */

	do {
		p = gf_mul(p, 3);
		q = gf_mul(q, 0xf6);
		sbox[p] = 0x63 ^ q ^ (q << 1 | q >> 7) ^ (q << 2 | q >> 6) ^ (q << 3 | q >> 5) ^ (q << 4 | q >> 4);
	} while (p != 1);
	sbox[0] = 0x63;
	for (int i = 0; i < 256; i++)
		inverse_sbox[sbox[i]] = i;
	for (int i = 0; i < 256; i++) {
		uint8_t x = inverse_sbox[i];

		td[i] = (uint32_t)gf_mul(x, 14) << 24 | gf_mul(x, 9) << 16 | gf_mul(x, 13) << 8 | gf_mul(x, 11);
	}
}

static inline uint32_t sub_word(uint32_t w)
{
	return (uint32_t)sbox[w >> 24] << 24 | sbox[w >> 16 & 255] << 16 | sbox[w >> 8 & 255] << 8 | sbox[w & 255];
}

static inline uint32_t inv_mix(uint32_t a, uint32_t b, uint32_t c, uint32_t d)
{
	return td[a >> 24] ^ ror(td[b >> 16 & 255], 8) ^ ror(td[c >> 8 & 255], 16) ^ ror(td[d & 255], 24);
}

static inline uint32_t inv_last(uint32_t a, uint32_t b, uint32_t c, uint32_t d)
{
	return (uint32_t)inverse_sbox[a >> 24] << 24 | inverse_sbox[b >> 16 & 255] << 16 |
	       inverse_sbox[c >> 8 & 255] << 8 | inverse_sbox[d & 255];
}

/* FIPS 197 section 5.2, then the round keys of the equivalent inverse cipher (section 5.3.5). Returns the rounds. */
static inline int expand_key(uint32_t *rk, const uint8_t *key, int words)
{
	int rounds = words + 6, total = 4 * (rounds + 1);
	uint8_t rcon = 1;

	for (int i = 0; i < words; i++)
		rk[i] = get32(key + 4 * i);
	for (int i = words; i < total; i++) {
		uint32_t t = rk[i - 1];

		if (i % words == 0) {
			t = sub_word(ror(t, 24)) ^ (uint32_t)rcon << 24;
			rcon = gf_mul(rcon, 2);
		} else if (words == 8 && i % words == 4) {
			t = sub_word(t);
		}
		rk[i] = rk[i - words] ^ t;
	}
	for (int i = 4; i < total - 4; i++) {
		uint32_t t = sub_word(rk[i]);

		rk[i] = inv_mix(t, t, t, t);
	}
	return rounds;
}

static inline void decrypt_block(const uint32_t *rk, int rounds, uint32_t *hi, uint32_t *lo)
{
	const uint32_t *k = rk + 4 * rounds;
	uint32_t s0 = hi[0] ^ k[0], s1 = hi[1] ^ k[1], s2 = lo[0] ^ k[2], s3 = lo[1] ^ k[3];

	for (k -= 4; k > rk; k -= 4) {
		uint32_t t0 = inv_mix(s0, s3, s2, s1) ^ k[0], t1 = inv_mix(s1, s0, s3, s2) ^ k[1];
		uint32_t t2 = inv_mix(s2, s1, s0, s3) ^ k[2], t3 = inv_mix(s3, s2, s1, s0) ^ k[3];

		s0 = t0, s1 = t1, s2 = t2, s3 = t3;
	}
	hi[0] = inv_last(s0, s3, s2, s1) ^ k[0];
	hi[1] = inv_last(s1, s0, s3, s2) ^ k[1];
	lo[0] = inv_last(s2, s1, s0, s3) ^ k[2];
	lo[1] = inv_last(s3, s2, s1, s0) ^ k[3];
}

/* RFC 3394 section 2.2.2: `bytes` wrapped bytes into s->r. The KEK is read where it lies, in the image. */
static inline bool unwrap(struct scratch *s, const struct key *kek, const uint8_t *wrapped, int bytes)
{
	int n = bytes / 8 - 1;
	int rounds = expand_key(s->round_keys, kek->secret, kek->bytes == 32 ? 8 : 4);

	s->a[0] = get32(wrapped);
	s->a[1] = get32(wrapped + 4);
	for (int i = 0; i < 2 * n; i++)
		s->r[i] = get32(wrapped + 8 + 4 * i);
	for (uint32_t t = 6 * n; t > 0; t--) {
		s->a[1] ^= t;
		decrypt_block(s->round_keys, rounds, s->a, s->r + 2 * ((t - 1) % n));
	}
	return ((s->a[0] ^ 0xa6a6a6a6) | (s->a[1] ^ 0xa6a6a6a6)) == 0;
}

static inline bool differ(const uint32_t *words, const uint8_t *bytes, int count)
{
	uint32_t difference = 0;

	for (int i = 0; i < count; i++)
		difference |= words[i] ^ get32(bytes + 4 * i);
	return difference != 0;
}

/* Overwrites what the frames of the functions below left on the stack. */
static __attribute__((noinline)) void wipe_stack(void)
{
	uint8_t below[8192]; /* as deep as the dynamic linker goes when it binds a symbol from there */

	explicit_bzero(below, sizeof(below));
}

static __attribute__((noinline)) struct verdict check_credential(const struct key *kek, const struct key *credential, const uint8_t *wrapped)
{
	struct scratch s;
	struct verdict v = DONE;

	if (!unwrap(&s, kek, wrapped, 48))
		v = REFUSE(BAD_PARAM, CREDENTIAL_UNWRAP);
	else if (differ(s.r, credential->secret, 10))
		v = REFUSE(BAD_PARAM, CREDENTIAL_DIFFERS);
	explicit_bzero(&s, sizeof(s));
	return v;
}

/* key: the 128 bytes of the mailbox. bytes: of key1 + key2 + keytag. kek NULL: plaintext. */
static __attribute__((noinline)) struct verdict check_key(const struct key *kek, const uint8_t *key, int bytes, int half_words)
{
	struct scratch s;
	struct verdict v = DONE;
	uint32_t difference = 0;
	uint8_t rest = 0;

	if (kek) {
		if (!unwrap(&s, kek, key, bytes + 8))
			v = REFUSE(BAD_PARAM, KEY_UNWRAP);
		for (int i = 0; i < half_words; i++)
			difference |= s.r[i] ^ s.r[half_words + i];
	} else {
		for (int i = bytes; i < 128; i++)
			rest |= key[i];
		if (rest)
			v = REFUSE(BAD_PARAM, KEY_TOO_LONG);
		for (int i = 0; i < 4 * half_words; i++)
			difference |= key[i] ^ key[4 * half_words + i];
	}
	if (v.status == OK && difference == 0)
		v = REFUSE(BAD_PARAM, KEYS_EQUAL);
	explicit_bzero(&s, sizeof(s));
	return v;
}

#ifndef __clang__
#pragma GCC pop_options
#endif

/* ---- Devices, contexts, objects of this process ---- */

#define MAX_NICS 64
#define PATH_BYTES 4096
#define FDS 65536 /* a device gets no higher descriptor */

struct nic {
	struct image *image;
	int fd;
	pid_t user; /* the process that last opened it by this mapping */
	dev_t dev;
	ino_t inode;
	char path[PATH_BYTES];
};

enum kind { FREE = 0, PD, UAR, LOGIN, DEK };

struct object {
	uint8_t kind;
	uint8_t wrapped; /* DEK: came wrapped, so a query needs a login */
	uint8_t error; /* DEK */
	uint8_t size; /* DEK: the mailbox's key_size, has_keytag in bit 7 */
	uint32_t id;
	union {
		uint8_t opaque[8]; /* DEK */
		uint64_t next_free; /* FREE */
	};
};

struct context {
	struct context *next;
	struct nic *nic;
	struct slot *slot;
	struct object *objects; /* a handle is an index here */
	uint32_t count, free_head; /* free_head: index + 1, 0 for none */
	uint32_t room;
	uint32_t login; /* handle + 1, 0 for none */
	const struct key *kek, *credential; /* of the login */
	uint32_t kek_generation, credential_generation;
	int fd, references;
	bool ready, devx;
};

/* Guards all of the below and every context; never held while a command sleeps or unwraps. */
static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static struct nic nics[MAX_NICS];
static struct context *contexts;
static pid_t owner; /* whose contexts these are: not a vfork child's, which shares our memory */
static uint8_t ours[FDS]; /* by descriptor, so that a signal handler may close any other without the mutex */

static int real_close(int fd)
{
	return syscall(SYS_close, fd);
}

static bool same_file(const struct nic *nic, int fd)
{
	struct stat st;

	return fd >= 0 && fstat(fd, &st) == 0 && st.st_dev == nic->dev && st.st_ino == nic->inode &&
	       st.st_size == sizeof(struct image);
}

/* The child of a fork starts without contexts. Its copies of our descriptors share the parent's lock: closed. */
static void after_fork(void)
{
	mutex = (pthread_mutex_t)PTHREAD_MUTEX_INITIALIZER;
	for (; contexts; contexts = contexts->next)
		ours[contexts->fd] = 0;
	for (int i = 0; i < MAX_NICS && nics[i].image; i++) {
		if (same_file(&nics[i], nics[i].fd))
			real_close(nics[i].fd);
		nics[i].fd = -1;
	}
}

static __attribute__((constructor)) void start(void)
{
	pthread_atfork(NULL, NULL, after_fork);
}

static int open_file(const char *path)
{
	return syscall(SYS_openat, AT_FDCWD, path, O_RDWR | O_CLOEXEC | O_NOCTTY, 0);
}

/*
 * Whether the image can be touched: a file cut short would raise SIGBUS, and a program that closes all descriptors
 * closes ours. Call with the mutex.
 */
static bool usable(struct nic *nic)
{
	if (same_file(nic, nic->fd))
		return true;
	nic->fd = open_file(nic->path);
	if (same_file(nic, nic->fd))
		return true;
	if (nic->fd >= 0)
		real_close(nic->fd);
	nic->fd = -1;
	return false;
}

static bool present(struct context *c)
{
	return usable(c->nic) && !LOAD(c->nic->image->gone) && LOAD(c->nic->image->era) == c->slot->era;
}

/* Excludes other processes; the kernel frees it when its holder dies. Call with the mutex, which excludes threads. */
static void lock_image(struct nic *nic, short type)
{
	struct flock lock = {.l_type = type, .l_whence = SEEK_SET, .l_start = 0, .l_len = 1};

	while (fcntl(nic->fd, F_OFD_SETLKW, &lock) != 0 && errno == EINTR)
		;
}

/* The path of the image of device `index`. */
static bool image_path(char path[PATH_BYTES], int index)
{
	const char *directory = getenv("DEK_VIRTUAL");

	return snprintf(path, PATH_BYTES, "%s/mlx5_%d.nvram", directory ? directory : "", index) < PATH_BYTES;
}

/* Maps the image of device `index`. NULL and errno when there is none, or none that we understand. Call with the mutex. */
static struct nic *attach(int index)
{
	char path[PATH_BYTES];
	struct image *image = MAP_FAILED;
	struct stat st;
	int fd, i;

	if (!image_path(path, index)) {
		errno = ENAMETOOLONG;
		return NULL;
	}
	fd = open_file(path);
	if (fd < 0 || fstat(fd, &st) != 0)
		goto fail;
	for (i = 0; i < MAX_NICS && nics[i].image; i++)
		if (nics[i].dev == st.st_dev && nics[i].inode == st.st_ino && st.st_size == sizeof(*image)) {
			if (same_file(&nics[i], nics[i].fd))
				real_close(fd);
			else
				nics[i].fd = fd;
			return &nics[i];
		}
	errno = EIO;
	if (i < MAX_NICS && st.st_size == sizeof(*image))
		image = mmap(NULL, sizeof(*image), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (image == MAP_FAILED)
		goto fail;
	if (memcmp(image->magic, IMAGE_MAGIC, 8) != 0 || image->version != IMAGE_VERSION ||
	    image->bytes != sizeof(*image)) {
		munmap(image, sizeof(*image));
		errno = EIO;
		goto fail;
	}
	madvise(image, sizeof(*image), MADV_DONTDUMP);
	if (!sbox[0])
		make_tables();
	nics[i] = (struct nic){.image = image, .fd = fd, .dev = st.st_dev, .inode = st.st_ino};
	strcpy(nics[i].path, path);
	return &nics[i];
fail:
	if (fd >= 0) {
		int error = errno;

		real_close(fd);
		errno = error;
	}
	return NULL;
}

static bool is_ours(int fd)
{
	return fd >= 0 && fd < FDS && LOAD(ours[fd]) && owner == getpid();
}

/* ---- Slots: who holds what, in the image ---- */

/* The start time of a process, 0 when there is none (a zombie counts as none). */
static uint64_t process_start(uint32_t pid)
{
	char path[32], text[1024], *p;
	ssize_t length;
	int fd;

	snprintf(path, sizeof(path), "/proc/%u/stat", pid);
	fd = syscall(SYS_openat, AT_FDCWD, path, O_RDONLY | O_CLOEXEC, 0);
	if (fd < 0)
		return 0;
	length = read(fd, text, sizeof(text) - 1);
	real_close(fd);
	text[length > 0 ? length : 0] = 0;
	p = strrchr(text, ')'); /* the name may hold anything; field 3, the state, follows it */
	if (!p || p[1] != ' ' || p[2] == 'Z' || p[2] == 'X')
		return 0;
	for (int field = 3; field < 22 && p; field++)
		p = strchr(p + 2, ' ');
	return p ? strtoull(p, NULL, 10) : 0;
}

/* Whether the owner of a slot lives and has the device open still: it may have called exec, or close_range(2). */
static bool held(const struct slot *slot)
{
	char path[48], target[16] = "";

	if (process_start(slot->pid) != slot->start)
		return false;
	snprintf(path, sizeof(path), "/proc/%u/fd/%u", slot->pid, slot->fd);
	if (readlink(path, target, sizeof(target) - 1) < 0)
		return errno != ENOENT;
	return strcmp(target, "/dev/zero") == 0;
}

/* Frees the slots that nobody holds. `own`: all of this pid, left by the program that called exec. */
static void reap(struct image *image, bool own)
{
	uint32_t used = image->slots_used, pid, self = getpid();

	for (uint32_t i = 0; i < used && i < SLOTS; i++) {
		pid = image->slot[i].pid;
		if (pid != 0 && (pid == self ? own : !held(&image->slot[i])))
			STORE(image->slot[i].pid, 0);
	}
}

/* Call with the image locked. NULL when all slots are taken. */
static struct slot *claim(struct image *image, int fd)
{
	for (uint32_t i = 0; i < SLOTS; i++) {
		struct slot *slot = &image->slot[i];

		if (slot->pid != 0)
			continue;
		*slot = (struct slot){.fd = fd, .start = process_start(getpid()), .era = LOAD(image->era)};
		if (image->slots_used <= i)
			STORE(image->slots_used, i + 1);
		STORE(slot->pid, getpid());
		return slot;
	}
	return NULL;
}

static uint64_t live_deks(const struct image *image)
{
	uint64_t deks = 0;

	for (uint32_t i = 0; i < image->slots_used && i < SLOTS; i++)
		if (LOAD(image->slot[i].pid) != 0 && image->slot[i].era == image->era)
			deks += LOAD(image->slot[i].deks);
	return deks;
}

/* One more DEK for this context, unless the device has no room for it. Call with the mutex. */
static bool count_dek(struct context *c)
{
	struct image *image = c->nic->image;
	uint64_t limit = 1ull << (image->log_max_num_deks & 31);
	bool room;

	lock_image(c->nic, F_WRLCK);
	room = live_deks(image) < limit;
	if (!room) {
		reap(image, false);
		room = live_deks(image) < limit;
	}
	if (room)
		ADD(c->slot->deks, 1);
	lock_image(c->nic, F_UNLCK);
	return room;
}

/* ---- Objects ---- */

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

/* ---- Firmware commands. These run with the mutex held; what sleeps or unwraps gives it up. ---- */

static uint64_t now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000000000ull + t.tv_nsec;
}

/*
 * Waits as long as the command takes: it is given the lane that is free first, and ends one latency after that. A lane
 * is a time in the image, so nothing is held while sleeping and nothing is left behind by a process that dies.
 */
static void wait_turn(struct image *image)
{
	uint64_t latency = (uint64_t)image->latency_us * 1000, end, seen, now;
	int lanes = image->parallel < 1 ? 1 : image->parallel > LANES ? LANES : image->parallel, best;
	struct timespec until;

	if (latency == 0)
		return;
	if (latency > 1000000000)
		latency = 1000000000;
	do {
		best = 0;
		for (int i = 1; i < lanes; i++)
			if (LOAD(image->lane_free[i]) < LOAD(image->lane_free[best]))
				best = i;
		seen = LOAD(image->lane_free[best]);
		now = now_ns();
		/* More than ten minutes ahead: left from before a reboot. */
		end = (seen > now && seen < now + 600000000000ull ? seen : now) + latency;
	} while (!__atomic_compare_exchange_n(&image->lane_free[best], &seen, end, false, __ATOMIC_ACQ_REL,
					      __ATOMIC_RELAXED));
	until = (struct timespec){.tv_sec = end / 1000000000, .tv_nsec = end % 1000000000};
	while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &until, NULL) == EINTR)
		;
}

/* Counts one use of a fault; false when none is left. */
static bool use_up(uint32_t *left)
{
	uint32_t seen = LOAD(*left);

	do {
		if (seen == ALWAYS || seen == 0)
			return seen == ALWAYS;
	} while (!__atomic_compare_exchange_n(left, &seen, seen - 1, false, __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE));
	return true;
}

/* Takes a command in: latency, then the faults that were set. Returns an errno, or 0 with the verdict so far. */
static int begin(struct context *c, uint16_t opcode, uint16_t type, struct verdict *v)
{
	struct image *image = c->nic->image;

	pthread_mutex_unlock(&mutex);
	wait_turn(image);
	pthread_mutex_lock(&mutex);
	if (!present(c))
		return EIO;
	ADD(image->commands, 1);
	*v = DONE;
	for (int i = 0; i < RULES && v->status == OK; i++) {
		struct fault *f = &image->fault[i];

		if (!LOAD(f->active) || (f->opcode && f->opcode != opcode) || (f->type && f->type != type) ||
		    !use_up(&f->left))
			continue;
		ADD(f->hits, 1);
		*v = REFUSE(f->status, f->syndrome);
	}
	return 0;
}

/* Writes the head of the out mailbox. Returns the errno of the ioctl: the kernel hands a refusal on as EREMOTEIO. */
static int answer(struct context *c, uint8_t *out, struct verdict v, uint32_t id)
{
	out[0] = v.status;
	put32(out + 4, v.syndrome);
	put32(out + 8, id);
	if (v.status == OK)
		return 0;
	ADD(c->nic->image->refused, 1);
	return EREMOTEIO;
}

static const struct key *find_key(const struct key *table, uint32_t id)
{
	for (int i = 0; i < KEYS; i++)
		if (LOAD(table[i].valid) && table[i].id == id)
			return &table[i];
	return NULL;
}

static bool key_holds(const struct key *key, uint32_t generation)
{
	return LOAD(key->valid) && LOAD(key->generation) == generation;
}

static bool login_valid(const struct context *c)
{
	return c->login && key_holds(c->kek, c->kek_generation) && key_holds(c->credential, c->credential_generation);
}

static struct verdict check_crypto(const struct image *image)
{
	if (!image->engines)
		return REFUSE(BAD_OP, NO_CRYPTO);
	if (image->wrapped_import && image->state == COMMISSIONING)
		return REFUSE(BAD_SYS_STATE, NOT_OPERATIONAL);
	return DONE;
}

/*
 * CRYPTO_LOGIN, after the 16-byte header: state 0x84/4, credential_pointer 0x88/24, session_import_kek_ptr 0xa8/24,
 * credential at byte 64 (48 bytes).
 */
static struct verdict create_login(struct context *c, const uint8_t *in, uint32_t inlen, uint32_t *handle)
{
	struct image *image = c->nic->image;
	const uint8_t *body = in + 16;
	const struct key *kek, *credential;
	uint32_t kek_generation, credential_generation;
	struct object *o;
	struct verdict v = check_crypto(image);

	if (v.status != OK)
		return v;
	if (inlen < 16 + 64 + 48)
		return REFUSE(BAD_INP_LEN, MAILBOX_LENGTH);
	if (!image->wrapped_import)
		return REFUSE(BAD_OP, NOT_WRAPPED_IMPORT);
	if (c->login)
		return REFUSE(BAD_RES_STATE, SECOND_LOGIN);
	kek = find_key(image->kek, get24(body + 21));
	if (!kek)
		return REFUSE(BAD_IX, NO_SUCH_KEK);
	credential = find_key(image->credential, get24(body + 17));
	if (!credential)
		return REFUSE(BAD_IX, NO_SUCH_CREDENTIAL);
	kek_generation = LOAD(kek->generation);
	credential_generation = LOAD(credential->generation);
	v = check_credential(kek, credential, body + 64);
	wipe_stack();
	if (v.status != OK)
		return v;
	o = add_object(c, LOGIN, handle);
	if (!o)
		return REFUSE(NO_RES, 0);
	o->id = ADD(image->next_object, 1);
	c->login = *handle + 1;
	c->kek = kek, c->kek_generation = kek_generation;
	c->credential = credential, c->credential_generation = credential_generation;
	ADD(c->slot->logins, 1);
	ADD(image->logins_made, 1);
	return DONE;
}

/*
 * DEK, after the 16-byte header: state 0x40/8, key_size 0x54/4 (0: 128, 1: 256), has_keytag 0x58/1, key_purpose 0x5c/4,
 * pd 0x68/24, opaque at byte 48 (8 bytes), key at byte 64 (128 bytes).
 */
static struct verdict create_dek(struct context *c, const uint8_t *in, uint32_t inlen, uint32_t *handle)
{
	struct image *image = c->nic->image;
	const uint8_t *body = in + 16;
	const struct key *kek = NULL;
	uint32_t generation = 0, half_words;
	struct object *o;
	struct verdict v = check_crypto(image);

	if (v.status != OK)
		return v;
	if (inlen < 16 + 64 + 128)
		return REFUSE(BAD_INP_LEN, MAILBOX_LENGTH);
	if ((body[10] & 15) > 1)
		return REFUSE(BAD_PARAM, KEY_SIZE);
	if ((body[11] & 15) != KEY_PURPOSE_AES_XTS)
		return REFUSE(BAD_PARAM, KEY_PURPOSE);
	if (!object_at(c, get24(body + 13) - 1, PD))
		return REFUSE(BAD_RES, NO_SUCH_PD);
	if (image->wrapped_import) {
		if (!c->login)
			return REFUSE(BAD_RES_STATE, LOGIN_NEEDED);
		if (!login_valid(c))
			return REFUSE(BAD_RES_STATE, LOGIN_INVALID);
		kek = c->kek;
		generation = c->kek_generation;
	}
	half_words = body[10] & 15 ? 8 : 4;
	pthread_mutex_unlock(&mutex);
	v = check_key(kek, body + 64, 8 * half_words + (body[11] & 0x80 ? 8 : 0), half_words);
	wipe_stack();
	pthread_mutex_lock(&mutex);
	if (kek && !key_holds(kek, generation))
		return REFUSE(BAD_RES_STATE, LOGIN_INVALID);
	if (v.status != OK)
		return v;
	if (!present(c))
		return REFUSE(BAD_SYS_STATE, 0);
	if (!count_dek(c))
		return REFUSE(LIM_ERR, NO_DEK_LEFT);
	o = add_object(c, DEK, handle);
	if (!o) {
		ADD(c->slot->deks, -1);
		return REFUSE(NO_RES, 0);
	}
	o->wrapped = kek != NULL;
	o->size = body[10] & 15;
	o->size |= body[11] & 0x80;
	o->id = ADD(image->next_object, 1);
	memcpy(o->opaque, body + 48, 8);
	ADD(image->deks_made, 1);
	return DONE;
}

static void turn_to_error(struct image *image, struct object *o)
{
	for (int i = 0; i < RULES && !o->error; i++) {
		struct dek_error *e = &image->dek_error[i];

		if (!LOAD(e->active) || o->id >= e->before || (e->by == BY_ID && e->id != o->id) ||
		    (e->by == BY_OPAQUE && memcmp(e->opaque, o->opaque, 8) != 0))
			continue;
		ADD(e->hits, 1);
		o->error = 1;
	}
}

static struct verdict query_object(struct context *c, struct object *o, uint8_t *out, uint32_t outlen)
{
	uint8_t *body = out + 16;

	if (outlen < 16 + 64)
		return REFUSE(BAD_OUTP_LEN, MAILBOX_LENGTH);
	if (o->kind == LOGIN) {
		body[16] = login_valid(c) ? 0 : 1;
		return DONE;
	}
	if (o->wrapped && !login_valid(c))
		return REFUSE(BAD_RES_STATE, c->login ? LOGIN_INVALID : LOGIN_NEEDED);
	turn_to_error(c->nic->image, o);
	body[8] = o->error;
	body[10] = o->size & 15;
	body[11] = (o->size & 0x80) | KEY_PURPOSE_AES_XTS;
	memcpy(body + 48, o->opaque, 8);
	return DONE;
}

static int count_keys(const struct key *table)
{
	int count = 0;

	for (int i = 0; i < KEYS; i++)
		count += LOAD(table[i].valid);
	return count;
}

/* op_mod = page << 1 | current. The page starts 16 bytes into the out mailbox; bits count from the left. */
static void query_caps(const struct image *image, uint16_t op_mod, uint8_t *out, uint32_t outlen)
{
	uint8_t caps[4096] = {0};

	if (op_mod >> 1 == CAPS_GENERAL) {
		put32(caps + 132, 1u << TYPE_DEK | 1u << TYPE_LOGIN); /* general_obj_types 0x400/64 */
		caps[126] = (image->engines & 1 ? 0x40 : 0) | (image->engines & 2 ? 0x20 : 0); /* 0x3f1, 0x3f2 */
		caps[141] = image->engines ? 0xc0 : 0; /* 0x468 (the engine's bit up to rdma-core 41), crypto 0x469 */
	} else if (op_mod >> 1 == CAPS_CRYPTO && image->engines) {
		if (image->wrapped_import) {
			caps[0] = (image->state != COMMISSIONING ? 0x80 : 0) |
				  (image->state == GOING_TO_COMMISSIONING ? 0x40 : 0);
			caps[3] = IMPORT_METHOD_AES;
		}
		caps[5] = image->log_max_num_deks & 31;
		caps[6] = caps[7] = 6; /* 2^6 == KEYS */
		caps[8] = image->failed_selftests >> 8;
		caps[9] = image->failed_selftests;
		caps[10] = count_keys(image->kek);
		caps[11] = count_keys(image->credential);
	}
	memcpy(out + 16, caps, outlen - 16 < sizeof(caps) ? outlen - 16 : sizeof(caps));
}

/* ---- The uverbs ioctls: a table of methods, and a handler for each ---- */

/* The attributes of a call, in the order of the method's table; absent ones are NULL. */
typedef struct ib_uverbs_attr *const *attrs;

static const void *in_ptr(const struct ib_uverbs_attr *a)
{
	return a->len <= 8 ? (const void *)&a->data : (const void *)(uintptr_t)a->data;
}

static void *out_ptr(const struct ib_uverbs_attr *a)
{
	return (void *)(uintptr_t)a->data;
}

static void clear_out(struct ib_uverbs_attr *a)
{
	memset(out_ptr(a), 0, a->len);
	a->flags |= UVERBS_ATTR_F_VALID_OUTPUT;
}

/* Answers an output, if it was asked for: as much as fits, the rest zero. */
static void put_out(struct ib_uverbs_attr *a, const void *data, size_t bytes)
{
	if (!a || a->len == 0)
		return;
	clear_out(a);
	memcpy(out_ptr(a), data, bytes < a->len ? bytes : a->len);
}

static int alloc_pd(struct context *c, struct ib_uverbs_attr *out, struct ib_uverbs_attr *uhw)
{
	struct ib_uverbs_alloc_pd_resp resp = {0};
	struct mlx5_ib_alloc_pd_resp pdn;

	if (!add_object(c, PD, &resp.pd_handle))
		return ENOMEM;
	pdn.pdn = resp.pd_handle + 1;
	ADD(c->slot->pds, 1);
	ADD(c->nic->image->pds_made, 1);
	put_out(out, &resp, sizeof(resp));
	put_out(uhw, &pdn, sizeof(pdn));
	return 0;
}

static int destroy_handle(struct context *c, uint32_t handle, enum kind kind)
{
	if (!object_at(c, handle, kind))
		return ENOENT;
	free_object(c, handle);
	return 0;
}

/* What a ConnectX-6 Dx says of itself. */
static void fill_device(const struct image *image, struct ib_uverbs_query_device_resp *r)
{
	r->fw_ver = 22ull << 32 | 36ull << 16 | 1010;
	r->node_guid = r->sys_image_guid = htobe64(image->guid);
	r->max_mr_size = UINT64_MAX;
	r->page_size_cap = 0xfffff000;
	r->vendor_id = 0x02c9;
	r->vendor_part_id = 0x101d;
	r->max_qp = r->max_mr = r->max_pd = r->max_cq = r->max_srq = 1 << 17;
	r->max_qp_wr = r->max_srq_wr = 1 << 15;
	r->max_cqe = (1 << 22) - 1;
	r->max_sge = r->max_sge_rd = 30;
	r->max_srq_sge = 31;
	r->max_qp_rd_atom = r->max_qp_init_rd_atom = 16;
	r->max_pkeys = 128;
	r->local_ca_ack_delay = 16;
	r->phys_port_cnt = 1;
}

static void fill_port(struct ib_uverbs_query_port_resp *r)
{
	r->max_msg_sz = 1 << 30;
	r->gid_tbl_len = 1;
	r->pkey_tbl_len = 1;
	r->state = 4; /* active */
	r->max_mtu = 5;
	r->active_mtu = 3;
	r->max_vl_num = 1;
	r->active_width = 2; /* 4x */
	r->active_speed = 32; /* EDR */
	r->phys_state = 5; /* link up */
	r->link_layer = 2; /* Ethernet */
}

/* The write commands, carried by an ioctl: CORE_IN, CORE_OUT, WRITE_CMD, UHW_IN, UHW_OUT. */
static int invoke_write(struct context *c, attrs a)
{
	uint32_t command = (uint32_t)a[2]->data;
	struct ib_uverbs_ex_query_device_resp device = {.response_length = sizeof(device)};
	struct mlx5_ib_query_device_resp driver = {.response_length = sizeof(driver)};
	struct ib_uverbs_query_port_resp port = {0};

	if (command != (IB_USER_VERBS_EX_CMD_QUERY_DEVICE | IB_USER_VERBS_CMD_FLAG_EXTENDED) &&
	    command != IB_USER_VERBS_CMD_QUERY_DEVICE && command != IB_USER_VERBS_CMD_QUERY_PORT &&
	    command != IB_USER_VERBS_CMD_ALLOC_PD && command != IB_USER_VERBS_CMD_DEALLOC_PD)
		return EOPNOTSUPP;
	if (command == IB_USER_VERBS_CMD_DEALLOC_PD)
		return a[0] && a[0]->len >= 4 ? destroy_handle(c, *(const uint32_t *)in_ptr(a[0]), PD) : EINVAL;
	if (!a[1]) /* libibverbs probes with this, and ENOSPC tells it that the command is there */
		return ENOSPC;
	switch (command) {
	case IB_USER_VERBS_CMD_ALLOC_PD:
		return alloc_pd(c, a[1], a[4]);
	case IB_USER_VERBS_CMD_QUERY_PORT:
		if (!a[0] || a[0]->len < 9 || ((const uint8_t *)in_ptr(a[0]))[8] != 1)
			return EINVAL;
		fill_port(&port);
		put_out(a[1], &port, sizeof(port));
		return 0;
	default:
		fill_device(c->nic->image, &device.base);
		put_out(a[1], &device, sizeof(device));
		put_out(a[4], &driver, sizeof(driver));
		return 0;
	}
}

static int query_port(struct context *c, attrs a)
{
	struct ib_uverbs_query_port_resp_ex port = {0};

	(void)c;
	if ((uint8_t)a[0]->data != 1)
		return EINVAL;
	fill_port(&port.legacy_resp);
	put_out(a[1], &port, sizeof(port));
	return 0;
}

/* tot_bfregs 0 tells libmlx5 to allocate UARs one by one, so that it maps nothing at open. */
static int get_context(struct context *c, attrs a)
{
	uint32_t comp_vectors = 1;
	uint64_t core_support = 0;
	struct mlx5_ib_alloc_ucontext_req_v2 req = {0};
	struct mlx5_ib_alloc_ucontext_resp resp = {
		.qp_tab_size = 1 << 17,
		.bf_reg_size = 512,
		.cache_line_size = 64,
		.max_sq_desc_sz = 1024,
		.max_rq_desc_sz = 512,
		.max_send_wqebb = 1 << 15,
		.max_recv_wr = 1 << 15,
		.max_srq_recv_wr = 1 << 15,
		.num_ports = 1,
		.response_length = sizeof(resp),
		.cqe_version = 1,
		.cmds_supp_uhw = MLX5_USER_CMDS_SUPP_UHW_QUERY_DEVICE | MLX5_USER_CMDS_SUPP_UHW_CREATE_AH,
		.log_uar_size = 12,
		.num_uars_per_page = 1,
	};

	if (c->ready)
		return EINVAL;
	if (a[2])
		memcpy(&req, in_ptr(a[2]), a[2]->len < sizeof(req) ? a[2]->len : sizeof(req));
	c->devx = req.flags & MLX5_IB_ALLOC_UCTX_DEVX;
	c->ready = true;
	put_out(a[0], &comp_vectors, sizeof(comp_vectors));
	put_out(a[1], &core_support, sizeof(core_support));
	put_out(a[3], &resp, sizeof(resp));
	return 0;
}

static int alloc_async_fd(struct context *c, attrs a)
{
	int fd = eventfd(0, EFD_CLOEXEC);

	(void)c;
	if (fd < 0)
		return errno;
	a[0]->data_s64 = fd;
	return 0;
}

static int destroy_pd(struct context *c, attrs a)
{
	return destroy_handle(c, (uint32_t)a[0]->data, PD);
}

static int alloc_uar(struct context *c, attrs a)
{
	uint32_t handle, length = 4096, page_id;
	uint64_t offset;

	if (!add_object(c, UAR, &handle))
		return ENOMEM;
	page_id = handle + 1;
	offset = (uint64_t)page_id * sysconf(_SC_PAGESIZE);
	a[0]->data = handle;
	put_out(a[2], &offset, sizeof(offset));
	put_out(a[3], &length, sizeof(length));
	put_out(a[4], &page_id, sizeof(page_id));
	return 0;
}

static int destroy_uar(struct context *c, attrs a)
{
	return destroy_handle(c, (uint32_t)a[0]->data, UAR);
}

static int devx_other(struct context *c, attrs a)
{
	const uint8_t *in = in_ptr(a[0]);
	uint8_t *out = out_ptr(a[1]);
	struct verdict v;
	int error;

	if (!c->devx || get32(in) >> 16 != QUERY_HCA_CAP)
		return EINVAL;
	error = begin(c, QUERY_HCA_CAP, 0, &v);
	if (error)
		return error;
	clear_out(a[1]);
	if (v.status == OK)
		query_caps(c->nic->image, get32(in + 4), out, a[1]->len);
	return answer(c, out, v, 0);
}

static int devx_create(struct context *c, attrs a)
{
	const uint8_t *in = in_ptr(a[1]);
	uint8_t *out = out_ptr(a[2]);
	uint16_t type = get32(in + 4);
	uint32_t handle = 0;
	struct verdict v;
	int error;

	if (!c->devx || get32(in) >> 16 != CREATE_OBJECT)
		return EINVAL;
	error = begin(c, CREATE_OBJECT, type, &v);
	if (error)
		return error;
	if (v.status == OK)
		v = type == TYPE_DEK	 ? create_dek(c, in, a[1]->len, &handle)
		    : type == TYPE_LOGIN ? create_login(c, in, a[1]->len, &handle)
					 : REFUSE(BAD_PARAM, OBJECT_TYPE);
	clear_out(a[2]);
	if (v.status == OK)
		a[0]->data = handle;
	return answer(c, out, v, v.status == OK ? c->objects[handle].id : 0);
}

static struct object *devx_object(struct context *c, uint32_t handle)
{
	struct object *o = object_at(c, handle, DEK);

	return o ? o : object_at(c, handle, LOGIN);
}

static uint16_t object_type(const struct object *o)
{
	return o->kind == DEK ? TYPE_DEK : TYPE_LOGIN;
}

static int devx_query(struct context *c, attrs a)
{
	uint32_t handle = a[0]->data;
	const uint8_t *in = in_ptr(a[1]);
	uint8_t *out = out_ptr(a[2]);
	struct object *o = devx_object(c, handle);
	struct verdict v;
	int error;

	if (!o)
		return ENOENT;
	if (!c->devx || get32(in) >> 16 != QUERY_OBJECT || (uint16_t)get32(in + 4) != object_type(o) ||
	    get32(in + 8) != o->id)
		return EINVAL;
	error = begin(c, QUERY_OBJECT, object_type(o), &v);
	if (error)
		return error;
	o = devx_object(c, handle); /* another thread may have destroyed it meanwhile, or moved the table */
	if (!o || get32(in + 8) != o->id)
		return ENOENT;
	clear_out(a[2]);
	if (v.status == OK)
		v = query_object(c, o, out, a[2]->len);
	return answer(c, out, v, o->id);
}

/* No mailbox: the kernel makes the command up, and a refusal comes back as an errno. The object lives on then. */
static int devx_destroy(struct context *c, attrs a)
{
	uint32_t handle = a[0]->data, id;
	struct object *o = devx_object(c, handle);
	struct verdict v;
	int error;

	if (!o)
		return ENOENT;
	id = o->id;
	error = begin(c, DESTROY_OBJECT, object_type(o), &v);
	if (error)
		return error;
	if (v.status != OK) {
		ADD(c->nic->image->refused, 1);
		return status_errno(v.status);
	}
	o = devx_object(c, handle);
	if (!o || o->id != id)
		return ENOENT;
	free_object(c, handle);
	return 0;
}

enum attr_kind { IN, OUT, HANDLE, NEW };

struct method {
	uint16_t object, method;
	int (*handler)(struct context *, attrs);
	int count;
	struct {
		uint16_t id;
		enum attr_kind kind;
		uint16_t least; /* bytes, of IN and OUT */
		bool optional;
	} attr[5];
};

static const struct method methods[] = {
	{UVERBS_OBJECT_DEVICE, UVERBS_METHOD_INVOKE_WRITE, invoke_write, 5,
	 {{UVERBS_ATTR_CORE_IN, IN, 0, true},
	  {UVERBS_ATTR_CORE_OUT, OUT, 0, true},
	  {UVERBS_ATTR_WRITE_CMD, IN, 4, false},
	  {UVERBS_ATTR_UHW_IN, IN, 0, true},
	  {UVERBS_ATTR_UHW_OUT, OUT, 0, true}}},
	{UVERBS_OBJECT_DEVICE, UVERBS_METHOD_QUERY_PORT, query_port, 2,
	 {{UVERBS_ATTR_QUERY_PORT_PORT_NUM, IN, 1, false}, {UVERBS_ATTR_QUERY_PORT_RESP, OUT, 0, false}}},
	{UVERBS_OBJECT_DEVICE, UVERBS_METHOD_GET_CONTEXT, get_context, 4,
	 {{UVERBS_ATTR_GET_CONTEXT_NUM_COMP_VECTORS, OUT, 4, true},
	  {UVERBS_ATTR_GET_CONTEXT_CORE_SUPPORT, OUT, 8, true},
	  {UVERBS_ATTR_UHW_IN, IN, 0, true},
	  {UVERBS_ATTR_UHW_OUT, OUT, 0, true}}},
	{UVERBS_OBJECT_ASYNC_EVENT, UVERBS_METHOD_ASYNC_EVENT_ALLOC, alloc_async_fd, 1,
	 {{UVERBS_ATTR_ASYNC_EVENT_ALLOC_FD_HANDLE, NEW, 0, false}}},
	{UVERBS_OBJECT_PD, UVERBS_METHOD_PD_DESTROY, destroy_pd, 1, {{UVERBS_ATTR_DESTROY_PD_HANDLE, HANDLE, 0, false}}},
	{MLX5_IB_OBJECT_UAR, MLX5_IB_METHOD_UAR_OBJ_ALLOC, alloc_uar, 5,
	 {{MLX5_IB_ATTR_UAR_OBJ_ALLOC_HANDLE, NEW, 0, false},
	  {MLX5_IB_ATTR_UAR_OBJ_ALLOC_TYPE, IN, 4, false},
	  {MLX5_IB_ATTR_UAR_OBJ_ALLOC_MMAP_OFFSET, OUT, 8, false},
	  {MLX5_IB_ATTR_UAR_OBJ_ALLOC_MMAP_LENGTH, OUT, 4, false},
	  {MLX5_IB_ATTR_UAR_OBJ_ALLOC_PAGE_ID, OUT, 4, false}}},
	{MLX5_IB_OBJECT_UAR, MLX5_IB_METHOD_UAR_OBJ_DESTROY, destroy_uar, 1,
	 {{MLX5_IB_ATTR_UAR_OBJ_DESTROY_HANDLE, HANDLE, 0, false}}},
	{MLX5_IB_OBJECT_DEVX, MLX5_IB_METHOD_DEVX_OTHER, devx_other, 2,
	 {{MLX5_IB_ATTR_DEVX_OTHER_CMD_IN, IN, 16, false}, {MLX5_IB_ATTR_DEVX_OTHER_CMD_OUT, OUT, 16, false}}},
	{MLX5_IB_OBJECT_DEVX_OBJ, MLX5_IB_METHOD_DEVX_OBJ_CREATE, devx_create, 3,
	 {{MLX5_IB_ATTR_DEVX_OBJ_CREATE_HANDLE, NEW, 0, false},
	  {MLX5_IB_ATTR_DEVX_OBJ_CREATE_CMD_IN, IN, 16, false},
	  {MLX5_IB_ATTR_DEVX_OBJ_CREATE_CMD_OUT, OUT, 16, false}}},
	{MLX5_IB_OBJECT_DEVX_OBJ, MLX5_IB_METHOD_DEVX_OBJ_QUERY, devx_query, 3,
	 {{MLX5_IB_ATTR_DEVX_OBJ_QUERY_HANDLE, HANDLE, 0, false},
	  {MLX5_IB_ATTR_DEVX_OBJ_QUERY_CMD_IN, IN, 16, false},
	  {MLX5_IB_ATTR_DEVX_OBJ_QUERY_CMD_OUT, OUT, 16, false}}},
	{MLX5_IB_OBJECT_DEVX_OBJ, MLX5_IB_METHOD_DEVX_OBJ_DESTROY, devx_destroy, 1,
	 {{MLX5_IB_ATTR_DEVX_OBJ_DESTROY_HANDLE, HANDLE, 0, false}}},
};

/* Sorts the attributes of a call into the order of its method, and checks them as the kernel does. Returns an errno. */
static int sort_attrs(const struct method *m, struct ib_uverbs_ioctl_hdr *hdr, struct ib_uverbs_attr **sorted)
{
	for (int i = 0; i < hdr->num_attrs; i++) {
		struct ib_uverbs_attr *a = &hdr->attrs[i];
		int k = 0;

		while (k < m->count && m->attr[k].id != a->attr_id)
			k++;
		if (k == m->count) {
			if (a->flags & UVERBS_ATTR_F_MANDATORY)
				return EPROTONOSUPPORT;
			continue;
		}
		if (sorted[k])
			return EINVAL;
		if (m->attr[k].kind == IN || m->attr[k].kind == OUT) {
			if (a->len < m->attr[k].least)
				return EINVAL;
			if (a->len > (m->attr[k].kind == IN ? 8 : 0) && a->data < 4096)
				return EFAULT;
		}
		sorted[k] = a;
	}
	for (int k = 0; k < m->count; k++)
		if (!sorted[k] && !m->attr[k].optional)
			return EINVAL;
	return 0;
}

/* Call with the mutex. Returns an errno. */
static int dispatch(struct context *c, struct ib_uverbs_ioctl_hdr *hdr)
{
	struct ib_uverbs_attr *sorted[5] = {NULL};
	int error;

	if ((uintptr_t)hdr < 4096)
		return EFAULT;
	if (hdr->num_attrs > 64 || hdr->length != sizeof(*hdr) + hdr->num_attrs * sizeof(hdr->attrs[0]) ||
	    hdr->reserved1 || hdr->reserved2)
		return EINVAL;
	if (hdr->driver_id != RDMA_DRIVER_MLX5)
		return EINVAL;
	if (!present(c))
		return EIO;
	for (size_t i = 0; i < sizeof(methods) / sizeof(methods[0]); i++) {
		const struct method *m = &methods[i];

		if (m->object != hdr->object_id || m->method != hdr->method_id)
			continue;
		if (!c->ready && m->handler != get_context && m->handler != invoke_write)
			return EINVAL;
		error = sort_attrs(m, hdr, sorted);
		return error ? error : m->handler(c, sorted);
	}
	return EPROTONOSUPPORT;
}

/* ---- What is interposed. Each call that is not ours is passed on untouched, errno included. ---- */

static void *next_symbol(const char *name)
{
	int error = errno;
	void *symbol = dlsym(RTLD_NEXT, name);

	errno = error;
	return symbol;
}

/* A function pointer named `real` to the next definition of `name`. */
#define REAL(type, name, ...)                                                                                          \
	static type (*real)(__VA_ARGS__);                                                                              \
	if (!real)                                                                                                     \
	real = (type(*)(__VA_ARGS__))next_symbol(name)

/* N of /dev/infiniband/uverbsN, -1 for any other path. */
static __attribute__((noinline)) int device_index(const char *path)
{
	static const char prefix[] = "/dev/infiniband/uverbs";
	const char *digits = path;
	int index = 0;

	for (const char *p = prefix; *p; p++, digits++)
		if (!path || *digits != *p)
			return -1;
	if (!getenv("DEK_VIRTUAL") || !*digits || strlen(digits) > 3)
		return -1;
	for (; *digits; digits++) {
		if (*digits < '0' || *digits > '9')
			return -1;
		index = 10 * index + *digits - '0';
	}
	return index;
}

/* The device as /dev/zero. */
static int open_device(int index, int flags)
{
	struct context *c = NULL;
	struct nic *nic;
	int fd, error = 0;

	fd = syscall(SYS_openat, AT_FDCWD, "/dev/zero", flags & (O_ACCMODE | O_CLOEXEC | O_NONBLOCK), 0);
	if (fd >= FDS) {
		real_close(fd);
		errno = EMFILE;
		return -1;
	}
	if (fd < 0)
		return -1;
	pthread_mutex_lock(&mutex);
	forget(fd); /* its former owner went without close(2) */
	nic = attach(index);
	if (!nic)
		error = errno;
	else if (!usable(nic) || LOAD(nic->image->gone))
		error = EIO;
	else if (LOAD(nic->image->open_errno))
		error = LOAD(nic->image->open_errno);
	else if (!(c = calloc(1, sizeof(*c))))
		error = ENOMEM;
	if (!error) {
		lock_image(nic, F_WRLCK);
		reap(nic->image, nic->user != getpid());
		nic->user = owner = getpid();
		c->slot = claim(nic->image, fd);
		lock_image(nic, F_UNLCK);
		if (!c->slot)
			error = ENFILE;
	}
	if (error) {
		free(c);
	} else {
		ADD(nic->image->contexts_made, 1);
		c->nic = nic;
		c->fd = fd;
		c->references = 1;
		c->next = contexts;
		contexts = c;
		STORE(ours[fd], 1);
	}
	pthread_mutex_unlock(&mutex);
	if (error) {
		real_close(fd);
		errno = error;
		return -1;
	}
	return fd;
}

/* Whether a program may open the device: 0, or -1 and errno. */
static int access_device(int index)
{
	struct nic *nic;
	int error = 0;

	pthread_mutex_lock(&mutex);
	nic = attach(index);
	if (!nic)
		error = errno;
	else if (usable(nic))
		error = LOAD(nic->image->open_errno);
	pthread_mutex_unlock(&mutex);
	if (error == 0)
		return 0;
	errno = error;
	return -1;
}

#define MODE_ARGUMENT(mode, flags)                                                                                     \
	mode_t mode = 0;                                                                                               \
	if (((flags)&O_CREAT) || ((flags)&O_TMPFILE) == O_TMPFILE) {                                                   \
		va_list list;                                                                                          \
		va_start(list, flags);                                                                                 \
		mode = va_arg(list, mode_t);                                                                           \
		va_end(list);                                                                                          \
	}

int open(const char *path, int flags, ...)
{
	REAL(int, "open", const char *, int, ...);
	MODE_ARGUMENT(mode, flags);
	int index = device_index(path);

	return index < 0 ? real(path, flags, mode) : open_device(index, flags);
}

int open64(const char *path, int flags, ...)
{
	REAL(int, "open64", const char *, int, ...);
	MODE_ARGUMENT(mode, flags);
	int index = device_index(path);

	return index < 0 ? real(path, flags, mode) : open_device(index, flags);
}

int openat(int directory, const char *path, int flags, ...)
{
	REAL(int, "openat", int, const char *, int, ...);
	MODE_ARGUMENT(mode, flags);
	int index = device_index(path);

	return index < 0 ? real(directory, path, flags, mode) : open_device(index, flags);
}

int openat64(int directory, const char *path, int flags, ...)
{
	REAL(int, "openat64", int, const char *, int, ...);
	MODE_ARGUMENT(mode, flags);
	int index = device_index(path);

	return index < 0 ? real(directory, path, flags, mode) : open_device(index, flags);
}

/* What programs built with _FORTIFY_SOURCE call when the flags are no constant. */
int __open_2(const char *path, int flags);
int __open_2(const char *path, int flags)
{
	REAL(int, "__open_2", const char *, int);
	int index = device_index(path);

	return index < 0 ? real(path, flags) : open_device(index, flags);
}

int __open64_2(const char *path, int flags);
int __open64_2(const char *path, int flags)
{
	REAL(int, "__open64_2", const char *, int);
	int index = device_index(path);

	return index < 0 ? real(path, flags) : open_device(index, flags);
}

/* /dev/zero's own answer is the right one for a device that is /dev/zero. */
static const char *stat_path(const char *path)
{
	int error = errno, index = device_index(path);
	char image[PATH_BYTES];
	bool found;

	if (index < 0)
		return path;
	found = image_path(image, index) && syscall(SYS_faccessat, AT_FDCWD, image, F_OK) == 0;
	errno = error;
	return found ? "/dev/zero" : path;
}

int stat(const char *path, struct stat *st)
{
	REAL(int, "stat", const char *, struct stat *);
	return real(stat_path(path), st);
}

int stat64(const char *path, struct stat64 *st)
{
	REAL(int, "stat64", const char *, struct stat64 *);
	return real(stat_path(path), st);
}

/* stat() of programs built against glibc < 2.33. */
int __xstat(int version, const char *path, struct stat *st);
int __xstat(int version, const char *path, struct stat *st)
{
	REAL(int, "__xstat", int, const char *, struct stat *);
	return real(version, stat_path(path), st);
}

int __xstat64(int version, const char *path, struct stat64 *st);
int __xstat64(int version, const char *path, struct stat64 *st)
{
	REAL(int, "__xstat64", int, const char *, struct stat64 *);
	return real(version, stat_path(path), st);
}

int access(const char *path, int mode)
{
	REAL(int, "access", const char *, int);
	int index = device_index(path);

	return index < 0 ? real(path, mode) : access_device(index);
}

int faccessat(int directory, const char *path, int mode, int flags)
{
	REAL(int, "faccessat", int, const char *, int, int);
	int index = device_index(path);

	return index < 0 ? real(directory, path, mode, flags) : access_device(index);
}

/* Discovery by netlink would find the host's own NICs; without it libibverbs reads sysfs. */
int socket(int domain, int type, int protocol)
{
	REAL(int, "socket", int, int, int);

	if (domain == AF_NETLINK && protocol == 20 /* NETLINK_RDMA */ && getenv("DEK_VIRTUAL")) {
		errno = EPROTONOSUPPORT;
		return -1;
	}
	return real(domain, type, protocol);
}

int ioctl(int fd, unsigned long request, ...)
{
	REAL(int, "ioctl", int, unsigned long, ...);
	struct context *c = NULL;
	va_list list;
	void *argument;
	int error;

	va_start(list, request);
	argument = va_arg(list, void *);
	va_end(list);
	if (request == RDMA_VERBS_IOCTL && is_ours(fd)) {
		pthread_mutex_lock(&mutex);
		c = find_context(fd);
		if (!c)
			pthread_mutex_unlock(&mutex);
	}
	if (!c)
		return real(fd, request, argument);
	c->references++;
	error = dispatch(c, argument);
	drop(c);
	pthread_mutex_unlock(&mutex);
	if (!error)
		return 0;
	errno = error;
	return -1;
}

int close(int fd)
{
	REAL(int, "close", int);

	if (is_ours(fd)) {
		int error = errno;

		pthread_mutex_lock(&mutex);
		forget(fd);
		pthread_mutex_unlock(&mutex);
		errno = error;
	}
	return real(fd);
}

#endif
