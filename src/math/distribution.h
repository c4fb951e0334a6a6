/* Probability distributions: density, distribution function, both tails, quantiles, moments and draws, in double by the
   functions of special.h. One file distribution_<kind>.c, one row in distribution.def; distribution_exponential.c is
   the template. Tails are computed, never subtracted: sf(x) keeps its digits at 1e-300, log_sf goes on below. */
#ifndef AS_MATH_DISTRIBUTION_H
#define AS_MATH_DISTRIBUTION_H

#include "base/fields.h"
#include "math/draw.h"

typedef struct as_distribution_ops {
    const char *name, *help, *formula;
    const as_field *fields;
    size_t options_bytes;
    bool discrete; /* on whole numbers: log_density is the log probability of x */
    /* OPTIONAL: what the table of options cannot say; may fill what it derives, by memory of the document. Errors:
       CONFIG. */
    as_status (*check)(void *options, as_document *document);
    /* Of one number; NULL for distributions of vectors. NaN gives NaN. */
    double (*log_density)(const void *options, double x);
    double (*log_cdf)(const void *options, double x); /* log P(X <= x) */
    double (*log_sf)(const void *options, double x);  /* log P(X > x) */
    /* Smallest x with P(X <= x) >= p, and smallest x with P(X > x) <= q, 0 <= p, q <= 1. Discrete kinds may leave both
       NULL: found by bisection. */
    double (*quantile)(const void *options, double p);
    double (*inverse_sf)(const void *options, double q);
    double (*mean)(const void *options);     /* NaN where there is none */
    double (*variance)(const void *options); /* infinite or NaN where there is none */
    void (*support)(const void *options, double *low, double *high);
    double (*sample)(const void *options, as_draw *draw); /* OPTIONAL: else the quantile of a uniform number */
    /* Of vectors of dimension(options) numbers; NULL for the others. */
    int64_t (*dimension)(const void *options);
    double (*log_density_at)(const void *options, const double *x);
    void (*sample_at)(const void *options, as_draw *draw, double *x);
    void (*moments_at)(const void *options, double *mean, double *covariance); /* (d), (d, d) */
} as_distribution_ops;

const as_distribution_ops *const *as_distributions_get(void);

/* A distribution with its options, which the document owns. */
typedef struct as_distribution {
    const as_distribution_ops *ops;
    void *options;
} as_distribution;

/* Not collective. kind with the parameters of map (NULL: the defaults). Errors: CONFIG with the nearest name, or naming
   the parameter, what was expected and what was found; NOMEM. */
as_status as_distribution_parse(as_document *document, const char *kind, const as_node *map, as_distribution *out);

/* Not collective. Distributions of one number. */
double as_distribution_density(const as_distribution *d, double x);
double as_distribution_cdf(const as_distribution *d, double x);
double as_distribution_sf(const as_distribution *d, double x);
double as_distribution_quantile(const as_distribution *d, double p);
double as_distribution_inverse_sf(const as_distribution *d, double q);
double as_distribution_sample(const as_distribution *d, as_draw *draw);

#endif
