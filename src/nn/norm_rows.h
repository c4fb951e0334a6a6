/* What layer_norm and rms_norm share: options, parameters and passes over kernels/norm.h. Compiled per variant. */
#ifndef AS_NN_NORM_ROWS_H
#define AS_NN_NORM_ROWS_H

#include "kernels/norm.h"
#include "kernels/real.h"
#include "nn/layer.h"

typedef struct as_norm_options {
    double eps;
    bool bias;
} as_norm_options;

#define AS_NORM_EPS                                                                                                    \
    {                                                                                                                  \
        .name = "eps", .type = AS_FIELD_REAL, .offset = offsetof(as_norm_options, eps), .standard = "1e-5", .min = 0,  \
        .max = 1, .help = "Added to the variance, or mean square, before the root."                                    \
    }

/* Parameters gain and, if wanted, bias, of the last axis; two statistics kept for each position. */
static inline void as_norm_rows_plan(as_layer *layer, bool bias)
{
    const int64_t n = as_shape_channels(&layer->in[0]);
    layer->out = layer->in[0];
    layer->keeps_dy = true;
    layer->saved = 2 * as_shape_positions(&layer->in[0]);
    layer->nparams = bias ? 2 : 1;
    layer->param[0] = (as_param){.name = "gain",
                                 .torch_name = "weight",
                                 .shape = {.rank = 1, .dim = {n}},
                                 .init = AS_INIT_ONES,
                                 .fan_in = n,
                                 .fan_out = n};
    layer->param[1] =
        (as_param){.name = "bias", .shape = {.rank = 1, .dim = {n}}, .init = AS_INIT_ZEROS, .fan_in = n, .fan_out = n};
}

static inline as_norm_rows as_norm_rows_of(const as_layer *layer, const as_pass *pass, bool centre)
{
    const int64_t n = as_shape_channels(&layer->out), positions = as_shape_positions(&layer->out);
    return (as_norm_rows){.rows = pass->rows * positions,
                          .n = n,
                          .centre = centre,
                          .eps = ((const as_norm_options *)layer->options)->eps,
                          .x = pass->x[0],
                          .gamma = pass->param[0],
                          .beta = layer->nparams > 1 ? pass->param[1] : NULL,
                          .ldx = as_position_stride(positions, n, pass->ldx[0]),
                          .y = pass->y,
                          .ldy = as_position_stride(positions, n, pass->ldy),
                          .stat = pass->saved,
                          .lds = as_position_stride(positions, 2, pass->lds),
                          .dy = pass->dy,
                          .dx = pass->dx[0],
                          .add = pass->add_dx};
}

static inline void as_norm_rows_forward(const as_layer *layer, const as_pass *pass, bool centre)
{
    const as_norm_rows a = as_norm_rows_of(layer, pass, centre);
    pass->kernels->norm->rows_forward(&a);
}

static inline void as_norm_rows_backward(const as_layer *layer, const as_pass *pass, bool centre)
{
    const as_norm_rows a = as_norm_rows_of(layer, pass, centre);
    if (pass->dx[0] != NULL) {
        pass->kernels->norm->rows_backward(&a);
    }
}

static inline void as_norm_rows_accumulate(const as_layer *layer, const as_accumulate *a)
{
    const int64_t n = as_shape_channels(&layer->out), positions = as_shape_positions(&layer->out);
    int64_t buffer[AS_LANES_MAX + 1];
    const as_norm_sums sums = {.n = n,
                               .x = a->x[0],
                               .dy = a->dy,
                               .stat = a->saved,
                               .ldx = as_position_stride(positions, n, a->ldx[0]),
                               .ldy = as_position_stride(positions, n, a->ldy),
                               .lds = as_position_stride(positions, 2, a->lds),
                               .program = a->program,
                               .lane_row = as_lane_positions(a, positions, buffer),
                               .resume = a->resume,
                               .dgamma = a->part,
                               .dbeta = layer->nparams > 1 ? a->part + a->program->parts : NULL,
                               .thread = a->thread,
                               .threads = a->threads};
    a->kernels->norm->rows_sums(&sums);
}

#endif
