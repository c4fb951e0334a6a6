/* Statistics over lanes. The jackknife needs no gradient again: with lane r left out, B' = B - b_r and t = b_r / B',
     g'        = g - t (g_r - g)
     |g'|^2    = |g|^2 - 2 t (g_r - g)'g + t^2 |g_r - g|^2
     sum' b_k |g_k - g'|^2 = sum b_k |g_k - g|^2 - q_r - t q_r
   so q_r and (g_r - g)'g are all it takes. */
#include "probe/lanes.h"

#include <math.h>

as_lane_noise as_lane_noise_of(int n, const double *b, const double *q, const double *d, double gg)
{
    as_lane_noise out = {
        .trace = (double)NAN, .trace_se = (double)NAN, .gradient = (double)NAN, .gradient_se = (double)NAN};
    double sum = 0;
    for (int r = 0; r < n; r++) {
        if (b[r] > 0) {
            out.lanes++;
            out.weight += b[r];
            sum += q[r];
        }
    }
    const int lanes = out.lanes;
    if (lanes < 2) {
        return out;
    }
    out.trace = sum / (lanes - 1);
    out.gradient = gg - out.trace / out.weight;
    double mean_s = 0, mean_g = 0, square_s = 0, square_g = 0;
    for (int r = 0; r < n && lanes > 2; r++) {
        if (b[r] > 0) {
            const double rest = out.weight - b[r], t = b[r] / rest;
            const double s = (sum - q[r] - t * q[r]) / (lanes - 2) - out.trace;
            const double g = gg - 2 * t * d[r] + t * t * (q[r] / b[r]) - (s + out.trace) / rest - out.gradient;
            mean_s += s;
            mean_g += g;
            square_s += s * s;
            square_g += g * g;
        }
    }
    if (lanes > 2) {
        const double factor = (double)(lanes - 1) / lanes;
        const double vs = factor * (square_s - mean_s * mean_s / lanes);
        const double vg = factor * (square_g - mean_g * mean_g / lanes);
        out.trace_se = vs > 0 ? sqrt(vs) : 0;
        out.gradient_se = vg > 0 ? sqrt(vg) : 0;
    }
    return out;
}

/* Mean, and squared relative error of it. */
static double mean_of(int n, const double *use, const double *x, int *count, double *error)
{
    double sum = 0, squares = 0;
    *count = 0;
    for (int r = 0; r < n; r++) {
        if (use[r] > 0) {
            ++*count;
            sum += x[r];
        }
    }
    const double mean = *count > 0 ? sum / *count : (double)NAN;
    for (int r = 0; r < n; r++) {
        if (use[r] > 0) {
            squares += (x[r] - mean) * (x[r] - mean);
        }
    }
    *error = *count > 1 ? squares / ((double)*count * (*count - 1)) / (mean * mean) : (double)NAN;
    return mean;
}

as_lane_ratio as_lane_ratio_of(int n, const double *b, const double *halves, const double *q, const double *w)
{
    as_lane_ratio out = {.ratio = (double)NAN, .se = (double)NAN};
    double between_error, within_error;
    const double between = mean_of(n, b, q, &out.lanes, &between_error);
    const double within = mean_of(n, halves, w, &out.halved, &within_error);
    if (out.lanes > 1 && out.halved > 0 && within > 0) {
        out.ratio = between * out.lanes / (out.lanes - 1) / within;
        const double error = between > 0 ? between_error + within_error : within_error;
        out.se = out.ratio * sqrt(error);
    }
    return out;
}
