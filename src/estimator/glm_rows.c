/* One pass over rows of a generalised linear model: what a chunk of rows adds to the statistic of its lane. Products
   are those of the float64 kernels; every sum over rows is one chain in a lane. */
#include <math.h>
#include <string.h>

#include "estimator/glm.h"
#include "kernels/statistics.h"
#include "kernels/symmetric.h"
#include "math/moments.h"

static void one_lane(const as_statistic *s, int64_t k, int64_t n, const double *x, int64_t ldx, const double *d,
                     int64_t ldd, int64_t count, double *sum, int64_t ld)
{
    const as_glm *g = s->model;
    const int64_t lane_row[2] = {0, count};
    void *const part[1] = {sum};
    s->kernels->outer_lanes(k, n, x, ldx, d, ldd, &g->lane, lane_row, true, part, ld, 0, 1);
}

void as_glm_bad_row(const as_rows *r, int64_t i, double value, int reason, double *sum)
{
    sum[AS_GLM_D_BAD] += 1;
    if ((double)r->id[i] < sum[AS_GLM_D_ID]) {
        sum[AS_GLM_D_ID] = (double)r->id[i];
        sum[AS_GLM_D_VALUE] = value;
        sum[AS_GLM_D_REASON] = reason;
    }
}

static void design_rows(const as_statistic *s, const as_rows *r, double *sum)
{
    const as_glm *g = s->model;
    const int64_t d = s->width;
    double *moments = sum + as_glm_design_moments(g), *ranges = sum + as_glm_design_ranges(s);
    g->family->design(g, s, r, sum);
    as_statistic_kernels_get(s->kernels->set)->moments(r->count, d, r->x, NULL, r->weight, moments, 0);
    for (int64_t i = 0; i < r->count && g->watch; i++) {
        const double *const x = r->x + i * d;
        if (r->weight[i] > 0) {
            double *range = ranges + 2 * d * g->family->group(r, i);
            for (int64_t j = 0; j < d; j++) {
                range[j] = x[j] < range[j] ? x[j] : range[j];
                range[d + j] = x[j] > range[d + j] ? x[j] : range[d + j];
            }
        }
    }
}

/* Room of products, from a 64-byte boundary, and sums that they give besides. */
int64_t as_glm_room(const as_statistic *s)
{
    return as_symmetric_room(s->width) + (s->width + 7) / 8 * 8;
}

/* sum (pairs, p, p) += sum over rows of c z z' with the constant as the last of z; upper half. */
static void add_matrices(const as_statistic *s, const as_rows *r, int64_t pairs, const double *curvature, double *room,
                         double *sum)
{
    const as_glm *g = s->model;
    const int64_t d = s->width, p = g->p;
    double *const first = room + as_symmetric_room(d);
    for (int64_t pair = 0; pair < pairs; pair++) {
        const double *const c = curvature + pair * r->count;
        double *const matrix = sum + pair * p * p;
        memset(first, 0, (size_t)d * sizeof *first);
        const as_symmetric products = {
            .count = r->count, .d = d, .x = r->x, .ldx = d, .factor = c, .first = first, .out = matrix, .ldo = p};
        as_symmetric_kernels_get(s->kernels->set)->add(&products, room);
        for (int64_t j = 0; j < d; j++) {
            matrix[j * p + d] += first[j];
        }
        for (int64_t i = 0; i < r->count; i++) {
            matrix[d * p + d] += c[i];
        }
    }
}

/* Curvatures of the sandwich: w s_k s_l, s the slope of a row's loss. */
static void square_residuals(const as_glm *g, const as_rows *r, const double *residual, double *curvature)
{
    for (int64_t k = 0, pair = 0; k < g->q; k++) {
        for (int64_t l = k; l < (g->family->coupled ? g->q : k + 1); l++, pair++) {
            for (int64_t i = 0; i < r->count; i++) {
                const double *e = residual + i * g->q, w = r->weight[i];
                curvature[pair * r->count + i] = w > 0 ? e[k] * (e[l] / w) : 0;
            }
        }
    }
}

static void watch_margins(const as_glm *g, const as_rows *r, const double *eta, int64_t ld, double *sum)
{
    for (int64_t i = 0; i < r->count; i++) {
        if (r->weight[i] > 0) {
            double size;
            const double at = g->family->margin(g, r, i, eta + i * ld, &size);
            sum[AS_GLM_H_MARGIN] = at < sum[AS_GLM_H_MARGIN] ? at : sum[AS_GLM_H_MARGIN];
            const double along = g->family->margin(g, r, i, eta + i * ld + g->q, &size);
            sum[AS_GLM_H_DIRECTION] = along < sum[AS_GLM_H_DIRECTION] ? along : sum[AS_GLM_H_DIRECTION];
            sum[AS_GLM_H_LARGEST] = size > sum[AS_GLM_H_LARGEST] ? size : sum[AS_GLM_H_LARGEST];
        }
    }
}

void as_glm_rows_add(const as_statistic *s, const as_rows *r, double *sum)
{
    const as_glm *g = s->model;
    if (*g->phase == AS_GLM_DESIGN) {
        design_rows(s, r, sum);
        return;
    }
    if (*g->phase == AS_GLM_GRAM) {
        add_matrices(s, r, 1, r->weight, r->scratch, sum + AS_GLM_HEAD);
        return;
    }
    const int64_t n = r->count, d = s->width, functions = g->watch ? 2 * g->q : g->q;
    const bool matrices = *g->phase != AS_GLM_SEARCH && *g->phase != AS_GLM_DONE;
    double *const room = r->scratch, *eta = room + (g->newton ? as_glm_room(s) : 0), *loss = eta + n * functions,
                  *residual = loss + n, *curvature = residual + n * g->q;
    double *gradient = sum + AS_GLM_HEAD;
    s->kernels->gemm(n, functions, d, r->x, d, g->packed, g->bias, false, eta, functions);
    const as_glm_rows out = {
        .count = n,
        .ld = functions,
        .eta = eta,
        .loss = loss,
        .residual = residual,
        .curvature = matrices ? curvature : NULL,
    };
    g->family->derive(g, s, r, &out);
    for (int64_t i = 0; i < n; i++) {
        sum[AS_GLM_H_LOSS] += loss[i];
        for (int64_t k = 0; k < g->q; k++) {
            gradient[k * g->p + d] += residual[i * g->q + k];
        }
        if (matrices && g->q == 1 && curvature[i] > 0) {
            sum[AS_GLM_H_PEARSON] += residual[i] * (residual[i] / curvature[i]);
        }
    }
    one_lane(s, g->q, d, residual, g->q, r->x, d, n, gradient, g->p);
    if (g->watch) {
        watch_margins(g, r, eta, functions, sum);
    }
    if (*g->phase == AS_GLM_MEAT) {
        square_residuals(g, r, residual, curvature);
    }
    if (matrices) {
        add_matrices(s, r, g->pairs, curvature, room, gradient + g->n);
    }
}

void as_glm_eta(const as_statistic *s, const as_rows *r, double *eta)
{
    const as_glm *g = s->model;
    s->kernels->gemm(r->count, g->q, s->width, r->x, s->width, g->packed_theta, g->bias_theta, false, eta, g->q);
}

void as_glm_clear(const as_statistic *s, double *sum)
{
    const as_glm *g = s->model;
    if (*g->phase != AS_GLM_DESIGN) {
        sum[AS_GLM_H_MARGIN] = sum[AS_GLM_H_DIRECTION] = HUGE_VAL;
        return;
    }
    double *ranges = sum + as_glm_design_ranges(s);
    sum[AS_GLM_D_ID] = HUGE_VAL;
    for (int64_t j = 0; g->watch && j < g->groups * s->width * 2; j++) {
        ranges[j] = j / s->width % 2 == 0 ? HUGE_VAL : -HUGE_VAL;
    }
}

static void keep_least(double *left, double right)
{
    *left = right < *left ? right : *left;
}

static void keep_most(double *left, double right)
{
    *left = right > *left ? right : *left;
}

static void merge_designs(const as_statistic *s, double *left, const double *right)
{
    const as_glm *g = s->model;
    const int64_t d = s->width, own = as_glm_design_moments(g), ranges = as_glm_design_ranges(s);
    left[AS_GLM_D_BAD] += right[AS_GLM_D_BAD];
    if (right[AS_GLM_D_ID] < left[AS_GLM_D_ID]) {
        left[AS_GLM_D_ID] = right[AS_GLM_D_ID];
        left[AS_GLM_D_VALUE] = right[AS_GLM_D_VALUE];
        left[AS_GLM_D_REASON] = right[AS_GLM_D_REASON];
    }
    for (int64_t i = AS_GLM_D_SUMS; i < own; i++) {
        left[i] += right[i];
    }
    as_moments_merge(left + own, left + own + 1, left + own + 1 + d, d, right[own], right + own + 1,
                     right + own + 1 + d);
    for (int64_t j = 0; g->watch && j < g->groups * d * 2; j++) {
        (j / d % 2 == 0 ? keep_least : keep_most)(left + ranges + j, right[ranges + j]);
    }
}

void as_glm_merge(const as_statistic *s, double *left, const double *right)
{
    const as_glm *g = s->model;
    if (*g->phase == AS_GLM_DESIGN) {
        merge_designs(s, left, right);
        return;
    }
    left[AS_GLM_H_LOSS] += right[AS_GLM_H_LOSS];
    left[AS_GLM_H_PEARSON] += right[AS_GLM_H_PEARSON];
    keep_least(left + AS_GLM_H_MARGIN, right[AS_GLM_H_MARGIN]);
    keep_least(left + AS_GLM_H_DIRECTION, right[AS_GLM_H_DIRECTION]);
    keep_most(left + AS_GLM_H_LARGEST, right[AS_GLM_H_LARGEST]);
    const int64_t first = AS_GLM_HEAD, rest = as_glm_size(s) - first;
    s->kernels->add(rest, left + first, right + first, left + first);
}
