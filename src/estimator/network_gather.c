/* Rows of a batch into a work space: stored bytes to reals, augmented, mixed in pairs, normalised. For the steps of a
   training, and for gradients beside it in any precision. Cost: a pass over the rows, and what augmentations take. */
#include "estimator/network.h"

static char *at(const network_gathering *g, void *base, int64_t element)
{
    return (char *)base + (size_t)element * g->kernels->real_bytes;
}

/* Changes rows x as `data.augment` says, and normalises them. */
static void augment_rows(const network_gathering *g, const as_batch *batch, int64_t from, int64_t count, void *x,
                         int slot)
{
    const as_dataset *data = batch->data;
    const bool plain = g->normalization == NULL || g->normalization->identity;
    as_augment_rows rows = {.shape = &data->shape,
                            .rows = count,
                            .x = x,
                            .ld = g->work->ld[0],
                            .id = batch->id + from,
                            .seed = data->seed,
                            .epoch = batch->epoch,
                            .scale = plain ? NULL : g->normalization->scale_real,
                            .shift = plain ? NULL : g->normalization->shift_real,
                            .work = at(g, g->augment_work, slot * g->augment_reals)};
    const as_augment_run *run = as_augment_run_get(g->kernels);
    run->rows(data->augment, &rows);
    rows.rows = 1;
    rows.x = at(g, rows.work, g->augment_reals / 2);
    for (int64_t r = 0; g->mixing >= 0 && r < count; r++) {
        const int64_t other = from + r + g->partner[from + r];
        rows.id = batch->id + other;
        g->kernels->gather(1, data->width, data->x, data->type, data->stride, batch->at + other, NULL, NULL, rows.x,
                           data->width);
        run->rows(data->augment, &rows);
        run->mix(data->width, g->share[from + r], rows.x, at(g, x, r * rows.ld));
    }
}

void network_gather_rows(const network_gathering *g, const as_batch *batch, int64_t from, int64_t first, int64_t count,
                         bool augments, int slot)
{
    const as_dataset *data = batch->data;
    const bool changes = augments && data->augment != NULL; /* which normalises afterwards */
    const bool plain = changes || g->normalization == NULL || g->normalization->identity;
    void *const x = at(g, g->work->x[0], first * g->work->ld[0]);
    g->kernels->gather(count, data->width, data->x, data->type, data->stride, batch->at + from,
                       plain ? NULL : g->normalization->scale_real, plain ? NULL : g->normalization->shift_real, x,
                       g->work->ld[0]);
    if (changes) {
        augment_rows(g, batch, from, count, x, slot);
    }
}

void network_gather_partners(const network_gathering *g, const as_batch *batch, int lanes)
{
    const as_dataset *data = batch->data;
    for (int l = 0; g->mixing >= 0 && l < lanes; l++) {
        const int64_t first = batch->lane_row[l], end = batch->lane_row[l + 1];
        for (int64_t r = first; r < end; r++) {
            g->partner[r] = r + 1 < end ? 1 : first - r;
            g->share[r] = as_augment_mix_share(data->augment, g->mixing, data->seed, batch->epoch, batch->id[r]);
        }
    }
}

network_gathering network_gathering_of(const as_network *network)
{
    return (network_gathering){.kernels = network->setup.kernels,
                               .normalization = network->setup.normalization,
                               .work = &network->work,
                               .augment_work = network->augment_work,
                               .augment_reals = network->augment_reals,
                               .mixing = network->mixing,
                               .partner = network->partner,
                               .share = network->share};
}

void network_gather(const as_network *network, const as_batch *batch, int64_t from, int64_t first, int64_t count)
{
    const network_gathering g = network_gathering_of(network);
    network_gather_rows(&g, batch, from, first, count, false, 0);
}
