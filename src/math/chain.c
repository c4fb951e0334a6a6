/* Scaled forward and backward recursions (L. Rabiner, "A tutorial on hidden Markov models", Proc. IEEE 77, 1989, eq.
   92-95, 37): shares of states add up to 1 at each position, so nothing underflows however long the sequence. Cost: k^2
   multiply-adds a position each way. */
#include "math/chain.h"

#include <float.h>
#include <math.h>
#include <stdbool.h>
#include <stddef.h>

#include "kernels/scalar_math.h"

#define NEGLIGIBLE 1e-290 /* a smaller share is 0: its reciprocal stays in range */

/* p(state_t | x_0..x_{t-1}) */
static void foresee(const as_chain *c, const double *share, double *out)
{
    for (int64_t j = 0; j < c->k; j++) {
        out[j] = share == NULL ? c->start[j] : 0;
    }
    for (int64_t i = 0; share != NULL && i < c->k; i++) {
        for (int64_t j = 0; j < c->k; j++) {
            out[j] += share[i] * c->step[i * c->k + j];
        }
    }
}

double as_chain_forward(const as_chain *c, int64_t n, double *density, double *share, double *scale,
                        int64_t *impossible)
{
    const int64_t k = c->k;
    double log_p = 0;
    for (int64_t t = 0; t < n; t++) {
        double *own = share + t * k, *d = density + t * k, most = -HUGE_VAL, sum = 0;
        foresee(c, t == 0 ? NULL : own - k, own);
        for (int64_t j = 0; j < k; j++) { /* only states that can be reached set the unit */
            most = own[j] > 0 && d[j] > most ? d[j] : most;
        }
        for (int64_t j = 0; j < k; j++) {
            d[j] = own[j] > 0 && d[j] > -HUGE_VAL ? as_exp_f64(d[j] - most) : 0;
            own[j] *= d[j];
            sum += own[j];
        }
        const bool possible = sum > 0 && most < HUGE_VAL;
        log_p += possible ? most + as_log_f64(sum) : as_log_f64(DBL_TRUE_MIN);
        scale[t] = possible ? sum : 0;
        *impossible += !possible;
        for (int64_t j = 0; j < k; j++) {
            own[j] = possible ? own[j] / sum : 1 / (double)k;
            own[j] = own[j] < NEGLIGIBLE ? 0 : own[j];
        }
    }
    return log_p;
}

void as_chain_backward(const as_chain *c, int64_t n, const double *density, double *share, const double *scale,
                       double weight, double *steps, double *work)
{
    const int64_t k = c->k;
    double *later = work, *next = work + k; /* p(what comes after | state_t), in units */
    for (int64_t j = 0; j < k; j++) {
        later[j] = 1;
    }
    for (int64_t t = n - 2; t >= 0; t--) {
        const double *after = density + (t + 1) * k;
        double *own = share + t * k;
        for (int64_t j = 0; j < k; j++) {
            next[j] = scale[t + 1] > 0 ? after[j] * later[j] / scale[t + 1] : 0;
        }
        for (int64_t i = 0; i < k; i++) {
            double sum = 0;
            for (int64_t j = 0; j < k; j++) {
                const double term = c->step[i * k + j] * next[j];
                sum += term;
                if (steps != NULL && own[i] > 0) {
                    steps[i * k + j] += weight * own[i] * term;
                }
            }
            later[i] = scale[t + 1] > 0 ? sum : 1; /* the chain begins anew behind an impossible position */
        }
        for (int64_t i = 0; i < k; i++) {
            later[i] = own[i] > 0 ? later[i] : 0;
            own[i] *= later[i];
        }
    }
}

void as_chain_path(const as_chain *c, int64_t n, double *density, int32_t *path, double *work)
{
    const int64_t k = c->k;
    double *best = work, *next = work + k; /* ln p of the best path to each state */
    for (int64_t t = 0; t < n; t++) {
        double *own = density + t * k; /* becomes the state before */
        double most = -HUGE_VAL;
        for (int64_t j = 0; j < k; j++) {
            int64_t from = 0;
            double top = t == 0 && c->start[j] > 0 ? as_log_f64(c->start[j]) : -HUGE_VAL;
            for (int64_t i = 0; t > 0 && i < k; i++) {
                const double p = c->step[i * k + j] > 0 ? best[i] + as_log_f64(c->step[i * k + j]) : -HUGE_VAL;
                from = p > top ? i : from;
                top = p > top ? p : top;
            }
            next[j] = top + own[j];
            own[j] = (double)from;
            most = next[j] > most ? next[j] : most;
        }
        if (!(most > -HUGE_VAL)) { /* impossible: all states alike from here on, behind the best path so far */
            int64_t from = 0;
            for (int64_t i = 1; t > 0 && i < k; i++) {
                from = best[i] > best[from] ? i : from;
            }
            for (int64_t j = 0; j < k; j++) {
                next[j] = 0;
                own[j] = (double)from;
            }
        }
        double *const swap = best;
        best = next;
        next = swap;
    }
    int64_t state = 0;
    for (int64_t j = 1; j < k && n > 0; j++) {
        state = best[j] > best[state] ? j : state;
    }
    for (int64_t t = n - 1; t >= 0; t--) {
        path[t] = (int32_t)state;
        state = (int64_t)density[t * k + state];
    }
}
