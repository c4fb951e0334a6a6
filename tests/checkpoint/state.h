/* A run for checkpoint tests: an estimator that only has state. Two layers whose arrays are cut by the slices of the
   flat vector (blocks of 1024 elements), two sliced optimizer slots, and two small arrays that every rank has whole. */
#ifndef CHECKPOINT_STATE_H
#define CHECKPOINT_STATE_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "run/checkpoint.h"

enum { STATE_ITEMS = 14, STATE_REALS = 4900, STATE_WIDTH = 5, STATE_LANES = 12 };

typedef struct state_case {
    as_estimator base; /* first */
    as_world *world;
    as_lanes lanes;
    as_sum *sum;
    int nitems;
    as_state_item item[STATE_ITEMS + 1];
    float params[STATE_REALS];
    float *slot[2]; /* this rank's slices */
    double schedule[3];
    int64_t count;
    int restored;
    double scale[STATE_WIDTH], shift[STATE_WIDTH], fill[STATE_WIDTH];
    as_normalization normalization;
    as_dataset data;
    as_progress progress;
    as_text history;
    as_checkpoint_parts parts;
} state_case;

static const char state_config[] = "seed: 7\noptimizer:\n  type: adam\n  lr: 0.001\ntrain:\n  batch: 32\n";

static inline as_status state_list(as_estimator *estimator, int *n, as_state_item **items)
{
    state_case *s = (state_case *)estimator;
    *n = s->nitems;
    *items = s->item;
    return AS_OK;
}

static inline as_status state_restored(as_estimator *estimator)
{
    ((state_case *)estimator)->restored++;
    return AS_OK;
}

static inline as_sum *state_sum(as_estimator *estimator)
{
    return ((state_case *)estimator)->sum;
}

static const as_estimator_ops state_ops = {
    .name = "state", .state = state_list, .restored = state_restored, .sum = state_sum};

static inline void state_add(state_case *s, const char *name, as_dtype type, int rank, int64_t rows, int64_t columns,
                             int64_t flat_first, bool sliced, void *data)
{
    as_state_item *item = &s->item[s->nitems++];
    *item = (as_state_item){.type = type, .flat_first = flat_first, .sliced = sliced, .data = data};
    item->shape = (as_shape){.rank = rank, .dim = {rows, columns}};
    snprintf(item->name, sizeof item->name, "%s", name);
}

static inline void state_list_items(state_case *s)
{
    static const char *const slots[] = {"m", "v"};
    static const char *const names[] = {"dense_1/weight", "dense_1/bias", "dense_2/weight", "dense_2/bias"};
    static const int64_t rows[] = {40, 60, 60, 40}, columns[] = {60, 0, 40, 0}, first[] = {0, 2400, 2460, 4860};
    char name[128];
    for (int i = 0; i < 4; i++) {
        snprintf(name, sizeof name, "/params/%s", names[i]);
        state_add(s, name, AS_F32, columns[i] > 0 ? 2 : 1, rows[i], columns[i], first[i], false, s->params + first[i]);
    }
    for (int slot = 0; slot < 2; slot++) {
        for (int i = 0; i < 4; i++) {
            snprintf(name, sizeof name, "/optimizer/%s/%s", slots[slot], names[i]);
            state_add(s, name, AS_F32, columns[i] > 0 ? 2 : 1, rows[i], columns[i], first[i], true, s->slot[slot]);
        }
    }
    state_add(s, "/optimizer/schedule", AS_F64, 1, 3, 0, -1, false, s->schedule);
    state_add(s, "/optimizer/count", AS_I64, 0, 0, 0, -1, false, &s->count);
}

/* Element i of array a of the state at a step. */
static inline float state_value(int a, int64_t i, int64_t step)
{
    return (float)(a * 100000 + i) + 0.25f * (float)step;
}

/* Fills everything with the values of a step; step -1 wipes. */
static inline void state_fill(state_case *s, int64_t step)
{
    int64_t first = 0, count = 0;
    as_sum_range(s->sum, &first, &count);
    for (int64_t i = 0; i < STATE_REALS; i++) {
        s->params[i] = state_value(0, i, step);
    }
    for (int slot = 0; slot < 2; slot++) {
        for (int64_t i = 0; i < count; i++) {
            s->slot[slot][i] = state_value(1 + slot, first + i, step);
        }
    }
    for (int i = 0; i < 3; i++) {
        s->schedule[i] = 1.0 / (double)(step + 10 + i);
    }
    s->count = step * 3;
    s->progress = (as_progress){.step = step,
                                .epoch = step / 4,
                                .index = step % 4,
                                .best_step = step - 1,
                                .best_value = 0.5 * (double)step,
                                .stale = 1,
                                .has_best = step >= 0,
                                .epoch_loss = 1.5 * (double)step,
                                .epoch_weight = 2};
    as_text_clear(&s->history);
    for (int64_t i = 0; i < step; i++) {
        as_text_add(&s->history, "{\"step\": %lld}\n", (long long)i);
    }
}

static inline as_status state_open(state_case *s, as_world *world)
{
    *s = (state_case){.base = {.ops = &state_ops}, .world = world};
    AS_TRY(as_lanes_create(STATE_LANES, world, &s->lanes));
    AS_TRY(as_sum_create(world, &s->lanes, as_kernels_get(AS_PORTABLE, AS_FLOAT32), STATE_REALS, NULL, &s->sum));
    int64_t first = 0, count = 0;
    as_sum_range(s->sum, &first, &count);
    for (int slot = 0; slot < 2; slot++) {
        s->slot[slot] = calloc((size_t)count + 1, sizeof(float));
    }
    for (int i = 0; i < STATE_WIDTH; i++) {
        s->scale[i] = 0.5 + i;
        s->shift[i] = -1.0 * i;
    }
    s->normalization = (as_normalization){.width = STATE_WIDTH, .scale = s->scale, .shift = s->shift, .fill = s->fill};
    memset(s->data.fingerprint, 0xab, sizeof s->data.fingerprint);
    snprintf(s->data.place, sizeof s->data.place, "train.npy");
    state_list_items(s);
    state_fill(s, 0);
    s->parts = (as_checkpoint_parts){.config = state_config,
                                     .seed = 7,
                                     .lanes = &s->lanes,
                                     .data = &s->data,
                                     .normalization = &s->normalization,
                                     .estimator = &s->base,
                                     .progress = &s->progress,
                                     .history = &s->history};
    return AS_OK;
}

static inline void state_close(state_case *s)
{
    as_sum_destroy(&s->sum);
    as_lanes_destroy(&s->lanes);
    as_text_free(&s->history);
    free(s->slot[0]);
    free(s->slot[1]);
}

/* Whether the state is that of a step, on this rank. */
static inline bool state_is(const state_case *s, int64_t step)
{
    int64_t first = 0, count = 0;
    as_sum_range(s->sum, &first, &count);
    bool same = s->count == step * 3 && s->schedule[2] == 1.0 / (double)(step + 12) && s->progress.step == step &&
                s->progress.epoch == step / 4 && s->progress.index == step % 4 && s->progress.best_step == step - 1 &&
                s->progress.has_best && !s->progress.finished && s->progress.epoch_loss == 1.5 * (double)step;
    for (int64_t i = 0; i < STATE_REALS && same; i++) {
        same = s->params[i] == state_value(0, i, step);
    }
    for (int64_t i = 0; i < count && same; i++) {
        same = s->slot[0][i] == state_value(1, first + i, step) && s->slot[1][i] == state_value(2, first + i, step);
    }
    return same && s->history.size == strlen("{\"step\": 0}\n") * (size_t)step;
}

#endif
