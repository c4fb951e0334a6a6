/* What lstm and gru have in common: an input (T, D), a state of H numbers that goes through the T steps, and for each
   step G vectors of H pre-activations z = x_t W + b (all steps at once) and u = h_{t-1} V (step by step). Included by
   files compiled per variant.

   Rows go through the steps in blocks, so that products with V have many rows. saved holds `kept` reals for each step,
   with no padding, so that steps are rows of the sums over samples. */
#ifndef AS_NN_RECURRENT_H
#define AS_NN_RECURRENT_H

#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "kernels/real.h"
#include "nn/layer.h"

typedef struct as_recurrent {
    int64_t units;
    int output;
    int64_t steps, inputs; /* T, D */
    int64_t gates, kept;   /* G H; reals of a step in saved */
} as_recurrent;
enum { AS_OUTPUT_ALL, AS_OUTPUT_LAST };
enum { AS_RECURRENT_INPUT, AS_RECURRENT_STATE }; /* parameters W (D, G H) and V (H, G H); biases follow */
enum { AS_RECURRENT_ROWS = 32 };

static const char *const as_output_choices[] = {"all", "last", NULL};

static const as_field as_recurrent_fields[] = {
    {.name = "units",
     .type = AS_FIELD_INT,
     .offset = offsetof(as_recurrent, units),
     .min = 1,
     .max = 1e6,
     .help = "Numbers of the state, which is the output."},
    {.name = "output",
     .type = AS_FIELD_CHOICE,
     .offset = offsetof(as_recurrent, output),
     .standard = "all",
     .choices = as_output_choices,
     .help = "The states of all steps, (T, units), or that of the last step alone."},
    AS_FIELDS_END};

/* Shapes and the two weights, for `gates` vectors of pre-activations and `kept` vectors that are kept. */
static inline as_status as_recurrent_plan(as_layer *layer, int gates, int kept)
{
    as_recurrent *o = layer->options;
    const as_shape *in = &layer->in[0];
    if (in->rank != 2) {
        char found[64];
        AS_FAIL(AS_CONFIG, "%s: layer %s: expected an input of two axes (steps, channels), found shape %s",
                as_node_place(layer->node), layer->name, as_shape_text(in, found, sizeof found));
    }
    o->steps = in->dim[0];
    o->inputs = in->dim[1];
    o->gates = gates * o->units;
    o->kept = kept * o->units;
    layer->out = o->output == AS_OUTPUT_ALL ? (as_shape){.rank = 2, .dim = {o->steps, o->units}}
                                            : (as_shape){.rank = 1, .dim = {o->units}};
    layer->saved = o->steps * o->kept;
    layer->looks_ahead = o->output == AS_OUTPUT_LAST;
    layer->scratch = AS_RECURRENT_ROWS * (o->gates + 2 * o->units);
    layer->nparams = 2;
    layer->param[AS_RECURRENT_INPUT] = (as_param){.name = "weight_input",
                                                  .torch_name = "weight_ih_l0",
                                                  .torch_axes = "10",
                                                  .shape = {.rank = 2, .dim = {o->inputs, o->gates}},
                                                  .init = AS_INIT_GLOROT,
                                                  .fan_in = o->inputs,
                                                  .fan_out = o->units,
                                                  .decay = true};
    layer->param[AS_RECURRENT_STATE] = (as_param){.name = "weight_state",
                                                  .torch_name = "weight_hh_l0",
                                                  .torch_axes = "10",
                                                  .shape = {.rank = 2, .dim = {o->units, o->gates}},
                                                  .init = AS_INIT_GLOROT,
                                                  .fan_in = o->units,
                                                  .fan_out = o->units,
                                                  .decay = true};
    return AS_OK;
}

static inline void as_recurrent_bias(as_layer *layer, const char *name)
{
    const as_recurrent *o = layer->options;
    as_param *param = &layer->param[layer->nparams++];
    *param = (as_param){
        .shape = {.rank = 1, .dim = {o->gates}}, .init = AS_INIT_ZEROS, .fan_in = o->units, .fan_out = o->units};
    memcpy(param->name, name, strlen(name) + 1);
}

/* Both weights are packed both ways, each form on a cache line. */
static inline int64_t as_recurrent_forward_reals(const as_layer *layer, const as_kernels *kernels, int q)
{
    const int64_t *dim = layer->param[q].shape.dim;
    return (kernels->pack_reals(dim[0], dim[1]) + 15) / 16 * 16;
}

static inline int64_t as_recurrent_packed_reals(const as_layer *layer, const as_kernels *kernels, int q)
{
    const int64_t *dim = layer->param[q].shape.dim;
    return q > AS_RECURRENT_STATE ? 0
                                  : as_recurrent_forward_reals(layer, kernels, q) + kernels->pack_reals(dim[1], dim[0]);
}

static inline void as_recurrent_pack(const as_layer *layer, const as_kernels *kernels, int q, const void *param,
                                     int64_t first, int64_t count, void *packed)
{
    const int64_t *dim = layer->param[q].shape.dim;
    kernels->pack(dim[0], dim[1], param, first, count, packed,
                  (real *)packed + as_recurrent_forward_reals(layer, kernels, q));
}

/* z of all steps of all rows into the first G H reals of each step in saved. */
static inline void as_recurrent_inputs(const as_layer *layer, const as_pass *pass)
{
    const as_recurrent *o = layer->options;
    pass->kernels->gemm(pass->rows * o->steps, o->gates, o->inputs, pass->x[0], o->inputs, pass->packed[0],
                        pass->param[2], false, pass->saved, o->kept);
}

/* The same of positions [at, at + rows) of one sample that is continued; step at - 1 has left its state in y. */
static inline void as_recurrent_extend(const as_layer *layer, const as_pass *pass, int64_t at, int64_t before)
{
    const as_recurrent *o = layer->options;
    real *const kept = (real *)pass->saved + at * o->kept;
    pass->kernels->gemm(pass->rows, o->gates, o->inputs, (const real *)pass->x[0] + at * pass->ldx[0], pass->ldx[0],
                        pass->packed[0], pass->param[2], false, kept, o->kept);
    if (at > 0) {
        memcpy(kept + before, (const real *)pass->y + (at - 1) * pass->ldy, (size_t)o->units * sizeof(real));
    }
}

/* dx from the dz that backward has put in the place of z. */
static inline void as_recurrent_inputs_backward(const as_layer *layer, const as_pass *pass)
{
    const as_recurrent *o = layer->options;
    if (pass->dx[0] != NULL) {
        const real *transposed = (const real *)pass->packed[0] + as_recurrent_forward_reals(layer, pass->kernels, 0);
        pass->kernels->gemm(pass->rows * o->steps, o->inputs, o->gates, pass->saved, o->kept, transposed, NULL, false,
                            pass->dx[0], o->inputs);
    }
}

/* u = h V + bias (or NULL) for `rows` rows; h (rows, H) with stride ldh. */
static inline void as_recurrent_state(const as_layer *layer, const as_pass *pass, int64_t rows, const real *h,
                                      int64_t ldh, const void *bias, real *u)
{
    const as_recurrent *o = layer->options;
    pass->kernels->gemm(rows, o->gates, o->units, h, ldh, pass->packed[1], bias, false, u, o->gates);
}

/* dh = du V' for `rows` rows; du (rows, G H) with stride ldu. */
static inline void as_recurrent_state_backward(const as_layer *layer, const as_pass *pass, int64_t rows, const real *du,
                                               int64_t ldu, real *dh)
{
    const as_recurrent *o = layer->options;
    const real *transposed = (const real *)pass->packed[1] + as_recurrent_forward_reals(layer, pass->kernels, 1);
    pass->kernels->gemm(rows, o->units, o->gates, du, ldu, transposed, NULL, false, dh, o->units);
}

/* The gradient of the state of one step: what comes from above plus what came from the step after it. */
static inline void as_recurrent_above(const as_layer *layer, const as_pass *pass, int64_t row, int64_t step,
                                      real *restrict dh)
{
    const as_recurrent *o = layer->options;
    if (o->output == AS_OUTPUT_LAST && step + 1 < o->steps) {
        return;
    }
    const real *dy = (const real *)pass->dy + row * pass->ldy + (o->output == AS_OUTPUT_ALL ? step * o->units : 0);
    for (int64_t j = 0; j < o->units; j++) {
        dh[j] += dy[j];
    }
}

/* Sums over samples: of dz (rows and steps, G H) at `z` and du at `u` in saved, and of h_{t-1} at `h`; biases follow.
 */
static inline void as_recurrent_accumulate(const as_layer *layer, const as_accumulate *a, int64_t z, int64_t u,
                                           int64_t h)
{
    const as_recurrent *o = layer->options;
    const int parts = a->program->parts;
    const real *saved = a->saved;
    int64_t buffer[AS_LANES_MAX + 1];
    const int64_t *lane_row = as_lane_positions(a, o->steps, buffer);
    a->kernels->outer_lanes(o->inputs, o->gates, a->x[0], o->inputs, saved + z, o->kept, a->program, lane_row,
                            a->resume, a->part, o->gates, a->thread, a->threads);
    a->kernels->outer_lanes(o->units, o->gates, saved + h, o->kept, saved + u, o->kept, a->program, lane_row, a->resume,
                            a->part + parts, o->gates, a->thread, a->threads);
    for (int q = 2; q < layer->nparams; q++) {
        a->kernels->column_sum_lanes(o->gates, saved + (q == 2 ? z : u), o->kept, a->program, lane_row, a->resume,
                                     a->part + q * parts, a->thread, a->threads);
    }
}

static inline double as_recurrent_flops(const as_layer *layer)
{
    const as_recurrent *o = layer->options;
    return 2 * (double)o->steps * (double)o->gates * (double)(o->inputs + o->units);
}

/* Gates of a parameter (rows, G H) as ONNX keeps them, (1, G H, rows), in its order; a bias (G H) has rows 1. */
static inline void as_recurrent_gates(const as_recurrent *o, const int *order, int64_t rows, const real *from, real *to)
{
    const int gates = (int)(o->gates / o->units);
    for (int g = 0; g < gates; g++) {
        for (int64_t j = 0; j < o->units; j++) {
            for (int64_t i = 0; i < rows; i++) {
                to[(g * o->units + j) * rows + i] = from[i * o->gates + order[g] * o->units + j];
            }
        }
    }
}

/* The operator LSTM or GRU, which wants (steps, batch, inputs). order[g]: which gate of ours is ONNX's g-th. */
static inline as_status as_recurrent_onnx(const as_layer *layer, as_onnx *model, const char *op, const int *order,
                                          const char *const *x, const char *y, const void *const *param)
{
    const as_recurrent *o = layer->options;
    const bool all = o->output == AS_OUTPUT_ALL;
    char steps[AS_ONNX_NAME_MAX], w[AS_ONNX_NAME_MAX], v[AS_ONNX_NAME_MAX], b[AS_ONNX_NAME_MAX];
    char whole[AS_ONNX_NAME_MAX], last[AS_ONNX_NAME_MAX], axis[AS_ONNX_NAME_MAX], rows[AS_ONNX_NAME_MAX];
    const int64_t wide = o->inputs > o->units ? o->inputs : o->units;
    real *const room = calloc((size_t)(o->gates * (wide > 2 ? wide : 2)), sizeof *room);
    if (room == NULL) {
        AS_FAIL(AS_NOMEM, "layer %s: out of memory for its weights", layer->name);
    }
    as_recurrent_gates(o, order, o->inputs, param[AS_RECURRENT_INPUT], room);
    as_onnx_reals(model, as_onnx_name(y, "W", w), 3, (const int64_t[]){1, o->gates, o->inputs}, room);
    as_recurrent_gates(o, order, o->units, param[AS_RECURRENT_STATE], room);
    as_onnx_reals(model, as_onnx_name(y, "R", v), 3, (const int64_t[]){1, o->gates, o->units}, room);
    memset(room, 0, (size_t)(2 * o->gates) * sizeof *room);
    as_recurrent_gates(o, order, 1, param[2], room);
    if (layer->nparams > 3) {
        as_recurrent_gates(o, order, 1, param[3], room + o->gates);
    }
    as_onnx_reals(model, as_onnx_name(y, "B", b), 2, (const int64_t[]){1, 2 * o->gates}, room);
    free(room);
    const as_onnx_attribute swap[] = {{.name = "perm", .n = 3, .list = {1, 0, 2}}, {.name = NULL}};
    const as_onnx_attribute attributes[] = {{.name = "hidden_size", .integer = o->units},
                                            {.name = layer->nparams > 3 ? "linear_before_reset" : NULL, .integer = 1},
                                            {.name = NULL}};
    as_onnx_node(model, "Transpose", (const char *const[]){x[0], NULL}, as_onnx_name(y, "steps", steps), swap);
    as_onnx_node_several(model, op, (const char *const[]){steps, w, v, b, NULL},
                         (const char *const[]){as_onnx_name(y, "whole", whole), as_onnx_name(y, "last", last), NULL},
                         attributes);
    as_onnx_integers(model, as_onnx_name(y, "axis", axis), 1, (const int64_t[]){all ? 1 : 0});
    as_onnx_node(model, "Squeeze", (const char *const[]){all ? whole : last, axis, NULL},
                 all ? as_onnx_name(y, "rows", rows) : y, NULL);
    if (all) {
        as_onnx_node(model, "Transpose", (const char *const[]){rows, NULL}, y, swap);
    }
    return AS_OK;
}

#endif
