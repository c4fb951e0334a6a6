/* Initial values of one variant: counter-based, one Philox block for two elements; normal deviates by Box and Muller
   (Ann. Math. Stat. 29, 1958) with our own log and cosine. All in double. Cost: some 50 ns for two elements. */
#include "base/rng.h"
#include "kernels/real.h"
#include "kernels/scalar_math.h"
#include "nn/init.h"

static void constant(int64_t n, double value, void *out)
{
    real *x = out;
    for (int64_t i = 0; i < n; i++) {
        x[i] = (real)value;
    }
}

static void uniform_pair(uint64_t seed, uint32_t layer, uint32_t index, int64_t i, double u[2])
{
    uint32_t word[4];
    as_rng_words(seed, AS_RNG_INIT, layer, index, (uint64_t)i, word);
    u[0] = as_rng_uniform_f64(word[0], word[1]);
    u[1] = as_rng_uniform_f64(word[2], word[3]);
}

static void normal_pair(uint64_t seed, uint32_t layer, uint32_t index, int64_t i, double z[2])
{
    double u[2];
    uniform_pair(seed, layer, index, i, u);
    const double radius = __builtin_sqrt(-2 * as_log_f64(u[0]));
    const double angle = 0x1.921fb54442d18p+2 * u[1]; /* 2 pi u */
    z[0] = radius * as_cos_f64(angle);
    z[1] = radius * as_sin_f64(angle);
}

static void uniform(uint64_t seed, uint32_t layer, uint32_t index, int64_t n, double half_width, void *out)
{
    real *x = out;
    for (int64_t i = 0; i < n; i += 2) {
        double u[2];
        uniform_pair(seed, layer, index, i / 2, u);
        x[i] = (real)(half_width * (2 * u[0] - 1));
        if (i + 1 < n) {
            x[i + 1] = (real)(half_width * (2 * u[1] - 1));
        }
    }
}

static void normal(uint64_t seed, uint32_t layer, uint32_t index, int64_t n, double deviation, void *out)
{
    real *x = out;
    for (int64_t i = 0; i < n; i += 2) {
        double z[2];
        normal_pair(seed, layer, index, i / 2, z);
        x[i] = (real)(deviation * z[0]);
        if (i + 1 < n) {
            x[i + 1] = (real)(deviation * z[1]);
        }
    }
}

static void normal_f64(uint64_t seed, uint32_t layer, uint32_t index, int64_t n, double *out)
{
    for (int64_t i = 0; i < n; i += 2) {
        double z[2];
        normal_pair(seed, layer, index, i / 2, z);
        out[i] = z[0];
        if (i + 1 < n) {
            out[i + 1] = z[1];
        }
    }
}

const as_init_ops AS_V(as_init_passes) = {
    .constant = constant, .uniform = uniform, .normal = normal, .normal_f64 = normal_f64};
