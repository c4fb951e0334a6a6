/* Initial parameters: scales of the kinds, and the orthogonal kind.

   Orthogonal: the rows of a Gaussian matrix (fewer rows than columns, transposed otherwise) by modified Gram-Schmidt,
   twice (Giraud, Langou, Rozloznik 2005: twice is enough), in double. The result is distributed as Haar measure, since
   the factor R has a positive diagonal. Cost 4 r^2 c flops for r rows of c: meant for matrices up to a few thousand. */
#include "nn/init.h"

#include <math.h>
#include <stdlib.h>

#include "base/error.h"
#include "kernels/variant.h"

AS_VARIANT_DECLARE(as_init_ops, as_init_passes)

const char *const as_init_choices[] = {"auto",          "zeros", "ones",   "he",      "he_uniform", "glorot",
                                       "glorot_normal", "lecun", "normal", "uniform", "orthogonal", NULL};

static void subtract_projection(int64_t n, const double *q, double *v)
{
    double dot = 0;
    for (int64_t i = 0; i < n; i++) {
        dot += q[i] * v[i];
    }
    for (int64_t i = 0; i < n; i++) {
        v[i] -= dot * q[i];
    }
}

static void normalise(int64_t n, double *v)
{
    double sum = 0;
    for (int64_t i = 0; i < n; i++) {
        sum += v[i] * v[i];
    }
    const double inverse = sum > 0 ? 1 / sqrt(sum) : 0;
    for (int64_t i = 0; i < n; i++) {
        v[i] *= inverse;
    }
}

static as_status fill_orthogonal(const as_kernels *kernels, const as_init_ops *ops, const as_param *param,
                                 uint64_t seed, int layer, int index, void *out)
{
    const int64_t columns = param->shape.rank > 0 ? param->shape.dim[param->shape.rank - 1] : 1;
    const int64_t rows = columns > 0 ? param->count / columns : 0;
    const bool wide = rows <= columns;
    const int64_t r = wide ? rows : columns, c = wide ? columns : rows;
    double *v = malloc((size_t)param->count * 2 * sizeof *v);
    if (v == NULL) {
        AS_FAIL(AS_NOMEM, "out of memory for an orthogonal start of %lld x %lld", (long long)rows, (long long)columns);
    }
    double *scaled = v + param->count;
    ops->normal_f64(seed, (uint32_t)layer, (uint32_t)index, param->count, v);
    for (int64_t i = 0; i < r; i++) {
        for (int pass = 0; pass < 2; pass++) {
            for (int64_t j = 0; j < i; j++) {
                subtract_projection(c, v + j * c, v + i * c);
            }
            normalise(c, v + i * c);
        }
    }
    const double scale = param->init_scale > 0 ? param->init_scale : 1;
    for (int64_t i = 0; i < rows; i++) {
        for (int64_t j = 0; j < columns; j++) {
            scaled[i * columns + j] = scale * (wide ? v[i * c + j] : v[j * c + i]);
        }
    }
    kernels->from_double(param->count, scaled, out);
    free(v);
    return AS_OK;
}

as_status as_init_fill(const as_kernels *kernels, const as_param *param, uint64_t seed, int layer, int index, void *out)
{
    const as_init_ops *ops = AS_VARIANT_PICK(as_init_ops, as_init_passes, kernels);
    const uint32_t a = (uint32_t)layer, b = (uint32_t)index;
    const double fan_in = (double)param->fan_in, both = (double)(param->fan_in + param->fan_out);
    const double factor = param->init_scale > 0 ? param->init_scale : 1;
    const double own = param->init_scale > 0 ? param->init_scale : 0.05;
    switch (param->init) {
    case AS_INIT_ZEROS:
        ops->constant(param->count, 0, out);
        return AS_OK;
    case AS_INIT_ONES:
        ops->constant(param->count, 1, out);
        return AS_OK;
    case AS_INIT_HE:
        ops->normal(seed, a, b, param->count, factor * sqrt(2 / fan_in), out);
        return AS_OK;
    case AS_INIT_HE_UNIFORM:
        ops->uniform(seed, a, b, param->count, factor * sqrt(6 / fan_in), out);
        return AS_OK;
    case AS_INIT_GLOROT:
        ops->uniform(seed, a, b, param->count, factor * sqrt(6 / both), out);
        return AS_OK;
    case AS_INIT_GLOROT_NORMAL:
        ops->normal(seed, a, b, param->count, factor * sqrt(2 / both), out);
        return AS_OK;
    case AS_INIT_LECUN:
        ops->normal(seed, a, b, param->count, factor * sqrt(1 / fan_in), out);
        return AS_OK;
    case AS_INIT_NORMAL:
        ops->normal(seed, a, b, param->count, own, out);
        return AS_OK;
    case AS_INIT_UNIFORM:
        ops->uniform(seed, a, b, param->count, own, out);
        return AS_OK;
    case AS_INIT_ORTHOGONAL:
        return fill_orthogonal(kernels, ops, param, seed, layer, index, out);
    }
    AS_FAIL(AS_INTERNAL, "initialisation %d of parameter %s is none", (int)param->init, param->name);
}
