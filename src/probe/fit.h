/* How a network fits rows, one by one: losses, hits, the spread of its outputs. */
#ifndef AS_PROBE_FIT_H
#define AS_PROBE_FIT_H

#include "data/sampler.h"
#include "estimator/network.h"

typedef struct as_fit {
    int64_t rows;         /* 0: not measured */
    double loss, loss_se; /* mean over what is learnt, and the standard error of it over rows */
    double accuracy;      /* of labels; NaN: none */
    double share_largest; /* of the largest class among these rows */
    double output_sd;     /* root mean square over outputs of their standard deviation over rows */
    double bad;           /* rows whose loss is not finite */
    int64_t classes;
    double *recall;   /* (classes) or NULL; NaN: no row */
    int64_t *id;      /* (rows) ascending */
    double *row_loss; /* (rows) */
    void *block;
} as_fit;

/* Collective. Of all rows of a data set whose mixed id is among about `most` smallest (as_sample_gather), in
   evaluation, with the parameters that the network has now. Errors: NOMEM. Free with as_fit_free. */
as_status as_fit_measure(as_network *network, const as_dataset *data, int64_t most, as_fit *out);
void as_fit_free(as_fit *fit);

/* Not collective. Mean of what the losses of rows are more in `after` than in `before`, row by row, and its standard
   error; both are of the same rows, at least two. */
void as_fit_difference(const as_fit *before, const as_fit *after, double *mean, double *error);

#endif
