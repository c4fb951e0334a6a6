/* SWAG: mean, deviations and standard deviations of the weights in the last checkpoints of a run. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "estimator/gradients.h"
#include "io/states.h"
#include "run/posterior_fit.h"

enum { SWAG_MEMBERS = 40 };

/* Parameters of a checkpoint, in order of the flat vector. */
static as_status read_weights(const as_posterior_options *o, as_world *world, const char *path, int64_t *n, double **w)
{
    as_model_file file;
    as_gradients *gradients = NULL;
    as_status status = as_model_file_open(world, 1, o->isa, path, o->nsets, o->set, o->log, &file);
    if (status == AS_OK && file.estimator->ops->gradients == NULL) {
        status =
            as_error_set(AS_CONFIG, "swag: expected a network, found a model of type %s", file.estimator->ops->name);
    }
    const as_gradients_options how = {.precision = AS_FLOAT64, .lane_rows = 1};
    if (status == AS_OK) {
        status = as_gradients_create(file.estimator, &how, &gradients);
    }
    if (status == AS_OK) {
        *n = as_gradients_model(gradients)->nparams;
        *w = malloc((size_t)*n * sizeof **w);
        status = *w == NULL ? as_posterior_no_memory() : AS_OK;
    }
    if (status == AS_OK) {
        as_gradients_params(gradients, *w);
    }
    as_gradients_destroy(&gradients);
    as_model_file_close(&file);
    return status;
}

as_status as_posterior_swag(as_posterior *p, const as_posterior_options *o, as_world *world)
{
    int64_t *step = NULL, count = 0;
    char path[4096];
    as_status status = as_state_list(o->path, &step, &count);
    if (status == AS_OK && count < 2) {
        status = as_error_set(AS_CONFIG,
                              "swag: expected at least 2 checkpoints in %s, found %lld: train with, say, "
                              "checkpoint.every=1 epochs and checkpoint.keep=20",
                              o->path, (long long)count);
    }
    const int64_t first = count > SWAG_MEMBERS ? count - SWAG_MEMBERS : 0;
    for (int64_t c = first; c < count && status == AS_OK; c++) {
        double *w = NULL;
        int64_t n = 0;
        as_state_path(o->path, step[c], path, sizeof path);
        status = read_weights(o, world, path, &n, &w);
        if (status == AS_OK && p->deviation == NULL) {
            p->n = n;
            p->mean = calloc((size_t)n, sizeof(double));
            p->sd = calloc((size_t)n, sizeof(double));
            p->deviation = malloc((size_t)((count - first) * n) * sizeof(double));
            status = p->mean == NULL || p->sd == NULL || p->deviation == NULL ? as_posterior_no_memory() : AS_OK;
        }
        if (status == AS_OK) {
            memcpy(p->deviation + p->members++ * n, w, (size_t)n * sizeof(double));
        }
        free(w);
    }
    free(step);
    AS_TRY(status);
    for (int64_t i = 0; i < p->n; i++) {
        double sum = 0, square = 0;
        for (int64_t c = 0; c < p->members; c++) {
            sum += p->deviation[c * p->n + i];
        }
        p->mean[i] = sum / (double)p->members;
        for (int64_t c = 0; c < p->members; c++) {
            double *d = &p->deviation[c * p->n + i];
            *d -= p->mean[i];
            square += *d * *d;
        }
        p->sd[i] = sqrt(square / (double)p->members);
    }
    return AS_OK;
}
