/* What linear models share: the triangle of [1 X Y], rows times the root of their weight, found by tall-skinny QR along
   the lane tree, and predictions. The struct of such a kind begins with an as_linear, and its row of functions takes
   rows, merge, predict and release from here.

   With an intercept the first column is ones: then row 0 of the triangle holds the means, and what is below row 0 and
   right of column 0 is the triangle of the centred columns, without a pass for the means. For the digits of columns
   that are far from zero, rows are taken less the first of their lane; another origin changes row 0 alone. */
#ifndef AS_ESTIMATOR_LINEAR_H
#define AS_ESTIMATOR_LINEAR_H

#include "estimator/statistic.h"
#include "math/tsqr.h"

typedef struct as_linear {
    int64_t p, k, targets, n; /* inputs; p and the intercept; targets; columns of the triangle: k + targets */
    bool intercept;
    double *coef;       /* /params/coef_ (targets, p), (p) where there is one target */
    double *start;      /* /params/intercept_ (targets); 0 without an intercept */
    double *rows;       /* /inference/nobs: rows of positive weight */
    double log_weights; /* sum of ln weight over those; set by as_linear_finish */
    as_tsqr work;       /* of merges */
    int64_t scratch;    /* doubles that as_linear_rows takes of a thread's scratch */
} as_linear;

/* Not collective; in plan. Arrays, sizes and work space. Errors: NOMEM. */
as_status as_linear_plan(as_statistic *s, bool intercept);
/* The same without arrays, for kinds that want the triangle alone: l->rows is theirs to set. */
as_status as_linear_prepare(as_statistic *s, bool intercept, int64_t targets);
void as_linear_release(as_statistic *s);

/* Doubles of the statistic: R (n, n), rows, sum of ln weight, whether there is an origin, the origin (n). */
int64_t as_linear_size(const as_linear *l);

/* The functions of as_statistic_ops. */
void as_linear_rows(const as_statistic *s, const as_rows *rows, double *sum);
void as_linear_merge(const as_statistic *s, double *left, const double *right);
as_linear_form as_linear_form_of(const as_statistic *s);
void as_linear_predict(const as_statistic *s, const as_rows *rows, double *out);

/* Rank 0, first thing of finish: signs of the triangle at `sum`, the origin at zero, zeros for the spread of constant
   columns, and the number of rows. Errors: DATA when it is not finite. */
as_status as_linear_finish(as_statistic *s, double *sum);

/* Of the root after as_linear_finish: triangle of the centred inputs and targets, (p + targets, p + targets) in rows n
   apart; as they are without an intercept. */
const double *as_linear_centred(const as_linear *l, const double *root);
/* Sum of squares of target t about its mean (about 0 without an intercept). */
double as_linear_total(const as_linear *l, const double *root, int64_t t);
/* Sum of squares of target t that no input explains. */
double as_linear_residual(const as_linear *l, const double *root, int64_t t);
/* Intercept of target t for coefficients (p). */
double as_linear_intercept(const as_linear *l, const double *root, int64_t t, const double *coef);

/* A line where the penalties (n, in any order) that were tried may not hold the best one: the smallest of them is the
   best, or their criterion falls towards it; the largest is, unless that leaves no coefficient anyway. */
void as_linear_end_of_path(int64_t n, const double *alpha, const double *criterion, const char *name, bool null_end,
                           as_text *out);

/* As text: a table of the coefficients by name of column. */
void as_linear_describe(const as_statistic *s, bool json, as_text *out);

#endif
