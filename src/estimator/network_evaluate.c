/* Evaluation and prediction: forward alone, over any number of rows, in pieces that fit the work space. Metrics are
   sums over samples in double, row after row within a lane, then along the fixed tree: exact for every layout. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "comm/lane_sum.h"
#include "estimator/network.h"

enum { METRICS_MAX = 8, STATE_LOSS = 0, STATE_WEIGHT = 1, STATE_HEADS = 2 }; /* losses of several heads; metrics */

/* How a head is judged. */
typedef struct judgement {
    int nmetrics;
    const as_metric_ops *metric[METRICS_MAX];
    int64_t offset[METRICS_MAX];
} judgement;

typedef struct evaluation {
    as_network *network;
    const as_batch *batch;
    int64_t base, rows; /* piece of the batch in the work space */
    judgement head[AS_HEADS_MAX];
    int64_t width; /* doubles of one lane */
    double *state; /* (own lanes, width) */
    double *out;   /* predictions (rows, outputs), or NULL */
    bool random;   /* layers such as dropout as in training */
} evaluation;

/* A phase of forward (and, after the last, the loss where there is a target) of this thread's rows. */
static void forward_phase(const evaluation *e, int thread, int phase)
{
    as_network *network = e->network;
    const as_model *model = &network->model;
    int64_t first, count;
    as_team_share(e->rows, 1, thread, as_team_size(network->setup.team), &first, &count);
    for (int64_t done = 0; done < count; done += network->cuts.chunk_rows) {
        const int64_t here = count - done < network->cuts.chunk_rows ? count - done : network->cuts.chunk_rows;
        as_model_rows rows = network_rows(network, e->batch, e->base + first + done, first + done, here);
        rows.thread = thread;
        if (phase == 0) {
            network_gather(network, e->batch, e->base + first + done, first + done, here);
        }
        as_model_forward_phase(model, &network->work, &rows, e->random, phase);
        if (e->out == NULL && phase == model->segments) {
            as_model_loss(model, &network->work, &rows, false);
        }
    }
}

/* Whether threads divide each layer among themselves instead of the rows: of few rows, where the weights that are read
   are worth a barrier for each layer. */
static bool goes_together(const as_network *network, int64_t rows)
{
    enum { ROWS = 16, WORTH = 128 * 1024 }; /* of a thread; bytes of a layer */
    const as_model *model = &network->model;
    const as_force asked = network->setup.tuning.together;
    const int threads = as_team_size(network->setup.team);
    if (asked == AS_NEVER || threads == 1 || model->segments > 0) {
        return false;
    }
    int64_t bytes = 0;
    for (int i = 0; i < model->nlayers; i++) {
        bytes += model->layer[i].divides ? model->layer[i].param[0].count * (int64_t)model->kernels->real_bytes : 0;
    }
    return asked == AS_ALWAYS || (rows < threads * (int64_t)ROWS && bytes >= model->nlayers * (int64_t)WORTH);
}

/* Forward of all rows by all threads, and the loss of this thread's. */
static void forward_together(const evaluation *e, int thread)
{
    as_network *network = e->network;
    const as_model *model = &network->model;
    int64_t first, count;
    as_team_share(e->rows, 1, thread, as_team_size(network->setup.team), &first, &count);
    if (count > 0) {
        network_gather(network, e->batch, e->base + first, first, count);
    }
    as_team_barrier(network->setup.team);
    as_model_rows rows = network_rows(network, e->batch, e->base, 0, e->rows);
    rows.thread = thread;
    rows.together = network->setup.team;
    as_model_forward(model, &network->work, &rows, e->random);
    if (e->out == NULL && count > 0) {
        rows = network_rows(network, e->batch, e->base + first, first, count);
        rows.thread = thread;
        as_model_loss(model, &network->work, &rows, false);
    }
}

static void forward_rows(const evaluation *e, int thread)
{
    if (goes_together(e->network, e->rows)) {
        forward_together(e, thread);
        return;
    }
    const int segments = e->network->model.segments;
    for (int phase = 0; phase <= segments; phase++) {
        forward_phase(e, thread, phase);
        if (phase < segments) {
            as_team_barrier(e->network->setup.team);
        }
    }
}

/* Adds positions of rows to the metrics of a head and lane: as they are, or in blocks without those that are ignored.
 */
static void measure_positions(const evaluation *e, const judgement *head, as_metric_pass pass, double *state)
{
    const as_model *model = &e->network->model;
    const as_metric_pass whole = pass;
    const bool plain = !as_model_masked(model, whole.label, whole.rows) && whole.targets == model->data.targets;
    const int64_t total = whole.rows * model->data.positions;
    const int64_t block = whole.targets == model->data.targets ? AS_POSITIONS_BLOCK : 1;
    int32_t label[AS_POSITIONS_BLOCK];
    double weight[AS_POSITIONS_BLOCK];
    for (int64_t first = 0; first < total; first += plain ? total : block) {
        if (!plain) {
            pass.rows = total - first < block ? total - first : block;
            as_model_mask(model, whole.label, whole.weight, first, pass.rows, label, weight);
            pass.z = (const char *)whole.z + (size_t)(first * pass.ldz) * e->network->setup.kernels->real_bytes;
            pass.label = whole.label == NULL ? NULL : label;
            pass.target = whole.target == NULL ? NULL : whole.target + first * model->data.targets;
            pass.weight = weight;
        }
        for (int m = 0; m < head->nmetrics; m++) {
            head->metric[m]->rows(&pass, model->data.classes, state + head->offset[m]);
        }
    }
}

/* Rows [from, to) of the batch, which are of one lane. */
static void measure_head(const evaluation *e, int h, int64_t from, int64_t to, double *state)
{
    const as_network *network = e->network;
    const as_model *model = &network->model;
    const as_model_head *head = &model->head[h];
    const as_batch *batch = e->batch;
    const int64_t ld = network->work.ld[head->value], positions = model->data.positions;
    const char *z = network->work.x[head->value];
    for (int64_t r = from; network->work.head_loss != NULL && r < to; r++) {
        state[STATE_HEADS + h] += network->work.head_loss[h * network->work.rows + r - e->base];
    }
    const as_metric_pass pass = {
        .rows = to - from,
        .outputs = head->outputs,
        .z = z + (size_t)((from - e->base) * ld) * network->setup.kernels->real_bytes,
        .ldz = positions > 1 ? head->outputs : ld,
        .label = batch->label == NULL ? NULL : batch->label + from * positions,
        .target = batch->target == NULL ? NULL : batch->target + from * model->data.targets + head->column,
        .targets = head->targets,
        .weight = batch->weight + from,
        .loss = head->loss->name,
    };
    measure_positions(e, &e->head[h], pass, state);
}

/* Adds the piece's rows of one lane to its state. */
static void measure_lane(const evaluation *e, int lane)
{
    const as_network *network = e->network;
    const as_batch *batch = e->batch;
    const int64_t from = batch->lane_row[lane] > e->base ? batch->lane_row[lane] : e->base;
    const int64_t end = e->base + e->rows;
    const int64_t to = batch->lane_row[lane + 1] < end ? batch->lane_row[lane + 1] : end;
    if (from >= to) {
        return;
    }
    double *state = e->state + lane * e->width;
    for (int64_t r = from; r < to; r++) {
        state[STATE_LOSS] += network->work.loss[r - e->base];
        state[STATE_WEIGHT] += network->work.counted[r - e->base];
    }
    for (int h = 0; h < network->model.nheads; h++) {
        measure_head(e, h, from, to, state);
    }
}

static void evaluate_body(void *argument, int thread)
{
    const evaluation *e = argument;
    as_team *team = e->network->setup.team;
    forward_rows(e, thread);
    as_team_barrier(team);
    for (int lane = thread; lane < e->network->setup.lanes->count; lane += as_team_size(team)) {
        measure_lane(e, lane);
    }
}

static void predict_body(void *argument, int thread)
{
    const evaluation *e = argument;
    const as_network *network = e->network;
    const as_model *model = &network->model;
    const as_kernels *k = network->setup.kernels;
    forward_rows(e, thread);
    int64_t first, count;
    as_team_share(e->rows, 1, thread, as_team_size(network->setup.team), &first, &count);
    const as_model_head *head = &model->head[0];
    const int64_t ld = network->work.ld[head->value], positions = model->outputs / head->outputs;
    char *z = (char *)network->work.x[head->value] + (size_t)(first * ld) * k->real_bytes;
    if (head->loss->predict != NULL) {
        head->loss->predict(head->options, count * positions, head->outputs, z,
                            as_position_stride(positions, head->outputs, ld));
    }
    for (int64_t r = 0; r < count; r++) {
        k->to_double(model->outputs, z + (size_t)(r * ld) * k->real_bytes,
                     e->out + (e->base + first + r) * model->outputs);
    }
}

/* Runs body over a batch, piece by piece. */
static void over_pieces(evaluation *e, const as_batch *batch, void (*body)(void *, int))
{
    e->batch = batch;
    for (e->base = 0; e->base < batch->rows; e->base += e->network->work.rows) {
        const int64_t left = batch->rows - e->base;
        e->rows = left < e->network->work.rows ? left : e->network->work.rows;
        as_team_run(e->network->setup.team, body, e);
    }
}

void network_use_own(as_network *network)
{
    network->use_params = network->params;
    network->use_packed = network->packed;
}

as_status network_use_judged(as_network *network)
{
    network_use_own(network);
    if (network->average != NULL) {
        AS_TRY(network_share(network, network->average, network->average_packed, true));
        network->use_params = network->average;
        network->use_packed = network->average_packed;
    }
    return AS_OK;
}

static void choose_metrics(evaluation *e)
{
    const as_model *model = &e->network->model;
    const as_metric_ops *const *all = as_metrics_get(e->network->setup.kernels);
    e->width = STATE_HEADS + (model->nheads > 1 ? model->nheads : 0);
    for (int h = 0; h < model->nheads; h++) {
        judgement *own = &e->head[h];
        const as_model_head *head = &model->head[h];
        for (const char *const *name = head->loss->metrics; *name != NULL && own->nmetrics < METRICS_MAX; name++) {
            for (int i = 0; all[i] != NULL; i++) {
                const bool fits = (all[i]->target != AS_TARGET_LABELS || model->data.classes > 0) &&
                                  (!all[i]->tokens || e->network->setup.data->vocabulary > 0);
                if (fits && strcmp(all[i]->name, *name) == 0) {
                    own->metric[own->nmetrics] = all[i];
                    own->offset[own->nmetrics++] = e->width;
                    e->width += as_metric_size(all[i], head->outputs, model->data.classes, head->targets);
                }
            }
        }
    }
}

/* The metrics of a head; of several, names begin with that of the head, and its own loss comes first. */
static void finish_head(const evaluation *e, int h, double bytes, const double *sum, as_text *json)
{
    const as_model *model = &e->network->model;
    const as_model_head *head = &model->head[h];
    char prefix[AS_NAME_MAX + 2], key[AS_METRIC_KEY];
    snprintf(prefix, sizeof prefix, model->nheads > 1 ? "%s." : "%s", head->name);
    const as_data_parts *answers = e->network->setup.data->answers.n > 0 ? &e->network->setup.data->answers : NULL;
    const as_metric_facts facts = {.outputs = head->outputs,
                                   .classes = model->data.classes,
                                   .targets = head->targets,
                                   .label_bytes = bytes,
                                   .prefix = prefix,
                                   .answers = answers,
                                   .column = head->column};
    if (model->nheads > 1) {
        as_json_real(json, as_metric_key(&facts, "loss", key), sum[STATE_HEADS + h] / sum[STATE_WEIGHT]);
    }
    for (int m = 0; m < e->head[h].nmetrics; m++) {
        e->head[h].metric[m]->finish(&facts, sum + e->head[h].offset[m], json);
    }
}

/* Bytes of text behind a label of a data set, on average. */
static double label_bytes(const as_dataset *data)
{
    return data == NULL || data->label_bytes == 0
               ? (double)NAN
               : (double)data->label_bytes / ((double)data->rows * (double)data->positions);
}

as_status network_evaluate(as_estimator *estimator, const as_sampler *sampler, as_batch *batch, as_text *json,
                           double *loss)
{
    as_network *network = (as_network *)estimator;
    evaluation e = {.network = network};
    AS_TRY(network_use_judged(network));
    choose_metrics(&e);
    e.state = calloc((size_t)network->setup.lanes->count * (size_t)e.width, sizeof(double));
    double *sum = calloc((size_t)e.width, sizeof(double));
    as_status status = AS_OK;
    if (e.state == NULL || sum == NULL) {
        status = as_error_set(AS_NOMEM, "out of memory for metrics of %lld values a lane", (long long)e.width);
    }
    status = as_world_agree(network->setup.world, status);
    if (status == AS_OK) {
        for (int64_t b = 0; sampler != NULL && b < as_sampler_batches(sampler); b++) {
            as_sampler_fill(sampler, 0, b, batch);
            over_pieces(&e, batch, evaluate_body);
        }
        status = as_lane_sum(network->setup.world, network->setup.lanes, e.width, e.state, sum);
    }
    if (status == AS_OK) {
        *loss = sum[STATE_LOSS] / sum[STATE_WEIGHT];
        as_json_real(json, "loss", *loss);
        for (int h = 0; h < network->model.nheads; h++) {
            finish_head(&e, h, label_bytes(sampler != NULL ? batch->data : NULL), sum, json);
        }
    }
    free(e.state);
    free(sum);
    return status;
}

as_status network_predict(as_estimator *estimator, const as_batch *batch, double *out)
{
    as_network *network = (as_network *)estimator;
    evaluation e = {.network = network, .out = out};
    over_pieces(&e, batch, predict_body);
    return AS_OK;
}

as_status network_predict_random(as_estimator *estimator, const as_batch *batch, int64_t draw, double *out)
{
    as_network *network = (as_network *)estimator;
    const int64_t step = network->step;
    evaluation e = {.network = network, .out = out, .random = true};
    network->step = draw;
    over_pieces(&e, batch, predict_body);
    network->step = step;
    return AS_OK;
}

as_status network_set_params(as_estimator *estimator, const double *w)
{
    as_network *network = (as_network *)estimator;
    AS_TRY(as_world_barrier(network->setup.world)); /* nobody reads the old ones any more */
    if (as_world_node_rank(network->setup.world) == 0) {
        network->setup.kernels->from_double(network->n, w, network->params);
        if (network->average != NULL) {
            network->setup.kernels->from_double(network->n, w, network->average);
        }
    }
    AS_TRY(as_world_barrier(network->setup.world));
    AS_TRY(network_share(network, network->params, network->packed, true));
    return network_use_judged(network);
}
