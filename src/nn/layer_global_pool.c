/* Layer global_pool: the mean or the largest of each channel over all other axes; the output is (channels).
   Cost: one pass over x forward, one over dx backward. */
#include "base/error.h"
#include "kernels/real.h"
#include "nn/convolution.h"

static const char *const kinds[] = {"mean", "max", NULL};
enum { KIND_MEAN, KIND_MAX };

typedef struct global_options {
    int kind;
    as_conv window; /* the whole input */
} global_options;

static const as_field fields[] = {{.name = "kind",
                                   .type = AS_FIELD_CHOICE,
                                   .offset = offsetof(global_options, kind),
                                   .standard = "mean",
                                   .choices = kinds,
                                   .help = "What is taken of each channel."},
                                  AS_FIELDS_END};

static as_status plan(as_layer *layer, as_document *document, const as_kernels *kernels)
{
    (void)document;
    global_options *o = layer->options;
    as_conv *c = &o->window;
    AS_TRY(as_window_input(layer, layer->in[0].rank - 1, c));
    for (int a = 0; a < AS_AXES; a++) {
        c->kernel[a] = c->in[a];
    }
    c->cout = c->groups = c->cin;
    layer->out = (as_shape){.rank = 1, .dim = {c->cin}};
    if (o->kind == KIND_MAX) {
        const int64_t bytes = c->cin * as_pool_place_bytes(c);
        layer->saved = (bytes + (int64_t)kernels->real_bytes - 1) / (int64_t)kernels->real_bytes;
    }
    return AS_OK;
}

static void forward(const as_layer *layer, const as_pass *pass)
{
    const global_options *o = layer->options;
    if (o->kind == KIND_MAX) {
        pass->kernels->conv->pool_max(&o->window, pass->rows, pass->x[0], pass->ldx[0], pass->y, pass->ldy,
                                      pass->train ? pass->saved : NULL, pass->lds * (int64_t)sizeof(real));
    } else {
        pass->kernels->conv->pool_sum(&o->window, AS_POOL_MEAN, pass->rows, pass->x[0], pass->ldx[0], pass->y,
                                      pass->ldy);
    }
}

static void backward(const as_layer *layer, const as_pass *pass)
{
    const global_options *o = layer->options;
    if (pass->dx[0] == NULL) {
        return;
    }
    if (o->kind == KIND_MAX) {
        pass->kernels->conv->pool_max_back(&o->window, pass->rows, pass->dy, pass->ldy, pass->saved,
                                           pass->lds * (int64_t)sizeof(real), NULL, pass->dx[0], pass->ldx[0]);
    } else {
        pass->kernels->conv->pool_sum_back(&o->window, AS_POOL_MEAN, pass->rows, pass->dy, pass->ldy, pass->dx[0],
                                           pass->ldx[0]);
    }
}

static as_status onnx(const as_layer *layer, as_onnx *model, const char *const *x, const char *y,
                      const void *const *param)
{
    (void)param;
    const global_options *o = layer->options;
    as_onnx_attribute attributes[] = {
        {.name = "axes", .n = layer->in[0].rank - 1}, {.name = "keepdims", .integer = 0}, {.name = NULL}};
    for (int a = 0; a + 1 < layer->in[0].rank; a++) {
        attributes[0].list[a] = a + 1;
    }
    as_onnx_node(model, o->kind == KIND_MAX ? "ReduceMax" : "ReduceMean", (const char *const[]){x[0], NULL}, y,
                 attributes);
    return AS_OK;
}

const as_layer_ops AS_V(as_layer_global_pool) = {
    .name = "global_pool",
    .help = "The mean or the largest of each channel over all other axes.",
    .formula = "y[c] = mean (or max) over positions p of x[p][c]",
    .fields = fields,
    .options_bytes = sizeof(global_options),
    .plan = plan,
    .forward = forward,
    .backward = backward,
    .onnx = onnx,
};
