/* Places of gradients that pass. Backward goes from the last layer to the first: the gradient at a value lives from its
   last reader to the layer that makes it, and what lives at the same time lies side by side. Each takes the lowest
   place that is free when it begins: the one that was left last, and so is near. */
#include "nn/model_passing.h"

#include <stdlib.h>

#include "base/error.h"

enum { LINE = 64 };

/* Whether the gradient at value v is written and read by the first `layers` layers alone. */
static bool passes(const as_model *model, int v, int layers)
{
    bool read = false;
    for (int h = 0; h < model->nheads; h++) {
        if (model->head[h].value == v) {
            return false;
        }
    }
    for (int i = v; i < model->nlayers; i++) {
        for (int k = 0; k < model->layer[i].ninputs; k++) {
            if (model->layer[i].from[k] == v && i >= layers) {
                return false;
            }
            read = read || model->layer[i].from[k] == v;
        }
    }
    return read && v > 0 && v <= layers && model->wants[v] && model->pooled[v] == 0;
}

/* Bytes of a passing gradient. A line is added, because arrays at distances that the cache's sets divide collide. */
static size_t bytes_of(const as_model *model, const as_model_work *work, int64_t rows, int v)
{
    const size_t bytes = (size_t)(rows * work->ld[v]) * model->kernels->real_bytes;
    return (bytes + LINE - 1) / LINE * LINE + LINE;
}

/* The lowest place for value v beside those that live. */
static size_t find_place(const as_model *model, const as_model_work *work, int64_t rows, const bool *lives, int v)
{
    const size_t size = bytes_of(model, work, rows, v);
    size_t place = 0;
    for (bool moved = true; moved;) {
        moved = false;
        for (int u = 1; u <= model->nlayers; u++) {
            const size_t end = work->place[u] + bytes_of(model, work, rows, u);
            if (lives[u] && place < end && work->place[u] < place + size) {
                place = end;
                moved = true;
            }
        }
    }
    return place;
}

static void find_places(const as_model *model, const as_model_passing *passing, as_model_work *work, bool *lives)
{
    for (int i = passing->layers - 1; i >= 0; i--) {
        const as_layer *layer = &model->layer[i];
        for (int k = 0; k < layer->ninputs && model->wants[i + 1]; k++) {
            const int v = layer->from[k];
            if (!work->passes[v] || lives[v]) {
                continue;
            }
            work->place[v] = find_place(model, work, passing->rows, lives, v);
            lives[v] = true;
            const size_t end = work->place[v] + bytes_of(model, work, passing->rows, v);
            work->passing_bytes = end > work->passing_bytes ? end : work->passing_bytes;
        }
        lives[i + 1] = false;
    }
}

as_status as_model_passing_plan(const as_model *model, const as_model_passing *passing, as_arena *arena,
                                as_model_work *work)
{
    const size_t n = (size_t)model->nlayers + 1;
    if (passing == NULL || passing->layers == 0) {
        return AS_OK;
    }
    bool *lives = calloc(n, sizeof *lives);
    if (lives == NULL) {
        AS_FAIL(AS_NOMEM, "out of memory for the gradients of %d layers", model->nlayers);
    }
    find_places(model, passing, work, lives);
    free(lives);
    return as_arena_reserve(arena, (size_t)passing->owners * work->passing_bytes, &work->passing);
}

void as_model_passing_choose(const as_model *model, const as_model_passing *passing, as_model_work *work)
{
    for (int v = 1; v <= model->nlayers && passing != NULL; v++) {
        work->passes[v] = passes(model, v, passing->layers);
    }
}

void as_model_passing_bind(const as_model *model, as_model_work *work)
{
    const int n = model->nlayers + 1;
    for (int owner = 0; owner < work->owners; owner++) {
        for (int v = 0; v < n; v++) {
            work->dy[owner * n + v] = work->passes[v]
                                          ? (char *)work->passing + (size_t)owner * work->passing_bytes + work->place[v]
                                          : work->dy[v];
        }
    }
}

void as_model_work_own(const as_model *model, as_model_work *work, int owner)
{
    work->dy += owner * (model->nlayers + 1);
    work->scratch = as_model_scratch(model, work, owner);
}
