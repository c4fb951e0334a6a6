/* The plan of a configuration before anything is trained: what the layers are, what a step costs, and what it takes on
   several numbers of ranks. Counted from the same functions that training uses (shapes, packed forms, work space, lane
   tree); memory leaves out the program itself and buffers of MPI. */
#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "cli/explain.h"
#include "comm/lanes.h"
#include "comm/sum.h"
#include "data/assign.h"
#include "nn/kind.h"
#include "nn/model.h"
#include "nn/optimizer.h"

typedef struct plan {
    const as_config *config;
    as_dataset data; /* described, not read */
    int64_t train_rows, batch, classes;
    int lanes, slots;
    as_model model;
} plan;

static char *bytes_text(double bytes, char text[32])
{
    static const char *const units[] = {"B", "KiB", "MiB", "GiB", "TiB"};
    int u = 0;
    for (; bytes >= 1024 && u < 4; u++) {
        bytes /= 1024;
    }
    snprintf(text, 32, u == 0 ? "%.0f %s" : "%.1f %s", bytes, units[u]);
    return text;
}

static char *count_text(double count, char text[32])
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

static as_status make_plan(const as_config *c, plan *out)
{
    *out = (plan){.config = c};
    const as_kernels *kernels = as_kernels_get(as_isa_detect(), c->precision == 0 ? AS_FLOAT32 : AS_FLOAT64);
    AS_TRY(as_dataset_peek(&c->data, &out->data));
    out->train_rows = out->data.rows - as_held_out(out->data.rows, c->data.validation);
    out->batch = c->train.batch == 0 || c->train.batch > out->train_rows ? out->train_rows : c->train.batch;
    out->lanes = as_config_lanes(c);
    out->classes = out->data.target != AS_TARGET_LABELS ? 0
                   : out->data.classes > 0              ? out->data.classes
                                                        : guess_classes(c);
    const as_node *type = as_node_get(c->model, "type");
    if (type != NULL && type->kind == AS_NODE_SCALAR && strcmp(type->text, "network") != 0) {
        AS_FAIL(AS_USAGE, "explain: a plan is made for networks; this model is of type %s", type->text);
    }
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
    return as_model_parse(c->document, c->model, kernels, &data, &out->model);
}

static void print_data(const plan *p)
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
    printf("%s\n", layer->trains ? "" : " (frozen)");
}

static void print_heads(const as_model *m)
{
    for (int h = 0; h < m->nheads && m->nheads > 1; h++) {
        const as_model_head *head = &m->head[h];
        printf("         %-3s loss %s of %s, weight %g\n", "", head->loss->name, value_name(m, head->value),
               head->weight);
    }
}

static void print_layers(const plan *p)
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
               count_text(layer->ops->flops != NULL ? layer->ops->flops(layer) : 0, flops),
               layer->ops->formula != NULL ? layer->ops->formula : "");
        print_marks(m, i);
    }
    char forward[32], training[32];
    printf("         %-3s %-16s %-12s %-12s %12lld %14s   with backward %s; loss %s\n", "", "total", "", "",
           (long long)m->nparams, count_text(as_model_flops(m, false), forward),
           count_text(as_model_flops(m, true), training), m->head[0].loss->name);
    print_heads(m);
}

static void print_step(const plan *p)
{
    const as_config *c = p->config;
    char flops[32];
    const int64_t per_epoch = p->batch > 0 ? (p->train_rows + p->batch - 1) / p->batch : 0;
    const int64_t steps = c->train.steps > 0 ? c->train.steps : c->train.epochs * per_epoch;
    printf("step     %lld samples in %d lanes; %s FLOP; %lld steps an epoch, %lld steps in all\n", (long long)p->batch,
           p->lanes, count_text(as_model_flops(&p->model, true) * (double)p->batch, flops), (long long)per_epoch,
           (long long)steps);
}

/* Parts of the gradient that ranks [0, ranks) hold, in all and at the most on one. */
static as_status count_parts(const plan *p, int ranks, int64_t *all, int64_t *most)
{
    as_tree tree;
    *all = *most = 0;
    AS_TRY(as_tree_plan(p->lanes, &tree));
    as_status status = AS_OK;
    for (int r = 0; r < ranks && status == AS_OK; r++) {
        int first, count;
        as_tree_program program;
        as_tree_share(p->lanes, ranks, r, &first, &count);
        status = as_tree_program_make(&tree, first, count, &program);
        if (status == AS_OK) {
            *all += program.parts;
            *most = program.parts > *most ? program.parts : *most;
            as_tree_program_destroy(&program);
        }
    }
    as_tree_destroy(&tree);
    return status;
}

/* Bytes of the activations and their gradients for the rows of one rank. */
static as_status work_bytes(const plan *p, int64_t rows, double *out)
{
    as_arena *arena = NULL;
    as_model_work work = {0};
    AS_TRY(as_arena_create(&arena));
    const as_status status = as_model_work_plan(&p->model, rows, 1, 1, true, arena, &work);
    *out = (double)as_arena_bytes(arena);
    as_model_work_destroy(&work);
    as_arena_destroy(&arena);
    return status;
}

static as_status print_ranks(const plan *p, int ranks)
{
    const double real = (double)p->model.kernels->real_bytes, n = (double)p->model.nparams, r = ranks;
    const int64_t rank_rows = (p->batch + ranks - 1) / ranks;
    const int64_t micro = p->config->train.micro_batch;
    int64_t all = 0, most = 0;
    double work = 0;
    AS_TRY(count_parts(p, ranks, &all, &most));
    AS_TRY(work_bytes(p, micro > 0 && micro < rank_rows ? micro : rank_rows, &work));
    const double weights = real * (n + (double)p->model.packed_reals), gradient = real * n * (double)most;
    const double state = real * n * p->slots / r;
    const double rows =
        (double)((p->data.rows + ranks - 1) / ranks) * (double)as_dtype_bytes(p->data.type) * (double)p->model.in_size;
    /* Each rank sends what its parts hold of the others' slices, then its own slice to the others. */
    const double sent = ranks == 1 ? 0 : real * n * ((double)all / r * (r - 1) / r + (r - 1) / r);
    const double best = ranks == 1 ? 0 : 2 * real * n * (r - 1) / r;
    char a[32], b[32], c[32], d[32], e[32], f[32], ratio[24] = "";
    if (ranks > 1) {
        snprintf(ratio, sizeof ratio, "%.2fx", sent / best);
    }
    printf("         %5d %9lld  %10s %10s %10s %10s  %10s   %10s %7s\n", ranks, (long long)rank_rows,
           bytes_text(weights, a), bytes_text(gradient, b), bytes_text(state, c), bytes_text(work, d),
           bytes_text(rows, e), bytes_text(sent, f), ratio);
    return AS_OK;
}

as_status as_explain_plan(const as_config *config)
{
    static const int layouts[] = {1, 2, 3, 4, 6, 8, 12, 16, 24};
    plan p;
    as_status status = make_plan(config, &p);
    if (status != AS_OK) {
        as_dataset_close(&p.data);
        return status;
    }
    printf("name     %s (seed %lld, %s)\n", config->name, (long long)config->seed,
           config->precision == 0 ? "float32" : "float64");
    print_data(&p);
    print_layers(&p);
    print_step(&p);
    printf("ranks    %5s %9s  %10s %10s %10s %10s  %10s   %10s %7s\n", "ranks", "rows/rank", "weights", "gradient",
           "optimizer", "work", "data", "sent/step", "optimum");
    for (size_t i = 0; i < sizeof layouts / sizeof layouts[0] && status == AS_OK; i++) {
        if (layouts[i] <= p.lanes) {
            status = print_ranks(&p, layouts[i]);
        }
    }
    printf("         memory of the rank that has the most (weights: once per node); sent: bytes that a rank sends "
           "when every rank\n         is a node of its own (inside a node they are read in place), and against the "
           "least that an all-reduce can send.\n         Every layout gives the same bits.\n");
    as_model_destroy(&p.model);
    as_dataset_close(&p.data);
    return status;
}
