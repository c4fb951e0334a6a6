/* Random deviates for initial values: counter-based, one Philox block for a pair; normal deviates by Box and Muller
   (Ann. Math. Stat. 29, 1958) with our own log, sine and cosine. Always in double, so that float32 models start from
   the rounded float64 ones. Loops over arrays that the compiler vectorises. */
#include "base/rng.h"
#include "kernels/real.h"
#include "nn/init.h"

#if AS_PRECISION == 64
#include "kernels/math.h"

/* Pairs of numbers in (0, 1). */
static void draw(uint64_t seed, uint32_t layer, uint32_t index, int64_t first, int pairs, double *restrict u0,
                 double *restrict u1)
{
    for (int i = 0; i < pairs; i++) {
        uint32_t word[4];
        as_rng_words(seed, AS_RNG_INIT, layer, index, (uint64_t)(first + i), word);
        u0[i] = as_rng_uniform_f64(word[0], word[1]);
        u1[i] = as_rng_uniform_f64(word[2], word[3]);
    }
}

static void uniform(uint64_t seed, uint32_t layer, uint32_t index, int64_t first, int pairs, double *out)
{
    double u0[AS_INIT_PAIRS], u1[AS_INIT_PAIRS];
    draw(seed, layer, index, first, pairs, u0, u1);
    for (int i = 0; i < pairs; i++) {
        out[2 * i] = 2 * u0[i] - 1;
        out[2 * i + 1] = 2 * u1[i] - 1;
    }
}

static void normal(uint64_t seed, uint32_t layer, uint32_t index, int64_t first, int pairs, double *out)
{
    double u0[AS_INIT_PAIRS], u1[AS_INIT_PAIRS], radius[AS_INIT_PAIRS];
    draw(seed, layer, index, first, pairs, u0, u1);
    for (int i = 0; i < pairs; i++) {
        radius[i] = as_sqrt(-2 * as_log(u0[i]));
    }
    for (int i = 0; i < pairs; i++) {
        const double angle = 0x1.921fb54442d18p+2 * u1[i]; /* 2 pi u */
        u0[i] = as_cos(angle);
        u1[i] = as_sin(angle);
    }
    for (int i = 0; i < pairs; i++) {
        out[2 * i] = radius[i] * u0[i];
        out[2 * i + 1] = radius[i] * u1[i];
    }
}

/* The product in 16 chains, element i in chain i mod 16, then a fixed tree. */
static void remove_direction(int64_t n, const double *restrict q, double *restrict v)
{
    double chain[16] = {0};
    const int64_t whole = n / 16 * 16;
    for (int64_t i = 0; i < whole; i += 16) {
        for (int k = 0; k < 16; k++) {
            chain[k] = as_fma(q[i + k], v[i + k], chain[k]);
        }
    }
    for (int64_t i = whole; i < n; i++) {
        chain[i - whole] = as_fma(q[i], v[i], chain[i - whole]);
    }
    for (int half = 8; half > 0; half /= 2) {
        for (int k = 0; k < half; k++) {
            chain[k] += chain[k + half];
        }
    }
    for (int64_t i = 0; i < n; i++) {
        v[i] = as_fma(-chain[0], q[i], v[i]);
    }
}

const as_init_ops AS_V(as_init_draws) = {.uniform = uniform, .normal = normal, .remove = remove_direction};
#endif
