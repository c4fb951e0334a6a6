/* The options of gmm, and the parameters that they give to begin with. */
#ifndef AS_ESTIMATOR_GMM_H
#define AS_ESTIMATOR_GMM_H

#include "estimator/mixture.h"

typedef struct as_gmm_options {
    int64_t n_components, n_init, max_iter;
    int covariance_type;
    double tol, reg_covar;
    as_reals weights_init, means_init, precisions_init;
} as_gmm_options;

extern const as_field as_gmm_fields[];
extern const char *const as_gmm_covariance_names[]; /* by as_covariance */

/* Not collective; in plan. Errors: CONFIG where given parameters do not fit the model and the data. */
as_status as_gmm_check_start(const as_statistic *s);
/* Not collective. Given parameters replace those of the mixture; factors are not made. Errors: CONFIG for precisions
   that are not positive definite; NOMEM. */
as_status as_gmm_take_given(const as_gmm_options *options, as_mixture *m);

#endif
