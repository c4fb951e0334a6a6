/* Derivatives are what backward makes of ones. Cost: one derivative for each output of a row. */
#include "nn/activity.h"

#include <string.h>

#include "nn/measure.h"

static const double flat = 0.05; /* of the largest derivative */

void as_activity_ones(const as_kernels *kernels, int64_t n, void *ones)
{
    const double one = 1;
    for (int64_t j = 0; j < n; j++) {
        kernels->from_double(1, &one, (char *)ones + (size_t)j * kernels->real_bytes);
    }
}

void as_activity_add(const as_model *model, const as_model_work *work, int i, int64_t row, const void *ones,
                     void *slope, int64_t reals, double *active)
{
    const as_layer *layer = &model->layer[i];
    const as_nonlinearity *f = as_layer_activation(layer);
    const as_measure_ops *measure = as_measure_get(model->kernels);
    const size_t bytes = model->kernels->real_bytes;
    const int64_t n = layer->out_size, units = as_shape_channels(&layer->out), most = reals / units * units;
    const bool alone = layer->nparams == 0, kept = !alone && f->ops->needs_input;
    const char *in = alone ? work->x[layer->from[0]] : work->saved[i];
    const int64_t ldz = alone ? work->ld[layer->from[0]] : work->lds[i];
    const char *y = (const char *)work->x[i + 1] + (size_t)(row * work->ld[i + 1]) * bytes;
    const char *z = f->ops->needs_input ? in + (size_t)(row * ldz) * bytes : NULL;
    const double limit = flat * (f->ops->steepest > 0 ? f->ops->steepest : 1);
    for (int64_t j = 0; j < n; j += most) {
        const int64_t here = n - j < most ? n - j : most;
        const size_t skip = (size_t)j * bytes;
        memcpy(slope, kept ? z + skip : ones, (size_t)here * bytes);
        if (!kept) {
            f->ops->backward(f->options, here, z == NULL ? NULL : z + skip, y + skip, slope);
        }
        measure->reach(here, units, slope, limit, active);
    }
    active[units] += (double)(n / units);
}

void as_activity_sum(int64_t units, const double *active, double *dead, double *share)
{
    double pairs = 0;
    *dead = 0;
    for (int64_t u = 0; u < units; u++) {
        *dead += active[u] == 0 ? 1 : 0;
        pairs += active[u];
    }
    *share = 1 - pairs / (active[units] * (double)units);
}
