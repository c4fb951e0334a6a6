/* The loss as a function of the parameters: mean loss (with the penalty l2) over a fixed set of rows, its gradient and
   products with its Hessian, in double whatever the precision of training. Rows are the first N of a keyed order (the
   whole training data, or a part that is the same for every layout); as they are stored, not augmented; dropout, where
   there is any, with the masks of step 0. All vectors are replicated, and all functions give the same bits on every
   layout. */
#ifndef AS_PROBE_SURFACE_H
#define AS_PROBE_SURFACE_H

#include "estimator/gradients.h"
#include "probe/probe.h"

typedef struct as_surface as_surface;

/* Collective. rows: 0, or as many as there are: all; else the first so many. noise: as_surface_noise
   will be called. Where layers look at whole lanes, lanes
   are those of one batch of all these rows. Errors: those of as_gradients_create and as_sampler_create; NOMEM. Destroy
   with as_surface_destroy (collective). */
as_status as_surface_create(const as_probe_setup *setup, int64_t rows, bool noise, as_surface **out);
void as_surface_destroy(as_surface **surface);

int64_t as_surface_rows(const as_surface *surface);
bool as_surface_whole(const as_surface *surface);    /* all rows of the data */
int64_t as_surface_count(const as_surface *surface); /* n: parameters */
const as_model *as_surface_model(const as_surface *surface);
as_gradients *as_surface_gradients(as_surface *surface);

/* Collective. Takes batch number `index` of the keyed order instead of the first one: rows [index N, (index + 1) N). */
void as_surface_turn(as_surface *surface, int64_t index);
int64_t as_surface_batches(const as_surface *surface);

/* Collective. Goes to a point (n); NULL: where the network is. Loss and gradient there. Errors: those of the world;
   DIVERGED where loss or gradient are not finite. */
as_status as_surface_move(as_surface *surface, const double *w);
/* Not collective. Of the point that it went to. (n), borrowed. */
double as_surface_loss(const as_surface *surface);
const double *as_surface_point(const as_surface *surface);
const double *as_surface_slope(const as_surface *surface);

/* Collective. Loss at any other point; what is not finite is no error. */
as_status as_surface_look(as_surface *surface, const double *w, double *loss);

/* Collective. y = H v at the point, by central differences of gradients along v: exact to about 1e-9 where the loss is
   smooth. As as_product; context is the surface. Errors: DIVERGED where it is not finite; those of the world. */
as_status as_surface_product(void *surface, int64_t n, const double *v, double *y);

/* Collective. y = G v with the Gauss-Newton matrix G = J'H_L J of the outputs' Jacobian and the loss's own Hessian
   there (the Fisher matrix for cross entropy and squared errors), and the penalty l2: never negative for a convex loss.
   As as_product. Errors: CONFIG for several losses; as above. */
as_status as_surface_gauss_newton(void *surface, int64_t n, const double *v, double *y);

/* Collective. sqrt(S) (H + decay) sqrt(S) v, which has the eigenvalues of S (H + decay); scale and decay of the
   optimizer come from as_surface_scale. */
as_status as_surface_scaled_product(void *surface, int64_t n, const double *v, double *y);
/* Collective. Takes over the optimizer's scale and decay after `step` steps. */
as_status as_surface_scale(as_surface *surface, int64_t step, as_gradients_optimizer *out);

/* Not collective. Whether that leaves the product as it is: then the scaled one is not needed. */
bool as_surface_is_plain(const as_surface *surface, const as_gradients_optimizer *optimizer);

/* Not collective. A random direction (n), 0 where nothing trains: each element -1 or 1 (signs), or uniform in (-1, 1).
 */
void as_surface_draw(const as_surface *surface, uint64_t seed, uint32_t stream, bool signs, double *out);
int64_t as_surface_trained(const as_surface *surface); /* parameters that train */

/* Collective. Of the lanes at the point: trace of the noise of one sample, and the mean square of a sample's gradient.
 */
as_status as_surface_noise(as_surface *surface, double *trace, double *square);

#endif
