/* Layer fourier: y = [cos(x W), sin(x W)] at each position, W (in, features) of angular frequencies, drawn from a
   normal distribution of standard deviation 2 pi sigma (random Fourier features: Rahimi and Recht, NIPS 2007; for
   coordinates of fields: Tancik et al., NeurIPS 2020). W stays as drawn, unless `learn` is set.

   Backward: dz = cos(z) dy_sin - sin(z) dy_cos, dx = dz W', dW = sum over rows of x' dz in lane order. Cost for each
   position: 2 in features flops and features sines and cosines forward. */
#include "base/error.h"
#include "kernels/math.h"
#include "kernels/real.h"
#include "nn/layer.h"

typedef struct fourier_options {
    int64_t features;
    double sigma;
    bool learn;
} fourier_options;

static const as_field fields[] = {{.name = "features",
                                   .type = AS_FIELD_INT,
                                   .offset = offsetof(fourier_options, features),
                                   .min = 1,
                                   .max = 1e8,
                                   .help = "Frequencies; the last axis of the output is twice as long."},
                                  {.name = "sigma",
                                   .type = AS_FIELD_REAL,
                                   .offset = offsetof(fourier_options, sigma),
                                   .standard = "1",
                                   .min = 1e-6,
                                   .max = 1e6,
                                   .help = "Spread of the frequencies, in cycles for each unit of the input."},
                                  {.name = "learn",
                                   .type = AS_FIELD_BOOL,
                                   .offset = offsetof(fourier_options, learn),
                                   .standard = "false",
                                   .help = "Trains the frequencies as well."},
                                  AS_FIELDS_END};

static as_status plan(as_layer *layer, as_document *document, const as_kernels *kernels)
{
    (void)document;
    (void)kernels;
    const fourier_options *options = layer->options;
    const int64_t in = as_shape_channels(&layer->in[0]);
    if (options->features > (INT64_C(1) << 40) / in) {
        AS_FAIL(AS_CONFIG, "%s: layer %s: %lld frequencies of %lld inputs are out of range (2^40 elements)",
                as_node_place(layer->node), layer->name, (long long)options->features, (long long)in);
    }
    layer->out = layer->in[0];
    layer->out.rank = layer->out.rank > 0 ? layer->out.rank : 1;
    layer->out.dim[layer->out.rank - 1] = 2 * options->features;
    layer->saved = as_shape_positions(&layer->in[0]) * options->features;
    layer->trains = layer->trains && options->learn;
    layer->nparams = 1;
    layer->param[0] = (as_param){.name = "frequency",
                                 .shape = {.rank = 2, .dim = {in, options->features}},
                                 .init = AS_INIT_NORMAL,
                                 .init_scale = 0x1.921fb54442d18p+2 * options->sigma,
                                 .fan_in = in,
                                 .fan_out = options->features};
    return AS_OK;
}

static int64_t packed_forward(const as_layer *layer, const as_kernels *kernels)
{
    const int64_t reals = kernels->pack_reals(layer->param[0].shape.dim[0], layer->param[0].shape.dim[1]);
    return (reals + 15) / 16 * 16;
}

static int64_t packed_reals(const as_layer *layer, const as_kernels *kernels, int q)
{
    (void)q;
    const int64_t *dim = layer->param[0].shape.dim;
    return packed_forward(layer, kernels) + (layer->wants_dx ? kernels->pack_reals(dim[1], dim[0]) : 0);
}

static void pack(const as_layer *layer, const as_kernels *kernels, int q, const void *param, int64_t first,
                 int64_t count, void *packed)
{
    (void)q;
    const int64_t *dim = layer->param[0].shape.dim;
    real *transposed = layer->wants_dx ? (real *)packed + packed_forward(layer, kernels) : NULL;
    kernels->pack(dim[0], dim[1], param, first, count, packed, transposed);
}

static void waves(int64_t n, const real *restrict z, real *restrict y)
{
    for (int64_t j = 0; j < n; j++) {
        y[j] = as_cos(z[j]);
    }
    for (int64_t j = 0; j < n; j++) {
        y[n + j] = as_sin(z[j]);
    }
}

/* z (rows and positions, features) in saved. */
static void forward(const as_layer *layer, const as_pass *pass)
{
    const int64_t positions = as_shape_positions(&layer->in[0]), rows = pass->rows * positions;
    const int64_t in = layer->param[0].shape.dim[0], m = layer->param[0].shape.dim[1];
    const int64_t ldz = as_position_stride(positions, m, pass->lds);
    const int64_t ldy = as_position_stride(positions, 2 * m, pass->ldy);
    pass->kernels->gemm(rows, m, in, pass->x[0], as_position_stride(positions, in, pass->ldx[0]), pass->packed[0], NULL,
                        false, pass->saved, ldz);
    for (int64_t r = 0; r < rows; r++) {
        waves(m, (const real *)pass->saved + r * ldz, (real *)pass->y + r * ldy);
    }
}

static void turn(int64_t n, const real *restrict y, const real *restrict dy, real *restrict dz)
{
    for (int64_t j = 0; j < n; j++) {
        dz[j] = as_fma(y[j], dy[n + j], -(y[n + j] * dy[j]));
    }
}

/* dz takes the place of z. */
static void backward(const as_layer *layer, const as_pass *pass)
{
    const int64_t positions = as_shape_positions(&layer->in[0]), rows = pass->rows * positions;
    const int64_t in = layer->param[0].shape.dim[0], m = layer->param[0].shape.dim[1];
    const int64_t ldz = as_position_stride(positions, m, pass->lds);
    const int64_t ldy = as_position_stride(positions, 2 * m, pass->ldy);
    for (int64_t r = 0; r < rows; r++) {
        turn(m, (const real *)pass->y + r * ldy, (const real *)pass->dy + r * ldy, (real *)pass->saved + r * ldz);
    }
    if (pass->dx[0] != NULL) {
        const real *transposed = (const real *)pass->packed[0] + packed_forward(layer, pass->kernels);
        pass->kernels->gemm(rows, in, m, pass->saved, ldz, transposed, NULL, false, pass->dx[0],
                            as_position_stride(positions, in, pass->ldx[0]));
    }
}

static void accumulate(const as_layer *layer, const as_accumulate *a)
{
    const int64_t positions = as_shape_positions(&layer->in[0]);
    const int64_t in = layer->param[0].shape.dim[0], m = layer->param[0].shape.dim[1];
    int64_t buffer[AS_LANES_MAX + 1];
    const int64_t *lane_row = as_lane_positions(a, positions, buffer);
    a->kernels->outer_lanes(in, m, a->x[0], as_position_stride(positions, in, a->ldx[0]), a->saved,
                            as_position_stride(positions, m, a->lds), a->program, lane_row, a->resume, a->part, m,
                            a->thread, a->threads);
}

static double flops(const as_layer *layer)
{
    return (double)layer->out_size * (double)layer->param[0].shape.dim[0];
}

static as_status onnx(const as_layer *layer, as_onnx *model, const char *const *x, const char *y,
                      const void *const *param)
{
    char w[AS_ONNX_NAME_MAX], z[AS_ONNX_NAME_MAX], c[AS_ONNX_NAME_MAX], s[AS_ONNX_NAME_MAX];
    const as_onnx_attribute attributes[] = {{.name = "axis", .integer = -1}, {.name = NULL}};
    as_onnx_reals(model, as_onnx_name(y, "frequency", w), 2, layer->param[0].shape.dim, param[0]);
    as_onnx_node(model, "MatMul", (const char *const[]){x[0], w, NULL}, as_onnx_name(y, "z", z), NULL);
    as_onnx_node(model, "Cos", (const char *const[]){z, NULL}, as_onnx_name(y, "cos", c), NULL);
    as_onnx_node(model, "Sin", (const char *const[]){z, NULL}, as_onnx_name(y, "sin", s), NULL);
    as_onnx_node(model, "Concat", (const char *const[]){c, s, NULL}, y, attributes);
    return AS_OK;
}

const as_layer_ops AS_V(as_layer_fourier) = {
    .name = "fourier",
    .help = "Cosines and sines of random directions of the last axis: features of coordinates.",
    .formula = "y = [cos(x W), sin(x W)], W normal of deviation 2 pi sigma",
    .fields = fields,
    .options_bytes = sizeof(fourier_options),
    .plan = plan,
    .forward = forward,
    .backward = backward,
    .accumulate = accumulate,
    .packed_reals = packed_reals,
    .pack = pack,
    .flops = flops,
    .onnx = onnx,
};
