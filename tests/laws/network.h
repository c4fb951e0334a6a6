/* A network on one small batch, for law tests: made from a text, with its loss and gradient under any division of the
   rows among calls and of the tiles among threads. */
#ifndef TESTS_LAWS_NETWORK_H
#define TESTS_LAWS_NETWORK_H

#include "base/arena.h"
#include "base/rng.h"
#include "io/yaml.h"
#include "nn/model.h"
#include "unit/kernel_cases.h"

enum { LANES = 5, ROWS = 13, IN = 6, OUT = 3, THREADS = 4 };
static const int64_t lane_row[LANES + 1] = {0, 4, 4, 9, 12, 13}; /* ragged, with an empty lane */

typedef struct network {
    as_document *document;
    as_model model;
    as_arena *arena;
    as_model_work work;
    void *params, *packed, *gradient[2]; /* flat vectors; gradient[1] is a second part */
    as_tree tree;
    int64_t id[ROWS];
    double target[ROWS * OUT], weight[ROWS];
    int64_t step;
} network;

/* Status of making the network from `layers` (YAML list items in flow style) and the loss mse. */
static inline as_status network_parse(network *net, const as_kernels *kernels, const char *text)
{
    as_node *root = NULL;
    *net = (network){.step = 3};
    assert_int_equal(as_document_create(&net->document), AS_OK);
    as_status status = as_yaml_parse(net->document, "test.yaml", text, &root);
    if (status == AS_OK) {
        const as_model_data data = {.in = {2, {2, IN / 2}}, .target = AS_TARGET_REALS, .targets = OUT, .positions = 1};
        status = as_model_parse(net->document, as_node_get(root, "model"), kernels, &data, &net->model);
    }
    if (status != AS_OK) {
        as_document_destroy(&net->document);
    }
    return status;
}

static inline void network_close(network *net)
{
    as_arena_destroy(&net->arena);
    as_model_work_destroy(&net->work);
    as_model_destroy(&net->model);
    as_tree_destroy(&net->tree);
    as_document_destroy(&net->document);
}

/* Inputs, targets, weights, parameters. These are the initial ones, moved: a scale of exactly 1 or a bias of exactly 0
   would hide that a gradient forgot it. */
static inline void network_open(network *net, const as_kernels *kernels, const char *text)
{
    const as_status status = network_parse(net, kernels, text);
    if (status != AS_OK) {
        fail_msg("%s: %s", text, as_error_message());
    }
    as_model *model = &net->model;
    const size_t vector = (size_t)model->nparams * kernels->real_bytes;
    assert_int_equal(as_arena_create(&net->arena), AS_OK);
    assert_int_equal(as_model_work_plan(model, ROWS, THREADS, AS_TREE_DEPTH_MAX, true, NULL, net->arena, &net->work),
                     AS_OK);
    assert_int_equal(as_arena_reserve(net->arena, vector, &net->params), AS_OK);
    assert_int_equal(as_arena_reserve(net->arena, vector, &net->gradient[0]), AS_OK);
    assert_int_equal(as_arena_reserve(net->arena, vector, &net->gradient[1]), AS_OK);
    assert_int_equal(as_arena_reserve(net->arena, (size_t)model->packed_reals * kernels->real_bytes, &net->packed),
                     AS_OK);
    assert_int_equal(as_arena_commit(net->arena), AS_OK);
    as_model_work_bind(model, &net->work);
    assert_int_equal(as_tree_plan(LANES, &net->tree), AS_OK);
    assert_int_equal(as_model_init(model, 42, net->params), AS_OK);
    for (int64_t i = 0; i < model->nparams; i++) {
        set_real(kernels, net->params, i, get_real(kernels, net->params, i) + 0.5 * value_at(3, i));
    }
    as_model_pack(model, net->params, 0, model->nparams, net->packed);
    for (int r = 0; r < ROWS; r++) {
        net->id[r] = 1000 + 7 * r;
        net->weight[r] = r % 3 == 0 ? 0.5 : 1;
        for (int j = 0; j < OUT; j++) {
            net->target[r * OUT + j] = value_at(1, r * OUT + j);
        }
        for (int j = 0; j < IN; j++) {
            const bool tokens = strcmp(model->layer[0].ops->name, "embedding") == 0;
            const double x = tokens ? (r * 5 + j * 3) % 7 : 4 * value_at(2, r * IN + j);
            set_real(kernels, net->work.x[0], r * net->work.ld[0] + j, x);
        }
    }
}

static inline as_model_rows network_rows(const network *net, int64_t first, int64_t count)
{
    return (as_model_rows){.params = net->params,
                           .packed = net->packed,
                           .first = first,
                           .count = count,
                           .id = net->id + first,
                           .seed = 9,
                           .step = net->step,
                           .target = net->target + first * OUT,
                           .weight = net->weight + first};
}

/* The piece of at most `rows` rows from row `first` on; where layers look at whole lanes, one lane, or all of them. */
static inline as_model_rows network_piece(const network *net, int64_t first, int64_t rows)
{
    as_model_rows r = network_rows(net, first, ROWS - first < rows ? ROWS - first : rows);
    if (net->model.scope == AS_SCOPE_ROW) {
        return r;
    }
    int lane = 0;
    while (lane_row[lane + 1] <= first) { /* the lane that holds the row: the last of those that begin there */
        lane++;
    }
    r.lane_row = lane_row + lane;
    r.lanes = rows >= ROWS ? LANES : 1;
    r.count = r.lane_row[r.lanes] - first;
    return r;
}

/* Sum of the losses, with the rows in calls of `rows` at a time. */
static inline double network_loss(network *net, int64_t rows, bool train)
{
    double sum = 0;
    for (int64_t first = 0; first < ROWS;) {
        const as_model_rows r = network_piece(net, first, rows);
        as_model_forward(&net->model, &net->work, &r, train);
        as_model_loss(&net->model, &net->work, &r, true);
        first += r.count;
    }
    for (int64_t r = 0; r < ROWS; r++) {
        sum += net->work.loss[r];
    }
    return sum;
}

/* Forward, loss and backward of all rows, `rows` at a time. */
static inline void network_passes(network *net, int64_t rows)
{
    for (int64_t first = 0; first < ROWS;) {
        const as_model_rows r = network_piece(net, first, rows);
        as_model_forward(&net->model, &net->work, &r, true);
        as_model_loss(&net->model, &net->work, &r, true);
        as_model_backward(&net->model, &net->work, &r);
        first += r.count;
    }
}

/* Whether element i of the flat vector is trained by its gradient: not frozen, and no statistic. */
static inline bool network_trains(const network *net, int64_t i)
{
    for (int l = 0; l < net->model.nlayers; l++) {
        const as_layer *layer = &net->model.layer[l];
        for (int q = 0; q < layer->nparams; q++) {
            const as_param *param = &layer->param[q];
            if (i >= param->offset && i < param->offset + param->count) {
                return layer->trains && !param->statistic && !param->adapted;
            }
        }
    }
    return false;
}

typedef struct network_sum {
    network *net;
    const as_tree_program *program;
    const int64_t *lane_row;
    void *const *part;
    as_team *team;
    int threads;
} network_sum;

static inline void network_sum_body(void *argument, int thread)
{
    const network_sum *s = argument;
    as_model_accumulate(&s->net->model, &s->net->work, s->program, s->lane_row, false, s->part, s->team, thread,
                        s->threads);
}

/* Parameter gradients of lanes [first, first + lanes) into `part` (one vector for each part of the program). */
static inline int network_accumulate(network *net, int first, int lanes, void *const *part, int threads)
{
    as_tree_program program;
    int64_t rows[LANES + 1];
    assert_int_equal(as_tree_program_make(&net->tree, first, lanes, &program), AS_OK);
    for (int l = 0; l <= lanes; l++) {
        rows[l] = lane_row[first + l];
    }
    as_team *team = NULL;
    assert_int_equal(as_team_create(threads, &team), AS_OK);
    network_sum sum = {net, &program, rows, part, team, threads};
    as_team_run(team, network_sum_body, &sum);
    as_team_destroy(&team);
    const int parts = program.parts;
    as_tree_program_destroy(&program);
    return parts;
}

/* The gradient of all lanes into gradient[0]. */
static inline void network_gradient(network *net, int64_t rows, int threads)
{
    network_passes(net, rows);
    assert_int_equal(network_accumulate(net, 0, LANES, net->gradient, threads), 1);
}

static inline void network_set_param(network *net, int64_t i, double value)
{
    set_real(net->model.kernels, net->params, i, value);
    as_model_pack(&net->model, net->params, i, 1, net->packed);
}

#endif
