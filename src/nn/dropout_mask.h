/* Masks of a few factors for each sample, for dropout_channel and stochastic_depth. Compiled per variant.

   Factor j of a sample is 0 with probability p, the rate rounded to a multiple of 2^-32, else 1 / (1 - p). Word j mod 4
   of Philox block j / 4, keyed by (seed, layer, step, sample id) with the counters of layer dropout: the mask belongs
   to the sample and the step, not to a row, rank or thread. */
#ifndef AS_NN_DROPOUT_MASK_H
#define AS_NN_DROPOUT_MASK_H

#include <string.h>

#include "base/error.h"
#include "base/rng.h"
#include "kernels/real.h"
#include "nn/layer.h"

typedef struct as_dropout_options {
    double rate;
} as_dropout_options;

static const as_field as_dropout_fields[] = {{.name = "rate",
                                              .type = AS_FIELD_REAL,
                                              .offset = offsetof(as_dropout_options, rate),
                                              .standard = "0.1",
                                              .min = 0,
                                              .max = 1,
                                              .help = "Probability of being dropped while training; below 1."},
                                             AS_FIELDS_END};

static inline as_status as_dropout_check(const as_layer *layer)
{
    if (((const as_dropout_options *)layer->options)->rate >= 1) {
        AS_FAIL(AS_CONFIG, "%s: layer %s: a dropout rate of 1 drops everything; expected 0 <= rate < 1",
                as_node_place(layer->node), layer->name);
    }
    return AS_OK;
}

static inline double *as_dropout_chance(const as_layer *layer)
{
    return &((as_dropout_options *)layer->options)->rate;
}

static inline void as_dropout_factors(const as_layer *layer, const as_pass *pass, int64_t row, int64_t n, real *factor)
{
    const double rate = ((const as_dropout_options *)layer->options)->rate * 0x1p32 + 0.5;
    const uint32_t limit = rate >= 0x1p32 - 1 ? UINT32_MAX : (uint32_t)rate;
    const real kept = (real)(0x1p32 / (0x1p32 - (double)limit));
    uint32_t key[2], word[4];
    as_rng_key(pass->seed, AS_RNG_DROPOUT, key);
    const uint64_t id = (uint64_t)pass->id[row], step = (uint64_t)pass->step;
    const uint32_t high = ((uint32_t)layer->index & 0xFFFu) | (uint32_t)((id >> 32) & 0x3FFu) << 12 |
                          (uint32_t)((step >> 32) & 0x3FFu) << 22;
    for (int64_t j = 0; j < n; j++) {
        if (j % 4 == 0) {
            const uint32_t c[4] = {(uint32_t)(j / 4), (uint32_t)id, (uint32_t)step, high};
            as_philox(c, key[0], key[1], word);
        }
        factor[j] = word[j % 4] >= limit ? kept : 0;
    }
}

#endif
