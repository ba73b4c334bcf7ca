/*
 * OpenSSL's sides of wrap.ts. `new` wraps as mlx5dv_dek_create(3) shows: an EVP_CIPHER_CTX for each key. `kept` keeps
 * the context with its cipher and KEK, and only starts it anew for each key.
 * usage: wrap new|kept KEK_HEX PLAINTEXTS_FILE PLAINTEXT_BYTES
 * For a line "wrap KEYS TIMES" on stdin it wraps the first KEYS keys of the file TIMES times, and prints the
 * nanoseconds of CPU and of wall clock, and the SHA-256 of the result. "unwrap", of `new` only, takes back what the
 * last "wrap" made.
 */
#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static const EVP_CIPHER *cipher;
static unsigned char kek[32], iv[8];
static EVP_CIPHER_CTX *kept;

static void fail(const char *what)
{
	fprintf(stderr, "wrap.c: %s\n", what);
	exit(1);
}

static double now(clockid_t clock)
{
	struct timespec time;

	clock_gettime(clock, &time);
	return time.tv_sec * 1e9 + time.tv_nsec;
}

/* Wraps or unwraps a key, as `encrypt` says. The calls and their order are those of the man page. */
static void one(int encrypt, unsigned char *to, const unsigned char *from, int bytes)
{
	EVP_CIPHER_CTX *ctx = kept ? kept : EVP_CIPHER_CTX_new();
	int len, rest;

	if (!kept)
		EVP_CIPHER_CTX_set_flags(ctx, EVP_CIPHER_CTX_FLAG_WRAP_ALLOW);
	if (EVP_CipherInit_ex(ctx, kept ? NULL : cipher, NULL, kept ? NULL : kek, iv, encrypt) != 1 ||
	    EVP_CipherUpdate(ctx, to, &len, from, bytes) != 1 || EVP_CipherFinal_ex(ctx, to + len, &rest) != 1)
		fail("a call of OpenSSL failed");
	if (!kept)
		EVP_CIPHER_CTX_free(ctx);
}

int main(int argc, char **argv)
{
	char line[64], op[16], hex[65] = "";
	unsigned char digest[32];
	size_t room;

	if (argc != 5 || !OPENSSL_hexstr2buf_ex(kek, sizeof(kek), &room, argv[2], '\0'))
		return 2;
	cipher = room == 16 ? EVP_aes_128_wrap() : EVP_aes_256_wrap();
	memset(iv, 0xa6, sizeof(iv));
	if (!strcmp(argv[1], "kept")) {
		kept = EVP_CIPHER_CTX_new();
		EVP_CIPHER_CTX_set_flags(kept, EVP_CIPHER_CTX_FLAG_WRAP_ALLOW);
		EVP_CipherInit_ex(kept, cipher, NULL, kek, iv, 1);
	}
	int bytes = atoi(argv[4]);
	FILE *file = fopen(argv[3], "rb");
	if (!file || fseek(file, 0, SEEK_END))
		fail("cannot read the plaintexts");
	long total = ftell(file);
	rewind(file);
	unsigned char *plain = malloc(total), *back = malloc(total + 16);
	unsigned char *wrapped = malloc(total / bytes * (bytes + 8));
	if (!plain || !wrapped || !back || fread(plain, 1, total, file) != (size_t)total)
		fail("cannot read the plaintexts");

	while (fgets(line, sizeof(line), stdin)) {
		long keys, times;

		if (sscanf(line, "%15s %ld %ld", op, &keys, &times) != 3 || keys > total / bytes)
			return 2;
		int wrap = !strcmp(op, "wrap");
		double cpu = now(CLOCK_PROCESS_CPUTIME_ID), wall = now(CLOCK_MONOTONIC);
		for (long time = 0; time < times; time++)
			for (long i = 0; i < keys; i++)
				if (wrap)
					one(1, wrapped + i * (bytes + 8), plain + i * bytes, bytes);
				else
					one(0, back + i * bytes, wrapped + i * (bytes + 8), bytes + 8);
		cpu = now(CLOCK_PROCESS_CPUTIME_ID) - cpu;
		wall = now(CLOCK_MONOTONIC) - wall;
		EVP_Digest(wrap ? wrapped : back, keys * (wrap ? bytes + 8 : bytes), digest, NULL, EVP_sha256(), NULL);
		for (int i = 0; i < 32; i++)
			sprintf(hex + 2 * i, "%02x", digest[i]);
		printf("%.0f %.0f %s\n", cpu, wall, hex);
		fflush(stdout);
	}
	return 0;
}
