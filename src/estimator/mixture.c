/* Mixtures of normal densities (mixture.h). */
#include "estimator/mixture.h"

#include <float.h>
#include <math.h>
#include <string.h>

#include "base/error.h"
#include "kernels/scalar_math.h"
#include "kernels/statistics.h"
#include "math/constants.h"
#include "math/dense.h"
#include "math/log_sum.h"

static bool matrices(const as_mixture *m)
{
    return m->kind == AS_COVARIANCE_FULL || m->kind == AS_COVARIANCE_TIED;
}

/* Where the covariance, or its factor, of component c begins. */
static int64_t at(const as_mixture *m, int64_t c)
{
    return m->kind == AS_COVARIANCE_FULL       ? c * m->d * m->d
           : m->kind == AS_COVARIANCE_DIAGONAL ? c * m->d
           : m->kind == AS_COVARIANCE_TIED     ? 0
                                               : c;
}

int as_mixture_shape(as_covariance kind, int64_t k, int64_t d, int64_t dim[3])
{
    dim[0] = kind == AS_COVARIANCE_TIED ? d : k;
    dim[1] = dim[2] = d;
    return kind == AS_COVARIANCE_FULL ? 3 : kind == AS_COVARIANCE_SPHERICAL ? 1 : 2;
}

as_status as_mixture_plan(as_statistic *s, as_mixture *m)
{
    s->chunk = AS_COLUMNS; /* also of wide rows: the matrices are read and written for each */
    AS_TRY(as_arena_reserve(s->arena, (size_t)(m->k * m->d) * sizeof(double), (void **)&m->spread));
    return as_arena_reserve(s->arena, (size_t)m->k * sizeof(double), (void **)&m->constants);
}

void as_mixture_ready(as_mixture *m)
{
    const int64_t d = m->d;
    for (int64_t c = 0; c < m->k; c++) {
        const double *p = m->factors + at(m, c);
        double log = 0;
        for (int64_t j = 0; j < d; j++) {
            const double diagonal = matrices(m) ? p[j * d + j] : m->kind == AS_COVARIANCE_DIAGONAL ? p[j] : p[0];
            m->spread[c * d + j] = diagonal;
            log += diagonal > 0 ? as_log_f64(diagonal) : 0;
        }
        const double weight = m->weights[c];
        m->constants[c] = weight > 0 ? as_log_f64(weight) + log - 0.5 * (double)d * AS_LOG_2PI : -HUGE_VAL;
    }
}

int64_t as_mixture_scratch(int64_t k, int64_t d)
{
    return AS_COLUMNS * (3 * d + k + 2);
}

double *as_mixture_shares(const as_statistic *s, const as_mixture *m, const as_rows *r, const double **total)
{
    const as_statistic_kernels *kernels = as_statistic_kernels_get(s->kernels->set);
    double *const t = r->scratch, *const sum = t + AS_COLUMNS * m->d, *const v = sum + AS_COLUMNS;
    kernels->columns(r->count, m->d, r->x, t);
    for (int64_t c = 0; c < m->k; c++) {
        double *const own = v + c * AS_COLUMNS;
        if (matrices(m)) {
            kernels->quadratic(r->count, m->d, t, m->means + c * m->d, m->factors + at(m, c), own);
        } else {
            kernels->diagonal(r->count, m->d, t, m->means + c * m->d, m->spread + c * m->d, own);
        }
        for (int64_t i = 0; i < r->count; i++) {
            own[i] = m->constants[c] - 0.5 * own[i];
        }
    }
    kernels->shares(r->count, m->k, v, sum);
    *total = sum;
    return v;
}

/* Doubles of a component, without a shared S. */
static int64_t part_size(const as_mixture *m)
{
    const int64_t d = m->d;
    return m->kind == AS_COVARIANCE_FULL ? 1 + d + d * d : m->kind == AS_COVARIANCE_TIED ? 1 + d : 1 + 2 * d;
}

int64_t as_mixture_size(const as_mixture *m)
{
    return m->k * part_size(m) + (m->kind == AS_COVARIANCE_TIED ? m->d * m->d : 0);
}

/* S of a component: its own, or the shared one. */
static int64_t square_at(const as_mixture *m, int64_t c)
{
    return m->kind == AS_COVARIANCE_TIED ? m->k * part_size(m) : c * part_size(m) + 1 + m->d;
}

void as_mixture_add(const as_statistic *s, const as_mixture *m, const as_rows *r, int64_t c, const double *share,
                    double *sum)
{
    const as_statistic_kernels *kernels = as_statistic_kernels_get(s->kernels->set);
    const int64_t d = m->d;
    double *const delta = r->scratch + AS_COLUMNS * (d + 1 + m->k), *const scaled = delta + AS_COLUMNS * d;
    double *const factor = scaled + AS_COLUMNS * d, *const own = sum + c * part_size(m);
    for (int64_t i = 0; i < r->count; i++) {
        factor[i] = share != NULL ? share[i] * r->weight[i] : r->weight[i];
    }
    if (!matrices(m)) {
        kernels->squares(r->count, d, r->x, m->means + c * d, factor, own);
        return;
    }
    kernels->deltas(r->count, d, r->x, m->means + c * d, factor, delta, scaled, own);
    int16_t step[2] = {0, AS_TREE_EMIT}, first[1] = {0}, lanes[1] = {1};
    const as_tree_program program = {
        .lanes = 1, .steps = 2, .parts = 1, .depth = 1, .step = step, .part_first = first, .part_lanes = lanes};
    const int64_t lane_row[2] = {0, r->count};
    void *part[1] = {sum + square_at(m, c)};
    s->kernels->outer_lanes(d, d, scaled, d, delta, d, &program, lane_row, true, part, d, 0, 1);
}

/* Component c from its part of the statistic, but for what is shared. */
static void estimate_one(as_mixture *m, int64_t c, const double *own, double floor)
{
    const int64_t d = m->d;
    const double n = own[0], *s = own + 1, *square = s + d;
    double *cov = m->covariances + at(m, c), mean_variance = 0;
    for (int64_t j = 0; j < d; j++) {
        const double shift = s[j] / n;
        m->means[c * d + j] += shift;
        for (int64_t i = 0; i < d && m->kind == AS_COVARIANCE_FULL; i++) {
            cov[j * d + i] = square[j * d + i] / n - shift * (s[i] / n) + (i == j ? floor : 0);
        }
        if (m->kind == AS_COVARIANCE_DIAGONAL) {
            cov[j] = square[j] / n - shift * shift + floor;
        } else if (m->kind == AS_COVARIANCE_SPHERICAL) {
            mean_variance += (square[j] / n - shift * shift + floor) / (double)d;
        }
    }
    if (m->kind == AS_COVARIANCE_SPHERICAL) {
        *cov = mean_variance;
    }
}

void as_mixture_estimate(as_mixture *m, const double *sum, double floor, double least, bool *collapsed)
{
    const int64_t d = m->d, part = part_size(m);
    double whole = 0;
    for (int64_t c = 0; c < m->k; c++) {
        whole += sum[c * part];
    }
    if (m->kind == AS_COVARIANCE_TIED) {
        for (int64_t i = 0; i < d * d; i++) {
            m->covariances[i] = sum[square_at(m, 0) + i] / whole + (i % (d + 1) == 0 ? floor : 0);
        }
    }
    for (int64_t c = 0; c < m->k; c++) {
        const double *own = sum + c * part, n = own[0];
        collapsed[c] = !(n > least);
        m->weights[c] = n / whole;
        if (!collapsed[c]) {
            estimate_one(m, c, own, floor);
        }
        for (int64_t i = 0; i < d * d && !collapsed[c] && m->kind == AS_COVARIANCE_TIED; i++) {
            m->covariances[i] -= own[1 + i / d] * (own[1 + i % d] / n) / whole;
        }
    }
}

void as_mixture_factor(as_mixture *m, double *work, bool *collapsed)
{
    const int64_t d = m->d;
    for (int64_t c = 0; c < m->k; c++) {
        const double *cov = m->covariances + at(m, c);
        double *p = m->factors + at(m, c);
        bool good = true;
        if (matrices(m) && (m->kind == AS_COVARIANCE_FULL || c == 0)) {
            memcpy(work, cov, (size_t)(d * d) * sizeof *work);
            good = as_dense_cholesky(d, work, (double)d * DBL_EPSILON, NULL) == d;
            if (good) {
                as_dense_invert_upper(d, work, d, p);
            }
        }
        for (int64_t j = 0; !matrices(m) && j < (m->kind == AS_COVARIANCE_DIAGONAL ? d : 1); j++) {
            good = good && cov[j] > 0;
            p[j] = cov[j] > 0 ? 1 / sqrt(cov[j]) : 0;
        }
        if (m->kind == AS_COVARIANCE_TIED && c == 0 && !good) {
            for (int64_t i = 0; i < m->k; i++) {
                collapsed[i] = true;
            }
        }
        collapsed[c] = collapsed[c] || !good;
    }
}

void as_mixture_variances(const as_mixture *m, const double *sum, double *variance)
{
    const int64_t d = m->d, part = part_size(m);
    for (int64_t j = 0; j < d; j++) {
        double n = 0, mean = 0, square = 0;
        for (int64_t c = 0; c < m->k; c++) {
            const double *own = sum + c * part;
            if (own[0] > 0) { /* the rows of the component about the mean of all */
                const double at_mean = m->means[c * d + j], shift = own[1 + j] / own[0];
                n += own[0];
                mean += own[0] * (at_mean + shift);
            }
        }
        mean /= n;
        for (int64_t c = 0; c < m->k; c++) {
            const double *own = sum + c * part;
            const double to_mean = m->means[c * d + j] - mean;
            square += own[0] * to_mean * to_mean + 2 * own[1 + j] * to_mean;
            if (m->kind != AS_COVARIANCE_TIED) {
                square += sum[square_at(m, c) + (m->kind == AS_COVARIANCE_FULL ? j * d + j : j)];
            }
        }
        square += m->kind == AS_COVARIANCE_TIED ? sum[square_at(m, 0) + j * d + j] : 0;
        variance[j] = square > 0 ? square / n : 0;
    }
}
