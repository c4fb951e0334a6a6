/* Layer affine: y = x g + b with a gain g and a bias b for each entry of the last axis, learnt. Starts as the identity.
   Backward: dx = dy g, dg = sum over rows and positions of dy x, db = sum of dy, in lane order; dy x is kept for
   accumulate. Cost: one pass forward, two backward. */
#include "kernels/real.h"
#include "nn/layer.h"

typedef struct affine_options {
    bool bias;
} affine_options;

static const as_field fields[] = {{.name = "bias",
                                   .type = AS_FIELD_BOOL,
                                   .offset = offsetof(affine_options, bias),
                                   .standard = "true",
                                   .help = "Adds a bias, which starts at 0."},
                                  AS_FIELDS_END};

static as_status plan(as_layer *layer, as_document *document, const as_kernels *kernels)
{
    (void)document;
    (void)kernels;
    const bool bias = ((const affine_options *)layer->options)->bias;
    const int64_t n = as_shape_channels(&layer->in[0]);
    layer->out = layer->in[0];
    layer->saved = layer->in_size[0];
    layer->nparams = bias ? 2 : 1;
    layer->param[0] = (as_param){.name = "gain",
                                 .torch_name = "weight",
                                 .shape = {.rank = 1, .dim = {n}},
                                 .init = AS_INIT_ONES,
                                 .fan_in = n,
                                 .fan_out = n};
    layer->param[1] =
        (as_param){.name = "bias", .shape = {.rank = 1, .dim = {n}}, .init = AS_INIT_ZEROS, .fan_in = n, .fan_out = n};
    return AS_OK;
}

static void affine_row(int64_t n, const real *restrict x, const real *restrict gain, const real *restrict bias,
                       real *restrict y)
{
    for (int64_t j = 0; j < n; j++) {
        y[j] = as_fma(x[j], gain[j], bias[j]);
    }
}

static void times_row(int64_t n, const real *restrict a, const real *restrict b, real *restrict out)
{
    for (int64_t j = 0; j < n; j++) {
        out[j] = a[j] * b[j];
    }
}

static void forward(const as_layer *layer, const as_pass *pass)
{
    const int64_t n = as_shape_channels(&layer->out);
    const bool bias = ((const affine_options *)layer->options)->bias;
    for (int64_t r = 0; r < pass->rows; r++) {
        const real *x = (const real *)pass->x[0] + r * pass->ldx[0];
        real *y = (real *)pass->y + r * pass->ldy;
        for (int64_t j = 0; j < layer->out_size; j += n) {
            if (bias) {
                affine_row(n, x + j, pass->param[0], pass->param[1], y + j);
            } else {
                times_row(n, x + j, pass->param[0], y + j);
            }
        }
    }
}

static void backward(const as_layer *layer, const as_pass *pass)
{
    const int64_t n = as_shape_channels(&layer->out);
    for (int64_t r = 0; r < pass->rows; r++) {
        const real *x = (const real *)pass->x[0] + r * pass->ldx[0], *dy = (const real *)pass->dy + r * pass->ldy;
        times_row(layer->out_size, x, dy, (real *)pass->saved + r * pass->lds);
        for (int64_t j = 0; j < layer->out_size && pass->dx[0] != NULL; j += n) {
            times_row(n, dy + j, pass->param[0], (real *)pass->dx[0] + r * pass->ldx[0] + j);
        }
    }
}

static void accumulate(const as_layer *layer, const as_accumulate *a)
{
    const int64_t n = as_shape_channels(&layer->out), positions = as_shape_positions(&layer->out);
    int64_t buffer[AS_LANES_MAX + 1];
    const int64_t *lane_row = as_lane_positions(a, positions, buffer);
    a->kernels->column_sum_lanes(n, a->saved, as_position_stride(positions, n, a->lds), a->program, lane_row, a->resume,
                                 a->part, a->thread, a->threads);
    if (layer->nparams > 1) {
        a->kernels->column_sum_lanes(n, a->dy, as_position_stride(positions, n, a->ldy), a->program, lane_row,
                                     a->resume, a->part + a->program->parts, a->thread, a->threads);
    }
}

static double flops(const as_layer *layer)
{
    return 2 * (double)layer->out_size;
}

static as_status onnx(const as_layer *layer, as_onnx *model, const char *const *x, const char *y,
                      const void *const *param)
{
    const bool bias = ((const affine_options *)layer->options)->bias;
    char gain[AS_ONNX_NAME_MAX], shift[AS_ONNX_NAME_MAX], scaled[AS_ONNX_NAME_MAX];
    as_onnx_reals(model, as_onnx_name(y, "gain", gain), 1, layer->param[0].shape.dim, param[0]);
    as_onnx_node(model, "Mul", (const char *const[]){x[0], gain, NULL}, bias ? as_onnx_name(y, "scaled", scaled) : y,
                 NULL);
    if (bias) {
        as_onnx_reals(model, as_onnx_name(y, "shift", shift), 1, layer->param[1].shape.dim, param[1]);
        as_onnx_node(model, "Add", (const char *const[]){scaled, shift, NULL}, y, NULL);
    }
    return AS_OK;
}

const as_layer_ops AS_V(as_layer_affine) = {
    .name = "affine",
    .help = "A learnt gain and bias for each entry of the last axis.",
    .formula = "y = x gain + bias",
    .fields = fields,
    .options_bytes = sizeof(affine_options),
    .plan = plan,
    .each_position = true,
    .forward = forward,
    .backward = backward,
    .accumulate = accumulate,
    .flops = flops,
    .onnx = onnx,
};
