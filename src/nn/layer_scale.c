/* Layer scale: y = c x with a fixed factor c. Cost: one pass each way. */
#include "kernels/real.h"
#include "nn/layer.h"

typedef struct scale_options {
    double factor;
} scale_options;

static const as_field fields[] = {{.name = "factor",
                                   .type = AS_FIELD_REAL,
                                   .offset = offsetof(scale_options, factor),
                                   .min = -1e30,
                                   .max = 1e30,
                                   .help = "What every number is multiplied by."},
                                  AS_FIELDS_END};

static as_status plan(as_layer *layer, as_document *document, const as_kernels *kernels)
{
    (void)document;
    (void)kernels;
    layer->out = layer->in[0];
    return AS_OK;
}

static void scale_rows(const as_layer *layer, int64_t rows, const real *in, int64_t ldin, real *out, int64_t ldout)
{
    const real factor = AS_R(((const scale_options *)layer->options)->factor);
    for (int64_t r = 0; r < rows; r++) {
        for (int64_t j = 0; j < layer->out_size; j++) {
            out[r * ldout + j] = factor * in[r * ldin + j];
        }
    }
}

static void forward(const as_layer *layer, const as_pass *pass)
{
    scale_rows(layer, pass->rows, pass->x[0], pass->ldx[0], pass->y, pass->ldy);
}

static void backward(const as_layer *layer, const as_pass *pass)
{
    if (pass->dx[0] != NULL) {
        scale_rows(layer, pass->rows, pass->dy, pass->ldy, pass->dx[0], pass->ldx[0]);
    }
}

static as_status onnx(const as_layer *layer, as_onnx *model, const char *const *x, const char *y,
                      const void *const *param)
{
    (void)param;
    char factor[AS_ONNX_NAME_MAX];
    as_onnx_real(model, as_onnx_name(y, "factor", factor), ((const scale_options *)layer->options)->factor);
    as_onnx_node(model, "Mul", (const char *const[]){x[0], factor, NULL}, y, NULL);
    return AS_OK;
}

const as_layer_ops AS_V(as_layer_scale) = {
    .name = "scale",
    .help = "Multiplies by a fixed factor.",
    .formula = "y = factor x",
    .fields = fields,
    .options_bytes = sizeof(scale_options),
    .plan = plan,
    .each_position = true,
    .forward = forward,
    .backward = backward,
    .onnx = onnx,
};
