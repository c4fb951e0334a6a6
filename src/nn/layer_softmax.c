/* Layer softmax: y = e^(x - max x) / sum e^(x - max x) over the last axis, at each position. Backward:
   dx = y (dy - sum_j dy_j y_j). Sums with 16 accumulators (kernels/rowwise.h). Cost: three passes forward, two
   backward. A classifier needs none: the loss cross_entropy takes the logits. */
#include "kernels/real.h"
#include "kernels/rowwise.h"
#include "nn/layer.h"

static as_status plan(as_layer *layer, as_document *document, const as_kernels *kernels)
{
    (void)document;
    (void)kernels;
    layer->out = layer->in[0];
    return AS_OK;
}

static void forward(const as_layer *layer, const as_pass *pass)
{
    const int64_t n = as_shape_channels(&layer->out);
    for (int64_t r = 0; r < pass->rows; r++) {
        for (int64_t j = 0; j < layer->out_size; j += n) {
            as_row_softmax(n, (const real *)pass->x[0] + r * pass->ldx[0] + j, (real *)pass->y + r * pass->ldy + j);
        }
    }
}

static void backward(const as_layer *layer, const as_pass *pass)
{
    const int64_t n = as_shape_channels(&layer->out);
    for (int64_t r = 0; r < pass->rows && pass->dx[0] != NULL; r++) {
        for (int64_t j = 0; j < layer->out_size; j += n) {
            const real *y = (const real *)pass->y + r * pass->ldy + j, *dy = (const real *)pass->dy + r * pass->ldy + j;
            real *dx = (real *)pass->dx[0] + r * pass->ldx[0] + j;
            const real mean = as_row_dot(n, dy, y);
            for (int64_t i = 0; i < n; i++) {
                dx[i] = y[i] * (dy[i] - mean);
            }
        }
    }
}

static as_status onnx(const as_layer *layer, as_onnx *model, const char *const *x, const char *y,
                      const void *const *param)
{
    (void)layer;
    (void)param;
    const as_onnx_attribute attributes[] = {{.name = "axis", .integer = -1}, {.name = NULL}};
    as_onnx_node(model, "Softmax", (const char *const[]){x[0], NULL}, y, attributes);
    return AS_OK;
}

const as_layer_ops AS_V(as_layer_softmax) = {
    .name = "softmax",
    .help = "Shares that sum to 1 over the last axis.",
    .formula = "y_j = exp(x_j) / sum_i exp(x_i)",
    .plan = plan,
    .each_position = true,
    .forward = forward,
    .backward = backward,
    .onnx = onnx,
};
