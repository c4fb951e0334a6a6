/* Intervals: Wilson's and Clopper and Pearson's of a proportion, percentiles of a bootstrap. Cost of the bootstrap
   weights: one block of Philox for a row and four replicates. */
#include <math.h>

#include "base/rng.h"
#include "math/descriptive.h"
#include "math/inference.h"
#include "math/special.h"

void as_wilson(double successes, double n, double level, double *low, double *high)
{
    *low = 0;
    *high = 1;
    if (n > 0) {
        const double z = -as_normal_inverse(0.5 * (1 - level)), p = successes / n, q = (n - successes) / n;
        const double centre = p + z * z / (2 * n), spread = z * sqrt(p * q / n + z * z / (4 * n * n));
        *low = successes <= 0 ? 0 : (centre - spread) / (1 + z * z / n);
        *high = successes >= n ? 1 : (centre + spread) / (1 + z * z / n);
    }
}

void as_clopper_pearson(int64_t successes, int64_t n, double level, double *low, double *high)
{
    const double k = (double)successes, rest = (double)(n - successes), tail = 0.5 * (1 - level);
    double other;
    *low = 0;
    *high = 1;
    if (successes > 0) {
        as_beta_inverse(k, rest + 1, tail, low, &other);
    }
    if (rest > 0) {
        as_beta_inverse(rest, k + 1, tail, &other, high);
    }
}

void as_bootstrap_weights(uint64_t seed, uint64_t id, uint32_t block, double weight[4])
{
    /* 2^32 P(X <= k), X Poisson(1), k = 0, 1, ...: rounded down. */
    static const uint32_t cdf[] = {1580030168u, 3160060337u, 3950075421u, 4213413783u, 4279248373u, 4292415291u,
                                   4294609777u, 4294923276u, 4294962463u, 4294966817u, 4294967252u};
    uint32_t word[4];
    as_rng_words(seed, AS_RNG_BOOTSTRAP, block, 0, id, word);
    for (int i = 0; i < 4; i++) {
        int k = 0;
        while (k < 11 && word[i] >= cdf[k]) {
            k++;
        }
        weight[i] = k;
    }
}

void as_percentile_interval(int64_t n, double *replicate, double level, double *low, double *high, double *sd)
{
    int64_t kept = 0;
    double mean = 0, square = 0;
    for (int64_t i = 0; i < n; i++) {
        if (!isnan(replicate[i])) {
            const double d = replicate[i] - mean;
            replicate[kept++] = replicate[i];
            mean += d / (double)kept;
            square += d * (replicate[kept - 1] - mean);
        }
    }
    *low = *high = *sd = (double)NAN;
    if (kept > 0) {
        as_sort_ascending(kept, replicate);
        *low = as_sorted_quantile(kept, replicate, 0.5 * (1 - level));
        *high = as_sorted_quantile(kept, replicate, 1 - 0.5 * (1 - level));
        *sd = kept > 1 ? sqrt(square / (double)(kept - 1)) : (double)NAN;
    }
}
