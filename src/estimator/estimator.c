/* The kinds of estimators. */
#include "estimator/estimator.h"

#define AS_ESTIMATOR(kind) extern const as_estimator_ops as_estimator_##kind;
#include "estimator/estimator.def"
#undef AS_ESTIMATOR

static const as_estimator_ops *const estimators[] = {
#define AS_ESTIMATOR(kind) &as_estimator_##kind,
#include "estimator/estimator.def"
#undef AS_ESTIMATOR
    NULL};

const as_estimator_ops *const *as_estimators_get(void)
{
    return estimators;
}
