/* Layer dropout: each element is zeroed with probability `rate` while training, and the kept ones are scaled by
   1 / (1 - rate), so that the mean is kept (Srivastava et al., JMLR 15, 2014, in its inverted form). In evaluation the
   layer is the identity.

   Method: one Philox word per element, keyed by (seed, layer, step, sample id, element): the mask belongs to the sample
   and the step, not to a row, rank or thread, and backward draws it again in place of storing it. Counter words:
   element / 4; low halves of id and step; and layer (12 bits), next bits of id (10) and of step (10): distinct masks up
   to 2^42 samples and steps and 4096 layers. Cost: about a quarter Philox block per element and pass.

   The rate is honoured to 2^-32. */
#include <math.h>

#include "base/error.h"
#include "base/rng.h"
#include "kernels/real.h"
#include "nn/layer.h"

typedef struct dropout_options {
    double rate;
} dropout_options;

static const as_field fields[] = {{.name = "rate",
                                   .type = AS_FIELD_REAL,
                                   .offset = offsetof(dropout_options, rate),
                                   .standard = "0.5",
                                   .min = 0,
                                   .max = 1,
                                   .help = "Probability that an element is dropped while training; below 1."},
                                  AS_FIELDS_END};

static as_status plan(as_layer *layer, as_document *document, const as_kernels *kernels)
{
    (void)document;
    (void)kernels;
    const dropout_options *options = layer->options;
    if (options->rate >= 1) {
        AS_FAIL(AS_CONFIG, "%s: layer %s: a dropout rate of 1 drops everything; expected 0 <= rate < 1",
                as_node_place(layer->node), layer->name);
    }
    layer->out = layer->in;
    return AS_OK;
}

enum { GROUPS = 64 }; /* blocks of four words drawn at a time */

/* Words of elements [4 g0, 4 (g0 + groups)) of one row. The loop over groups is free of branches. */
static void draw(const as_pass *pass, int index, int64_t row, int64_t g0, int64_t groups, uint32_t word[GROUPS][4])
{
    uint32_t key[2];
    as_rng_key(pass->seed, AS_RNG_DROPOUT, key);
    const uint64_t id = (uint64_t)pass->id[row], step = (uint64_t)pass->step;
    const uint32_t high =
        ((uint32_t)index & 0xFFFu) | (uint32_t)((id >> 32) & 0x3FFu) << 12 | (uint32_t)((step >> 32) & 0x3FFu) << 22;
    for (int64_t g = 0; g < groups; g++) {
        const uint32_t c[4] = {(uint32_t)(g0 + g), (uint32_t)id, (uint32_t)step, high};
        as_philox(c, key[0], key[1], word[g]);
    }
}

/* out = in * mask / (1 - rate), one row. */
static void mask_row(const dropout_options *options, const as_pass *pass, int index, int64_t row, int64_t n,
                     const real *restrict in, real *restrict out)
{
    const uint32_t threshold = (uint32_t)fmin(floor(options->rate * 0x1p32), 0x1p32 - 1);
    const real scale = (real)(1 / (1 - options->rate));
    for (int64_t first = 0; first < n; first += 4 * (int64_t)GROUPS) {
        const int64_t count = n - first < 4 * (int64_t)GROUPS ? n - first : 4 * (int64_t)GROUPS;
        uint32_t word[GROUPS][4];
        draw(pass, index, row, first / 4, (count + 3) / 4, word);
        const uint32_t *w = word[0];
        for (int64_t j = 0; j < count; j++) {
            out[first + j] = w[j] >= threshold ? in[first + j] * scale : AS_R(0);
        }
    }
}

static void copy_row(int64_t n, const real *restrict in, real *restrict out)
{
    for (int64_t j = 0; j < n; j++) {
        out[j] = in[j];
    }
}

static void forward(const as_layer *layer, const as_pass *pass)
{
    const dropout_options *options = layer->options;
    for (int64_t r = 0; r < pass->rows; r++) {
        const real *x = (const real *)pass->x + r * pass->ldx;
        real *y = (real *)pass->y + r * pass->ldy;
        if (pass->train && options->rate > 0) {
            mask_row(options, pass, layer->index, r, layer->in_size, x, y);
        } else {
            copy_row(layer->in_size, x, y);
        }
    }
}

static void backward(const as_layer *layer, const as_pass *pass)
{
    const dropout_options *options = layer->options;
    for (int64_t r = 0; r < pass->rows && pass->dx != NULL; r++) {
        const real *dy = (const real *)pass->dy + r * pass->ldy;
        real *dx = (real *)pass->dx + r * pass->ldx;
        if (options->rate > 0) {
            mask_row(options, pass, layer->index, r, layer->in_size, dy, dx);
        } else {
            copy_row(layer->in_size, dy, dx);
        }
    }
}

const as_layer_ops AS_V(as_layer_dropout) = {
    .name = "dropout",
    .help = "Zeroes elements at random while training and scales the others up; the identity in evaluation.",
    .formula = "y = x m / (1 - rate), m = 1 with probability 1 - rate, else 0",
    .fields = fields,
    .options_bytes = sizeof(dropout_options),
    .plan = plan,
    .forward = forward,
    .backward = backward,
};
