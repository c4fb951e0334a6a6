/* Newton's method (IRLS where the link is canonical) on rank 0, one evaluation a pass: backtracking by Armijo's rule
   (Nocedal and Wright, Numerical Optimization, 2nd ed., 3.1); with an L1 penalty the step minimises the quadratic model
   and the penalty together by coordinate descent (Lee, Sun, Saunders, SIAM J. Optim. 24, 2014). It stops where the
   decrement sqrt(2 (F - model)) is at most tol, and takes that last step too: quadratic convergence makes its error
   about tol squared. Cost: n^3 / 3 flops a step. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "estimator/glm.h"
#include "kernels/vectors.h"
#include "math/dense.h"

static const double DECREASE = 1e-4, ROUNDING = 1e-14, PIVOT = 1e-13;
static const double INFERENCE = 1e-6; /* tolerance at most, where errors are wanted */
enum { SWEEPS = 2000 };

int64_t as_glm_pair(const as_glm *g, int64_t k, int64_t l)
{
    return g->family->coupled ? k * g->q - k * (k - 1) / 2 + (l - k) : k;
}

void as_glm_assemble(const as_glm *g, const double *pairs, double *matrix)
{
    const int64_t p = g->p, n = g->n;
    memset(matrix, 0, (size_t)(n * n) * sizeof *matrix);
    for (int64_t k = 0; k < g->q; k++) {
        for (int64_t l = k; l < (g->family->coupled ? g->q : k + 1); l++) {
            const double *pair = pairs + as_glm_pair(g, k, l) * p * p;
            for (int64_t i = 0; i < p; i++) {
                for (int64_t j = i; j < p; j++) {
                    const double v = pair[i * p + j];
                    matrix[(k * p + i) * n + l * p + j] = matrix[(k * p + j) * n + l * p + i] = v;
                    matrix[(l * p + i) * n + k * p + j] = matrix[(l * p + j) * n + k * p + i] = v;
                }
            }
        }
    }
}

/* Mean of the matrices and the penalty; rows and columns of coefficients that are held become those of the identity. */
static void hessian(const as_glm *g, const double *pairs, double *matrix)
{
    const int64_t n = g->n;
    as_glm_assemble(g, pairs, matrix);
    for (int64_t i = 0; i < n; i++) {
        for (int64_t j = 0; j < n; j++) {
            const bool held = g->active[i % g->p] != AS_GLM_ACTIVE || g->active[j % g->p] != AS_GLM_ACTIVE;
            matrix[i * n + j] = held ? (i == j ? 1 : 0) : matrix[i * n + j] / g->number[AS_GLM_WEIGHT];
        }
        matrix[i * n + i] += g->active[i % g->p] == AS_GLM_ACTIVE ? as_glm_l2(g, i % g->p) : 0;
    }
}

/* x := -M^-1 x by Cholesky on the matrix of unit diagonal; directions that it does not see are not gone. M is used
   up. */
static void solve(int64_t n, double *matrix, double *x, double *root, bool *dependent)
{
    for (int64_t i = 0; i < n; i++) {
        root[i] = matrix[i * n + i] > 0 ? 1 / sqrt(matrix[i * n + i]) : 0;
    }
    for (int64_t i = 0; i < n; i++) {
        for (int64_t j = 0; j < n; j++) {
            matrix[i * n + j] *= root[i] * root[j];
        }
    }
    as_dense_cholesky(n, matrix, PIVOT, dependent);
    for (int64_t j = 0; j < n; j++) {
        x[j] *= -root[j];
        if (dependent[j]) {
            for (int64_t i = 0; i < j; i++) {
                matrix[i * n + j] = 0;
            }
            matrix[j * n + j] = 1;
            x[j] = 0;
        }
    }
    as_dense_solve_upper_transposed(n, matrix, n, x);
    as_dense_solve_upper(n, matrix, n, x);
    for (int64_t j = 0; j < n; j++) {
        x[j] *= root[j];
    }
}

/* direction = argmin_d g'd + 1/2 d'M d + sum l1 |v + d|. slope (n): work space. */
static void descend(const as_glm *g, const double *matrix, double *slope)
{
    const as_vectors *V = as_vectors_get(as_isa_detect());
    const int64_t n = g->n;
    double *d = g->direction;
    memset(d, 0, (size_t)n * sizeof *d);
    memcpy(slope, g->gradient, (size_t)n * sizeof *slope);
    for (int sweep = 0; sweep < SWEEPS; sweep++) {
        double largest = 0, size = 0;
        for (int64_t j = 0; j < n; j++) {
            const double curvature = matrix[j * n + j], l1 = as_glm_l1(g, j % g->p);
            if (g->active[j % g->p] != AS_GLM_ACTIVE || !(curvature > 0)) {
                continue;
            }
            const double v = g->theta[j] + d[j], free = v - slope[j] / curvature, cut = l1 / curvature;
            const double next = free > cut ? free - cut : free < -cut ? free + cut : 0, change = next - v;
            if (change != 0) {
                d[j] = next - g->theta[j];
                V->axpy(n, change, matrix + j * n, slope);
            }
            largest = fmax(largest, fabs(change) * sqrt(curvature));
            size = fmax(size, fabs(d[j]) * sqrt(curvature));
        }
        if (largest <= 1e-13 * size) {
            break;
        }
    }
}

static double l1_at(const as_glm *g, const double *theta)
{
    double sum = 0;
    for (int64_t j = 0; g->penalty == AS_GLM_L1 && j < g->n; j++) {
        sum += as_glm_l1(g, j % g->p) * fabs(theta[j]);
    }
    return sum;
}

static void place_trial(as_glm *g, double step)
{
    g->number[AS_GLM_STEP] = step;
    for (int64_t j = 0; j < g->n; j++) {
        g->trial[j] = g->theta[j] + step * g->direction[j];
    }
}

/* The next direction, and what the model promises for it: negative. */
static as_status direct(as_statistic *s, const double *pairs, double *promise)
{
    as_glm *g = s->model;
    const int64_t n = g->n;
    double *matrix = malloc((size_t)(n * n + n) * sizeof *matrix), *work = matrix == NULL ? NULL : matrix + n * n;
    bool *dependent = malloc((size_t)n);
    if (matrix == NULL || dependent == NULL) {
        free(matrix);
        free(dependent);
        AS_FAIL(AS_NOMEM, "%s: out of memory for a matrix of %lld coefficients", s->base.ops->name, (long long)n);
    }
    hessian(g, pairs, matrix);
    *promise = 0;
    if (g->penalty == AS_GLM_L1) {
        descend(g, matrix, work);
        place_trial(g, 1);
        *promise = l1_at(g, g->trial) - l1_at(g, g->theta);
    } else {
        memcpy(g->direction, g->gradient, (size_t)n * sizeof(double));
        solve(n, matrix, g->direction, work, dependent);
    }
    for (int64_t j = 0; j < n; j++) {
        *promise += g->gradient[j] * g->direction[j];
    }
    free(matrix);
    free(dependent);
    return AS_OK;
}

/* A trial that did not lower F enough is taken back by half. */
static as_status step_back(as_statistic *s, double value)
{
    as_glm *g = s->model;
    const double step = g->number[AS_GLM_STEP] * (isfinite(value) ? 0.5 : 0.1);
    if (step < 1e-12) {
        AS_FAIL(AS_DIVERGED,
                "%s: Newton's step of pass %lld does not lower the mean objective from %.17g (slope %.3g along it, "
                "largest slope %.3g in a coefficient)",
                s->base.ops->name, (long long)s->pass + 1, g->number[AS_GLM_VALUE], g->number[AS_GLM_SLOPE],
                g->number[AS_GLM_GRADIENT]);
    }
    place_trial(g, step);
    return AS_OK;
}

/* Coefficients of columns that have none become 0. Was one of them not? */
static bool drop_inactive(as_glm *g)
{
    bool any = false;
    for (int64_t j = 0; j < g->n; j++) {
        if (g->active[j % g->p] != AS_GLM_ACTIVE) {
            any |= g->theta[j] != 0;
            g->gradient[j] = g->theta[j] = 0;
        }
    }
    return any;
}

as_status as_glm_newton_step(as_statistic *s, const double *sum, double value)
{
    as_glm *g = s->model;
    const double step = g->number[AS_GLM_STEP], slope = g->number[AS_GLM_SLOPE];
    value += l1_at(g, g->trial);
    if (step > 0) {
        const double most = g->number[AS_GLM_VALUE] + DECREASE * step * slope;
        if (!(value <= most + ROUNDING * fabs(g->number[AS_GLM_VALUE]))) {
            return step_back(s, value);
        }
        *g->n_iter += 1;
    } else if (!isfinite(value)) {
        AS_FAIL(AS_DIVERGED, "%s: the mean objective is %g at the starting point", s->base.ops->name, value);
    }
    g->number[AS_GLM_VALUE] = value;
    g->number[AS_GLM_LOSS] = sum[AS_GLM_H_LOSS] / g->number[AS_GLM_WEIGHT];
    memcpy(g->theta, g->trial, (size_t)g->n * sizeof(double));
    memcpy(g->gradient, sum + AS_GLM_HEAD, (size_t)g->n * sizeof(double));
    if (g->watch) {
        AS_TRY(as_glm_check_separation(s, sum));
    }
    const double *pairs = sum + AS_GLM_HEAD + g->n;
    if (g->watch && step == 0) {
        AS_TRY(as_glm_find_dependence(s, pairs));
        if (drop_inactive(g)) {
            place_trial(g, 0); /* a search by L-BFGS has used them: once more from here */
            return AS_OK;
        }
    }
    double promise = 0;
    AS_TRY(direct(s, pairs, &promise));
    g->number[AS_GLM_SLOPE] = promise;
    place_trial(g, 1);
    const double tol = g->inference && g->options.tol > INFERENCE ? INFERENCE : g->options.tol;
    if (promise >= -tol * tol || promise >= -ROUNDING * fabs(value)) {
        memcpy(g->theta, g->trial, (size_t)g->n * sizeof(double));
        *g->n_iter += 1;
        *g->phase = g->inference ? AS_GLM_FISHER : AS_GLM_DONE;
    }
    return AS_OK;
}
