/* The whole model as operators, from raw samples to the outputs before the loss's own function (io/onnx.h). */
#include "base/error.h"
#include "run/export.h"

static as_status model(const char *path, const as_estimator *estimator)
{
    if (estimator->ops->onnx == NULL) {
        AS_FAIL(AS_CONFIG, "export: a model of type %s has no operators of ONNX", estimator->ops->name);
    }
    return estimator->ops->onnx(estimator, path);
}

const as_export_ops as_export_onnx = {
    .name = "onnx",
    .help = "the whole model with its normalization, for ONNX runtimes",
    .model = model,
};
