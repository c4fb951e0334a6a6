/* Chooses the table of metrics of a variant. */
#include "kernels/variant.h"
#include "nn/metric.h"

AS_VARIANT_TABLE(as_metric_ops, as_metrics)
