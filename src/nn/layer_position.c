/* Layer position: adds to each position of a sequence (T, C) a vector that tells where it is.
     learned      y_t = x_t + P_t, P (context, C) a parameter (Gehring et al. 2017; Radford et al. 2019)
     sinusoidal   P_t,2i = sin(t / base^(2i / C)), P_t,2i+1 = cos(t / base^(2i / C)), base 10000 (Vaswani et al. 2017)
   Axes before the last are one sequence. The rotary kind is an option of attention. Backward: dx = dy, dP_t = sum over
   samples of dy_t. Cost: one pass. */
#include <string.h>

#include "base/error.h"
#include "kernels/real.h"
#include "kernels/scalar_math.h"
#include "nn/layer.h"

enum { LEARNED, SINUSOIDAL };

typedef struct position_options {
    int kind;
    int64_t context;
    double init_scale;
    const real *wave; /* sinusoidal: (T, C) */
} position_options;

static const char *const kinds[] = {"learned", "sinusoidal", NULL};
static const as_field fields[] = {{.name = "kind",
                                   .type = AS_FIELD_CHOICE,
                                   .offset = offsetof(position_options, kind),
                                   .standard = "learned",
                                   .choices = kinds,
                                   .help = "What is added: a learnt vector for each position, or sines and cosines."},
                                  {.name = "context",
                                   .type = AS_FIELD_INT,
                                   .offset = offsetof(position_options, context),
                                   .standard = "0",
                                   .min = 0,
                                   .max = 1e9,
                                   .help = "Positions that learned has vectors for; 0: as many as the input has."},
                                  {.name = "init_scale",
                                   .type = AS_FIELD_REAL,
                                   .offset = offsetof(position_options, init_scale),
                                   .standard = "0.02",
                                   .min = 0,
                                   .max = 1e6,
                                   .help = "Standard deviation that the learnt vectors start with."},
                                  AS_FIELDS_END};

static as_status make_wave(as_layer *layer, as_document *document, int64_t positions, int64_t n)
{
    real *const wave = as_document_alloc(document, (size_t)(positions * n) * sizeof(real));
    if (wave == NULL) {
        AS_FAIL(AS_NOMEM, "layer %s: out of memory for %lld positions of %lld", layer->name, (long long)positions,
                (long long)n);
    }
    for (int64_t c = 0; c < n; c++) {
        const double rate = as_exp_f64(-9.210340371976184 * (double)(c / 2 * 2) / (double)n); /* 10000^(-2i / C) */
        for (int64_t t = 0; t < positions; t++) {
            wave[t * n + c] = (real)(c % 2 == 0 ? as_sin_f64((double)t * rate) : as_cos_f64((double)t * rate));
        }
    }
    ((position_options *)layer->options)->wave = wave;
    return AS_OK;
}

static as_status plan(as_layer *layer, as_document *document, const as_kernels *kernels)
{
    (void)kernels;
    position_options *const options = layer->options;
    const int64_t positions = as_shape_positions(&layer->in[0]), n = as_shape_channels(&layer->in[0]);
    layer->out = layer->in[0];
    options->wave = NULL;
    if (options->kind == SINUSOIDAL) {
        return make_wave(layer, document, positions, n);
    }
    if (options->context == 0) {
        options->context = positions;
    }
    if (options->context < positions) {
        AS_FAIL(AS_CONFIG, "%s: layer %s: the sequence has %lld positions, more than the context of %lld",
                as_node_place(layer->node), layer->name, (long long)positions, (long long)options->context);
    }
    layer->nparams = 1;
    layer->param[0] = (as_param){.name = "weight",
                                 .table = true,
                                 .shape = {.rank = 2, .dim = {options->context, n}},
                                 .init = AS_INIT_NORMAL,
                                 .init_scale = options->init_scale,
                                 .fan_in = n,
                                 .fan_out = n,
                                 .decay = true};
    return AS_OK;
}

static void forward(const as_layer *layer, const as_pass *pass)
{
    const position_options *const options = layer->options;
    const void *const where = options->kind == SINUSOIDAL ? options->wave : pass->param[0];
    for (int64_t r = 0; r < pass->rows; r++) {
        pass->kernels->add(layer->out_size, (const real *)pass->x[0] + r * pass->ldx[0], where,
                           (real *)pass->y + r * pass->ldy);
    }
}

static void extend(const as_layer *layer, const as_pass *pass, int64_t at)
{
    const position_options *const options = layer->options;
    const real *const where = options->kind == SINUSOIDAL ? (const void *)options->wave : pass->param[0];
    const int64_t n = as_shape_channels(&layer->out);
    for (int64_t t = at; t < at + pass->rows; t++) {
        pass->kernels->add(n, (const real *)pass->x[0] + t * pass->ldx[0], where + t * n,
                           (real *)pass->y + t * pass->ldy);
    }
}

static void backward(const as_layer *layer, const as_pass *pass)
{
    for (int64_t r = 0; r < pass->rows && pass->dx[0] != NULL; r++) {
        memcpy((real *)pass->dx[0] + r * pass->ldx[0], (const real *)pass->dy + r * pass->ldy,
               (size_t)layer->out_size * sizeof(real));
    }
}

static void accumulate(const as_layer *layer, const as_accumulate *a)
{
    if (layer->nparams == 0) {
        return;
    }
    a->kernels->column_sum_lanes(layer->out_size, a->dy, a->ldy, a->program, a->lane_row, a->resume, a->part, a->thread,
                                 a->threads);
    const int64_t beyond = layer->param[0].count - layer->out_size;
    for (int p = 0; p < a->program->parts && a->thread == 0 && !a->resume && beyond > 0; p++) {
        memset((real *)a->part[p] + layer->out_size, 0, (size_t)beyond * sizeof(real));
    }
}

static as_status onnx(const as_layer *layer, as_onnx *model, const char *const *x, const char *y,
                      const void *const *param)
{
    const position_options *options = layer->options;
    char wave[AS_ONNX_NAME_MAX];
    as_onnx_reals(model, as_onnx_name(y, "position", wave), layer->in[0].rank, layer->in[0].dim,
                  options->kind == SINUSOIDAL ? (const void *)options->wave : param[0]);
    as_onnx_node(model, "Add", (const char *const[]){x[0], wave, NULL}, y, NULL);
    return AS_OK;
}

const as_layer_ops AS_V(as_layer_position) = {
    .name = "position",
    .help = "Adds to each position of a sequence a vector that tells where it is, learnt or of sines and cosines.",
    .formula = "y_t = x_t + P_t",
    .fields = fields,
    .options_bytes = sizeof(position_options),
    .plan = plan,
    .forward = forward,
    .extend = extend,
    .backward = backward,
    .accumulate = accumulate,
    .onnx = onnx,
};
