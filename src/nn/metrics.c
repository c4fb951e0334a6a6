/* Chooses the table of metrics of a variant. */
#include "kernels/variants.h"
#include "nn/metric.h"

AS_VARIANT_TABLE(as_metric_ops, as_metrics)
