/* A network as operators of an ONNX model, for evaluation: normalization, then each layer that the output depends on.
 */
#include <stdlib.h>

#include "base/error.h"
#include "nn/model.h"

/* Marks the values that the first head's output depends on. */
static void mark(const as_model *model, bool *needed)
{
    needed[model->head[0].value] = true;
    for (int i = model->nlayers - 1; i >= 0; i--) {
        for (int k = 0; k < model->layer[i].ninputs && needed[i + 1]; k++) {
            needed[model->layer[i].from[k]] = true;
        }
    }
}

/* The normalized samples as a value; its name. */
static const char *normalize(const as_model *model, const void *scale, const void *shift, const char *input,
                             as_onnx *out)
{
    if (scale == NULL) {
        return input;
    }
    const as_shape *in = &model->data.in;
    as_onnx_reals(out, "normalize_scale", in->rank, in->dim, scale);
    as_onnx_reals(out, "normalize_shift", in->rank, in->dim, shift);
    as_onnx_node(out, "Mul", (const char *const[]){input, "normalize_scale", NULL}, "normalize_scaled", NULL);
    as_onnx_node(out, "Add", (const char *const[]){"normalize_scaled", "normalize_shift", NULL}, "normalized", NULL);
    return "normalized";
}

static as_status add_layers(const as_model *model, const char *params, const bool *needed, const char *input,
                            as_onnx *out)
{
    for (int i = 0; i < model->nlayers; i++) {
        const as_layer *layer = &model->layer[i];
        const char *x[AS_INPUTS_MAX];
        const void *param[AS_LAYER_PARAMS_MAX];
        if (!needed[i + 1]) {
            continue;
        }
        if (layer->ops->onnx == NULL) {
            AS_FAIL(AS_CONFIG, "%s: layer %s: %s has no operators of ONNX", as_node_place(layer->node), layer->name,
                    layer->ops->name);
        }
        for (int k = 0; k < layer->ninputs; k++) {
            x[k] = layer->from[k] == 0 ? input : model->layer[layer->from[k] - 1].name;
        }
        for (int q = 0; q < layer->nparams; q++) {
            param[q] = params + (size_t)layer->param[q].offset * model->kernels->real_bytes;
        }
        AS_TRY(layer->ops->onnx(layer, out, x, layer->name, param));
    }
    return AS_OK;
}

as_status as_model_onnx(const as_model *model, const void *params, const void *scale, const void *shift,
                        const char *input, const char *output, as_onnx *out)
{
    bool *needed = calloc((size_t)model->nlayers + 1, sizeof *needed);
    if (needed == NULL) {
        AS_FAIL(AS_NOMEM, "out of memory for %d layers", model->nlayers);
    }
    mark(model, needed);
    const char *start = normalize(model, scale, shift, input, out);
    const as_status status = add_layers(model, params, needed, start, out);
    free(needed);
    const int value = model->head[0].value;
    as_onnx_node(out, "Identity", (const char *const[]){value == 0 ? start : model->layer[value - 1].name, NULL},
                 output, NULL);
    return status;
}
