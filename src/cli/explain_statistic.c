/* The plan of a statistical model: passes over the rows, what a lane's statistic holds, and what goes to rank 0. The
   model itself says how large it is, made for the data at hand. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "cli/explain_plan.h"
#include "estimator/statistic.h"

enum { READ_BYTES = 256 << 20, REHEARSED_ROWS = 32768, FIRST_PASSES = 200 };
static const double seconds = 0.1;

typedef struct statistic_plan {
    const as_config *config;
    const as_explain_options *options;
    const as_statistic *s;
    as_dataset data;
    int64_t rows, passes;
    int lanes;
    int64_t begun;   /* passes before one is timed; < 0: not known yet */
    double one, all; /* seconds of a pass on one thread, on all; 0: not measured */
} statistic_plan;

/* The training data: read where they are of moderate size, since classes and columns of categories are only known
   then. */
static as_status open_data(const as_config *c, as_dataset *out)
{
    AS_TRY(as_dataset_peek(&c->data, out));
    if ((double)out->rows * (double)out->width * (double)as_dtype_bytes(out->type) > READ_BYTES) {
        return AS_OK;
    }
    as_dataset_close(out);
    const as_world_options alone = {.launched = false};
    as_world *world = NULL;
    as_lanes lanes;
    AS_TRY(as_world_open(&alone, &world));
    as_status status = as_lanes_create(1, world, &lanes);
    if (status == AS_OK) {
        status = as_dataset_open(&c->data, AS_TRAIN, world, &lanes, (uint64_t)c->seed, NULL, out);
        as_lanes_destroy(&lanes);
    }
    as_world_close(&world);
    return status;
}

/* Takes the model past its first passes, as many on all threads as on one. A model that is done by then is made once
   more, and taken up to its last pass. */
static as_status begin(statistic_plan *p, const as_rehearsal_options *o, as_rehearsal **rehearsal)
{
    bool over;
    const bool first = p->begun < 0;
    const int64_t passes =
        as_rehearsal_begin(*rehearsal, first ? FIRST_PASSES : p->begun, first ? seconds : HUGE_VAL, &over);
    p->begun = over ? passes - 1 : passes;
    if (over) {
        as_rehearsal_destroy(rehearsal);
        AS_TRY(as_rehearsal_create(o, rehearsal));
        as_rehearsal_begin(*rehearsal, p->begun, HUGE_VAL, &over);
    }
    return AS_OK;
}

/* Time of a pass over the rows, without what rank 0 makes of their statistic. */
static as_status rehearse(statistic_plan *p, int threads, as_rehearsal **rehearsal, double *out)
{
    const int64_t rows = p->rows < REHEARSED_ROWS ? p->rows : REHEARSED_ROWS;
    const as_rehearsal_options o = {.config = p->config,
                                    .described = &p->data,
                                    .classes = p->data.classes,
                                    .rows = rows,
                                    .lanes = p->lanes,
                                    .threads = threads,
                                    .isa = p->options->isa};
    double part[AS_TIMES];
    AS_TRY(as_rehearsal_create(&o, rehearsal));
    if (!p->options->time) {
        return AS_OK;
    }
    AS_TRY(begin(p, &o, rehearsal));
    if (as_rehearsal_time(*rehearsal, seconds, false, part) != AS_OK) {
        return AS_OK;
    }
    *out = 0;
    for (int i = 0; i < AS_TIMES; i++) {
        *out += part[i] * (double)p->rows / (double)rows;
    }
    return AS_OK;
}

static double memory_of(const statistic_plan *p, int ranks)
{
    const as_statistic *s = p->s;
    double reals = (double)((p->lanes + ranks - 1) / ranks + 1) * (double)s->most +
                   (double)p->options->threads * (double)(s->chunk * s->width + s->scratch);
    for (int i = 0; i < s->narrays; i++) {
        reals += (double)as_shape_size(&s->array[i].shape);
    }
    const double rows = (double)((p->rows + ranks - 1) / ranks);
    return reals * sizeof(double) + rows * (double)s->width * (double)as_dtype_bytes(p->data.type) +
           rows * (double)(sizeof(double) + sizeof(int64_t) + (size_t)p->data.targets * sizeof(double) +
                           (p->data.target == AS_TARGET_LABELS ? sizeof(int32_t) : 0));
}

static double sent_of(const statistic_plan *p, const as_forecast_parts *parts)
{
    return (double)(parts->all - parts->first) * (double)p->s->most * sizeof(double);
}

/* Seconds of a pass when each rank has a node of its own; all statistics come in at rank 0. */
static double time_of(const statistic_plan *p, int ranks, const as_forecast_parts *parts)
{
    const double share = (double)((p->lanes + ranks - 1) / ranks) / p->lanes;
    return p->all * share +
           (ranks > 1 ? (ranks - 1) * p->options->latency + sent_of(p, parts) / p->options->bandwidth : 0);
}

static void print_head(const statistic_plan *p)
{
    char a[32], b[32], c[32];
    const as_estimator_ops *ops = p->s->base.ops;
    printf("name     %s (seed %lld, %s data; all sums in float64)\n", p->config->name, (long long)p->config->seed,
           p->config->precision == 0 ? "float32" : "float64");
    printf("data     %lld rows of %lld columns, %s", (long long)p->rows, (long long)p->s->width,
           as_dtype_name(p->data.type));
    if (p->data.target == AS_TARGET_LABELS) {
        printf(", labels of %lld classes", (long long)p->data.classes);
    } else if (p->data.target == AS_TARGET_REALS) {
        printf(", %lld real target%s", (long long)p->data.targets, p->data.targets == 1 ? "" : "s");
    }
    printf("\nmodel    %s: %s\n", ops->name, ops->formula != NULL ? ops->formula : ops->help);
    for (int i = 0; i < p->s->narrays; i++) {
        char shape[64];
        const as_state_item *item = &p->s->array[i];
        if (strncmp(item->name, "/params/", 8) == 0) {
            printf("         %-24s %12s %12lld numbers\n", item->name + 8,
                   as_shape_text(&item->shape, shape, sizeof shape), (long long)as_shape_size(&item->shape));
        }
    }
    printf("pass     statistic of a lane: %lld numbers, %s; %d lanes; %s FLOP;\n         at most %lld pass%s%s\n",
           (long long)p->s->most, as_bytes_text((double)p->s->most * sizeof(double), a), p->lanes,
           as_count_text(p->s->flops * (double)p->rows, b), (long long)p->passes, p->passes == 1 ? "" : "es",
           ops->iterates ? ", until its tolerance is met" : "; it ends by itself");
    if (p->all > 0) {
        printf(
            "         measured here on made-up rows: %.3g ms a pass on one thread, %.3g ms on %d (%s rows a second), "
            "without\n         what rank 0 makes of the sum\n",
            1e3 * p->one, 1e3 * p->all, p->options->threads, as_count_text((double)p->rows / p->all, c));
    } else if (p->options->time) {
        printf("         time not measured: made-up rows do not do for this model\n");
    }
}

static const int layouts[] = {1, 2, 3, 4, 6, 8, 12, 16, 24};

static as_status print_ranks(const statistic_plan *p)
{
    char a[32], b[32];
    printf("ranks    %5s %12s %12s %18s%s\n", "ranks", "rows/rank", "memory", "to rank 0 a pass",
           p->all > 0 ? "      ms a pass" : "");
    for (size_t i = 0; i < sizeof layouts / sizeof layouts[0]; i++) {
        as_forecast_parts parts;
        const int r = layouts[i];
        if (r <= p->lanes) {
            AS_TRY(as_forecast_count(p->lanes, r, &parts));
            printf("         %5d %12lld %12s %18s", r, (long long)((p->rows + r - 1) / r),
                   as_bytes_text(memory_of(p, r), a), as_bytes_text(sent_of(p, &parts), b));
            if (p->all > 0) {
                printf(" %14.3g", 1e3 * time_of(p, r, &parts));
            }
            printf("\n");
        }
    }
    printf("         memory of the rank that has the most, without the program itself. Every layout gives the same "
           "bits.\n");
    if (p->all > 0) {
        printf("         Times: every rank a node of its own like this one; assumed between nodes: %.3g us a message,\n"
               "         %.3g GB/s (--network-latency, --network-bandwidth).\n",
               p->options->latency * 1e6, p->options->bandwidth * 1e-9);
    }
    return AS_OK;
}

static as_status write_json(const statistic_plan *p, as_text *json)
{
    as_json_text(json, "name", p->config->name);
    as_json_text(json, "type", p->s->base.ops->name);
    as_json_int(json, "rows", p->rows);
    as_json_int(json, "columns", p->s->width);
    as_json_int(json, "classes", p->data.target == AS_TARGET_LABELS ? p->data.classes : 0);
    as_json_int(json, "targets", p->data.targets);
    as_json_int(json, "lanes", p->lanes);
    as_json_int(json, "statistic_numbers", p->s->most);
    as_json_real(json, "statistic_bytes", (double)p->s->most * sizeof(double));
    as_json_int(json, "passes", p->passes);
    as_json_bool(json, "iterates", p->s->base.ops->iterates);
    as_json_real(json, "flops_per_pass", p->s->flops * (double)p->rows);
    if (p->all > 0) {
        as_json_real(json, "seconds_per_pass_one_thread", p->one);
        as_json_real(json, "seconds_per_pass", p->all);
    }
    as_json_open(json, "ranks", '[');
    for (size_t i = 0; i < sizeof layouts / sizeof layouts[0]; i++) {
        as_forecast_parts parts;
        if (layouts[i] <= p->lanes) {
            AS_TRY(as_forecast_count(p->lanes, layouts[i], &parts));
            as_json_open(json, NULL, '{');
            as_json_int(json, "ranks", layouts[i]);
            as_json_real(json, "memory_bytes", memory_of(p, layouts[i]));
            as_json_real(json, "to_rank_0_bytes", sent_of(p, &parts));
            if (p->all > 0) {
                as_json_real(json, "seconds_per_pass", time_of(p, layouts[i], &parts));
            }
            as_json_close(json, '}');
        }
    }
    as_json_close(json, ']');
    return AS_OK;
}

static as_status tell(statistic_plan *p, as_text *json)
{
    as_rehearsal *one = NULL, *all = NULL;
    as_status status = rehearse(p, 1, &one, &p->one);
    p->all = p->one;
    if (status == AS_OK && p->options->threads > 1) {
        status = rehearse(p, p->options->threads, &all, &p->all);
    }
    if (status == AS_OK) {
        p->s = (const as_statistic *)as_rehearsal_estimator(one);
        if (p->options->json) {
            status = write_json(p, json);
        } else {
            print_head(p);
            status = print_ranks(p);
        }
    }
    as_rehearsal_destroy(&all);
    as_rehearsal_destroy(&one);
    return status;
}

as_status as_explain_statistic(const as_config *config, const as_explain_options *options, as_text *json)
{
    statistic_plan p = {
        .config = config, .options = options, .lanes = as_config_lanes(config, config->train.batch), .begun = -1};
    as_status status = open_data(config, &p.data);
    if (status == AS_OK) {
        p.rows = p.data.rows;
        p.passes = config->train.steps > 0 ? config->train.steps : config->train.epochs;
        status = tell(&p, json);
    }
    as_dataset_close(&p.data);
    return status;
}
