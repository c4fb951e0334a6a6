/* Generalised linear models: memory, state and the order of passes (glm.h). Cost of a pass, per row: 4 q D flops, and
   2 D^2 for each of q (q + 1) / 2 matrices where Newton's method wants them. */
#include "estimator/glm.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "kernels/vectors.h"
#include "math/dense.h"

enum {
    MEMORY = 10,           /* pairs of L-BFGS, as in scikit-learn */
    AUTO_MOST = 500,       /* coefficients up to which solver: auto takes Newton's method */
    GRAM_MOST = 1024,      /* columns up to which a matrix of them preconditions L-BFGS ... */
    GRAM_COST = 96,        /* ... and for each function, so that it costs no more than about 24 passes */
    CHUNK_BYTES = 1 << 20, /* of rows at a time: they stay in the second cache */
    CHUNK_LEAST = 16,
    CHUNK_MOST = 256,
    NEWTON_MOST = 2048,           /* most coefficients of a matrix ... */
    MATRIX_MOST = 2 * 1024 * 1024 /* ... and doubles of the statistic of a lane */
};

const char *const as_glm_solvers[] = {"auto", "newton", "lbfgs", NULL};
const char *const as_glm_cov_types[] = {"nonrobust", "HC0", NULL};

int64_t as_glm_design_moments(const as_glm *g)
{
    return AS_GLM_D_SUMS + g->family->design_size(g);
}

int64_t as_glm_design_ranges(const as_statistic *s)
{
    return as_glm_design_moments(s->model) + 1 + 2 * s->width;
}

static int64_t design_size(const as_statistic *s)
{
    const as_glm *g = s->model;
    return as_glm_design_ranges(s) + (g->watch ? g->groups * s->width * 2 : 0);
}

int64_t as_glm_size(const as_statistic *s)
{
    const as_glm *g = s->model;
    switch (*g->phase) {
    case AS_GLM_DESIGN:
        return design_size(s);
    case AS_GLM_GRAM:
        return AS_GLM_HEAD + g->p * g->p;
    case AS_GLM_SEARCH:
    case AS_GLM_DONE:
        return AS_GLM_HEAD + g->n;
    default:
        return AS_GLM_HEAD + g->n + g->pairs * g->p * g->p;
    }
}

static as_status choose_solver(as_statistic *s)
{
    as_glm *g = s->model;
    const double doubles = (double)(AS_GLM_HEAD + g->n) + (double)g->pairs * (double)g->p * (double)g->p;
    const bool fits = g->n <= NEWTON_MOST && doubles <= MATRIX_MOST;
    const bool likelihood = g->family->likelihood;
    if (g->options.solver == AS_GLM_NEWTON && !fits) {
        AS_FAIL(AS_CONFIG,
                "model.solver: newton needs a matrix of %lld x %lld coefficients (%.3g MB for each lane); the most is "
                "%d coefficients and %d MB: set model.solver: lbfgs",
                (long long)g->n, (long long)g->n, doubles * 8e-6, NEWTON_MOST, MATRIX_MOST / 131072);
    }
    if (g->options.solver == AS_GLM_SOLVER_AUTO) {
        g->options.solver = fits && g->n <= AUTO_MOST ? AS_GLM_NEWTON : AS_GLM_LBFGS;
    }
    g->no_inference = !likelihood                 ? "the squared hinge loss is no likelihood"
                      : g->penalty != AS_GLM_NONE ? "not defined for a penalised fit (it is shrunk on purpose)"
                      : !fits                     ? "they would need a matrix of too many coefficients"
                                                  : NULL;
    g->inference = g->no_inference == NULL;
    g->newton = g->inference || g->options.solver == AS_GLM_NEWTON;
    g->watch = likelihood && g->penalty == AS_GLM_NONE;
    g->gram = g->options.solver == AS_GLM_LBFGS && g->penalty != AS_GLM_L1 && s->width <= GRAM_MOST &&
              s->width <= GRAM_COST * g->q;
    return AS_OK;
}

static as_status plan_state(as_statistic *s)
{
    as_glm *g = s->model;
    const int64_t theta[2] = {g->q, g->p}, numbers = AS_GLM_NUMBERS;
    const int64_t history = g->options.solver == AS_GLM_LBFGS ? 2 * MEMORY * g->n + AS_LBFGS_NUMBERS : 1;
    AS_TRY(as_statistic_integers(s, "/params/n_iter_", 0, NULL, 0, AS_STATISTIC_COUNT_MOST, &g->n_iter));
    AS_TRY(as_statistic_integers(s, "/state/phase", 0, NULL, AS_GLM_DESIGN, AS_GLM_DONE, &g->phase));
    AS_TRY(as_statistic_integers(s, "/state/active", 1, &g->p, AS_GLM_ACTIVE, AS_GLM_ABSENT, &g->active));
    AS_TRY(as_statistic_array(s, "/state/number", 1, &numbers, &g->number));
    AS_TRY(as_statistic_array(s, "/state/theta", 2, theta, &g->theta));
    AS_TRY(as_statistic_array(s, "/state/trial", 2, theta, &g->trial));
    AS_TRY(as_statistic_array(s, "/state/direction", 2, theta, &g->direction));
    AS_TRY(as_statistic_array(s, "/state/gradient", 2, theta, &g->gradient));
    AS_TRY(as_statistic_array(s, "/state/history", 1, &history, &g->history));
    const int64_t square[2] = {s->width, s->width};
    if (g->gram) {
        AS_TRY(as_statistic_array(s, "/state/inverse", 2, square, &g->inverse));
    }
    AS_TRY(as_statistic_array(s, "/state/scale", 1, &s->width, &g->scale));
    return as_statistic_array(s, "/state/shift", 1, &s->width, &g->shift);
}

static as_status plan_errors(as_statistic *s)
{
    as_glm *g = s->model;
    const int64_t all = g->q * g->terms, one[2] = {g->q, g->terms}, pair[3] = {g->q, g->terms, 2},
                  square[2] = {all, all}, bread[2] = {g->n, g->n};
    const int first = g->q == 1 ? 1 : 0; /* one function: no axis for it */
    AS_TRY(as_statistic_array(s, "/state/bread", 2, bread, &g->bread));
    AS_TRY(as_statistic_array(s, "/inference/params", 2 - first, one + first, &g->params));
    AS_TRY(as_statistic_array(s, "/inference/bse", 2 - first, one + first, &g->bse));
    AS_TRY(as_statistic_array(s, "/inference/tvalues", 2 - first, one + first, &g->tvalues));
    AS_TRY(as_statistic_array(s, "/inference/pvalues", 2 - first, one + first, &g->pvalues));
    AS_TRY(as_statistic_array(s, "/inference/conf_int", 3 - first, pair + first, &g->conf_int));
    AS_TRY(as_statistic_array(s, "/inference/cov_params", 2, square, &g->cov));
    AS_TRY(as_statistic_array(s, "/inference/HC0_se", 2 - first, one + first, &g->hc0_se));
    AS_TRY(as_statistic_array(s, "/inference/cov_HC0", 2, square, &g->cov_hc0));
    AS_TRY(as_statistic_array(s, "/inference/llr", 0, NULL, &g->llr));
    AS_TRY(as_statistic_array(s, "/inference/llr_pvalue", 0, NULL, &g->llr_pvalue));
    AS_TRY(as_statistic_array(s, "/inference/aic", 0, NULL, &g->aic));
    AS_TRY(as_statistic_array(s, "/inference/bic", 0, NULL, &g->bic));
    AS_TRY(as_statistic_array(s, "/inference/pearson_chi2", 0, NULL, &g->pearson_chi2));
    AS_TRY(as_statistic_array(s, "/inference/df_model", 0, NULL, &g->df_model));
    return as_statistic_array(s, "/inference/df_resid", 0, NULL, &g->df_resid);
}

static as_status plan_estimate(as_statistic *s)
{
    as_glm *g = s->model;
    const int64_t functions = g->q + (g->reference ? 1 : 0), coef[2] = {functions, s->width};
    const int64_t relation[2] = {AS_GLM_RELATIONS, g->terms};
    const int first = g->family->coupled || g->groups == s->classes ? 0 : 1;
    AS_TRY(as_statistic_array(s, "/params/coef_", 2 - first, coef + first, &g->coef));
    AS_TRY(as_statistic_array(s, "/params/intercept_", 1, &functions, &g->intercept));
    if (!g->family->likelihood) {
        return AS_OK;
    }
    AS_TRY(as_statistic_array(s, "/inference/llf", 0, NULL, &g->llf));
    AS_TRY(as_statistic_array(s, "/inference/llnull", 0, NULL, &g->llnull));
    AS_TRY(as_statistic_array(s, "/inference/prsquared", 0, NULL, &g->prsquared));
    AS_TRY(as_statistic_array(s, "/inference/prsquared_cs", 0, NULL, &g->prsquared_cs));
    AS_TRY(as_statistic_array(s, "/inference/deviance", 0, NULL, &g->deviance));
    AS_TRY(as_statistic_array(s, "/inference/null_deviance", 0, NULL, &g->null_deviance));
    AS_TRY(as_statistic_array(s, "/inference/nobs", 0, NULL, &g->nobs));
    AS_TRY(as_statistic_integers(s, "/inference/identified", 1, &g->terms, 0, 1, &g->identified));
    AS_TRY(as_statistic_integers(s, "/inference/relations", 0, NULL, 0, AS_STATISTIC_COUNT_MOST, &g->relations));
    AS_TRY(as_statistic_array(s, "/inference/relation", 2, relation, &g->relation));
    return g->inference ? plan_errors(s) : AS_OK;
}

/* What follows from the state, and work space. */
static as_status plan_memory(as_statistic *s)
{
    as_glm *g = s->model;
    const int64_t functions = g->watch ? 2 * g->q : g->q, d = s->width, bytes = sizeof(double);
    const size_t both = (size_t)(s->kernels->pack_reals(d, functions) * bytes);
    AS_TRY(as_arena_reserve(s->arena, both, (void **)&g->packed));
    AS_TRY(as_arena_reserve(s->arena, (size_t)(s->kernels->pack_reals(d, g->q) * bytes), (void **)&g->packed_theta));
    AS_TRY(as_arena_reserve(s->arena, (size_t)(d * functions * bytes), (void **)&g->unpacked));
    AS_TRY(as_arena_reserve(s->arena, (size_t)(functions * bytes), (void **)&g->bias));
    AS_TRY(as_arena_reserve(s->arena, (size_t)(g->q * bytes), (void **)&g->bias_theta));
    AS_TRY(as_arena_reserve(s->arena, (size_t)(d * bytes), (void **)&g->gather_scale));
    AS_TRY(as_arena_reserve(s->arena, (size_t)(d * bytes), (void **)&g->gather_shift));
    const int64_t fit = CHUNK_BYTES / (bytes * d), room = g->newton || g->gram ? as_glm_room(s) : 0;
    s->chunk = fit > CHUNK_MOST ? CHUNK_MOST : fit < CHUNK_LEAST ? CHUNK_LEAST : fit;
    s->scratch = (room + s->chunk * (functions + g->q + 1 + (g->newton ? g->pairs : 0)) + 7) / 8 * 8;
    const int64_t squares = g->newton ? g->pairs * g->p * g->p : 0, gram = g->gram ? g->p * g->p : 0;
    const int64_t pass = AS_GLM_HEAD + (g->n + squares > gram ? g->n + squares : gram);
    s->most = pass > design_size(s) ? pass : design_size(s);
    s->flops = 4.0 * (double)(g->q * d);
    AS_TRY(as_tree_plan(1, &g->tree));
    return as_tree_program_make(&g->tree, 0, 1, &g->lane);
}

as_status as_glm_plan(as_statistic *s)
{
    as_glm *g = s->model;
    g->p = s->width + 1;
    g->n = g->q * g->p;
    g->pairs = g->family->coupled ? g->q * (g->q + 1) / 2 : g->q;
    g->terms = s->width + (g->options.fit_intercept ? 1 : 0) - (g->offset >= 0 ? 1 : 0);
    if (g->terms < 1) {
        AS_FAIL(AS_CONFIG, "%s: no column is left to learn from, and fit_intercept is false", s->setup.data->place);
    }
    AS_TRY(choose_solver(s));
    AS_TRY(plan_state(s));
    AS_TRY(plan_estimate(s));
    return plan_memory(s);
}

void as_glm_release(as_statistic *s)
{
    as_glm *g = s->model;
    as_tree_program_destroy(&g->lane);
    as_tree_destroy(&g->tree);
}

as_status as_glm_init(as_statistic *s)
{
    as_glm *g = s->model;
    for (int64_t j = 0; j < s->width; j++) {
        g->scale[j] = 1;
    }
    return AS_OK;
}

static void pack(const as_statistic *s, int64_t functions, const double *first, const double *second, double *packed,
                 double *bias)
{
    const as_glm *g = s->model;
    const int64_t d = s->width;
    for (int64_t j = 0; j <= d; j++) {
        double *row = j < d ? g->unpacked + j * functions : bias;
        for (int64_t k = 0; k < g->q; k++) {
            row[k] = first[k * g->p + j];
            if (functions > g->q) {
                row[g->q + k] = second[k * g->p + j];
            }
        }
    }
    s->kernels->pack(d, functions, g->unpacked, 0, d * functions, packed, NULL);
}

/* Phases that a fit with these options comes to, and a memory of the search that can be read. */
static as_status check_state(const as_glm *g)
{
    const bool searches = g->options.solver == AS_GLM_LBFGS;
    bool known = true;
    switch (*g->phase) {
    case AS_GLM_GRAM:
        known = g->gram;
        break;
    case AS_GLM_SEARCH:
        known = searches;
        break;
    case AS_GLM_NEWTON_PHASE:
        known = g->newton;
        break;
    case AS_GLM_FISHER:
    case AS_GLM_MEAT:
        known = g->inference;
        break;
    default:
        break;
    }
    if (!known) {
        AS_FAIL(AS_DATA, "/state/phase: %lld is none of a fit with these options", (long long)*g->phase);
    }
    if (searches && !as_lbfgs_sound(MEMORY, g->history + 2 * MEMORY * g->n)) {
        AS_FAIL(AS_DATA, "/state/history: its last numbers are none that a search has");
    }
    return AS_OK;
}

/* Rows are gathered as z: the normalisation of the data first, except for exposures, which stay as they are stored. */
as_status as_glm_ready(as_statistic *s)
{
    as_glm *g = s->model;
    AS_TRY(check_state(g));
    const as_normalization *norm = s->setup.normalization;
    const bool plain = norm == NULL || norm->identity;
    for (int64_t j = 0; j < s->width; j++) {
        const bool kept = plain || j == g->offset;
        g->gather_scale[j] = (kept ? 1 : norm->scale[j]) * g->scale[j];
        g->gather_shift[j] = (kept ? 0 : norm->shift[j]) * g->scale[j] + g->shift[j];
    }
    s->scale = g->gather_scale;
    s->shift = g->gather_shift;
    pack(s, g->watch ? 2 * g->q : g->q, g->trial, g->direction, g->packed, g->bias);
    pack(s, g->q, g->theta, NULL, g->packed_theta, g->bias_theta);
    return AS_OK;
}

double as_glm_l2(const as_glm *g, int64_t j)
{
    const double strength = g->per_weight ? g->strength / g->number[AS_GLM_WEIGHT] : g->strength;
    return g->penalty == AS_GLM_L2 && j < g->p - 1 ? strength * g->scale[j] * g->scale[j] : 0;
}

double as_glm_l1(const as_glm *g, int64_t j)
{
    const double strength = g->per_weight ? g->strength / g->number[AS_GLM_WEIGHT] : g->strength;
    return g->penalty == AS_GLM_L1 && j < g->p - 1 ? strength * g->scale[j] : 0;
}

/* Sums of the pass to the smooth part of F at the trial and its gradient, in place. */
static double smooth_part(as_statistic *s, double *sum)
{
    const as_glm *g = s->model;
    double value = sum[AS_GLM_H_LOSS] / g->number[AS_GLM_WEIGHT], *gradient = sum + AS_GLM_HEAD;
    for (int64_t k = 0; k < g->q; k++) {
        for (int64_t j = 0; j < g->p; j++) {
            const int64_t at = k * g->p + j;
            const double l2 = as_glm_l2(g, j), v = g->trial[at];
            gradient[at] = g->active[j] == AS_GLM_ACTIVE ? gradient[at] / g->number[AS_GLM_WEIGHT] + l2 * v : 0;
            value += 0.5 * l2 * v * v;
        }
    }
    return value;
}

/* Largest slope of F at theta in a coefficient of x: what scikit-learn compares with tol. */
static double largest_slope(const as_glm *g)
{
    double largest = 0;
    for (int64_t k = 0; k < g->q; k++) {
        const double *gradient = g->gradient + k * g->p, *v = g->theta + k * g->p, b = gradient[g->p - 1];
        for (int64_t j = 0; j < g->p; j++) {
            if (g->active[j] != AS_GLM_ACTIVE) {
                continue;
            }
            const bool last = j == g->p - 1;
            const double a = last ? 1 : g->scale[j], slope = last ? b : (gradient[j] - g->shift[j] * b) / a;
            const double size = fabs(as_lbfgs_slope(v[j], slope, as_glm_l1(g, j) / a));
            largest = size > largest ? size : largest;
        }
    }
    return largest;
}

/* Curvature of a row's loss that preconditioners take: that of the logistic loss at 0. */
static const double CURVATURE = 0.25;

/* to = P^-1 from: the inverse of GRAM, or a diagonal for columns of unit variance. */
static void precondition(const void *context, const double *from, double *to)
{
    const as_glm *g = context;
    const as_vectors *V = as_vectors_get(as_isa_detect());
    const int64_t p = g->p, d = p - 1;
    for (int64_t at = 0; at < g->n; at++) {
        const int64_t j = at % p;
        to[at] = g->gram && j < d ? 0 : from[at] / (CURVATURE + as_glm_l2(g, j));
    }
    for (int64_t j = 0; j < d && g->gram; j++) {
        for (int64_t k = 0; k < g->q; k++) {
            V->axpy(d, from[k * p + j], g->inverse + j * d, to + k * p);
        }
    }
}

static as_status finish_gram(as_statistic *s, const double *sum)
{
    as_glm *g = s->model;
    const double *gram = sum + AS_GLM_HEAD;
    const int64_t d = s->width, p = g->p;
    if (g->watch) {
        AS_TRY(as_glm_find_dependence(s, gram));
    }
    double *matrix = malloc((size_t)(2 * d * d) * sizeof *matrix), *root = matrix == NULL ? NULL : matrix + d * d;
    if (matrix == NULL) {
        AS_FAIL(AS_NOMEM, "%s: out of memory for a matrix of %lld columns", s->base.ops->name, (long long)d);
    }
    for (int64_t i = 0; i < d; i++) {
        for (int64_t j = i; j < d; j++) {
            const bool held = g->active[i] != AS_GLM_ACTIVE || g->active[j] != AS_GLM_ACTIVE;
            matrix[i * d + j] = held ? 0 : CURVATURE * gram[i * p + j] / g->number[AS_GLM_WEIGHT];
        }
        /* Columns have unit variance: a little more keeps dependent ones apart. */
        matrix[i * d + i] = g->active[i] != AS_GLM_ACTIVE ? 1 : matrix[i * d + i] + as_glm_l2(g, i) + 1e-6;
    }
    as_dense_cholesky(d, matrix, 0, NULL);
    as_dense_invert_upper(d, matrix, d, root);
    const as_vectors *V = as_vectors_get(as_isa_detect());
    for (int64_t i = 0; i < d; i++) {
        for (int64_t j = i; j < d; j++) {
            g->inverse[i * d + j] = g->inverse[j * d + i] = V->dot(d - j, root + i * d + j, root + j * d + j);
        }
    }
    free(matrix);
    return AS_OK;
}

static as_lbfgs search_of(as_glm *g, double *work)
{
    return (as_lbfgs){.n = g->n,
                      .memory = MEMORY,
                      .precondition = precondition,
                      .context = g,
                      .l1 = g->penalty == AS_GLM_L1 ? work : NULL,
                      .work = work + g->n,
                      .x = g->theta,
                      .trial = g->trial,
                      .gradient = g->gradient,
                      .direction = g->direction,
                      .s = g->history,
                      .y = g->history + MEMORY * g->n,
                      .number = g->history + 2 * MEMORY * g->n};
}

/* After the last move: errors, or the end. */
static void settle(as_glm *g)
{
    *g->phase = g->inference ? AS_GLM_NEWTON_PHASE : AS_GLM_DONE;
    g->number[AS_GLM_STEP] = 0;
    memcpy(g->trial, g->theta, (size_t)g->n * sizeof(double));
    memset(g->direction, 0, (size_t)g->n * sizeof(double));
}

static as_status search(as_statistic *s, double *sum, double value)
{
    as_glm *g = s->model;
    double *work = malloc((size_t)(2 * g->n + 2 * MEMORY) * sizeof *work);
    if (work == NULL) {
        AS_FAIL(AS_NOMEM, "%s: out of memory for %lld coefficients", s->base.ops->name, (long long)g->n);
    }
    as_lbfgs l = search_of(g, work);
    for (int64_t at = 0; at < g->n; at++) {
        work[at] = as_glm_l1(g, at % g->p);
    }
    const as_lbfgs_answer answer = as_lbfgs_take(&l, value, sum + AS_GLM_HEAD);
    *g->n_iter = as_lbfgs_moves(&l);
    g->number[AS_GLM_VALUE] = as_lbfgs_value(&l);
    as_status status = AS_OK;
    if (answer == AS_LBFGS_MOVED) {
        g->number[AS_GLM_LOSS] = sum[AS_GLM_H_LOSS] / g->number[AS_GLM_WEIGHT];
        g->number[AS_GLM_GRADIENT] = largest_slope(g);
        status = g->watch ? as_glm_check_separation(s, sum) : AS_OK;
        if (status == AS_OK && g->number[AS_GLM_GRADIENT] > g->options.tol) {
            as_lbfgs_next(&l);
        } else {
            settle(g);
        }
    } else if (answer == AS_LBFGS_STUCK) {
        g->number[AS_GLM_GRADIENT] = largest_slope(g);
        as_log_line(
            s->setup.log, AS_LOG_WARN,
            "%s: no lower value than %.17g is found after pass %lld: rounding ends the search at a largest slope "
            "of %.3g (tol %.3g)",
            s->base.ops->name, g->number[AS_GLM_VALUE], (long long)s->pass + 1, g->number[AS_GLM_GRADIENT],
            g->options.tol);
        settle(g);
    }
    free(work);
    return status;
}

static as_status finish_pass(as_statistic *s, double *sum)
{
    as_glm *g = s->model;
    const double *matrix = sum + AS_GLM_HEAD + g->n;
    if (*g->phase == AS_GLM_MEAT) {
        *g->phase = AS_GLM_DONE;
        return as_glm_sandwich(s, matrix);
    }
    const double value = smooth_part(s, sum);
    if (*g->phase == AS_GLM_SEARCH) {
        return search(s, sum, value);
    }
    if (*g->phase == AS_GLM_NEWTON_PHASE) {
        AS_TRY(as_glm_newton_step(s, sum, value));
        g->number[AS_GLM_GRADIENT] = largest_slope(g);
        return AS_OK;
    }
    g->number[AS_GLM_LOSS] = sum[AS_GLM_H_LOSS] / g->number[AS_GLM_WEIGHT];
    g->number[AS_GLM_VALUE] = value;
    g->number[AS_GLM_PEARSON] = sum[AS_GLM_H_PEARSON];
    memcpy(g->gradient, sum + AS_GLM_HEAD, (size_t)g->n * sizeof(double));
    g->number[AS_GLM_GRADIENT] = largest_slope(g);
    *g->phase = AS_GLM_MEAT;
    return as_glm_fisher(s, matrix);
}

as_status as_glm_finish(as_statistic *s, double *sum, as_step_report *report)
{
    as_glm *g = s->model;
    if (*g->phase == AS_GLM_DESIGN) {
        g->number[AS_GLM_WEIGHT] = s->weight;
        g->number[AS_GLM_ROWS] = s->samples;
        AS_TRY(as_glm_finish_design(s, sum));
        *g->phase = g->options.solver == AS_GLM_NEWTON ? AS_GLM_NEWTON_PHASE : g->gram ? AS_GLM_GRAM : AS_GLM_SEARCH;
    } else if (*g->phase == AS_GLM_GRAM) {
        AS_TRY(finish_gram(s, sum));
        *g->phase = AS_GLM_SEARCH;
    } else if (*g->phase != AS_GLM_DONE) {
        AS_TRY(finish_pass(s, sum));
    }
    as_glm_estimate(s);
    report->loss = g->number[AS_GLM_LOSS];
    report->penalty = g->number[AS_GLM_VALUE] - g->number[AS_GLM_LOSS];
    report->grad_norm = g->number[AS_GLM_GRADIENT];
    report->done = *g->phase == AS_GLM_DONE;
    return AS_OK;
}

as_linear_form as_glm_form(const as_statistic *s, as_link link)
{
    const as_glm *g = s->model;
    return (as_linear_form){.functions = g->q + (g->reference ? 1 : 0),
                            .coef = g->coef,
                            .start = g->intercept,
                            .link = link,
                            .factor = g->offset};
}
