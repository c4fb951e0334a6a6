/* Ordinary and weighted least squares: what its files share. estimator_ols.c solves, ols_robust.c is the second pass
   over the rows, ols_table.c shows. Names of arrays follow scikit-learn (params) and statsmodels (inference). */
#ifndef AS_ESTIMATOR_OLS_H
#define AS_ESTIMATOR_OLS_H

#include "estimator/linear.h"

/* Why a coefficient has no standard error: /inference/status. */
enum { AS_OLS_ESTIMATED = 0, AS_OLS_NOT_IDENTIFIED = 1, AS_OLS_NO_FREEDOM = 2 };
enum { AS_OLS_CLASSICAL, AS_OLS_HC0, AS_OLS_HC1, AS_OLS_HC2, AS_OLS_HC3, AS_OLS_ERRORS };

typedef struct as_ols_options {
    bool fit_intercept, robust;
    int cov_type;
    double confidence;
    int64_t influence;
} as_ols_options;

typedef struct as_ols {
    as_linear linear;
    /* (targets, k), the intercept first. */
    double *params, *bse, *tvalues, *pvalues, *conf_int, *robust_se[AS_OLS_ERRORS];
    double *ssr, *tss, *scale, *rsquared, *rsquared_adj, *fvalue, *f_pvalue, *llf, *aic, *bic; /* (targets) */
    double *vif;                                                                               /* (p) */
    double *df_model, *df_resid, *condition;
    int64_t *rank, *status; /* one; (k) */
    double *relation;       /* (k, k): row j has the coefficients of a column that depends on others */
    double *factor;         /* (k, k): F F' = (X'X)^-1 over independent columns, rows of the others zero */
    /* (influence) the rows that move the fit most: Cook's distance, leverage, studentised residual, sample id */
    double *cooks, *leverage, *student;
    int64_t *id;
    double *packed; /* F, packed for products; follows from the arrays */
} as_ols;

/* The error of a coefficient in use, and what follows from it: t, p, interval. After bse is set. */
void as_ols_test(const as_statistic *s, as_ols *m);

/* Upper tail of F with d1 and d2 degrees of freedom; not a number where f is none. */
double as_ols_f_tail(double f, double d1, double d2);

/* The second pass: robust errors and influence. */
int64_t as_ols_robust_size(const as_statistic *s);
int64_t as_ols_robust_scratch(const as_statistic *s);
void as_ols_robust_rows(const as_statistic *s, const as_rows *rows, double *sum);
void as_ols_robust_merge(const as_statistic *s, double *left, const double *right);
/* Errors: NOMEM. */
as_status as_ols_robust_finish(as_statistic *s, double *sum);

void as_ols_describe(const as_statistic *s, bool json, as_text *out);
/* Name of coefficient j of k. */
const char *as_ols_column(const as_statistic *s, int64_t j, char buffer[64]);
/* "x3 = 2 x1 - x2" of the dependent column j; at most `most` bytes. */
void as_ols_relation(const as_statistic *s, int64_t j, char *text, size_t most);

#endif
