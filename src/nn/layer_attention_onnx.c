/* Layer attention as ONNX operators, by its definition: softmax(q k' scale + mask) v, heads as an axis. Adapters are in
   the weights by then. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "nn/layer_attention.h"

/* Values of the graph are called STEM_WORD. */
static const char *call(const char *stem, const char *word, char out[AS_ONNX_NAME_MAX])
{
    return as_onnx_name(stem, word, out);
}

/* out = x W + b. */
static void onnx_project(const as_layer *layer, as_onnx *model, int q, const char *x, const void *const *param,
                         const char *stem, const char *out)
{
    const bool bias = ((const as_attention_options *)layer->options)->bias;
    char w[AS_ONNX_NAME_MAX], b[AS_ONNX_NAME_MAX], z[AS_ONNX_NAME_MAX];
    as_layer_onnx_matrix(layer, model, q, param[q], call(stem, "weight", w));
    as_onnx_node(model, "MatMul", (const char *const[]){x, w, NULL}, bias ? call(stem, "product", z) : out, NULL);
    if (bias) {
        as_onnx_reals(model, call(stem, "bias", b), 1, layer->param[q + 2].shape.dim, param[q + 2]);
        as_onnx_node(model, "Add", (const char *const[]){z, b, NULL}, out, NULL);
    }
}

/* (T, heads w) to (heads, T, w). */
static void onnx_heads(const as_attention_options *o, as_onnx *model, const char *x, int64_t heads, const char *stem,
                       const char *out)
{
    char whole[AS_ONNX_NAME_MAX];
    const as_onnx_attribute turn[] = {{.name = "perm", .n = 4, .list = {0, 2, 1, 3}}, {.name = NULL}};
    as_layer_onnx_reshape(model, x, call(stem, "heads", whole), stem,
                          &(as_shape){.rank = 3, .dim = {o->positions, heads, o->head_width}});
    as_onnx_node(model, "Transpose", (const char *const[]){whole, NULL}, out, turn);
}

/* Rotary turn of x (heads, T, w). */
static void onnx_turn(const as_attention_options *o, as_onnx *model, const char *x, const char *cos, const char *sin,
                      const char *stem, const char *out)
{
    const int64_t half = o->head_width / 2;
    char sizes[AS_ONNX_NAME_MAX], a[AS_ONNX_NAME_MAX], b[AS_ONNX_NAME_MAX], p[AS_ONNX_NAME_MAX], q[AS_ONNX_NAME_MAX];
    char r[AS_ONNX_NAME_MAX], s[AS_ONNX_NAME_MAX], low[AS_ONNX_NAME_MAX], high[AS_ONNX_NAME_MAX];
    const as_onnx_attribute last[] = {{.name = "axis", .integer = -1}, {.name = NULL}};
    as_onnx_integers(model, call(stem, "halves", sizes), 2, (const int64_t[]){half, half});
    as_onnx_node_several(model, "Split", (const char *const[]){x, sizes, NULL},
                         (const char *const[]){call(stem, "a", a), call(stem, "b", b), NULL}, last);
    as_onnx_node(model, "Mul", (const char *const[]){a, cos, NULL}, call(stem, "a_cos", p), NULL);
    as_onnx_node(model, "Mul", (const char *const[]){b, sin, NULL}, call(stem, "b_sin", q), NULL);
    as_onnx_node(model, "Mul", (const char *const[]){a, sin, NULL}, call(stem, "a_sin", r), NULL);
    as_onnx_node(model, "Mul", (const char *const[]){b, cos, NULL}, call(stem, "b_cos", s), NULL);
    as_onnx_node(model, "Sub", (const char *const[]){p, q, NULL}, call(stem, "low", low), NULL);
    as_onnx_node(model, "Add", (const char *const[]){r, s, NULL}, call(stem, "high", high), NULL);
    as_onnx_node(model, "Concat", (const char *const[]){low, high, NULL}, out, last);
}

/* The tables of cosines and sines, (T, w / 2) each. */
static as_status onnx_tables(const as_attention_options *o, as_onnx *model, const char *cos, const char *sin)
{
    const int64_t half = o->head_width / 2;
    real *const table = malloc((size_t)(o->positions * half) * sizeof(real) + 1);
    if (table == NULL) {
        AS_FAIL(AS_NOMEM, "out of memory for the turns of %lld positions", (long long)o->positions);
    }
    for (int k = 0; k < 2; k++) {
        for (int64_t t = 0; t < o->positions; t++) {
            memcpy(table + t * half, o->turns + (2 * t + k) * half, (size_t)half * sizeof(real));
        }
        as_onnx_reals(model, k == 0 ? cos : sin, 2, (const int64_t[]){o->positions, half}, table);
    }
    free(table);
    return AS_OK;
}

/* Keys or values of kv_heads repeated for the heads that share them. */
static void onnx_share(const as_attention_options *o, as_onnx *model, const char *x, const char *stem, const char *out)
{
    char apart[AS_ONNX_NAME_MAX], shape[AS_ONNX_NAME_MAX], wide[AS_ONNX_NAME_MAX];
    const int64_t t = o->positions, w = o->head_width, each = o->heads / o->kv_heads;
    as_layer_onnx_reshape(model, x, call(stem, "apart", apart), stem,
                          &(as_shape){.rank = 4, .dim = {o->kv_heads, 1, t, w}});
    as_onnx_integers(model, call(stem, "repeat", shape), 5, (const int64_t[]){1, o->kv_heads, each, t, w});
    as_onnx_node(model, "Expand", (const char *const[]){apart, shape, NULL}, call(stem, "wide", wide), NULL);
    as_layer_onnx_reshape(model, wide, out, call(stem, "shared", apart),
                          &(as_shape){.rank = 3, .dim = {o->heads, t, w}});
}

/* Which keys each query sees (1, else 0) as the value `seen`, (T, T) or, with a mask, (batch, 1, 1 or T, T). */
static as_status onnx_seen(const as_layer *layer, as_onnx *model, const char *const *x, const char *y, const char *seen)
{
    const as_attention_options *const o = layer->options;
    const int64_t t = o->positions;
    const bool masked = layer->ninputs > 1;
    char row[AS_ONNX_NAME_MAX], zero[AS_ONNX_NAME_MAX], hidden[AS_ONNX_NAME_MAX], shown[AS_ONNX_NAME_MAX];
    char keys[AS_ONNX_NAME_MAX], past[AS_ONNX_NAME_MAX];
    const as_onnx_attribute to[] = {{.name = "to", .integer = as_onnx_type(model) == AS_F64 ? 11 : 1}, {.name = NULL}};
    if (masked) {
        call(y, "mask_row", row);
        as_layer_onnx_reshape(model, x[1], row, row, &(as_shape){.rank = 3, .dim = {1, 1, t}});
        as_onnx_real(model, call(y, "mask_zero", zero), 0);
        as_onnx_node(model, "Equal", (const char *const[]){row, zero, NULL}, call(y, "mask_hidden", hidden), NULL);
        as_onnx_node(model, "Not", (const char *const[]){hidden, NULL}, call(y, "mask_shown", shown), NULL);
        as_onnx_node(model, "Cast", (const char *const[]){shown, NULL}, o->causal ? call(y, "mask_keys", keys) : seen,
                     to);
    }
    if (o->causal) {
        real *const lower = calloc((size_t)(t * t) + 1, sizeof(real));
        if (lower == NULL) {
            AS_FAIL(AS_NOMEM, "out of memory for a mask of %lld positions", (long long)t);
        }
        for (int64_t i = 0; i < t; i++) {
            for (int64_t j = 0; j <= i; j++) {
                lower[i * t + j] = 1;
            }
        }
        as_onnx_reals(model, masked ? call(y, "past", past) : seen, 2, (const int64_t[]){t, t}, lower);
        free(lower);
        if (masked) {
            as_onnx_node(model, "Mul", (const char *const[]){keys, past, NULL}, seen, NULL);
        }
    }
    return AS_OK;
}

/* out = softmax of the scores over the keys that are seen: others get (0 - 1) 1e30, whose exponential is 0, and a
   factor of 0, which matters where a query sees none: it gets zeros. */
static as_status onnx_shares(const as_layer *layer, as_onnx *model, const char *const *x, const char *y,
                             const char *scores, const char *out)
{
    char seen[AS_ONNX_NAME_MAX], one[AS_ONNX_NAME_MAX], low[AS_ONNX_NAME_MAX], a[AS_ONNX_NAME_MAX];
    char b[AS_ONNX_NAME_MAX], c[AS_ONNX_NAME_MAX], all[AS_ONNX_NAME_MAX];
    const as_onnx_attribute last[] = {{.name = "axis", .integer = -1}, {.name = NULL}};
    const bool whole = layer->ninputs == 1 && !((const as_attention_options *)layer->options)->causal;
    if (whole) {
        as_onnx_node(model, "Softmax", (const char *const[]){scores, NULL}, out, last);
        return AS_OK;
    }
    AS_TRY(onnx_seen(layer, model, x, y, call(y, "seen_keys", seen)));
    as_onnx_real(model, call(y, "one", one), 1);
    as_onnx_real(model, call(y, "low", low), 1e30);
    as_onnx_node(model, "Sub", (const char *const[]){seen, one, NULL}, call(y, "hidden", a), NULL);
    as_onnx_node(model, "Mul", (const char *const[]){a, low, NULL}, call(y, "barred", b), NULL);
    as_onnx_node(model, "Add", (const char *const[]){scores, b, NULL}, call(y, "masked", c), NULL);
    as_onnx_node(model, "Softmax", (const char *const[]){c, NULL}, call(y, "all_shares", all), last);
    as_onnx_node(model, "Mul", (const char *const[]){all, seen, NULL}, out, NULL);
    return AS_OK;
}

/* Attention by its definition: softmax(q k' scale + mask) v. */
as_status AS_V(as_attention_onnx)(const as_layer *layer, as_onnx *model, const char *const *x, const char *y,
                                  const void *const *param)
{
    const as_attention_options *o = layer->options;
    char all[AS_ONNX_NAME_MAX], sizes[AS_ONNX_NAME_MAX], part[3][AS_ONNX_NAME_MAX], head[3][AS_ONNX_NAME_MAX];
    char ready[3][AS_ONNX_NAME_MAX], cos[AS_ONNX_NAME_MAX], sin[AS_ONNX_NAME_MAX], stem[AS_ONNX_NAME_MAX];
    char t[AS_ONNX_NAME_MAX], scale[AS_ONNX_NAME_MAX], a[AS_ONNX_NAME_MAX], b[AS_ONNX_NAME_MAX];
    static const char *const word[3] = {"q", "k", "v"};
    const as_onnx_attribute last[] = {{.name = "axis", .integer = -1}, {.name = NULL}};
    const as_onnx_attribute turn[] = {{.name = "perm", .n = 4, .list = {0, 1, 3, 2}}, {.name = NULL}};
    const as_onnx_attribute back[] = {{.name = "perm", .n = 4, .list = {0, 2, 1, 3}}, {.name = NULL}};
    const int64_t width = o->kv_heads * o->head_width;
    onnx_project(layer, model, 0, x[0], param, call(y, "qkv", stem), call(y, "all", all));
    as_onnx_integers(model, call(y, "sizes", sizes), 3, (const int64_t[]){o->o, width, width});
    for (int i = 0; i < 3; i++) {
        call(y, word[i], part[i]);
    }
    as_onnx_node_several(model, "Split", (const char *const[]){all, sizes, NULL},
                         (const char *const[]){part[0], part[1], part[2], NULL}, last);
    if (o->rotary) {
        AS_TRY(onnx_tables(o, model, call(y, "cos", cos), call(y, "sin", sin)));
    }
    for (int i = 0; i < 3; i++) {
        const char *at = part[i];
        onnx_heads(o, model, at, i == 0 ? o->heads : o->kv_heads, at, call(at, "by_head", head[i]));
        at = head[i];
        if (o->rotary && i < 2) {
            onnx_turn(o, model, at, cos, sin, at, call(at, "turned", ready[i]));
            at = memcpy(head[i], ready[i], sizeof head[i]);
        }
        if (i > 0 && o->kv_heads != o->heads) {
            onnx_share(o, model, at, at, call(at, "shared", ready[i]));
        } else {
            memcpy(ready[i], at, sizeof ready[i]);
        }
    }
    as_onnx_real(model, call(y, "factor", scale), 1 / sqrt((double)o->head_width));
    as_onnx_node(model, "Transpose", (const char *const[]){ready[1], NULL}, call(y, "k_turned", t), turn);
    as_onnx_node(model, "MatMul", (const char *const[]){ready[0], t, NULL}, call(y, "scores", a), NULL);
    as_onnx_node(model, "Mul", (const char *const[]){a, scale, NULL}, call(y, "scaled", b), NULL);
    AS_TRY(onnx_shares(layer, model, x, y, b, call(y, "shares", t)));
    as_onnx_node(model, "MatMul", (const char *const[]){t, ready[2], NULL}, call(y, "seen", a), NULL);
    as_onnx_node(model, "Transpose", (const char *const[]){a, NULL}, call(y, "rows", b), back);
    as_layer_onnx_reshape(model, b, call(y, "joined", t), call(y, "joined", t),
                          &(as_shape){.rank = 2, .dim = {o->positions, o->o}});
    onnx_project(layer, model, 1, t, param, call(y, "out", stem), y);
    return AS_OK;
}
