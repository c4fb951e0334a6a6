/* What the optimizer makes of a gradient, as far as its stability on a quadratic goes: dw = -lr * scale * gradient, and
   the decay that it adds to the curvature. */
#include <math.h>
#include <string.h>

#include "base/error.h"
#include "estimator/network_gradients.h"

/* lr_scale / P of the own slice, a block of a tensor at a time. */
static double fill_scale(const as_gradients *g, int64_t step, double *scale)
{
    const as_network *network = g->network;
    const as_optimizer *optimizer = &network->optimizer;
    const int64_t last = network->first + network->count;
    double factor = (double)NAN;
    memset(scale + network->first, 0, (size_t)network->count * sizeof *scale);
    for (int t = 0; t < network->ntensors && optimizer->ops->stability != NULL; t++) {
        const network_tensor *x = &network->tensor[t];
        const int64_t from = x->first > network->first ? x->first : network->first;
        const int64_t end = x->first + x->count < last ? x->first + x->count : last;
        void *slot[AS_SLOTS_MAX] = {NULL};
        double one[1];
        for (int s = 0; s < network->nslots; s++) {
            slot[s] = network_at(network, network->slot[s], from > network->first ? from - network->first : 0);
        }
        /* the factor is known to ranks without a share, too */
        factor = optimizer->ops->stability(optimizer->options, step, 0, slot, one);
        if (x->trains && !x->statistic && from < end) {
            optimizer->ops->stability(optimizer->options, step, end - from, slot, scale + from);
            for (int64_t i = from; i < end; i++) {
                scale[i] *= x->lr_scale;
            }
        }
    }
    return factor;
}

as_status as_gradients_stability(as_gradients *g, int64_t step, double *scale, double *decay,
                                 as_gradients_optimizer *out)
{
    const as_network *network = g->network;
    const as_optimizer *optimizer = &network->optimizer;
    AS_TRY(as_world_barrier(network->setup.world)); /* nobody reads the mean before */
    *out = (as_gradients_optimizer){.name = optimizer->ops->name, .lr = optimizer->lr, .plain = true};
    out->factor = fill_scale(g, step, scale);
    g->kernels->from_double(network->count, scale + network->first, network_gradients_at(g, g->total, network->first));
    AS_TRY(network_gradients_share(g, 1));
    memcpy(scale, g->mean, (size_t)g->n * sizeof *scale);
    memset(decay, 0, (size_t)g->n * sizeof *decay);
    for (int t = 0; t < network->ntensors; t++) {
        const network_tensor *x = &network->tensor[t];
        const double l2 = x->decay ? network->model.l2 : 0, added = optimizer->ops->decoupled ? 0 : x->weight_decay;
        for (int64_t i = x->first; i < x->first + x->count && x->trains && !x->statistic; i++) {
            decay[i] = l2 + added;
            out->plain = out->plain && scale[i] == 1;
        }
    }
    return AS_OK;
}

double as_gradients_rate(const as_gradients *g, int64_t step, int64_t total_steps, int64_t steps_per_epoch)
{
    const as_network *network = g->network;
    return network->optimizer.lr * as_schedule_factor(&network->schedule, step, total_steps, steps_per_epoch);
}
