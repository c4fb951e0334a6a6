/* The table of metrics of one variant: the rows of metric.def. */
#include "kernels/real.h"
#include "nn/metric.h"

#define AS_METRIC(kind) extern const as_metric_ops AS_V(as_metric_##kind);
#include "nn/metric.def"
#undef AS_METRIC

const as_metric_ops *const AS_V(as_metrics)[] = {
#define AS_METRIC(kind) &AS_V(as_metric_##kind),
#include "nn/metric.def"
#undef AS_METRIC
    NULL};
