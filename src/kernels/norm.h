/* Normalisation. Rows: layer norm (Ba et al. 2016) and rms norm (Zhang and Sennrich 2019), each row by itself:
     mean = sum_j x_j / n (rms: 0),  r = 1 / sqrt(sum_j (x_j - mean)^2 / n + eps),  h_j = (x_j - mean) r
     y_j = fma(h_j, gamma_j, beta_j);  g_j = dy_j gamma_j,  a = sum_j g_j / n (rms: 0),  b = sum_j g_j h_j / n
     dx_j = r (g_j - fma(h_j, b, a));  dgamma_j = sum over rows of dy_j h_j,  dbeta_j = sum over rows of dy_j
   Sums over j: 16 accumulators, element j to j mod 16, then their tree; squares and products by fma.

   Channels: batch norm (Ioffe and Szegedy 2015) and group norm (Wu and He 2018) of arrays (samples, positions,
   channels) have statistics over positions, channel by channel: a sum is a chain over the positions of one sample, and
   samples are added in double, in order. What is done with them (a lane, a batch, a group of channels) is the layer's.

   Source: v_norm.c; the definitions written plainly, which it equals bit for bit: v_norm_plain.c. Cost: one pass over
   memory for each array named; rows stay in L1 between the passes over them. */
#ifndef AS_KERNELS_NORM_H
#define AS_KERNELS_NORM_H

#include <stdbool.h>
#include <stdint.h>

#include "base/tree.h"

typedef struct as_norm_rows {
    int64_t rows, n;
    bool centre; /* layer norm; false: rms norm */
    double eps;
    const void *x, *gamma, *beta; /* (rows, n), (n), (n); beta NULL: 0 */
    int64_t ldx;
    void *y; /* forward: (rows, n) */
    int64_t ldy;
    void *stat; /* (rows, 2): mean, r; written by forward */
    int64_t lds;
    const void *dy; /* backward: (rows, n), ld = ldy */
    void *dx;       /* backward: (rows, n), ld = ldx; may be dy when ldx = ldy ... */
    bool add;       /* ... and it is added to what dx holds */
} as_norm_rows;

/* Parameter gradients along the lanes, as column_sum_lanes: rows of x, dy and stat from lane_row. */
typedef struct as_norm_sums {
    int64_t n;
    const void *x, *dy, *stat;
    int64_t ldx, ldy, lds;
    const as_tree_program *program;
    const int64_t *lane_row;
    bool resume;
    void *const *dgamma; /* (program->parts) arrays (n) */
    void *const *dbeta;  /* NULL: not wanted */
    int thread, threads;
} as_norm_sums;

/* (samples, positions, channels), samples ld reals apart, positions `channels` apart. */
typedef struct as_norm_block {
    int64_t samples, positions, channels, ld;
} as_norm_block;

typedef struct as_norm_kernels {
    void (*rows_forward)(const as_norm_rows *a);
    void (*rows_backward)(const as_norm_rows *a);
    void (*rows_sums)(const as_norm_sums *a);

    /* sum[c] += over samples of (double)[chain over positions of x - shift[c] (added), or of (x - shift[c])^2 (fma)
       when squares]. shift NULL: 0. */
    void (*channel_moments)(const as_norm_block *b, const void *x, const void *shift, bool squares, double *sum);
    /* y = fma(x - mean[c], scale[c], beta[c]) + plus, then max(., 0) if relu (NaN stays); plus NULL: 0, else as y. */
    void (*channel_apply)(const as_norm_block *b, const void *x, const void *mean, const void *scale, const void *beta,
                          const void *plus, int64_t ldp, bool relu, void *y, int64_t ldy);
    /* dy = 0 where y <= 0 (y NULL: dy stays), then sum[c] += dy and dot[c] += dy (x - mean[c]) by fma, over positions
       and samples as above. dy and y have samples ldy apart. */
    void (*channel_gradient_moments)(const as_norm_block *b, const void *x, const void *mean, const void *y, void *dy,
                                     int64_t ldy, double *sum, double *dot);
    /* dx = dy scale[c] - fma(x - mean[c], slope[c], level[c]); dx as x; dy and dx may be one array. */
    void (*channel_backward)(const as_norm_block *b, const void *x, const void *mean, const void *scale,
                             const void *slope, const void *level, const void *dy, int64_t ldy, void *dx);
} as_norm_kernels;

/* The oracles have the same functions. */
#endif
