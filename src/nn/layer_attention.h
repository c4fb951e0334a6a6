/* Options of layer attention, as its passes and its ONNX operators see them. Compiled per variant. */
#ifndef AS_NN_LAYER_ATTENTION_H
#define AS_NN_LAYER_ATTENTION_H

#include "kernels/real.h"
#include "nn/low_rank.h"

typedef struct as_attention_options {
    int64_t heads, kv_heads, head_width, units;
    bool causal, rotary, bias;
    double rotary_base;
    int init;
    double init_scale;
    const as_node *lora;
    int64_t positions, channels;
    int64_t qkv, o; /* reals of q, k, v together, and of o, of a position */
    int64_t stride; /* reals kept for a position: q, k, v, o, log sums, then u and t of the adapters of both weights */
    as_low_rank low;
    const real *turns; /* (T, 2, w / 2): cos, sin */
} as_attention_options;

/* as_layer_ops.onnx of the layer. */
as_status AS_V(as_attention_onnx)(const as_layer *layer, as_onnx *model, const char *const *x, const char *y,
                                  const void *const *param);

#endif
