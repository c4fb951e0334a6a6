/* Models of linear functions of the inputs as operators of ONNX (io/onnx.h): what `predict` gives, from the stored
   inputs. The normalisation goes into the coefficients: c (a x + b) = (c a) x + c b. */
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "data/dataset.h"
#include "estimator/statistic.h"
#include "io/onnx.h"

/* Weights (width, outputs) and biases (outputs) of all outputs before the last function. A class without a function of
   its own has zeros, or beside a single function its opposite. */
static void fill(const as_statistic *s, const as_linear_form *f, double *weight, double *bias)
{
    const as_normalization *norm = s->setup.normalization;
    const bool plain = norm == NULL || norm->identity;
    const int64_t n = s->outputs, before = n - f->functions;
    for (int64_t k = 0; k < f->functions; k++) {
        double *b = &bias[before + k];
        *b = f->start[k];
        for (int64_t j = 0; j < s->width; j++) {
            const double c = f->coef[k * s->width + j];
            weight[j * n + before + k] = plain ? c : c * norm->scale[j];
            *b += plain ? 0 : c * norm->shift[j];
        }
    }
    for (int64_t k = 0; k < before && f->link != AS_LINK_SOFTMAX; k++) {
        bias[k] = -bias[n - 1];
        for (int64_t j = 0; j < s->width; j++) {
            weight[j * n + k] = -weight[j * n + n - 1];
        }
    }
}

static void add_nodes(const as_statistic *s, const as_linear_form *f, const double *weight, const double *bias,
                      as_onnx *out)
{
    const bool flat = s->setup.data->shape.rank == 1;
    const char *const last = f->factor >= 0 ? "rate" : "output";
    if (!flat) {
        as_onnx_node(out, "Flatten", (const char *const[]){"input", NULL}, "row", NULL);
    }
    as_onnx_reals(out, "coef", 2, (const int64_t[]){s->width, s->outputs}, weight);
    as_onnx_reals(out, "intercept", 1, &s->outputs, bias);
    as_onnx_node(out, "MatMul", (const char *const[]){flat ? "input" : "row", "coef", NULL}, "product", NULL);
    as_onnx_node(out, "Add", (const char *const[]){"product", "intercept", NULL},
                 f->link == AS_LINK_NONE ? "output" : "linear", NULL);
    if (f->link != AS_LINK_NONE) {
        as_onnx_node(out, f->link == AS_LINK_EXP ? "Exp" : "Softmax", (const char *const[]){"linear", NULL}, last,
                     NULL);
    }
    if (f->factor >= 0) {
        as_onnx_integers(out, "factor_column", 1, &f->factor);
        as_onnx_node(out, "Gather", (const char *const[]){flat ? "input" : "row", "factor_column", NULL}, "factor",
                     (const as_onnx_attribute[]){{.name = "axis", .integer = 1}, {.name = NULL}});
        as_onnx_node(out, "Mul", (const char *const[]){last, "factor", NULL}, "output", NULL);
    }
}

as_status as_statistic_onnx(const as_estimator *estimator, const char *path)
{
    const as_statistic *s = (const as_statistic *)estimator;
    if (s->ops->form == NULL) {
        AS_FAIL(AS_CONFIG, "export: a model of type %s has no operators of ONNX; networks and linear models have",
                estimator->ops->name);
    }
    const as_linear_form form = s->ops->form(s);
    const as_shape shape = {.rank = 1, .dim = {s->outputs}};
    double *weight = calloc((size_t)(s->width * s->outputs + s->outputs), sizeof *weight);
    as_onnx *model = NULL;
    as_status status = weight != NULL ? as_onnx_create(AS_F64, &model)
                                      : as_error_set(AS_NOMEM, "%s: out of memory for its coefficients", path);
    if (status == AS_OK) {
        double *const bias = weight + s->width * s->outputs;
        fill(s, &form, weight, bias);
        add_nodes(s, &form, weight, bias, model);
        status = as_onnx_write(model, path, estimator->ops->name, "input", &s->setup.data->shape, "output", &shape);
    }
    as_onnx_destroy(&model);
    free(weight);
    return status;
}
