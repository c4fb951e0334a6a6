/* Layer embedding: a learnt vector for each number (token) of the input: (T) to (T, units), row x_t of a table E
   (vocabulary, units). A number that is no row of the table gives NaN, which ends the run with an error that names the
   sample. Backward: dE_v = sum of dy over the positions that hold v, in lane order (kernels/embedding.h). Cost: one row
   copied, and one added, for each position. */
#include "kernels/embedding.h"

#include <string.h>

#include "base/error.h"
#include "kernels/math.h"
#include "nn/layer.h"

typedef struct embedding_options {
    int64_t vocabulary, units;
    double init_scale;
} embedding_options;

static const as_field fields[] = {{.name = "vocabulary",
                                   .type = AS_FIELD_INT,
                                   .offset = offsetof(embedding_options, vocabulary),
                                   .min = 1,
                                   .max = 16777216,
                                   .help = "Rows of the table: numbers of the input are 0 to vocabulary - 1."},
                                  {.name = "units",
                                   .type = AS_FIELD_INT,
                                   .offset = offsetof(embedding_options, units),
                                   .min = 1,
                                   .max = 1e6,
                                   .help = "Length of each vector."},
                                  {.name = "init_scale",
                                   .type = AS_FIELD_REAL,
                                   .offset = offsetof(embedding_options, init_scale),
                                   .standard = "0.02",
                                   .min = 0,
                                   .max = 1e6,
                                   .help = "Standard deviation that the vectors start with."},
                                  AS_FIELDS_END};

static as_status plan(as_layer *layer, as_document *document, const as_kernels *kernels)
{
    (void)document;
    (void)kernels;
    const embedding_options *const options = layer->options;
    layer->out = layer->in[0];
    if (layer->out.rank >= AS_SHAPE_MAX) {
        AS_FAIL(AS_CONFIG, "%s: layer %s: expected an input of fewer than %d axes, found %d",
                as_node_place(layer->node), layer->name, AS_SHAPE_MAX, layer->out.rank);
    }
    layer->out.dim[layer->out.rank++] = options->units;
    layer->nparams = 1;
    layer->scratch =
        (options->vocabulary * (int64_t)sizeof(int32_t) + (int64_t)sizeof(real) - 1) / (int64_t)sizeof(real);
    layer->scratch_row = layer->in_size[0];
    layer->param[0] = (as_param){.name = "weight",
                                 .table = true,
                                 .shape = {.rank = 2, .dim = {options->vocabulary, options->units}},
                                 .init = AS_INIT_NORMAL,
                                 .init_scale = options->init_scale,
                                 .fan_in = options->vocabulary,
                                 .fan_out = options->units,
                                 .decay = true};
    return AS_OK;
}

static void forward(const as_layer *layer, const as_pass *pass)
{
    const embedding_options *const options = layer->options;
    const int64_t n = options->units;
    for (int64_t r = 0; r < pass->rows; r++) {
        const real *const x = (const real *)pass->x[0] + r * pass->ldx[0];
        for (int64_t t = 0; t < layer->in_size[0]; t++) {
            real *const y = (real *)pass->y + r * pass->ldy + t * n;
            if (x[t] >= 0 && x[t] < (real)options->vocabulary && (real)(int64_t)x[t] == x[t]) {
                memcpy(y, (const real *)pass->param[0] + (int64_t)x[t] * n, (size_t)n * sizeof(real));
            } else {
                for (int64_t j = 0; j < n; j++) {
                    y[j] = AS_NAN;
                }
            }
        }
    }
}

/* The numbers of tokens have no slope. */
static void backward(const as_layer *layer, const as_pass *pass)
{
    for (int64_t r = 0; r < pass->rows && pass->dx[0] != NULL; r++) {
        memset((real *)pass->dx[0] + r * pass->ldx[0], 0, (size_t)layer->in_size[0] * sizeof(real));
    }
}

static void accumulate(const as_layer *layer, const as_accumulate *a)
{
    const embedding_options *const options = layer->options;
    const as_embedding_sums sums = {.vocabulary = options->vocabulary,
                                    .width = options->units,
                                    .positions = layer->in_size[0],
                                    .row = a->x[0],
                                    .ldr = a->ldx[0],
                                    .dy = a->dy,
                                    .ldy = a->ldy,
                                    .program = a->program,
                                    .lane_row = a->lane_row,
                                    .resume = a->resume,
                                    .part = a->part,
                                    .scratch = a->scratch,
                                    .thread = a->thread,
                                    .threads = a->threads};
    a->kernels->embedding_lanes(&sums);
}

static as_status onnx(const as_layer *layer, as_onnx *model, const char *const *x, const char *y,
                      const void *const *param)
{
    char w[AS_ONNX_NAME_MAX], token[AS_ONNX_NAME_MAX];
    const as_onnx_attribute attributes[] = {{.name = "to", .integer = 7 /* INT64 */}, {.name = NULL}};
    as_layer_onnx_matrix(layer, model, 0, param[0], as_onnx_name(y, "weight", w));
    as_onnx_node(model, "Cast", (const char *const[]){x[0], NULL}, as_onnx_name(y, "token", token), attributes);
    as_onnx_node(model, "Gather", (const char *const[]){w, token, NULL}, y, NULL);
    return AS_OK;
}

const as_layer_ops AS_V(as_layer_embedding) = {
    .name = "embedding",
    .help = "Gives a learnt vector for each number, such as a token, of the input.",
    .formula = "y_t = E[x_t]",
    .fields = fields,
    .options_bytes = sizeof(embedding_options),
    .plan = plan,
    .each_position = true,
    .forward = forward,
    .backward = backward,
    .accumulate = accumulate,
    .onnx = onnx,
};
