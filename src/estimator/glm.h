/* What logistic and Poisson regression and the linear support vector machine share: linear predictors, a convex loss of
   each row, a penalty; fitted by Newton's method or L-BFGS, one evaluation a pass.

   Rows arrive centred and scaled by their own moments (z = a x + c in the one rounding of the gather), so that
   coefficients v of z meet a matrix near the identity whatever the units; what is reported are coefficients w = a v of
   x as the data give it. theta holds q functions of p = D + 1 coefficients, the intercept last.

     F(theta) = 1/W sum_i w_i l(y_i, eta_i) + l2/2 |w|^2 + l1 |w|_1,   eta_ik = v_k'z_i + b_k,   W = sum w_i

   Passes: DESIGN (moments, answers, checks), GRAM (the matrix that preconditions L-BFGS, where it pays), SEARCH
   (L-BFGS) or NEWTON (IRLS: gradient and Hessian at once, backtracking by Armijo's rule), then, where there is
   inference, FISHER and MEAT at the estimate. Everything that a pass needs to know lies in arrays of the state. */
#ifndef AS_ESTIMATOR_GLM_H
#define AS_ESTIMATOR_GLM_H

#include "estimator/statistic.h"
#include "math/lbfgs.h"

typedef struct as_glm as_glm;

enum { AS_GLM_SOLVER_AUTO, AS_GLM_NEWTON, AS_GLM_LBFGS };
enum { AS_GLM_NONE, AS_GLM_L2, AS_GLM_L1 };

/* The common keys. */
typedef struct as_glm_options {
    int solver;
    double tol, confidence;
    bool fit_intercept;
    int cov_type; /* 0 nonrobust, 1 HC0: which errors the table shows */
} as_glm_options;

#define AS_GLM_FIELDS(owner, member)                                                                                   \
    {.name = "solver",                                                                                                 \
     .type = AS_FIELD_CHOICE,                                                                                          \
     .offset = offsetof(owner, member.solver),                                                                         \
     .standard = "auto",                                                                                               \
     .choices = as_glm_solvers,                                                                                        \
     .help = "newton (a matrix of all coefficients in each pass) or lbfgs; auto: newton up to about 500 "              \
             "coefficients."},                                                                                         \
        {.name = "tol",                                                                                                \
         .type = AS_FIELD_REAL,                                                                                        \
         .offset = offsetof(owner, member.tol),                                                                        \
         .standard = "1e-6",                                                                                           \
         .min = 1e-14,                                                                                                 \
         .max = 1,                                                                                                     \
         .help = "Where to stop: lbfgs at this largest slope of the mean objective, newton at this decrement."},       \
    {                                                                                                                  \
        .name = "fit_intercept", .type = AS_FIELD_BOOL, .offset = offsetof(owner, member.fit_intercept),               \
        .standard = "true", .help = "Adds a constant, which is never penalised."                                       \
    }

#define AS_GLM_INFERENCE_FIELDS(owner, member)                                                                         \
    {.name = "cov_type",                                                                                               \
     .type = AS_FIELD_CHOICE,                                                                                          \
     .offset = offsetof(owner, member.cov_type),                                                                       \
     .standard = "nonrobust",                                                                                          \
     .choices = as_glm_cov_types,                                                                                      \
     .help = "Errors that tests and intervals are made of: those of the Fisher matrix, or HC0 (sandwich)."},           \
    {                                                                                                                  \
        .name = "confidence", .type = AS_FIELD_REAL, .offset = offsetof(owner, member.confidence), .standard = "0.95", \
        .min = 0.5, .max = 0.999999, .help = "Level of confidence intervals."                                          \
    }

extern const char *const as_glm_solvers[], *const as_glm_cov_types[];

/* One pass of a family over rows: eta (count, ld) holds the q functions of each row first. */
typedef struct as_glm_rows {
    int64_t count, ld;
    const double *eta;
    double *loss;      /* (count) w l */
    double *residual;  /* (count, q) w dl/deta_k */
    double *curvature; /* (pairs, count) w d2l/deta_k deta_l for k <= l; NULL: not wanted */
} as_glm_rows;

/* What a kind brings. */
typedef struct as_glm_family {
    const char *title;
    bool likelihood; /* l is a negative log-likelihood up to a constant: inference without a penalty */
    bool coupled;    /* curvature has pairs k < l */
    /* Doubles of the family's own in the statistic of the design pass, from AS_GLM_D_SUMS on; added up. */
    int64_t (*design_size)(const as_glm *g);
    void (*design)(const as_glm *g, const as_statistic *s, const as_rows *r, double *sum);
    /* Group of a row among `groups` whose ranges of columns tell separation. */
    int64_t (*group)(const as_rows *r, int64_t i);
    /* Rank 0: checks, null model and starting intercepts (q) from those sums. Errors: DATA. */
    as_status (*begin)(as_glm *g, const as_statistic *s, const double *sum, double *intercept);
    void (*derive)(const as_glm *g, const as_statistic *s, const as_rows *r, const as_glm_rows *out);
    /* How far functions e (q) order row i as it is: < 0: against it. *size: largest of |e|. */
    double (*margin)(const as_glm *g, const as_rows *r, int64_t i, const double *e, double *size);
    /* Rank 0. Column j (ranges [lo, hi] of each group) by itself separates: sets the message. */
    as_status (*separated)(const as_glm *g, const as_statistic *s, int64_t column, const double *low,
                           const double *high);
} as_glm_family;

enum as_glm_phase {
    AS_GLM_DESIGN,
    AS_GLM_GRAM,
    AS_GLM_SEARCH,
    AS_GLM_NEWTON_PHASE,
    AS_GLM_FISHER,
    AS_GLM_MEAT,
    AS_GLM_DONE
};

/* as_glm.number */
enum {
    AS_GLM_WEIGHT,   /* W */
    AS_GLM_VALUE,    /* F at theta */
    AS_GLM_LOSS,     /* its first term */
    AS_GLM_STEP,     /* of the trial, in units of the direction; 0: none taken yet */
    AS_GLM_SLOPE,    /* of F along it */
    AS_GLM_GRADIENT, /* largest slope of F in a coefficient of x */
    AS_GLM_ROWS,
    AS_GLM_CONSTANT, /* log-likelihood less - W F, which no coefficient changes */
    AS_GLM_NULL,     /* log-likelihood of the model with intercepts alone */
    AS_GLM_SATURATED /* of the one that meets every row */,
    AS_GLM_PEARSON,
    AS_GLM_NUMBERS = 16
};

/* Why a column has no coefficient. */
enum { AS_GLM_ACTIVE, AS_GLM_CONSTANT_COLUMN, AS_GLM_DEPENDENT, AS_GLM_OFFSET, AS_GLM_ABSENT };

enum { AS_GLM_RELATIONS = 8 };

/* The struct s->model of every kind. */
struct as_glm {
    const as_glm_family *family;
    as_glm_options options;
    int penalty;
    double strength; /* of the mean objective: times 1/W where per_weight */
    bool per_weight;
    int64_t offset; /* column of exposures, or -1 */
    int64_t q, groups;
    bool reference; /* class 0 has no function of its own */

    int64_t p, n, pairs, terms;
    bool gram, newton, inference, watch; /* watch: ranges and margins, for separation */
    const char *no_inference;            /* why there is none */

    /* State. */
    int64_t *phase, *n_iter, *active; /* (p) */
    double *number;
    double *theta, *trial, *direction, *gradient; /* (q, p) */
    double *history;                              /* L-BFGS: s, y, numbers */
    double *inverse;                              /* (D, D) of 1/4 of the Gram matrix and the penalty */
    double *bread;                                /* (n, n) covariance of theta, where there is inference */
    double *scale, *shift;                        /* (D) z = scale x + shift */
    /* Estimate. */
    double *coef, *intercept; /* (q or classes, D) */
    /* Inference, over terms: the intercept, then columns. */
    int64_t *identified, *relations;
    double *relation; /* (AS_GLM_RELATIONS, terms) sums of columns that are constant */
    double *params, *bse, *tvalues, *pvalues, *conf_int, *cov;
    double *hc0_se, *cov_hc0; /* the others are those of cov_type */
    double *llf, *llnull, *llr, *llr_pvalue, *aic, *bic, *prsquared, *prsquared_cs, *deviance, *null_deviance;
    double *pearson_chi2, *df_model, *df_resid, *nobs;

    /* Follows from the state. */
    double *gather_scale, *gather_shift; /* (D) of rows as stored */
    double *unpacked, *packed, *bias;    /* trial and direction, as the product wants them */
    double *packed_theta, *bias_theta;
    as_tree_program lane; /* one lane: a chain that goes on */
    as_tree tree;
};

/* The parts of a kind's as_statistic_ops; its own plan fills the first block of as_glm and calls as_glm_plan. */
as_status as_glm_plan(as_statistic *s);
as_status as_glm_init(as_statistic *s);
int64_t as_glm_size(const as_statistic *s);
void as_glm_clear(const as_statistic *s, double *sum);
int64_t as_glm_room(const as_statistic *s); /* doubles of scratch that sums of matrices want first */
void as_glm_rows_add(const as_statistic *s, const as_rows *r, double *sum);
void as_glm_merge(const as_statistic *s, double *left, const double *right);
as_status as_glm_finish(as_statistic *s, double *sum, as_step_report *report);
as_status as_glm_ready(as_statistic *s);
void as_glm_release(as_statistic *s);
void as_glm_describe(const as_statistic *s, bool json, as_text *out);

/* For the as_statistic_ops of a kind. */
#define AS_GLM_METHODS                                                                                                 \
    .init = as_glm_init, .size = as_glm_size, .clear = as_glm_clear, .rows = as_glm_rows_add, .merge = as_glm_merge,   \
    .finish = as_glm_finish, .ready = as_glm_ready, .release = as_glm_release, .describe = as_glm_describe

/* Of kinds that learn classes. In plan: sets groups. Errors: DATA for fewer than two classes. */
as_status as_glm_classes_plan(as_statistic *s);
/* The design pass: weights of the classes. Check, in begin: every class has rows. Errors: DATA with its name. */
int64_t as_glm_classes_size(const as_glm *g);
void as_glm_classes_add(const as_glm *g, const as_statistic *s, const as_rows *r, double *sum);
as_status as_glm_classes_check(const as_statistic *s, const double *sum);
/* In a family's design: `value` of row i cannot be taken, for a reason that the family numbers. */
void as_glm_bad_row(const as_rows *r, int64_t i, double value, int reason, double *sum);
/* eta (count, q) of rows at theta. */
void as_glm_eta(const as_statistic *s, const as_rows *r, double *eta);

/* Between the files of this model. */

/* Statistic of DESIGN: answers that the family cannot take (how many, the first one's id, value and reason), its sums,
   then weight, means and squares of columns, then ranges (groups, 2, D). */
enum { AS_GLM_D_BAD, AS_GLM_D_ID, AS_GLM_D_VALUE, AS_GLM_D_REASON, AS_GLM_D_SUMS };
int64_t as_glm_design_moments(const as_glm *g);
int64_t as_glm_design_ranges(const as_statistic *s);
/* Statistic of the other passes: these, then gradient (q, p), then matrices (pairs, p, p), upper half. */
enum { AS_GLM_H_LOSS, AS_GLM_H_MARGIN, AS_GLM_H_DIRECTION, AS_GLM_H_LARGEST, AS_GLM_H_PEARSON, AS_GLM_HEAD = 8 };

/* Rank 0. */
as_status as_glm_finish_design(as_statistic *s, const double *sum);
as_status as_glm_newton_step(as_statistic *s, const double *sum, double value);
as_status as_glm_find_dependence(as_statistic *s, const double *matrix);
as_status as_glm_check_separation(as_statistic *s, const double *head);
as_status as_glm_fisher(as_statistic *s, const double *matrix);
as_status as_glm_sandwich(as_statistic *s, const double *matrix);
void as_glm_estimate(as_statistic *s);
/* l2 and l1 of coefficient (k, j) of z, in F. */
double as_glm_l2(const as_glm *g, int64_t j);
double as_glm_l1(const as_glm *g, int64_t j);
/* Matrix (n, n) of F from its pairs, both halves; without penalty. */
void as_glm_assemble(const as_glm *g, const double *pairs, double *matrix);
int64_t as_glm_pair(const as_glm *g, int64_t k, int64_t l);
/* The coefficients as linear functions, for as_statistic_ops.form. */
as_linear_form as_glm_form(const as_statistic *s, as_link link);

/* Term t of the tables: its column, or -1 for the intercept; and its name. */
int64_t as_glm_term_column(const as_glm *g, int64_t term);
const char *as_glm_term_name(const as_statistic *s, int64_t term, char buffer[64]);

#endif
