/* Which way rows went through kinks, kept in one bit for each output of a relu and in full for choices of max_pool. At
   a point h away, an output that has crossed its kink is O(h) from it on either side: moving it back changes the
   gradient by O(h), where letting backward go the other way would change it by O(1). */
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "estimator/network_gradients.h"
#include "nn/activity.h"

static as_branches branches_of(const as_layer *layer)
{
    const as_nonlinearity *f = as_layer_activation(layer);
    const as_branches own = layer->ops->branches != NULL ? layer->ops->branches(layer) : AS_BRANCHES_NONE;
    return f != NULL && f->ops->kinked ? AS_BRANCHES_SIGN : own;
}

static int64_t bytes_of(const as_gradients *g, const as_layer *layer)
{
    switch (branches_of(layer)) {
    case AS_BRANCHES_SIGN:
        return (layer->out_size + 7) / 8;
    case AS_BRANCHES_SAVED:
        return layer->saved * (int64_t)g->kernels->real_bytes;
    default:
        return 0;
    }
}

as_status network_branches_open(as_gradients *g, int64_t rows)
{
    g->branch_bytes = 0;
    for (int i = 0; i < g->model.nlayers; i++) {
        g->branch_bytes += bytes_of(g, &g->model.layer[i]);
    }
    if (rows > g->branch_rows) {
        free(g->branch);
        g->branch = calloc((size_t)(rows * g->branch_bytes) + 1, 1);
        g->branch_rows = g->branch == NULL ? 0 : rows;
    }
    if (g->branch == NULL && rows > 0) {
        AS_FAIL(AS_NOMEM, "out of memory for the branches of %lld rows, %lld bytes each", (long long)rows,
                (long long)g->branch_bytes);
    }
    return AS_OK;
}

/* y of one row, in blocks of doubles. */
static void signs(as_gradients *g, as_gradients_branches what, void *y, int64_t n, uint8_t *bit)
{
    double x[AS_BLOCK];
    for (int64_t first = 0; first < n; first += AS_BLOCK) {
        const int64_t count = n - first < AS_BLOCK ? n - first : AS_BLOCK;
        void *at = network_gradients_at(g, y, first);
        bool changed = false;
        g->kernels->to_double(count, at, x);
        for (int64_t i = 0; i < count; i++) {
            uint8_t *byte = bit + (first + i) / 8;
            const uint8_t mask = (uint8_t)(1u << ((first + i) % 8));
            if (what == AS_GRADIENTS_KEEP) {
                *byte = (uint8_t)(x[i] > 0 ? *byte | mask : *byte & (uint8_t)~mask);
            } else if ((x[i] > 0) != ((*byte & mask) != 0)) {
                x[i] = (*byte & mask) != 0 ? 1e-30 : 0;
                changed = true;
            }
        }
        if (changed) {
            g->kernels->from_double(count, x, at);
        }
    }
}

void network_branches(as_gradients *g, as_gradients_branches what, int64_t from, int64_t first, int64_t count)
{
    for (int64_t r = 0; r < count; r++) {
        uint8_t *kept = g->branch + (from + r) * g->branch_bytes;
        for (int i = 0; i < g->model.nlayers; i++) {
            const as_layer *layer = &g->model.layer[i];
            const as_branches kind = branches_of(layer);
            const int64_t bytes = bytes_of(g, layer);
            if (kind == AS_BRANCHES_SIGN) {
                void *y = network_gradients_at(g, g->work.x[i + 1], (first + r) * g->work.ld[i + 1]);
                signs(g, what, y, layer->out_size, kept);
            } else if (kind == AS_BRANCHES_SAVED) {
                void *saved = network_gradients_at(g, g->work.saved[i], (first + r) * g->work.lds[i]);
                memcpy(what == AS_GRADIENTS_KEEP ? (void *)kept : saved, what == AS_GRADIENTS_KEEP ? saved : kept,
                       (size_t)bytes);
            }
            kept += bytes;
        }
    }
}

as_status network_source_open(as_gradients *g, int64_t rows)
{
    const int64_t width = as_shape_size(as_model_shape(&g->model, g->model.head[0].value));
    if (g->model.nheads > 1) {
        AS_FAIL(AS_CONFIG, "Gauss-Newton products want one loss, the network has %d", g->model.nheads);
    }
    if (rows > g->source_rows) {
        free(g->source);
        g->source = calloc((size_t)(rows * width) + 1, g->kernels->real_bytes);
        g->source_rows = g->source == NULL ? 0 : rows;
    }
    if (g->source == NULL && rows > 0) {
        AS_FAIL(AS_NOMEM, "out of memory for gradients of %lld x %lld outputs", (long long)rows, (long long)width);
    }
    return AS_OK;
}

void network_source(as_gradients *g, as_gradients_source what, int64_t from, int64_t first, int64_t count)
{
    const int v = g->model.head[0].value;
    const size_t bytes = (size_t)as_shape_size(as_model_shape(&g->model, v)) * g->kernels->real_bytes;
    for (int64_t r = 0; r < count && g->work.dy[v] != NULL; r++) {
        void *dz = network_gradients_at(g, g->work.dy[v], (first + r) * g->work.ld[v]);
        char *kept = g->source + (size_t)(from + r) * bytes;
        memcpy(what == AS_GRADIENTS_KEEP_SOURCE ? (void *)kept : dz, what == AS_GRADIENTS_KEEP_SOURCE ? dz : kept,
               bytes);
    }
}
