/*
 * The AES of xts.c by the CPU's own instructions, where it has them: AES-NI of x86-64. Round keys are read from the
 * vault where they lie; all vector registers are cleared after, and the stack is wiped by close_key. Left out: the
 * instructions of other CPUs, which take the tables.
 */
#if defined(__x86_64__) && !defined(AES_BY_TABLES)
#include <cpuid.h>
#include <wmmintrin.h>

#define AES_INSTRUCTIONS __attribute__((target("aes,sse2")))

static void find_aes_instructions(void)
{
	unsigned int a, b, c = 0, d;

	has_aes_instructions = __get_cpuid(1, &a, &b, &c, &d) && c & bit_AES;
}

/* An inverse cipher takes the round keys from the last to the first. */
static inline AES_INSTRUCTIONS __m128i cpu_rounds(const __m128i *k, int rounds, bool encrypt, __m128i x)
{
	if (encrypt) {
		x = _mm_xor_si128(x, k[0]);
		for (int i = 1; i < rounds; i++)
			x = _mm_aesenc_si128(x, k[i]);
		return _mm_aesenclast_si128(x, k[rounds]);
	}
	x = _mm_xor_si128(x, k[rounds]);
	for (int i = rounds - 1; i > 0; i--)
		x = _mm_aesdec_si128(x, k[i]);
	return _mm_aesdeclast_si128(x, k[0]);
}

static AES_INSTRUCTIONS void cpu_crypt(const struct schedule *s, int rounds, bool encrypt, uint8_t block[16])
{
	__m128i x = _mm_loadu_si128((const __m128i *)block);

	_mm_storeu_si128((__m128i *)block, cpu_rounds((const __m128i *)s->words, rounds, encrypt, x));
}

static AES_INSTRUCTIONS void cpu_crypt_blocks(struct vault *v, uint8_t *p, uint32_t count)
{
	const __m128i *k = (const __m128i *)v->data.words;

	for (; count > 0; count--, p += 16) {
		__m128i t = _mm_load_si128((const __m128i *)v->t);
		__m128i x = _mm_xor_si128(_mm_loadu_si128((const __m128i *)p), t);
		uint64_t low, high;

		x = _mm_xor_si128(cpu_rounds(k, v->rounds, v->encrypt, x), t);
		_mm_storeu_si128((__m128i *)p, x);
		memcpy(&low, v->t, 8);
		memcpy(&high, v->t + 8, 8);
		high = high << 1 | low >> 63;
		low = low << 1 ^ (v->t[15] & 0x80 ? 0x87 : 0);
		memcpy(v->t, &low, 8);
		memcpy(v->t + 8, &high, 8);
	}
}

static void clear_vector_registers(void)
{
	__asm__ volatile("pxor %%xmm0, %%xmm0\n\tpxor %%xmm1, %%xmm1\n\tpxor %%xmm2, %%xmm2\n\tpxor %%xmm3, %%xmm3\n\t"
			 "pxor %%xmm4, %%xmm4\n\tpxor %%xmm5, %%xmm5\n\tpxor %%xmm6, %%xmm6\n\tpxor %%xmm7, %%xmm7\n\t"
			 "pxor %%xmm8, %%xmm8\n\tpxor %%xmm9, %%xmm9\n\tpxor %%xmm10, %%xmm10\n\t"
			 "pxor %%xmm11, %%xmm11\n\tpxor %%xmm12, %%xmm12\n\tpxor %%xmm13, %%xmm13\n\t"
			 "pxor %%xmm14, %%xmm14\n\tpxor %%xmm15, %%xmm15"
			 :
			 :
			 : "xmm0", "xmm1", "xmm2", "xmm3", "xmm4", "xmm5", "xmm6", "xmm7", "xmm8", "xmm9", "xmm10",
			   "xmm11", "xmm12", "xmm13", "xmm14", "xmm15");
}

#else

static void find_aes_instructions(void)
{
	has_aes_instructions = false;
}

static void cpu_crypt(const struct schedule *s, int rounds, bool encrypt, uint8_t block[16])
{
	(void)s, (void)rounds, (void)encrypt, (void)block;
}

static void cpu_crypt_blocks(struct vault *v, uint8_t *p, uint32_t count)
{
	(void)v, (void)p, (void)count;
}

static void clear_vector_registers(void)
{
}

#endif
