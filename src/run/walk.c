/* The walk uses what training uses: the same passes, the same lanes, the same optimizer. Cost: some passes over one
   sample for each parameter array, and two over the batch. */
#include "run/walk.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "estimator/gradients.h"
#include "estimator/network.h"
#include "run/run_state.h"

/* What lives as long as the walk. */
typedef struct walk_inside {
    as_walk *walk;
    as_run run;
    as_gradients *gradients;
    as_batch batch; /* of one sample, or a lane */
    int64_t *lane_row;
    double *at; /* (nparams) a point */
} walk_inside;

static as_status no_memory(void)
{
    AS_FAIL(AS_NOMEM, "out of memory for a walk through the network");
}

/* Rows [first, first + count) of a batch, all in one lane. */
static void select_rows(walk_inside *in, const as_batch *from, int lane, int64_t first, int64_t count)
{
    const as_dataset *data = from->data;
    in->batch = *from;
    in->batch.rows = in->batch.global_rows = count;
    in->batch.row += first;
    in->batch.at += first;
    in->batch.id += first;
    in->batch.weight += first;
    in->batch.label = from->label == NULL ? NULL : from->label + first * data->positions;
    in->batch.target = from->target == NULL ? NULL : from->target + first * data->targets;
    in->batch.lane_row = in->lane_row;
    for (int l = 0; l <= in->run.lanes.count; l++) {
        in->lane_row[l] = l > lane ? count : 0;
    }
}

/* The batch of an epoch that holds the sample, and its place there. */
static as_status find_sample(walk_inside *in, int64_t id, int64_t *row, int *lane)
{
    as_run_data *train = &in->run.train;
    for (int64_t b = 0; b < as_sampler_batches(train->sampler); b++) {
        as_sampler_fill(train->sampler, in->run.progress.epoch, b, &train->batch);
        for (int64_t r = 0; r < train->batch.rows; r++) {
            if (train->batch.id[r] == id) {
                *row = r;
                for (*lane = 0; train->batch.lane_row[*lane + 1] <= r; (*lane)++) {
                }
                return AS_OK;
            }
        }
    }
    AS_FAIL(AS_USAGE, "--sample %lld: not among the %lld training samples of %s%s", (long long)id,
            (long long)train->data.rows, train->data.place,
            in->run.config->data.validation > 0 ? " (some rows are held out by data.validation)" : "");
}

/* Copies a row of the work space. */
static void see(void *context, const as_gradients_view *view)
{
    walk_inside *in = context;
    as_walk *walk = in->walk;
    if (view->thread != 0 || view->lane_row[view->lanes] < 1) {
        return;
    }
    for (int v = 0; v <= view->model->nlayers; v++) {
        const int64_t n = as_shape_size(as_model_shape(view->model, v));
        memcpy(walk->value[v], view->work->x[v], (size_t)n * sizeof(double));
        if (view->work->dy[v] != NULL && walk->delta[v] != NULL) {
            memcpy(walk->delta[v], view->work->dy[v], (size_t)n * sizeof(double));
        }
    }
}

static as_status run_gradients(walk_inside *in, const double *at, bool alone, as_gradients_result *out)
{
    const as_gradients_task task = {.batch = &in->batch,
                                    .step = in->walk->step,
                                    .at = at,
                                    .loss_alone = alone,
                                    .see = alone ? NULL : see,
                                    .context = in};
    return as_gradients_run(in->gradients, &task, out);
}

static as_status make_arrays(walk_inside *in)
{
    as_walk *walk = in->walk;
    const as_model *m = walk->model;
    const size_t values = (size_t)m->nlayers + 1;
    walk->value = calloc(values, sizeof *walk->value);
    walk->delta = calloc(values, sizeof *walk->delta);
    walk->predicted = calloc((size_t)m->outputs + 1, sizeof(double));
    walk->target = calloc((size_t)m->data.targets + 1, sizeof(double));
    walk->w = malloc(((size_t)m->nparams + 1) * sizeof(double));
    in->at = malloc(((size_t)m->nparams + 1) * sizeof(double));
    walk->param = calloc((size_t)m->nlayers * AS_LAYER_PARAMS_MAX + 1, sizeof *walk->param);
    walk->lanes = in->run.lanes.lanes;
    walk->of_lane = calloc((size_t)walk->lanes, sizeof *walk->of_lane);
    in->lane_row = calloc((size_t)walk->lanes + 1, sizeof *in->lane_row);
    bool good = walk->value != NULL && walk->delta != NULL && walk->predicted != NULL && walk->target != NULL &&
                walk->w != NULL && in->at != NULL && walk->param != NULL && walk->of_lane != NULL &&
                in->lane_row != NULL;
    for (size_t v = 0; good && v < values; v++) {
        const size_t n = (size_t)as_shape_size(as_model_shape(m, (int)v)) + 1;
        walk->value[v] = calloc(n, sizeof(double));
        walk->delta[v] = m->wants[v] ? calloc(n, sizeof(double)) : NULL;
        good = walk->value[v] != NULL && (!m->wants[v] || walk->delta[v] != NULL);
    }
    return good ? AS_OK : no_memory();
}

/* The gradients of the sample's loss, array by array, each checked at its largest element by a central difference with
   a step that balances rounding against curvature. */
static as_status check_params(walk_inside *in)
{
    as_walk *walk = in->walk;
    const as_model *m = walk->model;
    const double *g = as_gradients_mean(in->gradients);
    for (int i = 0; i < m->nlayers; i++) {
        for (int q = 0; q < m->layer[i].nparams; q++) {
            const as_param *p = &m->layer[i].param[q];
            if (!as_gradients_trains(m, i, q)) {
                continue;
            }
            as_walk_param *out = &walk->param[walk->nparams++];
            *out = (as_walk_param){.layer = i, .param = q};
            for (int64_t e = 0; e < p->count; e++) {
                const double v = g[p->offset + e];
                out->norm += v * v;
                out->element = fabs(v) > fabs(g[p->offset + out->element]) ? e : out->element;
            }
            out->norm = sqrt(out->norm);
            out->g = g[p->offset + out->element];
            out->w = walk->w[p->offset + out->element];
        }
    }
    for (int k = 0; k < walk->nparams; k++) { /* the gradient is lost by the first of these */
        as_walk_param *out = &walk->param[k];
        const int64_t e = m->layer[out->layer].param[out->param].offset + out->element;
        as_gradients_result up, down;
        out->step = 6e-6 * (fabs(out->w) > 1 ? fabs(out->w) : 1);
        memcpy(in->at, walk->w, (size_t)m->nparams * sizeof(double));
        in->at[e] = out->w + out->step;
        AS_TRY(run_gradients(in, in->at, true, &up));
        in->at[e] = out->w - out->step;
        AS_TRY(run_gradients(in, in->at, true, &down));
        out->difference = (up.loss - down.loss) / (2 * out->step);
    }
    return AS_OK;
}

/* The outputs as probabilities or values. */
static void predict(as_walk *walk)
{
    const as_model *m = walk->model;
    const as_model_head *head = &m->head[0];
    memcpy(walk->predicted, walk->value[head->value], (size_t)m->outputs * sizeof(double));
    if (head->loss->predict != NULL) {
        head->loss->predict(head->options, m->outputs / head->outputs, head->outputs, walk->predicted, head->outputs);
    }
}

static as_status walk_sample(walk_inside *in, int64_t id)
{
    as_walk *walk = in->walk;
    int64_t row = 0;
    int lane = 0;
    as_gradients_result result;
    AS_TRY(find_sample(in, id, &row, &lane));
    if (walk->model->scope != AS_SCOPE_ROW) {
        AS_FAIL(AS_USAGE, "explain --sample: layers such as batch_norm look at whole batches: one sample alone means "
                          "nothing to them");
    }
    select_rows(in, &in->run.train.batch, lane, row, 1);
    walk->sample = id;
    walk->lane = lane;
    walk->label = in->batch.label != NULL ? in->batch.label[0] : -1;
    for (int64_t t = 0; t < walk->model->data.targets && in->batch.target != NULL; t++) {
        walk->target[t] = in->batch.target[t];
    }
    AS_TRY(run_gradients(in, NULL, false, &result));
    walk->loss = result.loss;
    predict(walk);
    return check_params(in);
}

/* The chosen element's gradient, lane by lane. */
static as_status walk_lanes(walk_inside *in)
{
    as_walk *walk = in->walk;
    as_run *run = &in->run;
    const as_walk_param *p = &walk->param[walk->chosen];
    const int64_t e = walk->model->layer[p->layer].param[p->param].offset + p->element;
    as_sampler_fill(run->train.sampler, run->progress.epoch, run->progress.index, &run->train.batch);
    const as_batch *batch = &run->train.batch;
    for (int l = 0; l < walk->lanes; l++) {
        const int64_t first = batch->lane_row[l], count = batch->lane_row[l + 1] - first;
        as_gradients_result result = {0};
        walk->of_lane[l].rows = count;
        if (count > 0) {
            select_rows(in, batch, l, first, count);
            const as_gradients_task task = {.batch = &in->batch, .step = walk->step};
            AS_TRY(as_gradients_run(in->gradients, &task, &result));
            walk->of_lane[l].weight = result.weight;
            walk->of_lane[l].sum = as_gradients_mean(in->gradients)[e] * result.weight;
        }
        walk->batch_weight += walk->of_lane[l].weight;
    }
    return AS_OK;
}

/* One step of the training, and what it did to the chosen element. */
static as_status walk_update(walk_inside *in)
{
    as_walk *walk = in->walk;
    as_network *network = (as_network *)in->run.estimator;
    const as_walk_param *p = &walk->param[walk->chosen];
    const int64_t e = walk->model->layer[p->layer].param[p->param].offset + p->element;
    as_step_report report = {0};
    walk->nslots = network->nslots;
    memcpy(walk->slot, network->slot_kind, sizeof walk->slot);
    walk->before = ((const double *)network->params)[e];
    for (int s = 0; s < walk->nslots; s++) {
        walk->slot_before[s] = ((const double *)network->slot[s])[e];
    }
    AS_TRY(as_run_step(&in->run, 0, &report));
    for (int s = 0; s < walk->nslots; s++) {
        walk->slot_after[s] = ((const double *)network->slot[s])[e];
    }
    walk->after = ((const double *)network->params)[e];
    walk->grad_norm = report.grad_norm;
    walk->lr = report.lr;
    const double clip = in->run.config->train.clip_norm;
    walk->scale = clip > 0 && report.grad_norm > clip ? clip / report.grad_norm : 1;
    walk->gradient = ((const double *)as_sum_slice(network->sum))[e];
    if (!(network->model.l1 > 0 || network->model.l2 > 0)) {
        walk->gradient /= report.weight;
    }
    walk->gradient *= walk->scale;
    return AS_OK;
}

/* A weight of the last layer that has any: nearest to the loss. */
static int choose(const as_walk *walk)
{
    int best = 0;
    for (int k = 0; k < walk->nparams; k++) {
        const as_walk_param *p = &walk->param[k];
        best = walk->model->layer[p->layer].param[p->param].shape.rank > 1 && p->g != 0 ? k : best;
    }
    return best;
}

static as_status walk_all(walk_inside *in, const as_run_options *options, int64_t id, int64_t step)
{
    as_walk *walk = in->walk;
    AS_TRY(as_run_open(options, &in->run));
    if (in->run.estimator->ops->statistic != NULL) {
        AS_FAIL(AS_USAGE, "explain --sample: a walk is made through networks; this model is of type %s",
                in->run.estimator->ops->name);
    }
    for (walk->step = 0; walk->step < step; walk->step++) {
        as_step_report report = {0};
        AS_TRY(as_run_step(&in->run, 0, &report));
        as_run_advance(&in->run, &report);
    }
    const as_gradients_options how = {.precision = AS_FLOAT64, .lane_rows = in->run.train.batch.capacity};
    AS_TRY(as_gradients_create(in->run.estimator, &how, &in->gradients));
    walk->model = as_gradients_model(in->gradients);
    walk->optimizer = &((const as_network *)in->run.estimator)->optimizer;
    AS_TRY(make_arrays(in));
    as_gradients_params(in->gradients, walk->w);
    AS_TRY(walk_sample(in, id));
    walk->chosen = choose(walk);
    if (walk->nparams == 0) {
        return AS_OK;
    }
    AS_TRY(walk_lanes(in));
    return walk_update(in);
}

as_status as_walk_open(const as_run_options *options, int64_t id, int64_t step, as_walk *out)
{
    *out = (as_walk){0};
    walk_inside *in = calloc(1, sizeof *in);
    if (in == NULL) {
        return no_memory();
    }
    in->walk = out;
    out->inside = in;
    return walk_all(in, options, id, step);
}

void as_walk_close(as_walk *walk)
{
    walk_inside *in = walk->inside;
    for (int v = 0; walk->model != NULL && v <= walk->model->nlayers; v++) {
        if (walk->value != NULL) {
            free(walk->value[v]);
        }
        if (walk->delta != NULL) {
            free(walk->delta[v]);
        }
    }
    free(walk->value);
    free(walk->delta);
    free(walk->predicted);
    free(walk->target);
    free(walk->w);
    free(walk->param);
    free(walk->of_lane);
    if (in != NULL) {
        free(in->at);
        free(in->lane_row);
        as_gradients_destroy(&in->gradients);
        as_run_close(&in->run);
        free(in);
    }
    *walk = (as_walk){0};
}
