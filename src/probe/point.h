/* A network at one point of its training, on rows of the training data: gradient and its noise, curvature at both ends,
   signals and units of each layer. In double, the same on every rank. */
#ifndef AS_PROBE_POINT_H
#define AS_PROBE_POINT_H

#include "estimator/gradients.h"
#include "estimator/network.h"
#include "probe/record.h"

typedef struct as_point {
    bool measured;
    char why[160]; /* not measured, or only in part: why */
    bool finite;   /* loss and gradient */
    double rows;   /* that the loss is taken over */
    bool whole;    /* all rows of the training data */
    double loss;
    double gradient; /* |g|^2 of the mean over the rows, without penalties */
    double trace;    /* tr(Sigma): variance of the gradient of one row, from 16 batches of the rows; NaN: too few */
    double lambda_max, lambda_min; /* of the loss with penalties; NaN: not computed */
    double walk;                   /* lowest loss along the eigenvector of lambda_min, over the loss; NaN: not walked */
    double fraction;    /* step fraction tau of a step of the optimizer: 1 to the minimum along it; NaN: no step */
    double weight_norm; /* of the parameters that penalties apply to */
    int nlayers;
    as_probe_layer *layer;  /* (nlayers) those with parameters or an activation */
    double *symmetric;      /* (nlayers) share of units that equal another one, and whose gradients do; NaN: no units */
    as_probe_record record; /* owns layer */
} as_point;

/* What to measure. */
enum { AS_POINT_CURVATURE = 1 };

/* Collective. At the parameters that the network has. rows: most rows; fewer where a pass costs much. Errors: NOMEM;
 * those of as_gradients_create. Free with as_point_free. */
as_status as_point_measure(as_network *network, const as_dataset *data, int64_t rows, unsigned what, as_point *out);
/* Collective. Mean loss of the rows that as_point_measure would take, as in training. */
as_status as_point_loss(as_network *network, const as_dataset *data, int64_t rows, double *out);

void as_point_free(as_point *point);

/* Collective. tau of a change of the parameters from `before` (n) to those that the network has now, on rows as
   as_point_measure takes: d'H d / -(g'd) with g and H at `before`. NaN where d is no descent. */
as_status as_point_fraction(as_network *network, const as_dataset *data, int64_t rows, const double *before,
                            double *out);

#endif
