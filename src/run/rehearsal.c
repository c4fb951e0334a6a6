/* The step loop without files, as in bench_step.c, for any configuration. Rows lie apart even where those of the data
   are windows that overlap; a few MiB of them are gone through again and again. */
#include "run/rehearsal.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/rng.h"

enum { STEPS_LEAST = 2, STEPS_MOST = 200, ROW_BYTES = 16 << 20, PATTERN = 8192 };

struct as_rehearsal {
    as_world *world;
    as_team *team;
    as_lanes lanes;
    as_arena *arena;
    as_dataset data;
    as_normalization normalization;
    as_sampler *sampler;
    as_batch batch;
    as_estimator *estimator;
    int64_t step;
};

/* Elements of x: tokens, pixels, or values in [0, 1). A pattern is repeated: making numbers takes longer than a step.
 */
static void fill_inputs(as_dataset *d, int64_t n)
{
    const size_t size = as_dtype_bytes(d->type);
    const int64_t first = n < PATTERN ? n : PATTERN;
    for (int64_t i = 0; i < first; i++) {
        uint32_t word[4];
        as_rng_words(1, AS_RNG_GENERATE, 0, 0, (uint64_t)i, word);
        const double token = (double)(word[0] % (uint32_t)(d->vocabulary > 0 ? d->vocabulary : 256));
        const double value = d->vocabulary > 0 || d->type == AS_U8 ? token : (double)as_rng_uniform_f32(word[0]);
        if (d->type == AS_U8) {
            ((uint8_t *)d->x)[i] = (uint8_t)value;
        } else if (d->type == AS_U16) {
            ((uint16_t *)d->x)[i] = (uint16_t)token;
        } else if (d->type == AS_F32) {
            ((float *)d->x)[i] = (float)value;
        } else {
            ((double *)d->x)[i] = value;
        }
    }
    for (int64_t done = first; done > 0 && done < n;) { /* one row more than the pattern: rows differ */
        const int64_t odd = done == first && first > 1 ? done - 1 : done, now = n - done < odd ? n - done : odd;
        memcpy((char *)d->x + (size_t)done * size, d->x, (size_t)now * size);
        done += now;
    }
}

static void fill_answers(as_dataset *d)
{
    for (int64_t r = 0; r < d->local_rows; r++) {
        d->id[r] = r;
        d->weight[r] = 1;
        if (d->start != NULL) {
            d->start[r] = r * d->width;
        }
    }
    for (int64_t i = 0; d->label != NULL && i < d->local_rows * d->positions; i++) {
        d->label[i] = (int32_t)(i * 7919 % (d->classes > 0 ? d->classes : 1));
    }
    for (int64_t i = 0; d->target_values != NULL && i < d->local_rows * d->targets; i++) {
        d->target_values[i] = (double)(i * 7919 % 1009) / 1009;
    }
}

/* Rows for some steps, but no more than the data have, nor than fit a small memory. */
static int64_t count_rows(const as_rehearsal_options *o)
{
    const as_dataset *d = o->described;
    const int64_t bytes = d->width * (int64_t)as_dtype_bytes(d->type) + 1;
    const int64_t fit = ROW_BYTES / bytes, most = fit < d->rows ? fit : d->rows;
    return o->rows > 0 && most > o->rows ? most / o->rows * o->rows : o->rows;
}

static as_status make_data(as_rehearsal *r, const as_rehearsal_options *o)
{
    as_dataset *d = &r->data;
    const int lanes = o->lanes;
    *d = *o->described;
    d->block = NULL;
    d->start = NULL;
    d->label = NULL;
    d->target_values = NULL;
    d->rows = d->local_rows = count_rows(o);
    d->classes = d->target == AS_TARGET_LABELS ? o->classes : d->classes;
    d->stride = d->ahead > 0 ? 1 : d->width;
    d->step = 0;
    d->lanes = &r->lanes;
    d->augment = o->config->data.augment.n > 0 ? &o->config->data.augment : NULL;
    d->seed = 1;
    d->normalization = &r->normalization;
    const int64_t elements = d->width * d->rows + d->ahead;
    const size_t rows = (size_t)d->rows;
    AS_TRY(as_arena_reserve(r->arena, ((size_t)lanes + 1) * sizeof(int64_t), (void **)&d->lane_first));
    AS_TRY(as_arena_reserve(r->arena, (size_t)elements * as_dtype_bytes(d->type), &d->x));
    AS_TRY(as_arena_reserve(r->arena, rows * sizeof(int64_t), (void **)&d->id));
    AS_TRY(as_arena_reserve(r->arena, rows * sizeof(double), (void **)&d->weight));
    if (d->ahead > 0) {
        AS_TRY(as_arena_reserve(r->arena, rows * sizeof(int64_t), (void **)&d->start));
    } else if (d->target == AS_TARGET_LABELS) {
        AS_TRY(as_arena_reserve(r->arena, rows * (size_t)d->positions * sizeof(int32_t), (void **)&d->label));
    }
    if (d->target == AS_TARGET_REALS && !d->reconstruct) {
        AS_TRY(as_arena_reserve(r->arena, rows * (size_t)d->targets * sizeof(double), (void **)&d->target_values));
    }
    AS_TRY(as_arena_commit(r->arena));
    for (int l = 0; l < lanes; l++) {
        d->lane_first[l + 1] = d->lane_first[l] + d->rows / lanes + (l < d->rows % lanes);
    }
    fill_inputs(d, elements);
    fill_answers(d);
    return AS_OK;
}

static as_status make_normalization(as_rehearsal *r, const as_rehearsal_options *o, const as_kernels *kernels)
{
    const int64_t width = r->data.width;
    double *rows = calloc(3 * (size_t)width + 1, sizeof *rows);
    if (rows == NULL) {
        AS_FAIL(AS_NOMEM, "out of memory for a normalisation of %lld columns", (long long)width);
    }
    /* Mean 0 and variance 1 as normalised data have, of uniform numbers: in tails of activations there would be
       denormals, which are slow. Where nothing is normalised the numbers may be indices. */
    const bool plain =
        r->data.vocabulary > 0 || (o->config->data.normalize == AS_NORMALIZE_NONE && r->data.type != AS_U8);
    const double range = r->data.type == AS_U8 ? 255 : 1, sd = range / sqrt(12);
    for (int64_t j = 0; j < width; j++) {
        rows[j] = plain ? 1 : 1 / sd;
        rows[width + j] = plain ? 0 : -range / 2 / sd;
    }
    const as_status status =
        as_normalization_load(width, rows, rows + width, rows + 2 * width, kernels, &r->normalization);
    free(rows);
    return status;
}

static as_status make(as_rehearsal *r, const as_rehearsal_options *o)
{
    const as_config *c = o->config;
    const as_kernels *kernels = as_kernels_get(o->isa, c->precision == 0 ? AS_FLOAT32 : AS_FLOAT64);
    const as_world_options alone = {.launched = false};
    AS_TRY(as_world_open(&alone, &r->world));
    AS_TRY(as_team_create(o->threads, &r->team));
    AS_TRY(as_lanes_create(o->lanes, r->world, &r->lanes));
    AS_TRY(as_arena_create(&r->arena));
    AS_TRY(make_data(r, o));
    AS_TRY(make_normalization(r, o, kernels));
    AS_TRY(as_sampler_create(&r->data, c->statistic ? 0 : o->rows, c->data.shuffle, 1, &r->sampler));
    AS_TRY(as_sampler_batch_create(r->sampler, &r->batch));
    const as_setup setup = {.document = c->document,
                            .model = c->model,
                            .optimizer = c->optimizer,
                            .schedule = c->schedule,
                            .micro_batch = c->train.micro_batch,
                            .clip_norm = c->train.clip_norm,
                            .clip_value = c->train.clip_value,
                            .ema = c->train.ema,
                            .kernels = kernels,
                            .world = r->world,
                            .team = r->team,
                            .lanes = &r->lanes,
                            .data = &r->data,
                            .normalization = &r->normalization,
                            .seed = 1,
                            .capacity = as_sampler_capacity(r->sampler),
                            .total_steps = 1 << 20,
                            .steps_per_epoch = as_sampler_batches(r->sampler)};
    AS_TRY(as_estimator_create(&setup, &r->estimator));
    return r->estimator->ops->init(r->estimator);
}

as_status as_rehearsal_create(const as_rehearsal_options *options, as_rehearsal **out)
{
    *out = calloc(1, sizeof **out);
    if (*out == NULL) {
        AS_FAIL(AS_NOMEM, "out of memory for a rehearsal");
    }
    return make(*out, options);
}

void as_rehearsal_destroy(as_rehearsal **rehearsal)
{
    as_rehearsal *r = *rehearsal;
    if (r == NULL) {
        return;
    }
    if (r->estimator != NULL) {
        r->estimator->ops->destroy(&r->estimator);
    }
    as_sampler_batch_destroy(&r->batch);
    as_sampler_destroy(&r->sampler);
    as_normalization_destroy(&r->normalization);
    as_arena_destroy(&r->arena);
    if (r->world != NULL) {
        as_lanes_destroy(&r->lanes);
        as_world_close(&r->world);
    }
    if (r->team != NULL) {
        as_team_destroy(&r->team);
    }
    free(r);
    *rehearsal = NULL;
}

as_estimator *as_rehearsal_estimator(as_rehearsal *rehearsal)
{
    return rehearsal->estimator;
}

/* What one step took. */
typedef struct taken {
    double seconds, part[AS_TIMES];
} taken;

static int ascending(const void *a, const void *b)
{
    const double x = ((const taken *)a)->seconds, y = ((const taken *)b)->seconds;
    return (x > y) - (x < y);
}

static as_status take_step(as_rehearsal *r, bool update, double *seconds, bool *done)
{
    const as_estimator_ops *ops = r->estimator->ops;
    const int64_t batches = as_sampler_batches(r->sampler);
    const double begin = as_clock_seconds();
    as_step_report report;
    as_sampler_fill(r->sampler, r->step / batches, r->step % batches, &r->batch);
    AS_TRY(ops->accumulate(r->estimator, &r->batch, r->step));
    if (update) {
        AS_TRY(ops->update(r->estimator, r->step, &report));
        r->step++;
        *done = report.done;
    }
    *seconds = as_clock_seconds() - begin;
    return AS_OK;
}

int64_t as_rehearsal_begin(as_rehearsal *r, int64_t steps, double seconds, bool *over)
{
    double one, all = 0;
    int64_t n = 0;
    for (*over = false; n < steps && all < seconds && !*over; n++) {
        *over = take_step(r, true, &one, over) != AS_OK || *over;
        all += *over ? 0 : one;
    }
    return n;
}

as_status as_rehearsal_time(as_rehearsal *r, double seconds, bool update, double part[AS_TIMES])
{
    taken all[STEPS_MOST];
    double whole = 0;
    int n = 0;
    bool done = false;
    AS_TRY(take_step(r, update, &whole, &done)); /* touches memory for the first time */
    const double *times = r->estimator->ops->times(r->estimator);
    for (whole = 0; n < STEPS_MOST && (n < STEPS_LEAST || whole < seconds); n++) {
        taken *t = &all[n];
        double seen = 0;
        memcpy(t->part, times, sizeof t->part);
        AS_TRY(take_step(r, update, &t->seconds, &done));
        for (int i = 0; i < AS_TIMES; i++) {
            t->part[i] = times[i] - t->part[i];
            seen += t->part[i];
        }
        t->part[AS_TIME_DATA] += t->seconds > seen ? t->seconds - seen : 0;
        whole += t->seconds;
    }
    qsort(all, (size_t)n, sizeof *all, ascending);
    const int quick = (n + 1) / 2;
    for (int i = 0; i < AS_TIMES; i++) {
        part[i] = 0;
        for (int k = 0; k < quick; k++) {
            part[i] += all[k].part[i] / quick;
        }
    }
    return AS_OK;
}
