/* Layer dense: y = f(x W + b), W (in, units) row-major, b (units). over: sample takes an input of several axes as one
   vector; over: last applies the same W to each position, (T, D) to (T, units): positions are rows of the products.

   Backward, with d = dy * f'(z): dx = d W', dW = sum over rows of x' d, db = sum of d, sums in lane order. Cost for
   each row: 2 in units flops forward, twice that backward (once when nothing below trains).
   relu is part of the matrix product; other activations pass over the rows right after it. f'(z) is kept for
   activations that cannot make it of y. With adapters (lora: low_rank.h) each position keeps u and t of them behind it.
 */
#include <string.h>

#include "base/error.h"
#include "kernels/real.h"
#include "kernels/share.h"
#include "nn/init.h"
#include "nn/layer.h"
#include "nn/low_rank_rows.h"
#include "nn/nonlinearity.h"

typedef struct dense_options {
    int64_t units;
    const as_node *activation, *lora;
    int init; /* 0: auto; else as_init + 1 */
    double init_scale;
    bool bias;
    int over;
    as_nonlinearity f;
    bool relu;             /* f is relu: done by the matrix product */
    int64_t positions, in; /* rows of the products in one sample, and their width */
    as_low_rank low;
    int64_t z, kept; /* reals of z, later f'(z), and of that, u and t together, that are kept for a position */
} dense_options;
enum { OVER_SAMPLE, OVER_LAST };

static const char *const over_choices[] = {"sample", "last", NULL};

static const as_field fields[] = {
    {.name = "units",
     .type = AS_FIELD_INT,
     .offset = offsetof(dense_options, units),
     .min = 1,
     .max = 1e9,
     .help = "Width of the output."},
    {.name = "activation",
     .type = AS_FIELD_NODE,
     .offset = offsetof(dense_options, activation),
     .standard = "",
     .help = "Elementwise function of the output: a name, or {name: {options}}; none by default."},
    {.name = "init",
     .type = AS_FIELD_CHOICE,
     .offset = offsetof(dense_options, init),
     .standard = "auto",
     .choices = as_init_choices,
     .help = "How the weight starts; auto: he before relu, leaky_relu, elu, silu and gelu, glorot otherwise."},
    {.name = "init_scale",
     .type = AS_FIELD_REAL,
     .offset = offsetof(dense_options, init_scale),
     .standard = "0",
     .min = 0,
     .max = 1e6,
     .help = "Standard deviation of normal, half-width of uniform (0: 0.05 for both); a factor on the others (0: 1)."},
    {.name = "bias",
     .type = AS_FIELD_BOOL,
     .offset = offsetof(dense_options, bias),
     .standard = "true",
     .help = "Adds a bias, which starts at 0."},
    {.name = "over",
     .type = AS_FIELD_CHOICE,
     .offset = offsetof(dense_options, over),
     .standard = "sample",
     .choices = over_choices,
     .help = "What one weight sees: the whole sample as a vector, or its last axis, at each position anew."},
    {.name = "lora",
     .type = AS_FIELD_NODE,
     .offset = offsetof(dense_options, lora),
     .standard = "",
     .help = "Keeps weight and bias, and trains low-rank adapters of the weight: a rank, or {rank, alpha}."},
    AS_FIELDS_END};

static as_status plan(as_layer *layer, as_document *document, const as_kernels *kernels)
{
    dense_options *options = layer->options;
    const bool last = options->over == OVER_LAST;
    options->positions = last ? as_shape_positions(&layer->in[0]) : 1;
    options->in = last ? as_shape_channels(&layer->in[0]) : layer->in_size[0];
    if (options->in < 1 || options->units > (INT64_C(1) << 40) / options->in) {
        AS_FAIL(AS_CONFIG, "%s: layer %s: a weight of %lld x %lld is out of range (1 to 2^40 elements)",
                as_node_place(layer->node), layer->name, (long long)options->in, (long long)options->units);
    }
    char path[AS_NAME_MAX + 16] = "";
    memcpy(path, layer->name, strlen(layer->name) + 1);
    memcpy(path + strlen(path), ".activation", sizeof ".activation");
    AS_TRY(as_nonlinearity_parse(document, options->activation, kernels, path, &options->f));
    AS_TRY(as_low_rank_parse(layer, document, options->lora, &options->low));
    options->relu = options->f.ops != NULL && strcmp(options->f.ops->name, "relu") == 0 && options->low.rank == 0;
    if (options->init == 0) {
        const bool halves = options->f.ops != NULL && options->f.ops->halves;
        options->init = (int)(halves ? AS_INIT_HE : AS_INIT_GLOROT) + 1;
    }
    layer->out = (as_shape){.rank = 1, .dim = {options->units}};
    if (last && layer->in[0].rank > 0) {
        layer->out = layer->in[0];
        layer->out.dim[layer->out.rank - 1] = options->units;
    }
    options->z = options->f.ops != NULL && options->f.ops->needs_input ? options->units : 0;
    options->kept = options->z + 2 * options->low.rank;
    layer->saved = options->positions * options->kept;
    layer->divides = options->low.rank == 0;
    layer->keeps_dy = layer->forgets_y = options->f.ops == NULL;
    layer->nparams = options->bias ? 2 : 1;
    layer->param[0] = (as_param){.name = "weight",
                                 .shape = {.rank = 2, .dim = {options->in, options->units}},
                                 .init = (as_init)(options->init - 1),
                                 .init_scale = options->init_scale,
                                 .fan_in = options->in,
                                 .fan_out = options->units,
                                 .decay = true,
                                 .torch_axes = "10"};
    layer->param[1] = (as_param){.name = "bias",
                                 .shape = {.rank = 1, .dim = {options->units}},
                                 .init = AS_INIT_ZEROS,
                                 .fan_in = options->in,
                                 .fan_out = options->units};
    if (options->low.rank > 0) {
        AS_TRY(as_low_rank_params(layer, "", options->low.rank, &layer->param[0],
                                  options->bias ? &layer->param[1] : NULL, &layer->param[layer->nparams]));
        layer->nparams += 2;
    }
    return AS_OK;
}

/* Of A; B is the next one. */
static int adapter_of(const as_layer *layer)
{
    return layer->nparams - 2;
}

/* Rows that a product and the activation beside it take at a time, so that what one leaves is in L2 for the other. A
   weight that is not in L2 itself is better read once for all rows. Never a question of bits. */
static int64_t rows_at_once(const dense_options *options, int64_t rows)
{
    enum { ROWS = 84, WEIGHT_IN_L2 = 1792 * 1024 };
    const bool small = options->in <= WEIGHT_IN_L2 / (int64_t)sizeof(real) / options->units;
    return options->f.ops != NULL && small && rows > ROWS ? ROWS : rows;
}

static void forward(const as_layer *layer, const as_pass *pass)
{
    const dense_options *options = layer->options;
    const as_nonlinearity *f = &options->f;
    const bool keep = options->z > 0;
    const int64_t rows = pass->rows * options->positions, units = options->units;
    const int64_t ldx = as_position_stride(options->positions, options->in, pass->ldx[0]),
                  ldy = as_position_stride(options->positions, units, pass->ldy),
                  lds = as_position_stride(options->positions, options->kept, pass->lds), ldz = keep ? lds : ldy;
    const int64_t most = options->relu ? rows : rows_at_once(options, rows);
    const as_gemm_part own = as_gemm_share(pass->kernels, AS_AUTO, rows, units, options->in, pass->share, pass->shares);
    const int64_t stop = own.row + own.rows, columns = own.columns;
    for (int64_t i = own.row; i < stop && columns > 0; i += most) {
        const int64_t count = stop - i < most ? stop - i : most;
        const as_gemm_part part = {.row = i, .rows = count, .column = own.column, .columns = columns};
        real *const y0 = pass->y, *const z0 = keep ? pass->saved : y0;
        as_gemm_of_part(pass->kernels, &part, options->in, pass->x[0], ldx, pass->packed[0],
                        options->bias ? pass->param[1] : NULL, options->relu, z0, ldz);
        real *const y = y0 + i * ldy + own.column, *const z = z0 + i * ldz + own.column;
        if (options->low.rank > 0) {
            const int a = adapter_of(layer);
            as_low_rank_forward(pass->kernels, &options->low, &layer->param[a], &pass->packed[a], count,
                                (const real *)pass->x[0] + i * ldx, ldx, (real *)pass->saved + i * lds + options->z,
                                lds, z, ldz);
        }
        if (keep) {
            as_nonlinearity_forward_slope(f, pass->kernels, count, columns, z, ldz, y, ldy);
        } else if (f->ops != NULL && !options->relu) {
            as_nonlinearity_forward(f, pass->kernels, count, columns, z, ldz, y, ldy);
        }
    }
}

/* Both packed forms lie one after the other, each on a cache line. */
static int64_t packed_forward(const dense_options *options, const as_kernels *kernels)
{
    const int64_t reals = kernels->pack_reals(options->in, options->units);
    return (reals + 15) / 16 * 16;
}

static int64_t packed_reals(const as_layer *layer, const as_kernels *kernels, int q)
{
    const dense_options *options = layer->options;
    if (layer->param[q].adapter) {
        return as_low_rank_packed_reals(kernels, &layer->param[q], layer->wants_dx || q > adapter_of(layer));
    }
    if (q != 0) {
        return 0;
    }
    const int64_t transposed = layer->wants_dx ? kernels->pack_reals(options->units, options->in) : 0;
    return packed_forward(options, kernels) + transposed;
}

static void pack(const as_layer *layer, const as_kernels *kernels, int q, const void *param, int64_t first,
                 int64_t count, void *packed)
{
    const dense_options *options = layer->options;
    if (q > 0) {
        as_low_rank_pack(kernels, &layer->param[q], layer->wants_dx || q > adapter_of(layer), param, first, count,
                         packed);
        return;
    }
    real *transposed = layer->wants_dx ? (real *)packed + packed_forward(options, kernels) : NULL;
    if (layer->param[0].transposed) { /* what is forward for W is transposed for W' */
        kernels->pack(options->units, options->in, param, first, count, transposed, packed);
    } else {
        kernels->pack(options->in, options->units, param, first, count, packed, transposed);
    }
}

static void backward(const as_layer *layer, const as_pass *pass)
{
    const dense_options *options = layer->options;
    const int64_t rows = pass->rows * options->positions, units = options->units;
    const int64_t ldx = as_position_stride(options->positions, options->in, pass->ldx[0]),
                  ldy = as_position_stride(options->positions, units, pass->ldy),
                  lds = as_position_stride(options->positions, options->kept, pass->lds);
    const real *const transposed = (const real *)pass->packed[0] + packed_forward(options, pass->kernels);
    const int64_t most = rows_at_once(options, rows);
    for (int64_t i = 0; i < rows; i += most) {
        const int64_t count = rows - i < most ? rows - i : most;
        real *const dy = (real *)pass->dy + i * ldy;
        if (options->z > 0) {
            as_nonlinearity_backward_slope(pass->kernels, count, units, (const real *)pass->saved + i * lds, lds, dy,
                                           ldy);
        } else if (options->f.ops != NULL) {
            as_nonlinearity_backward(&options->f, pass->kernels, count, units, NULL, 0, (const real *)pass->y + i * ldy,
                                     ldy, dy);
        }
        if (pass->dx[0] != NULL) {
            pass->kernels->gemm(count, options->in, units, dy, ldy, transposed, NULL, false,
                                (real *)pass->dx[0] + i * ldx, ldx);
        }
        if (options->low.rank > 0) {
            const int a = adapter_of(layer);
            as_low_rank_backward(pass->kernels, &options->low, &layer->param[a], &pass->packed[a], count, dy, ldy,
                                 (real *)pass->saved + i * lds + options->z + options->low.rank, lds,
                                 pass->dx[0] != NULL ? (real *)pass->dx[0] + i * ldx : NULL, ldx);
        }
    }
}

static void accumulate(const as_layer *layer, const as_accumulate *a)
{
    const dense_options *options = layer->options;
    const int parts = a->program->parts;
    const int64_t units = options->units, ldy = as_position_stride(options->positions, units, a->ldy);
    int64_t buffer[AS_LANES_MAX + 1];
    const int64_t *lane_row = as_lane_positions(a, options->positions, buffer);
    const int64_t ldx = as_position_stride(options->positions, options->in, a->ldx[0]);
    if (options->low.rank > 0) {
        const int q = adapter_of(layer);
        const real *const u = (const real *)a->saved + options->z;
        as_low_rank_accumulate(a, &options->low, &layer->param[q], lane_row, a->x[0], ldx, u, u + options->low.rank,
                               as_position_stride(options->positions, options->kept, a->lds), a->dy, ldy,
                               a->part + q * parts);
        return;
    }
    if (layer->param[0].transposed) {
        a->kernels->outer_lanes(units, options->in, a->dy, ldy, a->x[0], ldx, a->program, lane_row, a->resume, a->part,
                                options->in, a->thread, a->threads);
    } else {
        a->kernels->outer_lanes(options->in, units, a->x[0], ldx, a->dy, ldy, a->program, lane_row, a->resume, a->part,
                                units, a->thread, a->threads);
    }
    if (options->bias) {
        a->kernels->column_sum_lanes(units, a->dy, ldy, a->program, lane_row, a->resume, a->part + parts, a->thread,
                                     a->threads);
    }
}

static const as_nonlinearity *nonlinearity(const as_layer *layer)
{
    const dense_options *options = layer->options;
    return options->f.ops != NULL ? &options->f : NULL;
}

static double flops(const as_layer *layer)
{
    const dense_options *options = layer->options;
    return 2 * (double)options->positions *
           ((double)options->in * (double)options->units +
            (double)options->low.rank * ((double)options->in + (double)options->units));
}

static void fold(const as_layer *layer, void *const *param)
{
    const dense_options *options = layer->options;
    if (options->low.rank > 0) {
        const int a = adapter_of(layer);
        as_low_rank_fold(&options->low, &layer->param[a], param[0], param[a], param[a + 1]);
    }
}

/* A sample of several axes is one vector, unless the weight sees positions. */
static as_status onnx(const as_layer *layer, as_onnx *model, const char *const *x, const char *y,
                      const void *const *param)
{
    const dense_options *options = layer->options;
    char flat[AS_ONNX_NAME_MAX], w[AS_ONNX_NAME_MAX], b[AS_ONNX_NAME_MAX], product[AS_ONNX_NAME_MAX];
    char z[AS_ONNX_NAME_MAX];
    const char *in = x[0], *out = options->f.ops == NULL ? y : as_onnx_name(y, "z", z);
    if (options->over == OVER_SAMPLE && layer->in[0].rank != 1) {
        as_layer_onnx_reshape(model, in, as_onnx_name(y, "flat", flat), y,
                              &(as_shape){.rank = 1, .dim = {layer->in_size[0]}});
        in = flat;
    }
    as_layer_onnx_matrix(layer, model, 0, param[0], as_onnx_name(y, "weight", w));
    as_onnx_node(model, "MatMul", (const char *const[]){in, w, NULL},
                 options->bias ? as_onnx_name(y, "product", product) : out, NULL);
    if (options->bias) {
        as_onnx_reals(model, as_onnx_name(y, "bias", b), 1, layer->param[1].shape.dim, param[1]);
        as_onnx_node(model, "Add", (const char *const[]){product, b, NULL}, out, NULL);
    }
    if (options->f.ops != NULL) {
        as_nonlinearity_onnx(&options->f, model, z, y);
    }
    return AS_OK;
}

const as_layer_ops AS_V(as_layer_dense) = {
    .name = "dense",
    .help = "Every output is a weighted sum of all inputs, a bias, and an activation.",
    .formula = "y = f(x W + b)",
    .fields = fields,
    .options_bytes = sizeof(dense_options),
    .transposes = true,
    .plan = plan,
    .each_position = true,
    .forward = forward,
    .backward = backward,
    .accumulate = accumulate,
    .packed_reals = packed_reals,
    .pack = pack,
    .nonlinearity = nonlinearity,
    .flops = flops,
    .fold = fold,
    .onnx = onnx,
};
