/* The convolution kernels of one variant, collected by v_conv_table.c;
 * contracts are in conv.h. */
#ifndef AS_KERNELS_TABLE_CONV_H
#define AS_KERNELS_TABLE_CONV_H

#include "kernels/conv.h"
#include "kernels/real.h"

int64_t AS_V(as_conv_pack_reals)(const as_conv *c, bool back);
void AS_V(as_conv_pack)(const as_conv *c, const void *w, int64_t first, int64_t count, void *forward, void *back);
void AS_V(as_conv_forward)(const as_conv *c, int64_t rows, const void *x, int64_t ldx, const void *packed,
                           const void *bias, bool relu, void *y, int64_t ldy);
void AS_V(as_conv_backward)(const as_conv *c, int64_t rows, const void *d, int64_t ldd, const void *packed,
                            const void *bias, bool relu, void *dx, int64_t ldx);
void AS_V(as_conv_weight_lanes)(const as_conv *c, const void *x, int64_t ldx, const void *d, int64_t ldd,
                                const as_tree_program *program, const int64_t *lane_row, bool resume, void *const *part,
                                void *const *bias, int thread, int threads);
void AS_V(as_conv_bias_lanes)(int64_t pixels, int64_t n, const void *d, int64_t ldd, const as_tree_program *program,
                              const int64_t *lane_row, bool resume, void *const *part, int thread, int threads);
void AS_V(as_conv_forward_plain)(const as_conv *c, int64_t rows, const void *x, int64_t ldx, const void *w,
                                 const void *bias, bool relu, void *y, int64_t ldy);
void AS_V(as_conv_backward_plain)(const as_conv *c, int64_t rows, const void *d, int64_t ldd, const void *w,
                                  const void *bias, bool relu, void *dx, int64_t ldx);
void AS_V(as_conv_weight_lanes_plain)(const as_conv *c, const void *x, int64_t ldx, const void *d, int64_t ldd,
                                      const as_tree_program *program, const int64_t *lane_row, bool resume,
                                      void *const *part, void *work);
void AS_V(as_pool_max)(const as_conv *c, int64_t rows, const void *x, int64_t ldx, void *y, int64_t ldy, void *index,
                       int64_t index_bytes);
void AS_V(as_pool_max_back)(const as_conv *c, int64_t rows, const void *d, int64_t ldd, const void *index,
                            int64_t index_bytes, const void *relu, void *dx, int64_t ldx);
void AS_V(as_pool_sum)(const as_conv *c, as_pool_scale scale, int64_t rows, const void *x, int64_t ldx, void *y,
                       int64_t ldy);
void AS_V(as_pool_sum_back)(const as_conv *c, as_pool_scale scale, int64_t rows, const void *d, int64_t ldd, void *dx,
                            int64_t ldx);

/* Each group has one input and one output channel: vectors run over channels
 * instead of over a group's outputs. */
static inline bool as_conv_depthwise(const as_conv *c)
{
    return c->groups == c->cin && c->groups == c->cout && c->groups > 1;
}

#endif
