/* Places of gradients that pass. Backward goes from the last layer to the first: the gradient at a value lives from its
   last reader to the layer that makes it, and what lives at the same time lies side by side. Each takes the lowest
   place that is free when it begins: the one that was left last, and so is near. Where threads share rows, others may
   still be at that layer: it lives until they have met before the sums of a layer below.

   A layer that passes its gradient on as it is (add) need not copy it: value and inputs have one place, as far as none
   changes while another lives. So the gradient of a residual stream stays where it is, and layers add to it. */
#include "nn/model_places.h"

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

/* Whether nothing but forward of the first `layers` layers looks at value v. */
static bool is_brief(const as_model *model, int v, int layers)
{
    bool brief = v > 0 && v <= layers && model->pooled[v] == 0 &&
                 (model->layer[v - 1].forgets_y || model->layer[v - 1].relu_held);
    bool read = false;
    for (int h = 0; h < model->nheads; h++) {
        brief = brief && model->head[h].value != v;
    }
    for (int i = v; i < model->nlayers && v > 0; i++) {
        for (int k = 0; k < model->layer[i].ninputs; k++) {
            const bool here = model->layer[i].from[k] == v;
            brief = brief && (!here || (i < layers && model->layer[i].forgets_x));
            read = read || here;
        }
    }
    return brief && read;
}

/* Arrays of `rows` rows of values that live for a while. */
typedef struct places {
    const as_model *model;
    const as_model_work *work;
    int64_t rows;
    bool *lives;         /* (nlayers + 1) */
    size_t *place, most; /* (nlayers + 1) bytes from the begin; how many are needed */
} places;

/* Bytes of an array. A line is added, because arrays at distances that the cache's sets divide collide. */
static size_t bytes_of(const places *p, int v)
{
    const size_t bytes = (size_t)(p->rows * p->work->ld[v]) * p->model->kernels->real_bytes;
    return (bytes + LINE - 1) / LINE * LINE + LINE;
}

/* Value v lives from now on, at the lowest place beside those that do. */
static void begin(places *p, int v)
{
    const size_t size = bytes_of(p, v);
    size_t place = 0;
    for (bool moved = true; moved;) {
        moved = false;
        for (int u = 1; u <= p->model->nlayers; u++) {
            const size_t end = p->place[u] + (p->lives[u] ? bytes_of(p, u) : 0);
            if (p->lives[u] && place < end && p->place[u] < place + size) {
                place = end;
                moved = true;
            }
        }
    }
    p->place[v] = place;
    p->lives[v] = true;
    p->most = place + size > p->most ? place + size : p->most;
}

/* The layer below which nobody reads the gradient at value v. */
static int done_at(const as_model *model, const as_model_passing *passing, int v)
{
    int i = v - 1;
    if (passing->together) {
        do {
            i--;
        } while (i >= 0 && !(model->layer[i].trains && model->layer[i].nparams > 0));
    }
    return i;
}

/* Whether the gradient at value v changes in one of the layers up to `last` that may still read that at u. */
static bool disturbs(const as_model *model, const as_model_passing *passing, int v, int u, int last)
{
    const int done = done_at(model, passing, u);
    bool changes = !model->layer[v - 1].keeps_dy && v - 1 >= done;
    for (int i = v; i <= last; i++) {
        for (int k = 0; k < model->layer[i].ninputs; k++) {
            changes = changes || (model->layer[i].from[k] == v && model->layer[i].adds[k] && i >= done);
        }
    }
    return changes;
}

/* Whether input k of layer i can have the place of its output; host: the value whose place a value has. */
static bool may_share(const places *p, const as_model_passing *passing, const int *host, int i, int k)
{
    const as_layer *layer = &p->model->layer[i];
    const int v = layer->from[k];
    bool may = layer->ops->passes_dy && p->work->passes[v] && p->work->passes[i + 1] && !layer->skips[k] &&
               !layer->adds[k] && p->work->ld[v] == p->work->ld[i + 1];
    for (int u = 1; u <= p->model->nlayers && may; u++) {
        if (host[u] == host[i + 1] && u != v) {
            may = !disturbs(p->model, passing, v, u, i) && (u > i || !disturbs(p->model, passing, u, v, i));
        }
    }
    return may;
}

/* done: of a host, the last layer that reads one of those that have its place; (nlayers + 1) zeros, as host. */
static void place_gradients(places *p, const as_model_passing *passing, int *host, int *done)
{
    for (int i = passing->backward_layers - 1; i >= 0; i--) {
        const as_layer *layer = &p->model->layer[i];
        for (int u = 1; u <= p->model->nlayers; u++) {
            p->lives[u] = p->lives[u] && done[u] <= i;
        }
        for (int k = 0; k < layer->ninputs && p->model->wants[i + 1]; k++) {
            const int v = layer->from[k], own = done_at(p->model, passing, v);
            if (!p->work->passes[v] || host[v] != 0) {
                continue;
            }
            host[v] = may_share(p, passing, host, i, k) ? host[i + 1] : v;
            if (host[v] == v) {
                begin(p, v);
                done[v] = own;
            }
            p->place[v] = p->place[host[v]];
            done[host[v]] = own < done[host[v]] ? own : done[host[v]];
        }
    }
}

/* The last of the layers that read value v. */
static int last_reader(const as_model *model, int v)
{
    int last = -1;
    for (int i = 0; i < model->nlayers; i++) {
        for (int k = 0; k < model->layer[i].ninputs; k++) {
            last = model->layer[i].from[k] == v ? i : last;
        }
    }
    return last;
}

static void place_values(places *p, int layers)
{
    for (int i = 0; i < layers; i++) {
        if (is_brief(p->model, i + 1, layers)) {
            begin(p, i + 1);
        } else {
            p->place[i + 1] = SIZE_MAX;
        }
        for (int v = 1; v <= i; v++) {
            p->lives[v] = p->lives[v] && last_reader(p->model, v) > i;
        }
    }
}

as_status as_model_places_plan(const as_model *model, const as_model_passing *passing, as_arena *arena,
                               as_model_work *work)
{
    const size_t n = (size_t)model->nlayers + 1;
    if (passing == NULL) {
        return AS_OK;
    }
    bool *lives = calloc(2 * n, sizeof *lives);
    int *host = calloc(2 * n, sizeof *host);
    work->brief_place = calloc(n, sizeof *work->brief_place);
    work->briefs = calloc(n * (size_t)passing->threads + 1, sizeof *work->briefs);
    if (lives == NULL || host == NULL || work->brief_place == NULL || work->briefs == NULL) {
        free(lives);
        free(host);
        AS_FAIL(AS_NOMEM, "out of memory for the places of %d layers", model->nlayers);
    }
    places gradients = {
        .model = model, .work = work, .rows = passing->backward_rows, .lives = lives, .place = work->place};
    places values = {
        .model = model, .work = work, .rows = passing->forward_rows, .lives = lives + n, .place = work->brief_place};
    place_gradients(&gradients, passing, host, host + n);
    place_values(&values, passing->forward_layers);
    free(lives);
    free(host);
    work->passing_bytes = gradients.most;
    work->brief_bytes = values.most;
    work->brief_layers = values.most > 0 ? passing->forward_layers : 0;
    work->threads = passing->threads;
    AS_TRY(as_arena_reserve(arena, (size_t)passing->owners * gradients.most, &work->passing));
    return as_arena_reserve(arena, (size_t)passing->threads * values.most, &work->brief_memory);
}

void as_model_places_choose(const as_model *model, const as_model_passing *passing, as_model_work *work)
{
    for (int v = 1; v <= model->nlayers && passing != NULL; v++) {
        work->passes[v] = passes(model, v, passing->backward_layers);
    }
}

void as_model_places_bind(const as_model *model, as_model_work *work)
{
    const int n = model->nlayers + 1;
    for (int owner = 0; owner < work->owners; owner++) {
        for (int v = 0; v < n; v++) {
            work->dy[owner * n + v] = work->passes[v]
                                          ? (char *)work->passing + (size_t)owner * work->passing_bytes + work->place[v]
                                          : work->dy[v];
        }
    }
    for (int thread = 0; thread < work->threads; thread++) {
        for (int v = 1; v <= work->brief_layers; v++) {
            work->briefs[thread * n + v] =
                work->brief_place[v] == SIZE_MAX
                    ? NULL
                    : (char *)work->brief_memory + (size_t)thread * work->brief_bytes + work->brief_place[v];
        }
    }
}

void as_model_work_brief(const as_model *model, as_model_work *work, int thread, int64_t first)
{
    if (work->brief_layers > 0) {
        work->brief = work->briefs + thread * (model->nlayers + 1);
        work->brief_first = first;
    }
}

void as_model_work_own(const as_model *model, as_model_work *work, int owner)
{
    work->dy += owner * (model->nlayers + 1);
    work->scratch = as_model_scratch(model, work, owner);
}
