/* Statistics over the lanes of a batch: trace of the noise covariance, squared length of the true gradient, their
   jackknife errors, and the ratio of variances between and inside of lanes. */
#ifndef AS_PROBE_LANES_H
#define AS_PROBE_LANES_H

#include "estimator/gradients.h"

/* Of one block of parameters. With lanes r = 1..P of weight b_r, B = sum b_r:
     S = sum b_r |g_r - g|^2 / (P - 1),  G2 = |g|^2 - S / B       (unbiased; McCandlish et al. 2018 for unequal lanes)
   Errors leave out one lane at a time. */
typedef struct as_lane_noise {
    int lanes;                    /* P: lanes with weight */
    double trace, trace_se;       /* S: tr(Sigma) for one sample */
    double gradient, gradient_se; /* G2 */
    double weight;                /* B */
} as_lane_noise;

/* Not collective. q[r] = b_r |g_r - g|^2, d[r] = (g_r - g)'g, b[r], of lanes 0..n-1; gg = |g|^2. Lanes of weight 0 do
   not count. Fewer than two lanes: NaN; errors want three. */
as_lane_noise as_lane_noise_of(int n, const double *b, const double *q, const double *d, double gg);

/* F = [sum q_r / (P - 1)] / [sum w_r / P'], w_r of the P' lanes that have two halves. se: from the spread of q and w
   over lanes. */
typedef struct as_lane_ratio {
    int lanes, halved; /* P, P' */
    double ratio, se;  /* NaN where it is not defined */
} as_lane_ratio;
as_lane_ratio as_lane_ratio_of(int n, const double *b, const double *halves, const double *q, const double *w);

#endif
