/* The options of gmm, and the parameters that they give to begin with (gmm.h). */
#include "estimator/gmm.h"

#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "math/dense.h"

const char *const as_gmm_covariance_names[] = {"full", "diagonal", "tied", "spherical", NULL};

const as_field as_gmm_fields[] = {
    {.name = "n_components",
     .type = AS_FIELD_INT,
     .offset = offsetof(as_gmm_options, n_components),
     .standard = "1",
     .min = 1,
     .max = 65536,
     .help = "Number of components."},
    {.name = "covariance_type",
     .type = AS_FIELD_CHOICE,
     .offset = offsetof(as_gmm_options, covariance_type),
     .standard = "full",
     .choices = as_gmm_covariance_names,
     .help = "Each component has a matrix of its own, variances of the columns, a matrix shared by all, or one "
             "variance."},
    {.name = "tol",
     .type = AS_FIELD_REAL,
     .offset = offsetof(as_gmm_options, tol),
     .standard = "1e-3",
     .max = 1e300,
     .help = "A start has converged where the mean log-likelihood of a row rises by less."},
    {.name = "reg_covar",
     .type = AS_FIELD_REAL,
     .offset = offsetof(as_gmm_options, reg_covar),
     .standard = "1e-6",
     .max = 1e300,
     .help = "Added to all variances."},
    {.name = "max_iter",
     .type = AS_FIELD_INT,
     .offset = offsetof(as_gmm_options, max_iter),
     .standard = "100",
     .min = 1,
     .max = 1e9,
     .help = "Most EM steps of a start."},
    {.name = "n_init",
     .type = AS_FIELD_INT,
     .offset = offsetof(as_gmm_options, n_init),
     .standard = "1",
     .min = 1,
     .max = 10000,
     .help = "Starts from other k-means clusters; the one with the largest log-likelihood is kept."},
    {.name = "weights_init",
     .type = AS_FIELD_REALS,
     .offset = offsetof(as_gmm_options, weights_init),
     .standard = "",
     .min = 0,
     .max = 1,
     .help = "First weights of the components."},
    {.name = "means_init",
     .type = AS_FIELD_REALS,
     .offset = offsetof(as_gmm_options, means_init),
     .standard = "",
     .help = "First means, row by row, instead of k-means."},
    {.name = "precisions_init",
     .type = AS_FIELD_REALS,
     .offset = offsetof(as_gmm_options, precisions_init),
     .standard = "",
     .help = "First inverses of the covariances, of the shape that covariance_type has, row by row."},
    AS_FIELDS_END};

as_status as_gmm_check_start(const as_statistic *s)
{
    const as_gmm_options *o = s->options;
    const int64_t k = o->n_components, d = s->width;
    int64_t dim[3], size = 1;
    const int rank = as_mixture_shape((as_covariance)o->covariance_type, k, d, dim);
    for (int i = 0; i < rank; i++) {
        size *= dim[i];
    }
    const as_reals *const given[] = {&o->weights_init, &o->means_init, &o->precisions_init};
    const char *const key[] = {"weights_init", "means_init", "precisions_init"};
    const int64_t wanted[] = {k, k * d, size};
    double sum = 0;
    for (int i = 0; i < 3; i++) {
        if (given[i]->n > 0 && given[i]->n != wanted[i]) {
            AS_FAIL(AS_CONFIG,
                    "model.%s: expected %lld numbers (%lld components, %lld columns, covariance_type %s), "
                    "found %lld",
                    key[i], (long long)wanted[i], (long long)k, (long long)d,
                    as_gmm_covariance_names[o->covariance_type], (long long)given[i]->n);
        }
    }
    for (int64_t c = 0; c < o->weights_init.n; c++) {
        sum += o->weights_init.v[c];
    }
    if (o->weights_init.n > 0 && fabs(sum - 1) > 1e-8) {
        AS_FAIL(AS_CONFIG, "model.weights_init: expected weights that add up to 1, found a sum of %.9g", sum);
    }
    return AS_OK;
}

/* Covariances from given precisions. */
static as_status invert_given(as_mixture *m, const as_reals *given)
{
    const int64_t d = m->d;
    const bool square = m->kind == AS_COVARIANCE_FULL || m->kind == AS_COVARIANCE_TIED;
    const int64_t each = square ? d * d : 1;
    double *work = malloc((size_t)(2 * each) * sizeof *work), *inverse = work + each;
    as_status status = AS_OK;
    if (work == NULL) {
        AS_FAIL(AS_NOMEM, "out of memory for precisions of %lld columns", (long long)d);
    }
    for (int64_t c = 0; c * each < given->n && status == AS_OK; c++) {
        const double *own = given->v + c * each;
        double *cov = m->covariances + c * each;
        memcpy(work, own, (size_t)each * sizeof *work);
        if (square ? as_dense_cholesky(d, work, (double)d * DBL_EPSILON, NULL) < d : !(own[0] > 0)) {
            status = as_error_set(AS_CONFIG, "model.precisions_init: number %lld of them is not positive definite",
                                  (long long)c);
        } else if (square) {
            as_dense_invert_upper(d, work, d, inverse);
            for (int64_t i = 0; i < d * d; i++) {
                cov[i] = 0;
                for (int64_t j = 0; j < d; j++) {
                    cov[i] += inverse[i / d * d + j] * inverse[i % d * d + j];
                }
            }
        } else {
            cov[0] = 1 / own[0];
        }
    }
    free(work);
    return status;
}

/* Parameters that the configuration gives replace those of the start. */
as_status as_gmm_take_given(const as_gmm_options *o, as_mixture *m)
{
    memcpy(m->weights, o->weights_init.v, (size_t)o->weights_init.n * sizeof(double));
    memcpy(m->means, o->means_init.v, (size_t)o->means_init.n * sizeof(double));
    return o->precisions_init.n > 0 ? invert_given(m, &o->precisions_init) : AS_OK;
}
