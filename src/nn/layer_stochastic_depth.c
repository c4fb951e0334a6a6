/* Layer stochastic_depth: a sample is zeroed as a whole with probability `rate` while training, the kept ones scaled by
   1 / (1 - rate): in a residual branch, before the sum, it leaves the branch out (Huang et al., ECCV 2016). In
   evaluation the identity. Method and random numbers: nn/dropout_mask.h. Cost: one pass. */
#include "nn/dropout_mask.h"

static as_status plan(as_layer *layer, as_document *document, const as_kernels *kernels)
{
    (void)document;
    (void)kernels;
    AS_TRY(as_dropout_check(layer));
    layer->out = layer->in[0];
    return AS_OK;
}

static void scale_row(int64_t n, real factor, const real *restrict in, real *restrict out)
{
    for (int64_t j = 0; j < n; j++) {
        out[j] = in[j] * factor;
    }
}

static void forward(const as_layer *layer, const as_pass *pass)
{
    for (int64_t r = 0; r < pass->rows; r++) {
        const real *const x = (const real *)pass->x[0] + r * pass->ldx[0];
        real *const y = (real *)pass->y + r * pass->ldy, factor = 1;
        if (pass->train) {
            as_dropout_factors(layer, pass, r, 1, &factor);
            scale_row(layer->out_size, factor, x, y);
        } else {
            memcpy(y, x, (size_t)layer->out_size * sizeof(real));
        }
    }
}

static void backward(const as_layer *layer, const as_pass *pass)
{
    for (int64_t r = 0; r < pass->rows && pass->dx[0] != NULL; r++) {
        real factor = 1;
        as_dropout_factors(layer, pass, r, 1, &factor);
        scale_row(layer->out_size, factor, (const real *)pass->dy + r * pass->ldy,
                  (real *)pass->dx[0] + r * pass->ldx[0]);
    }
}

const as_layer_ops AS_V(as_layer_stochastic_depth) = {
    .name = "stochastic_depth",
    .help = "Zeroes whole samples at random while training and scales the others up; the identity in evaluation.",
    .formula = "y = x m / (1 - rate), m = 1 with probability 1 - rate, else 0, one for the sample",
    .fields = as_dropout_fields,
    .options_bytes = sizeof(as_dropout_options),
    .plan = plan,
    .each_position = true,
    .forward = forward,
    .backward = backward,
    .chance = as_dropout_chance,
    .onnx = as_layer_onnx_identity,
};
