/* Layer dense: y = f(x W + b), W (in, units) row-major, b (units); an input of several axes is taken as one vector.

   Backward, with d = dy * f'(z): dx = d W', dW = sum over samples of x' d, db = sum of d, sums in lane order.
   Cost for each sample: 2 in units flops forward, twice that backward (once when nothing below trains).
   relu is part of the matrix product; other activations pass over the rows right after it. z is kept only for
   activations that need it. */
#include <string.h>

#include "base/error.h"
#include "kernels/real.h"
#include "nn/init.h"
#include "nn/layer.h"
#include "nn/nonlinearity.h"

typedef struct dense_options {
    int64_t units;
    const as_node *activation;
    int init; /* 0: auto; else as_init + 1 */
    double init_scale;
    bool bias;
    as_nonlinearity f;
    bool relu; /* f is relu: done by the matrix product */
} dense_options;

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
    AS_FIELDS_END};

static as_status plan(as_layer *layer, as_document *document, const as_kernels *kernels)
{
    dense_options *options = layer->options;
    if (layer->in_size < 1 || options->units > (INT64_C(1) << 40) / layer->in_size) {
        AS_FAIL(AS_CONFIG, "%s: layer %s: a weight of %lld x %lld is out of range (1 to 2^40 elements)",
                as_node_place(layer->node), layer->name, (long long)layer->in_size, (long long)options->units);
    }
    char path[AS_NAME_MAX + 16] = "";
    memcpy(path, layer->name, strlen(layer->name) + 1);
    memcpy(path + strlen(path), ".activation", sizeof ".activation");
    AS_TRY(as_nonlinearity_parse(document, options->activation, kernels, path, &options->f));
    options->relu = options->f.ops != NULL && strcmp(options->f.ops->name, "relu") == 0;
    if (options->init == 0) {
        const bool halves = options->f.ops != NULL && options->f.ops->halves;
        options->init = (int)(halves ? AS_INIT_HE : AS_INIT_GLOROT) + 1;
    }
    layer->out = (as_shape){.rank = 1, .dim = {options->units}};
    layer->saved = options->f.ops != NULL && options->f.ops->needs_input ? options->units : 0;
    layer->nparams = options->bias ? 2 : 1;
    layer->param[0] = (as_param){.name = "weight",
                                 .shape = {.rank = 2, .dim = {layer->in_size, options->units}},
                                 .init = (as_init)(options->init - 1),
                                 .init_scale = options->init_scale,
                                 .fan_in = layer->in_size,
                                 .fan_out = options->units,
                                 .decay = true};
    layer->param[1] = (as_param){.name = "bias",
                                 .shape = {.rank = 1, .dim = {options->units}},
                                 .init = AS_INIT_ZEROS,
                                 .fan_in = layer->in_size,
                                 .fan_out = options->units};
    return AS_OK;
}

static void forward(const as_layer *layer, const as_pass *pass)
{
    const dense_options *options = layer->options;
    const as_nonlinearity *f = &options->f;
    const bool keep = layer->saved > 0;
    void *z = keep ? pass->saved : pass->y;
    const int64_t ldz = keep ? pass->lds : pass->ldy;
    pass->kernels->gemm(pass->rows, layer->out_size, layer->in_size, pass->x, pass->ldx, pass->packed[0],
                        options->bias ? pass->param[1] : NULL, options->relu, z, ldz);
    if (f->ops != NULL && !options->relu) {
        as_nonlinearity_forward(f, pass->kernels, pass->rows, layer->out_size, z, ldz, pass->y, pass->ldy);
    }
}

/* Both packed forms lie one after the other, each on a cache line. */
static int64_t packed_forward(const as_layer *layer, const as_kernels *kernels)
{
    const int64_t reals = kernels->pack_reals(layer->in_size, layer->out_size);
    return (reals + 15) / 16 * 16;
}

static int64_t packed_reals(const as_layer *layer, const as_kernels *kernels, int q)
{
    if (q != 0) {
        return 0;
    }
    const int64_t transposed = layer->wants_dx ? kernels->pack_reals(layer->out_size, layer->in_size) : 0;
    return packed_forward(layer, kernels) + transposed;
}

static void pack(const as_layer *layer, const as_kernels *kernels, int q, const void *param, int64_t first,
                 int64_t count, void *packed)
{
    (void)q;
    real *transposed = layer->wants_dx ? (real *)packed + packed_forward(layer, kernels) : NULL;
    kernels->pack(layer->in_size, layer->out_size, param, first, count, packed, transposed);
}

static void backward(const as_layer *layer, const as_pass *pass)
{
    const dense_options *options = layer->options;
    if (options->f.ops != NULL) {
        as_nonlinearity_backward(&options->f, pass->kernels, pass->rows, layer->out_size, pass->saved, pass->lds,
                                 pass->y, pass->ldy, pass->dy);
    }
    if (pass->dx != NULL) {
        const real *transposed = (const real *)pass->packed[0] + packed_forward(layer, pass->kernels);
        pass->kernels->gemm(pass->rows, layer->in_size, layer->out_size, pass->dy, pass->ldy, transposed, NULL, false,
                            pass->dx, pass->ldx);
    }
}

static void accumulate(const as_layer *layer, const as_accumulate *a)
{
    const dense_options *options = layer->options;
    const int parts = a->program->parts;
    a->kernels->outer_lanes(layer->in_size, layer->out_size, a->x, a->ldx, a->dy, a->ldy, a->program, a->lane_row,
                            a->resume, a->part, layer->out_size, a->thread, a->threads);
    if (options->bias) {
        a->kernels->column_sum_lanes(layer->out_size, a->dy, a->ldy, a->program, a->lane_row, a->resume,
                                     a->part + parts, a->thread, a->threads);
    }
}

static double flops(const as_layer *layer)
{
    return 2 * (double)layer->in_size * (double)layer->out_size;
}

const as_layer_ops AS_V(as_layer_dense) = {
    .name = "dense",
    .help = "Every output is a weighted sum of all inputs, a bias, and an activation.",
    .formula = "y = f(x W + b)",
    .fields = fields,
    .options_bytes = sizeof(dense_options),
    .plan = plan,
    .forward = forward,
    .backward = backward,
    .accumulate = accumulate,
    .packed_reals = packed_reals,
    .pack = pack,
    .flops = flops,
};
