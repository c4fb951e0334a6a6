/* Weight spectra: stable rank, condition and norm rather than exponents of power laws, which drift without a change in
   quality. By one-sided Jacobi (math/dense.h): small singular values are accurate, too. */
#include "probe/spectra.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/error.h"
#include "math/dense.h"

/* a (m, n), m >= n: the matrix or its transpose. */
static void copy_matrix(const as_weight_spectrum *s, const double *w, double *a)
{
    const bool tall = s->rows >= s->columns;
    for (int64_t i = 0; i < s->rows; i++) {
        for (int64_t j = 0; j < s->columns; j++) {
            a[tall ? i * s->columns + j : j * s->rows + i] = w[i * s->columns + j];
        }
    }
}

static as_status take_apart(as_weight_spectrum *s, const double *w)
{
    const int64_t most = s->rows > s->columns ? s->rows : s->columns, n = s->count;
    double *a = malloc((size_t)(most * n) * sizeof *a + 1), *right = malloc((size_t)(n * n) * sizeof *right + 1);
    s->value = calloc((size_t)n + 1, sizeof *s->value);
    as_status status = AS_OK;
    if (a == NULL || right == NULL || s->value == NULL) {
        status = as_error_set(AS_NOMEM, "out of memory for the singular values of %s of layer %s", s->param, s->layer);
    } else {
        copy_matrix(s, w, a);
        status = as_dense_svd(most, n, 0, a, n, s->value, right, NULL);
    }
    free(a);
    free(right);
    return status;
}

static as_status measure(as_weight_spectrum *s, const double *w, double eps)
{
    const int64_t most = s->rows > s->columns ? s->rows : s->columns;
    double squares = 0;
    for (int64_t i = 0; i < s->rows * s->columns; i++) {
        squares += w[i] * w[i];
    }
    s->frobenius = sqrt(squares);
    if (!isfinite(squares)) {
        AS_FAIL(AS_DIVERGED, "%s of layer %s is not finite: it has no spectrum", s->param, s->layer);
    }
    s->skipped = s->count > AS_SPECTRA_ORDER;
    s->largest = s->smallest = s->stable_rank = s->condition = (double)NAN;
    if (s->skipped) {
        return AS_OK;
    }
    AS_TRY(take_apart(s, w));
    s->largest = s->value[0];
    s->smallest = s->value[s->count - 1];
    s->stable_rank = s->largest > 0 ? squares / (s->largest * s->largest) : 0;
    s->condition = s->smallest > 0 ? s->largest / s->smallest : (double)INFINITY;
    for (int64_t i = 0; i < s->count; i++) {
        s->rank += s->value[i] > eps * (double)most * s->largest;
    }
    return AS_OK;
}

as_status as_weight_spectra_make(const as_model *model, const double *w, double eps, as_weight_spectra *out)
{
    *out = (as_weight_spectra){.item = calloc((size_t)model->nlayers * AS_LAYER_PARAMS_MAX + 1, sizeof *out->item)};
    if (out->item == NULL) {
        AS_FAIL(AS_NOMEM, "out of memory for weight spectra");
    }
    for (int i = 0; i < model->nlayers; i++) {
        for (int q = 0; q < model->layer[i].nparams; q++) {
            const as_param *p = &model->layer[i].param[q];
            if (p->shape.rank < 2 || p->tied || p->statistic || p->count < 1) {
                continue;
            }
            as_weight_spectrum *s = &out->item[out->n++];
            snprintf(s->layer, sizeof s->layer, "%s", model->layer[i].name);
            snprintf(s->param, sizeof s->param, "%s", p->name);
            s->columns = p->shape.dim[p->shape.rank - 1];
            s->rows = p->count / s->columns;
            s->count = s->rows < s->columns ? s->rows : s->columns;
            AS_TRY(measure(s, w + p->offset, eps));
        }
    }
    return AS_OK;
}

void as_weight_spectra_free(as_weight_spectra *spectra)
{
    for (int i = 0; i < spectra->n; i++) {
        free(spectra->item[i].value);
    }
    free(spectra->item);
    *spectra = (as_weight_spectra){0};
}
