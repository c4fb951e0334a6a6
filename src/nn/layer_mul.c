/* Layer mul: y = x_1 x_2 ..., elementwise, from the first input to the last; all inputs have one shape. Gates and
   masks. Backward: dx_k = dy times the other inputs, in order. Cost: one pass forward; for n inputs n passes of n - 1
   products backward. */
#include <string.h>

#include "kernels/real.h"
#include "nn/layer.h"

static as_status plan(as_layer *layer, as_document *document, const as_kernels *kernels)
{
    (void)document;
    (void)kernels;
    layer->out = layer->in[0];
    return as_layer_same_shapes(layer);
}

static void multiply_row(int64_t n, const real *restrict x, real *restrict y)
{
    for (int64_t j = 0; j < n; j++) {
        y[j] *= x[j];
    }
}

/* out = in times all inputs but number `without`, one row. */
static void product(const as_layer *layer, const as_pass *pass, int64_t row, int without, const real *in, real *out)
{
    memcpy(out, in, (size_t)layer->out_size * sizeof(real));
    for (int k = 0; k < layer->ninputs; k++) {
        const real *x = (const real *)pass->x[k] + row * pass->ldx[k];
        if (k != without) {
            multiply_row(layer->out_size, x, out);
        }
    }
}

static void forward(const as_layer *layer, const as_pass *pass)
{
    for (int64_t r = 0; r < pass->rows; r++) {
        product(layer, pass, r, 0, (const real *)pass->x[0] + r * pass->ldx[0], (real *)pass->y + r * pass->ldy);
    }
}

static void backward(const as_layer *layer, const as_pass *pass)
{
    for (int k = 0; k < layer->ninputs; k++) {
        for (int64_t r = 0; r < pass->rows && pass->dx[k] != NULL; r++) {
            product(layer, pass, r, k, (const real *)pass->dy + r * pass->ldy, (real *)pass->dx[k] + r * pass->ldx[k]);
        }
    }
}

static as_status onnx(const as_layer *layer, as_onnx *model, const char *const *x, const char *y,
                      const void *const *param)
{
    (void)param;
    as_layer_onnx_fold(layer, model, "Mul", x, y);
    return AS_OK;
}

const as_layer_ops AS_V(as_layer_mul) = {
    .name = "mul",
    .help = "Multiplies outputs of one shape elementwise: gates and masks.",
    .formula = "y = x_1 x_2 ...",
    .min_inputs = 2,
    .max_inputs = AS_INPUTS_MAX,
    .plan = plan,
    .each_position = true,
    .forward = forward,
    .backward = backward,
    .onnx = onnx,
};
