/* Regression with an l1 penalty: what lasso and elastic_net share (elastic.c). */
#ifndef AS_ESTIMATOR_ELASTIC_H
#define AS_ESTIMATOR_ELASTIC_H

#include "estimator/linear.h"

typedef struct as_elastic_options {
    bool fit_intercept;
    as_reals alpha;
    int64_t n_alphas, max_iter;
    double l1_ratio, tol;
    int criterion;
} as_elastic_options;

typedef struct as_elastic {
    as_linear linear;
    double *alpha, *kkt;                     /* chosen; its KKT residual, relative to the largest |X'y| */
    double *alphas, *rss, *nonzero, *judged; /* (m) along the path */
    double *residuals, *path;                /* (m) KKT; (m, targets, p) */
    int64_t room;                            /* doubles of scratch behind which rows of inputs and targets lie */
} as_elastic;

/* The keys of both kinds; elastic_net has l1_ratio beside them. */
#define AS_ELASTIC_FIELDS                                                                                              \
    {.name = "alpha",                                                                                                  \
     .type = AS_FIELD_REALS,                                                                                           \
     .offset = offsetof(as_elastic_options, alpha),                                                                    \
     .standard = "1.0",                                                                                                \
     .min = 0,                                                                                                         \
     .max = 1e300,                                                                                                     \
     .help = "Weight of the penalty; of several, `criterion` takes one."},                                             \
        {.name = "n_alphas",                                                                                           \
         .type = AS_FIELD_INT,                                                                                         \
         .offset = offsetof(as_elastic_options, n_alphas),                                                             \
         .standard = "0",                                                                                              \
         .min = 0,                                                                                                     \
         .max = 1000,                                                                                                  \
         .help = "Above 0: so many penalties, from the least that makes all coefficients 0 down to 1/1000 of it, "     \
                 "instead of `alpha`."},                                                                               \
        {.name = "criterion",                                                                                          \
         .type = AS_FIELD_CHOICE,                                                                                      \
         .offset = offsetof(as_elastic_options, criterion),                                                            \
         .standard = "bic",                                                                                            \
         .choices = as_elastic_criteria,                                                                               \
         .help = "What chooses among penalties: n ln(RSS / n) + c times the coefficients that are not 0; c is ln n "   \
                 "(bic) or 2 (aic)."},                                                                                 \
        {.name = "tol",                                                                                                \
         .type = AS_FIELD_REAL,                                                                                        \
         .offset = offsetof(as_elastic_options, tol),                                                                  \
         .standard = "1e-10",                                                                                          \
         .min = 0,                                                                                                     \
         .max = 1,                                                                                                     \
         .help = "Largest violation of the optimality conditions, relative to the largest |x'y|."},                    \
        {.name = "max_iter",                                                                                           \
         .type = AS_FIELD_INT,                                                                                         \
         .offset = offsetof(as_elastic_options, max_iter),                                                             \
         .standard = "100000",                                                                                         \
         .min = 1,                                                                                                     \
         .max = 1e9,                                                                                                   \
         .unit = "sweeps",                                                                                             \
         .help = "Most sweeps over the coefficients for each penalty."},                                               \
    {                                                                                                                  \
        .name = "fit_intercept", .type = AS_FIELD_BOOL, .offset = offsetof(as_elastic_options, fit_intercept),         \
        .standard = "true", .help = "Add an intercept, which is not penalised."                                        \
    }

extern const char *const as_elastic_criteria[];

as_status as_elastic_plan(as_statistic *s, const as_elastic_options *o);
void as_elastic_rows(const as_statistic *s, const as_rows *r, double *sum);
void as_elastic_merge(const as_statistic *s, double *left, const double *right);
as_status as_elastic_finish(as_statistic *s, const as_elastic_options *o, double *sum, as_step_report *report);
void as_elastic_describe(const as_statistic *s, const as_elastic_options *o, bool json, as_text *out);

#endif
