/* Layer dropout_channel: whole channels, entries of the last axis over all positions of a sample, are zeroed with
   probability `rate` while training, the kept ones scaled by 1 / (1 - rate) (Tompson et al., CVPR 2015: spatial
   dropout). In evaluation the identity. Method and random numbers: nn/dropout_mask.h. Cost: one pass. */
#include "nn/dropout_mask.h"

static as_status plan(as_layer *layer, as_document *document, const as_kernels *kernels)
{
    (void)document;
    (void)kernels;
    AS_TRY(as_dropout_check(layer));
    layer->out = layer->in[0];
    layer->saved = as_shape_channels(&layer->in[0]);
    return AS_OK;
}

/* out = in * factor of the channel */
static void scale_channels(int64_t positions, int64_t n, const real *restrict factor, const real *restrict in,
                           real *restrict out)
{
    for (int64_t t = 0; t < positions; t++) {
        for (int64_t c = 0; c < n; c++) {
            out[t * n + c] = in[t * n + c] * factor[c];
        }
    }
}

static void forward(const as_layer *layer, const as_pass *pass)
{
    const int64_t n = as_shape_channels(&layer->out), positions = as_shape_positions(&layer->out);
    for (int64_t r = 0; r < pass->rows; r++) {
        const real *const x = (const real *)pass->x[0] + r * pass->ldx[0];
        real *const y = (real *)pass->y + r * pass->ldy, *const factor = (real *)pass->saved + r * pass->lds;
        if (pass->train) {
            as_dropout_factors(layer, pass, r, n, factor);
            scale_channels(positions, n, factor, x, y);
        } else {
            memcpy(y, x, (size_t)layer->out_size * sizeof(real));
        }
    }
}

static void backward(const as_layer *layer, const as_pass *pass)
{
    const int64_t n = as_shape_channels(&layer->out), positions = as_shape_positions(&layer->out);
    for (int64_t r = 0; r < pass->rows && pass->dx[0] != NULL; r++) {
        scale_channels(positions, n, (const real *)pass->saved + r * pass->lds, (const real *)pass->dy + r * pass->ldy,
                       (real *)pass->dx[0] + r * pass->ldx[0]);
    }
}

const as_layer_ops AS_V(as_layer_dropout_channel) = {
    .name = "dropout_channel",
    .help = "Zeroes channels at random while training and scales the others up; the identity in evaluation.",
    .formula = "y_tc = x_tc m_c / (1 - rate), m_c = 1 with probability 1 - rate, else 0",
    .fields = as_dropout_fields,
    .options_bytes = sizeof(as_dropout_options),
    .plan = plan,
    .each_position = true,
    .forward = forward,
    .backward = backward,
    .chance = as_dropout_chance,
    .onnx = as_layer_onnx_identity,
};
