/* Curvature of the loss at a point: extreme eigenvalues of the Hessian with error bounds, the largest stable learning
   rate of the optimizer, trace, spectral density, saddles. Products with the Hessian are all that it takes; a product
   is two gradients. The same bits on every layout. */
#ifndef AS_PROBE_CURVATURE_H
#define AS_PROBE_CURVATURE_H

#include "probe/surface.h"

/* Lanczos with full re-orthogonalisation. An error is the residual of a Ritz pair, and what differences
   leave open in a product: an eigenvalue lies as near as that.
   Ritz values lie inside of the spectrum: lambda_max is never too large by more than rounding. */
typedef struct as_curvature {
    int64_t products;
    bool exhausted; /* the whole space was seen: values are exact */
    double lambda_max, lambda_max_error, lambda_min, lambda_min_error;
    double sharpness, sharpness_error; /* of scale * (H + decay): what the optimizer's limit is about */
    const char *optimizer;
    double factor;   /* NaN: not known for this optimizer, or not yet */
    double lr_limit; /* factor / sharpness: infinite where nothing curves upwards; NaN without factor */
    double *lowest;  /* (n) direction of lambda_min, of unit length; only where it was asked for; free() */
} as_curvature;

/* Collective. At the point of the surface; products: at most so many for each of the one or two runs; t: steps of the
   optimizer so far. Errors: DIVERGED where something is not finite; NOMEM; those of the world. */
as_status as_curvature_measure(as_surface *surface, int64_t products, int64_t t, uint64_t seed, bool direction,
                               as_curvature *out);

/* Collective. Largest eigenvalue of the Gauss-Newton matrix: what is left of lambda_max without the curvature of the
   network itself. Errors: CONFIG for several losses; as above. */
as_status as_curvature_gauss_newton(as_surface *surface, int64_t products, uint64_t seed, double *largest,
                                    double *error);

/* Collective. Hutchinson: mean of z'Hz over random signs z, and its standard error (NaN for one). Errors: as above. */
as_status as_curvature_trace(as_surface *surface, int64_t probes, uint64_t seed, double *trace, double *se);

/* Spectral density by stochastic Lanczos quadrature (Ghorbani et al. 2019): a share weight[i] of all eigenvalues is at
   about value[i]. For each start vector, nodes are Ritz values and weights the squared first components. */
typedef struct as_spectrum {
    int64_t n;      /* eigenvalues: parameters that train */
    int nodes;      /* ascending */
    double *value;  /* (nodes) */
    double *weight; /* (nodes), sums to 1 */
    double moment[3],
        moment_se[3]; /* mean of lambda, lambda^2, lambda^3 over the spectrum; errors over start vectors */
} as_spectrum;

/* Collective. Free with as_spectrum_free, after failures too. */
as_status as_curvature_spectrum(as_surface *surface, int64_t probes, int64_t products, uint64_t seed, as_spectrum *out);
void as_spectrum_free(as_spectrum *spectrum);
/* Not collective. Share of the spectrum in [low, high). */
double as_spectrum_share(const as_spectrum *spectrum, double low, double high);

/* A point with next to no slope may be a minimum or a saddle: the walk along the direction of lambda_min, both ways,
   tells. */
typedef struct as_saddle {
    double slope_share; /* |g|^2 over the mean square of a sample's gradient; NaN: not known (one lane) */
    bool flat;          /* below 1 %: no slope */
    bool curves_down;   /* lambda_min < -0.05 lambda_max, by more than its error */
    double distance;    /* of the walk, in its better direction */
    double loss, after; /* loss here, and there */
    bool confirmed;     /* the loss falls there, to second order and more than rounding */
} as_saddle;

/* Collective. curvature->lowest is needed; the surface must have been made for noise. Errors: as above. */
as_status as_curvature_saddle(as_surface *surface, const as_curvature *curvature, as_saddle *out);

/* Collective. Mean of g'Hg / |g|^2 over `batches` batches of the surface's size (Andreyev and Beneventano 2024), and
   its standard error: what sits at 2 / lr for SGD. Batches without gradient do not count. Leaves the surface elsewhere.
 */
as_status as_curvature_batches(as_surface *surface, const double *w, int64_t batches, double *mean, double *se,
                               int64_t *counted);

#endif
