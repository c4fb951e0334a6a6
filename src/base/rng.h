/* Counter-based random numbers: Philox4x32-10 (Salmon, Moraes, Dror, Shaw, "Parallel random numbers: as easy as
   1, 2, 3", SC 2011). A number is a function of (seed, purpose, four counters); there is no state, and nothing belongs
   to a rank or a thread. Inline, so that kernels vectorise it. */
#ifndef AS_BASE_RNG_H
#define AS_BASE_RNG_H

#include <stdint.h>

/* What a stream of random numbers is for; the order is part of the numeric contract: append only. */
typedef enum as_rng_purpose {
    AS_RNG_INIT = 1,   /* initial parameters: counters (layer, parameter, element) */
    AS_RNG_DROPOUT,    /* dropout masks: (layer, step, sample id, element / 8) */
    AS_RNG_ASSIGN,     /* sample blocks to lanes */
    AS_RNG_ORDER,      /* order inside a lane: (epoch, lane) */
    AS_RNG_VALIDATION, /* which samples are held out */
    AS_RNG_GENERATE,   /* generated data sets */
    AS_RNG_TEST,       /* tests */
    AS_RNG_AUGMENT,    /* changes of training samples: (epoch, place in the list and draw, sample id) */
    AS_RNG_LANCZOS,    /* start vectors: (stream, 0, element) */
    AS_RNG_SAMPLE,     /* generated sequences: (token) */
    AS_RNG_DRAW,       /* draws from distributions: (stream, draw, id) */
    AS_RNG_BOOTSTRAP,  /* weights of bootstrap replicates: (replicate / 4, 0, sample id) */
    AS_RNG_PROBE,      /* directions of instruments: (stream, 0, element) */
    AS_RNG_CLUSTERS    /* first centres: (start, round, sample id), (start, draw, 2^63 + trial) */
} as_rng_purpose;

/* Ten rounds over counter c[4] with key (k0, k1); out[4] are uniform 32-bit words. */
static inline void as_philox(const uint32_t c[4], uint32_t k0, uint32_t k1, uint32_t out[4])
{
    uint32_t c0 = c[0], c1 = c[1], c2 = c[2], c3 = c[3];
    for (int round = 0; round < 10; round++) {
        const uint64_t p0 = UINT64_C(0xD2511F53) * c0;
        const uint64_t p1 = UINT64_C(0xCD9E8D57) * c2;
        const uint32_t n0 = (uint32_t)(p1 >> 32) ^ c1 ^ k0;
        const uint32_t n2 = (uint32_t)(p0 >> 32) ^ c3 ^ k1;
        c1 = (uint32_t)p1;
        c3 = (uint32_t)p0;
        c0 = n0;
        c2 = n2;
        k0 += 0x9E3779B9u;
        k1 += 0xBB67AE85u;
    }
    out[0] = c0;
    out[1] = c1;
    out[2] = c2;
    out[3] = c3;
}

/* Key of a purpose: the two halves of the seed, the second mixed with the purpose. */
static inline void as_rng_key(uint64_t seed, as_rng_purpose purpose, uint32_t key[2])
{
    key[0] = (uint32_t)seed;
    key[1] = (uint32_t)(seed >> 32) ^ ((uint32_t)purpose * 0x9E3779B9u);
}

/* Four words for (seed, purpose, a, b, index): index is 64 bits wide, a and b 32 bits. */
static inline void as_rng_words(uint64_t seed, as_rng_purpose purpose, uint32_t a, uint32_t b, uint64_t index,
                                uint32_t out[4])
{
    uint32_t key[2];
    as_rng_key(seed, purpose, key);
    const uint32_t c[4] = {(uint32_t)index, (uint32_t)(index >> 32), a, b};
    as_philox(c, key[0], key[1], out);
}

/* Uniform in [0, 1): 24 bits, exact in float. */
static inline float as_rng_uniform_f32(uint32_t word)
{
    return (float)(word >> 8) * 0x1p-24f;
}

/* Uniform in (0, 1) with 53 bits from two words: never 0, never 1. */
static inline double as_rng_uniform_f64(uint32_t high, uint32_t low)
{
    const uint64_t bits = ((uint64_t)high << 20) | (low >> 12);
    return ((double)bits + 0.5) * 0x1p-52;
}

/* Keyed permutation of 0..n-1: a Feistel network of 6 rounds on the smallest even power of two that holds n, with
   cycle walking (Black and Rogaway, CT-RSA 2002). Round keys come from Philox, the round function is the 32-bit
   finaliser of MurmurHash3. O(1) state, about 10 ns an element, a third of it where many are asked for at once. */
typedef struct as_permutation {
    int64_t n;
    int half; /* bits of each half */
    uint32_t key[8];
} as_permutation;

/* Not collective. n >= 1. (a, b) select one of many permutations of the same purpose. */
as_permutation as_permutation_make(uint64_t seed, as_rng_purpose purpose, uint32_t a, uint32_t b, int64_t n);

/* Not collective. Image of i, 0 <= i < n. */
int64_t as_permutation_at(const as_permutation *p, int64_t i);
/* Not collective. Images of first, ..., first + count - 1, all in [0, n), to out[0..count). */
void as_permutation_range(const as_permutation *p, int64_t first, int64_t count, int64_t *out);

#endif
