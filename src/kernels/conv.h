/* Convolution, pooling and upsampling over one to three spatial axes, channels last: a sample is (depth, height, width,
   channels) row-major without gaps, samples lie ld apart. Unused axes have extent 1, kernel 1, stride 1, dilation 1.
   Nothing here communicates, allocates or fails. All functions: Not collective.

   A tap outside of the input is left out of its chain, not multiplied by zero. Orders, which make every result the same
   bits on all variants, threads and walks:
     forward          y[o][n]  = chain over ascending (kd, kh, kw, c) from bias[n] or 0
     input gradient   dx[i][c] = chain over ascending (od, oh, ow, n): the outputs that the input reached; from 0
     weight gradient  dW[k][c][n] = in a lane a chain over ascending (sample, od, oh, ow), then the lane tree
     bias gradient    db[n]    = likewise, of sums                                                                 */
#ifndef AS_KERNELS_CONV_H
#define AS_KERNELS_CONV_H

#include <stdbool.h>
#include <stdint.h>

#include "base/tree.h"

enum { AS_AXES = 3 }; /* depth, height, width */

/* How output tiles lie: along the samples, the height or the width. No choice changes a result. */
typedef enum as_conv_walk { AS_CONV_AUTO, AS_CONV_SAMPLES, AS_CONV_HEIGHT, AS_CONV_WIDTH } as_conv_walk;

/* How tiles of the weight gradient are made: AUTO takes kernel positions, or lines of them, together where the channels
   are few, four vectors of output channels where there are as many, and reads d in place where it lies well. No choice
   changes a result. */
typedef enum as_conv_sums { AS_CONV_SUMS_AUTO, AS_CONV_SUMS_ALONE, AS_CONV_SUMS_COPIED } as_conv_sums;

/* Output o of an axis reads inputs o * stride - low + k * dilation, k in [0, kernel). Kernel, stride, dilation >= 1,
   low >= 0; extents may be 0. groups divides both channel counts: group g has its own cin/groups inputs and
   cout/groups outputs. The weight is (kd, kh, kw, cin/groups, cout) row-major. */
typedef struct as_conv {
    int64_t in[AS_AXES], out[AS_AXES];
    int64_t kernel[AS_AXES], stride[AS_AXES], low[AS_AXES], dilation[AS_AXES];
    int64_t cin, cout, groups;
    as_conv_walk walk;
    as_conv_sums sums;
} as_conv;

/* Outputs of an axis with `low` zeros before and `high` behind its `in` inputs; 0 where the kernel does not fit. */
int64_t as_conv_extent(int64_t in, int64_t kernel, int64_t stride, int64_t dilation, int64_t low, int64_t high);

/* Pixels of a sample. */
static inline int64_t as_pixels(const int64_t extent[AS_AXES])
{
    return extent[0] * extent[1] * extent[2];
}

/* Reals of the weight. */
static inline int64_t as_conv_weights(const as_conv *c)
{
    return as_pixels(c->kernel) * (c->cin / c->groups) * c->cout;
}

/* What the sum over a window is multiplied by: 1, 1 / inputs of the window, 1 / places of the kernel. */
typedef enum as_pool_scale { AS_POOL_SUM, AS_POOL_MEAN, AS_POOL_MEAN_PADDED } as_pool_scale;

/* Bytes of the place of a maximum: 1, or 4 where a kernel has more than 256 places. */
static inline int64_t as_pool_place_bytes(const as_conv *c)
{
    return as_pixels(c->kernel) <= 256 ? 1 : 4;
}

typedef struct as_conv_kernels {
    /* Reals of a packed weight, forward or for the input gradient; padding must be zero beforehand and stays so. */
    int64_t (*pack_reals)(const as_conv *c, bool back);
    /* Copies elements [first, first + count) of w to their places in the packed forms; either may be NULL. Disjoint
       ranges may be packed by different threads at once. */
    void (*pack)(const as_conv *c, const void *w, int64_t first, int64_t count, void *forward, void *back);

    /* y (rows, out, cout) from x (rows, in, cin) and `forward` packed weights; bias (cout) or NULL; relu: max(., 0) at
       the end (NaN stays NaN). */
    void (*forward)(const as_conv *c, int64_t rows, const void *x, int64_t ldx, const void *packed, const void *bias,
                    bool relu, void *y, int64_t ldy);
    /* dx (rows, in, cin) from d (rows, out, cout) and `back` packed weights. bias (cin) or NULL and relu make it the
       forward of a transposed convolution. */
    void (*backward)(const as_conv *c, int64_t rows, const void *d, int64_t ldd, const void *packed, const void *bias,
                     bool relu, void *dx, int64_t ldx);
    /* part[p] (kd, kh, kw, cin/groups, cout) = tree over the lanes of part p; program, lane_row, resume, thread as
       as_kernels.outer_lanes. bias[p] (cout) likewise; NULL: not wanted. */
    void (*weight_lanes)(const as_conv *c, const void *x, int64_t ldx, const void *d, int64_t ldd,
                         const as_tree_program *program, const int64_t *lane_row, bool resume, void *const *part,
                         void *const *bias, int thread, int threads);
    /* The bias alone: part[p][j] over samples of `pixels` rows of n each, ldd apart. */
    void (*bias_lanes)(int64_t pixels, int64_t n, const void *d, int64_t ldd, const as_tree_program *program,
                       const int64_t *lane_row, bool resume, void *const *part, int thread, int threads);

    /* The oracles: the same bits from w as it is. work: (program->depth + 1) * as_conv_weights reals, one thread. */
    void (*forward_plain)(const as_conv *c, int64_t rows, const void *x, int64_t ldx, const void *w, const void *bias,
                          bool relu, void *y, int64_t ldy);
    void (*backward_plain)(const as_conv *c, int64_t rows, const void *d, int64_t ldd, const void *w, const void *bias,
                           bool relu, void *dx, int64_t ldx);
    void (*weight_lanes_plain)(const as_conv *c, const void *x, int64_t ldx, const void *d, int64_t ldd,
                               const as_tree_program *program, const int64_t *lane_row, bool resume, void *const *part,
                               void *work);

    /* Pooling: the windows of a depthwise convolution, cin = cout = groups channels. An output whose window holds no
       input is 0. Maximum: the first of equals, and the first NaN; index gets its place in the kernel (row-major;
       as_pool_place_bytes each, samples index_bytes apart), or is NULL. Back: dx is the sum over ascending outputs of
       the d that come here, from 0; where relu (like d) is not NULL but the maxima of relu's outputs, it is that of
       relu's input: d counts as 0 where they are <= 0. Sum: over ascending (kd, kh, kw) from 0, then times the scale;
       back: a chain of fma(d, scale, .) over ascending outputs from 0. pool_sum_back with AS_POOL_SUM and kernel =
       stride is upsampling to the nearest. */
    void (*pool_max)(const as_conv *c, int64_t rows, const void *x, int64_t ldx, void *y, int64_t ldy, void *index,
                     int64_t index_bytes);
    void (*pool_max_back)(const as_conv *c, int64_t rows, const void *d, int64_t ldd, const void *index,
                          int64_t index_bytes, const void *relu, void *dx, int64_t ldx);
    void (*pool_sum)(const as_conv *c, as_pool_scale scale, int64_t rows, const void *x, int64_t ldx, void *y,
                     int64_t ldy);
    void (*pool_sum_back)(const as_conv *c, as_pool_scale scale, int64_t rows, const void *d, int64_t ldd, void *dx,
                          int64_t ldx);
} as_conv_kernels;

#endif
