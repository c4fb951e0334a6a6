/* Initial parameters: a function of (seed, layer, parameter, element) alone.

     zeros, ones                    constants
     normal, uniform                standard deviation s, or uniform in (-s, s); s = init_scale, 0.05 when that is 0

     he, he_uniform                 variance 2 / fan_in (He et al., ICCV 2015)

     glorot, glorot_normal          variance 2 / (fan_in + fan_out), glorot being uniform (Glorot and Bengio, AISTATS
                                    2010)

     lecun                          normal, variance 1 / fan_in (LeCun et al. 1998)

     orthogonal                     orthonormal rows or columns, whichever are fewer, of the matrix (all but the last
                                    axis, last axis) (Saxe et al., ICLR 2014)

   A uniform of variance v is in (-sqrt(3 v), sqrt(3 v)). init_scale is a factor on the last four (0 means 1). */
#ifndef AS_NN_INIT_H
#define AS_NN_INIT_H

#include "nn/layer.h"

extern const char *const as_init_choices[]; /* "auto", then the names of as_init in order; NULL-terminated */

/* Not collective. Fills the parameter number `index` of layer number `layer`: out (param->count) reals of the kernels'
   precision; values are drawn in double and rounded once. Errors: NOMEM (orthogonal). */
as_status as_init_fill(const as_kernels *kernels, const as_param *param, uint64_t seed, int layer, int index,
                       void *out);

/* Vectorised loops in double; only the float64 variants have them. uniform in (-1, 1) and standard normal: deviates
   2 first .. 2 (first + pairs) - 1 of a parameter, pairs <= AS_INIT_PAIRS. remove: v = v - (q'v) q. */
enum { AS_INIT_PAIRS = 256 };
typedef struct as_init_ops {
    void (*uniform)(uint64_t seed, uint32_t layer, uint32_t index, int64_t first, int pairs, double *out);
    void (*normal)(uint64_t seed, uint32_t layer, uint32_t index, int64_t first, int pairs, double *out);
    void (*remove)(int64_t n, const double *q, double *v);
} as_init_ops;

#endif
