/* Keyed permutation: balanced Feistel network with cycle walking. The domain is below 4 n, so the expected number of
   walks is below 4. */
#include "base/rng.h"

#include "base/error.h"

enum { ROUNDS = 6, SIDE = 64 };

as_permutation as_permutation_make(uint64_t seed, as_rng_purpose purpose, uint32_t a, uint32_t b, int64_t n)
{
    AS_ASSERT(n >= 1);
    as_permutation p = {.n = n, .half = 1};
    while (p.half < 31 && (INT64_C(1) << (2 * p.half)) < n) {
        p.half++;
    }
    as_rng_words(seed, purpose, a, b, 0, p.key);
    as_rng_words(seed, purpose, a, b, 1, p.key + 4);
    return p;
}

static uint32_t mix(uint32_t h)
{
    h ^= h >> 16;
    h *= 0x85EBCA6Bu;
    h ^= h >> 13;
    h *= 0xC2B2AE35u;
    return h ^ (h >> 16);
}

int64_t as_permutation_at(const as_permutation *p, int64_t i)
{
    AS_ASSERT(i >= 0 && i < p->n);
    const uint32_t mask = (UINT32_C(1) << p->half) - 1;
    uint64_t v = (uint64_t)i;
    do {
        uint32_t left = (uint32_t)(v >> p->half) & mask, right = (uint32_t)v & mask;
        for (int round = 0; round < ROUNDS; round++) {
            const uint32_t next = left ^ (mix(right ^ p->key[round]) & mask);
            left = right;
            right = next;
        }
        v = ((uint64_t)left << p->half) | right;
    } while (v >= (uint64_t)p->n);
    return (int64_t)v;
}

/* The network on m <= SIDE values side by side; loops that the compiler vectorises. */
static void feistel(const as_permutation *p, int m, uint64_t v[SIDE])
{
    const uint32_t mask = (UINT32_C(1) << p->half) - 1;
    uint32_t left[SIDE], right[SIDE];
    for (int i = 0; i < m; i++) {
        left[i] = (uint32_t)(v[i] >> p->half) & mask;
        right[i] = (uint32_t)v[i] & mask;
    }
    for (int round = 0; round < ROUNDS; round++) {
        const uint32_t key = p->key[round];
        for (int i = 0; i < m; i++) {
            const uint32_t next = left[i] ^ (mix(right[i] ^ key) & mask);
            left[i] = right[i];
            right[i] = next;
        }
    }
    for (int i = 0; i < m; i++) {
        v[i] = ((uint64_t)left[i] << p->half) | right[i];
    }
}

void as_permutation_range(const as_permutation *p, int64_t first, int64_t count, int64_t *out)
{
    AS_ASSERT(first >= 0 && count >= 0 && first + count <= p->n);
    for (int64_t done = 0; done < count; done += SIDE) {
        uint64_t v[SIDE];
        uint8_t place[SIDE];
        int m = count - done < SIDE ? (int)(count - done) : SIDE;
        for (int i = 0; i < m; i++) {
            v[i] = (uint64_t)(first + done + i);
            place[i] = (uint8_t)i;
        }
        while (m > 0) { /* Those that are still outside walk on. */
            int outside = 0;
            feistel(p, m, v);
            for (int i = 0; i < m; i++) {
                out[done + place[i]] = (int64_t)v[i];
                v[outside] = v[i];
                place[outside] = place[i];
                outside += v[i] >= (uint64_t)p->n;
            }
            m = outside;
        }
    }
}
