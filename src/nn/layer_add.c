/* Layer add: y = x_1 + x_2 + ..., elementwise, from the first input to the last; all inputs have one shape. The join of
   residual connections. Cost: one pass over the inputs forward, one copy for each input backward, of those that do not
   share memory. The template of a layer with several inputs. */
#include <string.h>

#include "kernels/real.h"
#include "nn/layer.h"

static as_status plan(as_layer *layer, as_document *document, const as_kernels *kernels)
{
    (void)document;
    (void)kernels;
    layer->out = layer->in[0];
    layer->keeps_dy = layer->forgets_x = layer->forgets_y = true;
    return as_layer_same_shapes(layer);
}

static void forward(const as_layer *layer, const as_pass *pass)
{
    const int64_t n = layer->out_size;
    for (int64_t r = 0; r < pass->rows; r++) {
        real *y = (real *)pass->y + r * pass->ldy;
        for (int k = 1; k < layer->ninputs; k++) {
            const real *sum = k == 1 ? (const real *)pass->x[0] + r * pass->ldx[0] : y;
            pass->kernels->add(n, sum, (const real *)pass->x[k] + r * pass->ldx[k], y);
        }
    }
}

static void backward(const as_layer *layer, const as_pass *pass)
{
    for (int k = 0; k < layer->ninputs; k++) {
        for (int64_t r = 0; r < pass->rows && pass->dx[k] != NULL && pass->dx[k] != pass->dy; r++) {
            memcpy((real *)pass->dx[k] + r * pass->ldx[k], (const real *)pass->dy + r * pass->ldy,
                   (size_t)layer->out_size * sizeof(real));
        }
    }
}

static as_status onnx(const as_layer *layer, as_onnx *model, const char *const *x, const char *y,
                      const void *const *param)
{
    (void)param;
    as_layer_onnx_fold(layer, model, "Add", x, y);
    return AS_OK;
}

const as_layer_ops AS_V(as_layer_add) = {
    .name = "add",
    .help = "Adds outputs of one shape: the join of residual connections.",
    .formula = "y = x_1 + x_2 + ...",
    .min_inputs = 2,
    .max_inputs = AS_INPUTS_MAX,
    .plan = plan,
    .passes_dy = true,
    .each_position = true,
    .forward = forward,
    .backward = backward,
    .onnx = onnx,
};
