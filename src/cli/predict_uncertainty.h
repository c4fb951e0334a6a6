/* Predictions that know how sure they are: the mean over draws of a model, and where its doubt comes from. */
#ifndef AS_CLI_PREDICT_UNCERTAINTY_H
#define AS_CLI_PREDICT_UNCERTAINTY_H

#include "cli/verb.h"
#include "run/model_file.h"

/* What is drawn from. */
typedef enum as_uncertainty_kind {
    AS_UNCERTAINTY_NONE,
    AS_UNCERTAINTY_ENSEMBLE, /* members of a folder */
    AS_UNCERTAINTY_DROPOUT,  /* masks of dropout (Gal and Ghahramani 2016) */
    AS_UNCERTAINTY_LAPLACE,  /* run/posterior.h */
    AS_UNCERTAINTY_SWAG
} as_uncertainty_kind;

typedef struct as_uncertainty {
    as_uncertainty_kind kind;
    bool classes;                          /* outputs are probabilities of classes */
    int64_t rows, outputs, positions;      /* of this rank */
    double *mean;                          /* (rows, outputs) */
    int64_t width;                         /* of a row of what follows: positions for classes, else outputs */
    double *total, *aleatoric, *epistemic; /* (rows, width): entropies in nats, total = aleatoric + epistemic (Houlsby
                                             et al. 2011; Depeweg et al. 2018); for values variances. aleatoric and
                                             total are NaN where the method says nothing of the noise */
    bool noise;                            /* they are not */
    int64_t draws;
    char about[256]; /* for people */
} as_uncertainty;

/* Not collective. --uncertainty METHOD and --samples N of the verb. Errors: USAGE. */
as_status as_uncertainty_parse(const as_context *context, as_uncertainty *out);

/* Not collective. The run that stands for an ensemble in DIR: DIR/member-1; for other methods path itself. Returns
   buffer, or path. Errors: NOINPUT where there are no members. */
as_status as_uncertainty_path(const as_uncertainty *u, const char *path, char buffer[600], const char **out);

/* Collective. Fills what was said above for the rows of data. Errors: CONFIG for models that have no such draws; NOMEM;
   those of as_posterior_find and as_model_file_open. Free with as_uncertainty_free, also after an error. */
as_status as_uncertainty_predict(as_context *context, const as_model_file *m, const as_dataset *data,
                                 const as_sampler *sampler, as_batch *batch, as_uncertainty *u);
void as_uncertainty_free(as_uncertainty *u);

#endif
