/* The plan of a configuration before anything is trained: what the layers are, what a step costs, and what it takes on
   several numbers of ranks. Counted from the same functions that training uses (shapes, packed forms, work space, lane
   tree); memory leaves out the program itself and buffers of MPI. */
#include "cli/explain_plan.h"
#include "estimator/gradients.h"
#include "estimator/network.h"

#include <stdio.h>

#include "base/error.h"
#include "data/assign.h"
#include "nn/kind.h"
#include "nn/optimizer.h"

char *as_bytes_text(double bytes, char text[32])
{
    static const char *const units[] = {"B", "KiB", "MiB", "GiB", "TiB"};
    int u = 0;
    for (; bytes >= 1024 && u < 4; u++) {
        bytes /= 1024;
    }
    snprintf(text, 32, u == 0 ? "%.0f %s" : "%.1f %s", bytes, units[u]);
    return text;
}

char *as_count_text(double count, char text[32])
{
    static const char *const units[] = {"", "k", "M", "G", "T"};
    int u = 0;
    for (; count >= 1000 && u < 4; u++) {
        count /= 1000;
    }
    snprintf(text, 32, u == 0 ? "%.0f%s" : "%.2f%s", count, units[u]);
    return text;
}

/* Labels are not scanned for a plan: without data.classes the width of the last layer tells their number. */
static int64_t guess_classes(const as_config *c)
{
    const as_node *layers = as_node_get(c->model, "layers");
    if (c->data.classes > 0 || layers == NULL || layers->kind != AS_NODE_LIST || layers->count < 1) {
        return c->data.classes;
    }
    const char *kind = NULL;
    const as_node *options = NULL;
    int64_t units = 0;
    if (as_kind_read(layers->item[layers->count - 1], "layer", &kind, &options) != AS_OK || options == NULL) {
        return 0;
    }
    const as_node *given = options->kind == AS_NODE_SCALAR ? options : as_node_get(options, "units");
    if (given == NULL || given->kind != AS_NODE_SCALAR || !as_text_to_int(given->text, &units)) {
        return 0;
    }
    return units == 1 ? 2 : units;
}

as_status as_plan_make(const as_config *c, as_plan *out)
{
    *out = (as_plan){.config = c};
    const as_kernels *kernels = as_kernels_get(as_isa_detect(), c->precision == 0 ? AS_FLOAT32 : AS_FLOAT64);
    AS_TRY(as_dataset_peek(&c->data, &out->data));
    out->train_rows = out->data.rows - as_held_out(out->data.rows, c->data.validation);
    out->batch = c->train.batch == 0 || c->train.batch > out->train_rows ? out->train_rows : c->train.batch;
    out->lanes = as_config_lanes(c, c->train.batch);
    out->classes = out->data.target != AS_TARGET_LABELS ? 0
                   : out->data.classes > 0              ? out->data.classes
                                                        : guess_classes(c);
    as_optimizer optimizer;
    as_slot slot[AS_SLOTS_MAX];
    AS_TRY(as_optimizer_parse(c->document, c->optimizer, kernels, &optimizer));
    out->slots = optimizer.ops->slots(optimizer.options, slot);
    const as_model_data data = {.in = out->data.shape,
                                .target = out->data.target,
                                .classes = out->classes,
                                .targets = out->data.targets,
                                .positions = out->data.positions,
                                .vocabulary = out->data.vocabulary,
                                .inputs = &out->data.inputs,
                                .answers = out->data.target == AS_TARGET_REALS ? &out->data.answers : NULL};
    AS_TRY(as_model_parse(c->document, c->model, kernels, &data, &out->model));
    out->parsed = true;
    as_spans summed = {0};
    const as_status status = as_model_summed(&out->model, AS_BLOCK, &summed);
    out->summed = summed.count;
    as_spans_free(&summed);
    AS_TRY(status);
    out->per_epoch = out->batch > 0 ? (out->train_rows + out->batch - 1) / out->batch : 0;
    out->steps = c->train.steps > 0 ? c->train.steps : c->train.epochs * out->per_epoch;
    return AS_OK;
}

static void print_data(const as_plan *p)
{
    char shape[64];
    printf("data     %lld rows of %s %s", (long long)p->data.rows, as_shape_text(&p->data.shape, shape, sizeof shape),
           as_dtype_name(p->data.type));
    if (p->data.target == AS_TARGET_LABELS) {
        printf(", labels of %lld classes%s", (long long)p->model.data.classes,
               p->config->data.classes > 0 || p->data.vocabulary > 0
                   ? ""
                   : " (by the last layer; labels are read when training begins)");
    } else if (p->data.target == AS_TARGET_REALS) {
        printf(", %lld real target%s", (long long)p->data.targets, p->data.targets == 1 ? "" : "s");
    }
    printf("\n");
}

static const char *value_name(const as_model *m, int value)
{
    return value == 0 ? "input" : m->layer[value - 1].name;
}

/* What the layer reads, where that is not just the layer before it, and how its parameters and values are kept. */
static void print_marks(const as_model *m, int i)
{
    const as_layer *layer = &m->layer[i];
    if (layer->ninputs > 1 || layer->from[0] != i) {
        printf(" (reads");
        for (int k = 0; k < layer->ninputs; k++) {
            printf("%s %s", k > 0 ? "," : "", value_name(m, layer->from[k]));
        }
        printf(")");
    }
    if (layer->share >= 0) {
        printf(" (shares %s)", m->layer[layer->share].name);
    }
    if (layer->recompute > 0) {
        printf(" (recomputed)");
    }
    bool adapted = false;
    for (int q = 0; q < layer->nparams; q++) {
        adapted = adapted || layer->param[q].adapted;
    }
    printf("%s\n", adapted ? " (its adapters train)" : layer->trains || layer->nparams == 0 ? "" : " (frozen)");
}

/* Parameters that change: not frozen ones, nor running statistics. */
static int64_t trained(const as_model *m)
{
    int64_t n = 0;
    for (int i = 0; i < m->nlayers; i++) {
        for (int q = 0; q < m->layer[i].nparams; q++) {
            n += as_gradients_trains(m, i, q) ? m->layer[i].param[q].count : 0;
        }
    }
    return n;
}

static void print_heads(const as_model *m)
{
    for (int h = 0; h < m->nheads && m->nheads > 1; h++) {
        const as_model_head *head = &m->head[h];
        printf("         %-3s loss %s of %s, weight %g\n", "", head->loss->name, value_name(m, head->value),
               head->weight);
    }
}

static void print_layers(const as_plan *p)
{
    char shape[64], flops[32];
    const as_model *m = &p->model;
    printf("model    %-3s %-16s %-12s %-12s %12s %14s   %s\n", "", "layer", "kind", "output", "parameters",
           "FLOP/sample", "formula");
    for (int i = 0; i < m->nlayers; i++) {
        const as_layer *layer = &m->layer[i];
        int64_t params = 0;
        for (int q = 0; q < layer->nparams; q++) {
            params += layer->param[q].tied ? 0 : layer->param[q].count;
        }
        printf("         %-3d %-16s %-12s %-12s %12lld %14s   %s", i, layer->name, layer->ops->name,
               as_shape_text(&layer->out, shape, sizeof shape), (long long)params,
               as_count_text(layer->ops->flops != NULL ? layer->ops->flops(layer) : 0, flops),
               layer->ops->formula != NULL ? layer->ops->formula : "");
        print_marks(m, i);
    }
    char forward[32], training[32];
    printf("         %-3s %-16s %-12s %-12s %12lld %14s   with backward %s; loss %s", "", "total", "", "",
           (long long)m->nparams, as_count_text(as_model_flops(m, false), forward),
           as_count_text(as_model_flops(m, true), training), m->head[0].loss->name);
    if (trained(m) < m->nparams) {
        printf("; %lld parameters train", (long long)trained(m));
    }
    printf("\n");
    print_heads(m);
}

static void print_step(const as_plan *p)
{
    char flops[32];
    printf("step     %lld samples in %d lane%s; %s FLOP; %lld steps an epoch, %lld steps in all\n", (long long)p->batch,
           p->lanes, p->lanes == 1 ? "" : "s", as_count_text(as_model_flops(&p->model, true) * (double)p->batch, flops),
           (long long)p->per_epoch, (long long)p->steps);
    const as_pulse_plan pulse = as_pulse_plan_make(&p->model, p->lanes, p->batch);
    const int64_t steps = as_pulse_steps(p->config->probe.pulse_steps, pulse.price);
    if (steps > 0) {
        printf("pulse    one step in %lld is felt, which is counted as %.2g steps more: %.2g %% of the time\n",
               (long long)steps, pulse.price, 100 * pulse.price / (double)steps);
    } else {
        printf("pulse    off\n");
    }
}

/* Bytes of the activations and their gradients of a rank of one thread, for as many of its rows as it works on at a
   time. */
static as_status work_bytes(const as_plan *p, const network_shard *shard, double *out)
{
    as_arena *arena = NULL;
    as_model_work work = {0};
    AS_TRY(as_arena_create(&arena));
    const network_cuts cuts = network_cuts_make(&p->model, shard);
    const as_status status = as_model_work_plan(&p->model, cuts.tile_rows, 1, 1, true, &cuts.passing, arena, &work);
    *out = (double)as_arena_bytes(arena);
    as_model_work_destroy(&work);
    as_arena_destroy(&arena);
    return status;
}

as_status as_plan_rank(const as_plan *p, int ranks, as_plan_cost *out)
{
    const double real = (double)p->model.kernels->real_bytes, n = (double)p->model.nparams, summed = (double)p->summed,
                 r = ranks;
    as_forecast_parts parts;
    *out = (as_plan_cost){.ranks = ranks, .rows = (p->batch + ranks - 1) / ranks};
    AS_TRY(as_forecast_count(p->lanes, ranks, &parts));
    const network_shard shard = {.rows = out->rows,
                                 .lanes = (p->lanes + ranks - 1) / ranks,
                                 .threads = 1,
                                 .micro_batch = p->config->train.micro_batch};
    AS_TRY(work_bytes(p, &shard, &out->work));
    out->weights = real * (n + (double)p->model.packed_reals);
    const bool halves = ranks == 1 && p->lanes > 1 && p->config->probe.pulse_steps >= 0; /* for the pulse */
    out->gradient = real * summed * ((double)parts.most + (halves ? 1 : 0));
    out->state = real * (double)trained(&p->model) * p->slots / r;
    out->data =
        (double)((p->data.rows + ranks - 1) / ranks) * (double)as_dtype_bytes(p->data.type) * (double)p->model.in_size;
    out->sent = as_forecast_sent(real * summed, ranks, parts.all);
    out->least = ranks == 1 ? 0 : 2 * real * summed * (r - 1) / r;
    return AS_OK;
}

static void print_ranks(const as_plan_cost *x)
{
    char a[32], b[32], c[32], d[32], e[32], f[32], ratio[24] = "";
    if (x->ranks > 1) {
        snprintf(ratio, sizeof ratio, "%.2fx", x->least > 0 ? x->sent / x->least : 1.0);
    }
    printf("         %5d %9lld  %10s %10s %10s %10s  %10s   %10s %7s\n", x->ranks, (long long)x->rows,
           as_bytes_text(x->weights, a), as_bytes_text(x->gradient, b), as_bytes_text(x->state, c),
           as_bytes_text(x->work, d), as_bytes_text(x->data, e), as_bytes_text(x->sent, f), ratio);
}

static const int layouts[] = {1, 2, 3, 4, 6, 8, 12, 16, 24};

static as_status print_plan(const as_plan *p)
{
    printf("name     %s (seed %lld, %s)\n", p->config->name, (long long)p->config->seed,
           p->config->precision == 0 ? "float32" : "float64");
    print_data(p);
    print_layers(p);
    print_step(p);
    printf("ranks    %5s %9s  %10s %10s %10s %10s  %10s   %10s %7s\n", "ranks", "rows/rank", "weights", "gradient",
           "optimizer", "work", "data", "sent/step", "optimum");
    for (size_t i = 0; i < sizeof layouts / sizeof layouts[0]; i++) {
        as_plan_cost cost;
        if (layouts[i] <= p->lanes) {
            AS_TRY(as_plan_rank(p, layouts[i], &cost));
            print_ranks(&cost);
        }
    }
    printf("         memory of the rank that has the most (weights: once per node); sent: bytes that a rank sends "
           "when every rank\n         is a node of its own (inside a node they are read in place), and against the "
           "least that an all-reduce can send.\n         Every layout gives the same bits.\n");
    return AS_OK;
}

static void write_layers(const as_plan *p, as_text *json)
{
    char shape[64];
    const as_model *m = &p->model;
    as_json_open(json, "layers", '[');
    for (int i = 0; i < m->nlayers; i++) {
        const as_layer *layer = &m->layer[i];
        int64_t params = 0;
        for (int q = 0; q < layer->nparams; q++) {
            params += layer->param[q].tied ? 0 : layer->param[q].count;
        }
        as_json_open(json, NULL, '{');
        as_json_text(json, "name", layer->name);
        as_json_text(json, "kind", layer->ops->name);
        as_json_text(json, "output", as_shape_text(&layer->out, shape, sizeof shape));
        as_json_int(json, "parameters", params);
        as_json_real(json, "flops_per_sample", layer->ops->flops != NULL ? layer->ops->flops(layer) : 0);
        as_json_close(json, '}');
    }
    as_json_close(json, ']');
}

void as_plan_write_data(const as_plan *p, as_text *json)
{
    char shape[64];
    as_json_text(json, "name", p->config->name);
    as_json_int(json, "seed", p->config->seed);
    as_json_text(json, "precision", p->config->precision == 0 ? "float32" : "float64");
    as_json_open(json, "data", '{');
    as_json_int(json, "rows", p->data.rows);
    as_json_text(json, "shape", as_shape_text(&p->data.shape, shape, sizeof shape));
    as_json_text(json, "type", as_dtype_name(p->data.type));
    as_json_int(json, "classes", p->classes);
    as_json_int(json, "targets", p->data.targets);
    as_json_close(json, '}');
}

static as_status write_plan(const as_plan *p, as_text *json)
{
    as_plan_write_data(p, json);
    write_layers(p, json);
    as_json_int(json, "parameters", p->model.nparams);
    as_json_int(json, "trained_parameters", trained(&p->model));
    as_json_real(json, "flops_per_sample", as_model_flops(&p->model, false));
    as_json_real(json, "training_flops_per_sample", as_model_flops(&p->model, true));
    as_json_int(json, "samples_per_step", p->batch);
    as_json_int(json, "lanes", p->lanes);
    as_json_int(json, "steps_per_epoch", p->per_epoch);
    as_json_int(json, "steps", p->steps);
    const as_pulse_plan pulse = as_pulse_plan_make(&p->model, p->lanes, p->batch);
    as_json_int(json, "pulse_every", as_pulse_steps(p->config->probe.pulse_steps, pulse.price));
    as_json_real(json, "pulse_price", pulse.price);
    as_json_open(json, "ranks", '[');
    for (size_t i = 0; i < sizeof layouts / sizeof layouts[0]; i++) {
        as_plan_cost x;
        if (layouts[i] <= p->lanes) {
            AS_TRY(as_plan_rank(p, layouts[i], &x));
            as_json_open(json, NULL, '{');
            as_json_int(json, "ranks", x.ranks);
            as_json_int(json, "rows", x.rows);
            as_json_real(json, "weights_bytes", x.weights);
            as_json_real(json, "gradient_bytes", x.gradient);
            as_json_real(json, "optimizer_bytes", x.state);
            as_json_real(json, "work_bytes", x.work);
            as_json_real(json, "data_bytes", x.data);
            as_json_real(json, "sent_bytes", x.sent);
            as_json_real(json, "least_sent_bytes", x.least);
            as_json_close(json, '}');
        }
    }
    as_json_close(json, ']');
    return AS_OK;
}

void as_plan_destroy(as_plan *plan)
{
    if (plan->parsed) {
        as_model_destroy(&plan->model);
    }
    as_dataset_close(&plan->data);
}

/* A network, with what was asked for beyond the plan. */
static as_status explain_network(const as_explain_options *o, as_plan *p, as_text *json)
{
    as_machine machine = {0};
    bool measured = false;
    AS_TRY(o->json ? write_plan(p, json) : print_plan(p));
    if (o->time) {
        AS_TRY(as_explain_time(o, p, json, &machine, &measured));
    }
    return o->noise ? as_explain_noise(o, p, measured ? &machine : NULL, json) : AS_OK;
}

as_status as_explain_plan(const as_config *config, const as_explain_options *o)
{
    as_plan p;
    as_text json = {0};
    if (config->statistic && o->noise) {
        AS_FAIL(AS_USAGE, "explain --noise: a statistical model takes all rows in every pass: it has no gradient "
                          "noise, and no batch to choose");
    }
    as_json_open(&json, NULL, '{');
    as_status status = AS_OK;
    if (config->statistic) {
        status = as_explain_statistic(config, o, &json);
    } else {
        status = as_plan_make(config, &p);
        if (status == AS_OK) {
            status = explain_network(o, &p, &json);
        }
        as_plan_destroy(&p);
    }
    as_json_close(&json, '}');
    if (status == AS_OK && json.failed) {
        status = as_error_set(AS_NOMEM, "out of memory for a plan");
    }
    if (status == AS_OK && o->json) {
        printf("%s\n", json.data);
    }
    as_text_free(&json);
    return status;
}
