/* Layer dropout: each element is zeroed with probability p while training, and the kept ones are scaled by 1 / (1 - p),
   so that the mean is kept (Srivastava et al., JMLR 15, 2014, in its inverted form). p is the rate rounded to a
   multiple of 2^-16. In evaluation the layer is the identity.

   Method: 16 random bits for an element, from Philox keyed by (seed, layer, step, sample id, element): the mask belongs
   to the sample and the step, not to a row, rank or thread. Elements go in chunks of 512, whose first half takes the
   low and second half the high bits of the same words. Counter words: the block of four words; low halves of id and
   step; and layer (12 bits), next bits of id (10) and of step (10): distinct masks up to 2^42 samples and steps and
   4096 layers. The mask is kept for backward, a byte for an element. Cost: an eighth of a Philox block for an element
   (0.6 ns). */
#include <math.h>
#include <string.h>

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
    layer->out = layer->in[0];
    layer->saved = (layer->in_size[0] + (int64_t)sizeof(real) - 1) / (int64_t)sizeof(real);
    return AS_OK;
}

enum { CHUNK = 512, BLOCKS = CHUNK / 8 };

/* Of 2^16 values of the random bits, those below it drop. */
static uint32_t threshold(const dropout_options *options)
{
    return (uint32_t)fmin(floor(options->rate * 0x1p16 + 0.5), 0x1p16 - 1);
}

static real scale(const dropout_options *options)
{
    return (real)(0x1p16 / (0x1p16 - (double)threshold(options)));
}

/* Blocks [first, first + blocks) of one row's random words. The loop is free of branches. */
static void draw(const as_pass *pass, int index, int64_t row, int64_t first, int64_t blocks, uint32_t word[BLOCKS][4])
{
    uint32_t key[2];
    as_rng_key(pass->seed, AS_RNG_DROPOUT, key);
    const uint64_t id = (uint64_t)pass->id[row], step = (uint64_t)pass->step;
    const uint32_t high =
        ((uint32_t)index & 0xFFFu) | (uint32_t)((id >> 32) & 0x3FFu) << 12 | (uint32_t)((step >> 32) & 0x3FFu) << 22;
    for (int64_t b = 0; b < blocks; b++) {
        const uint32_t c[4] = {(uint32_t)(first + b), (uint32_t)id, (uint32_t)step, high};
        as_philox(c, key[0], key[1], word[b]);
    }
}

/* keep[j] = 1 where the bits of element j reach the limit. */
static void fill_mask(const dropout_options *options, const as_pass *pass, int index, int64_t row, int64_t n,
                      uint8_t *restrict keep)
{
    const uint32_t limit = threshold(options);
    for (int64_t first = 0; first < n; first += CHUNK) {
        const int64_t count = n - first < CHUNK ? n - first : CHUNK;
        const int64_t blocks = (count + 7) / 8, low = 4 * blocks < count ? 4 * blocks : count;
        uint32_t word[BLOCKS][4];
        draw(pass, index, row, first / 8, blocks, word);
        const uint32_t *w = word[0];
        for (int64_t j = 0; j < low; j++) {
            keep[first + j] = (w[j] & 0xFFFFu) >= limit;
        }
        for (int64_t j = low; j < count; j++) {
            keep[first + j] = (w[j - low] >> 16) >= limit;
        }
    }
}

/* out = keep ? in * factor : 0 */
static void apply_mask(int64_t n, const uint8_t *restrict keep, real factor, const real *restrict in,
                       real *restrict out)
{
    for (int64_t j = 0; j < n; j++) {
        out[j] = keep[j] != 0 ? in[j] * factor : AS_R(0);
    }
}

static void forward(const as_layer *layer, const as_pass *pass)
{
    const dropout_options *options = layer->options;
    for (int64_t r = 0; r < pass->rows; r++) {
        const real *x = (const real *)pass->x[0] + r * pass->ldx[0];
        real *y = (real *)pass->y + r * pass->ldy;
        if (pass->train) {
            uint8_t *keep = (uint8_t *)((real *)pass->saved + r * pass->lds);
            fill_mask(options, pass, layer->index, r, layer->in_size[0], keep);
            apply_mask(layer->in_size[0], keep, scale(options), x, y);
        } else {
            memcpy(y, x, (size_t)layer->in_size[0] * sizeof(real));
        }
    }
}

static void backward(const as_layer *layer, const as_pass *pass)
{
    const dropout_options *options = layer->options;
    for (int64_t r = 0; r < pass->rows && pass->dx[0] != NULL; r++) {
        const uint8_t *keep = (const uint8_t *)((const real *)pass->saved + r * pass->lds);
        apply_mask(layer->in_size[0], keep, scale(options), (const real *)pass->dy + r * pass->ldy,
                   (real *)pass->dx[0] + r * pass->ldx[0]);
    }
}

static double *chance(const as_layer *layer)
{
    return &((dropout_options *)layer->options)->rate;
}

const as_layer_ops AS_V(as_layer_dropout) = {
    .name = "dropout",
    .help = "Zeroes elements at random while training and scales the others up; the identity in evaluation.",
    .formula = "y = x m / (1 - rate), m = 1 with probability 1 - rate, else 0",
    .fields = fields,
    .options_bytes = sizeof(dropout_options),
    .plan = plan,
    .each_position = true,
    .forward = forward,
    .backward = backward,
    .chance = chance,
    .onnx = as_layer_onnx_identity,
};
