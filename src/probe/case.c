/* What several rules ask of a case. */
#include "probe/case.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "kernels/scalar_math.h"
#include "math/descriptive.h"
#include "math/moments.h"
#include "probe/graph.h"

double as_case_learnt(const as_case *c)
{
    if (c->now.rows == 0 || !isfinite(c->chance) || c->chance == 0) {
        return (double)NAN;
    }
    const double loss = c->point.finite && c->point.loss < c->now.loss ? c->point.loss : c->now.loss;
    return (c->chance - loss) / fabs(c->chance);
}

bool as_case_held_back(const as_case *c)
{
    return 1 - as_case_learnt(c) > AS_HALF_LEFT;
}

const as_fit *as_case_judged(const as_case *c)
{
    return c->held_out.rows > 0 ? &c->held_out : &c->now;
}

double as_case_first_loss(const as_case *c)
{
    bool random = c->augments;
    for (int l = 0; c->network != NULL && l < c->network->model.nlayers; l++) {
        random |= as_layer_draws(&c->network->model.layer[l]);
    }
    return random && c->first.rows > 0 && c->first.loss < c->start.loss ? c->first.loss : c->start.loss;
}

bool as_case_beats_chance(const as_case *c)
{
    const as_fit *f = &c->held_out;
    const as_history *h = &c->history;
    double best = 0, lowest = (double)INFINITY;
    for (int64_t i = 0; i < h->nevaluations; i++) {
        best = h->evaluation[i].accuracy > best ? h->evaluation[i].accuracy : best;
        lowest = h->evaluation[i].loss < lowest ? h->evaluation[i].loss : lowest;
    }
    if (f->rows == 0) {
        return false;
    }
    /* the loss of a constant on few rows differs from that on others: by sqrt(2 / n) of it for squared errors */
    const double error = 4 * sqrt(2 / (double)f->rows);
    if (lowest < (1 - (error > 0.15 ? error : 0.15)) * c->chance) {
        return true;
    }
    if (f->accuracy >= 0) {
        const double p = f->share_largest, n = (double)f->rows;
        best = f->accuracy > best ? f->accuracy : best;
        return best > p + 4 * sqrt((p * (1 - p) + 1 / n) / n);
    }
    return f->loss < c->chance - 4 * f->loss_se;
}

/* Means of the third and the fourth quarter of a series, the standard error of their difference, and the probability
   of one as large by chance. */
typedef struct quarters {
    double mean[2], error, p;
} quarters;

static const double by_chance = 2.7e-3; /* three standard errors of many values; few need more */

static quarters last_quarters(const double *v, int64_t n)
{
    quarters q = {0};
    const int64_t size = n / 4;
    for (int part = 0; part < 2; part++) {
        const double *x = v + n - (2 - part) * size;
        double squares = 0;
        for (int64_t i = 0; i < size; i++) {
            q.mean[part] += x[i] / (double)size;
        }
        for (int64_t i = 0; i < size; i++) {
            squares += (x[i] - q.mean[part]) * (x[i] - q.mean[part]);
        }
        q.error += size > 1 ? squares / (double)(size - 1) / (double)size : 0;
    }
    q.error = sqrt(q.error);
    const double t = (q.mean[1] - q.mean[0]) / q.error;
    q.p = size > 1 ? as_tail_f(t * t, 1, 2 * (double)(size - 1)) : 0;
    return q;
}

bool as_case_stands(const as_case *c)
{
    return c->point.loss > AS_STANDS_FIRST * c->start.loss ||
           (c->chance > 0 && c->point.loss > AS_STANDS_CHANCE * c->chance);
}

double as_case_penalty(const as_case *c)
{
    const double l1 = c->network != NULL ? c->network->model.l1 : 0, l2 = c->l2 > l1 ? c->l2 : l1;
    return c->weight_decay > l2 ? c->weight_decay : l2;
}

bool as_case_plateau(const as_case *c)
{
    enum { MOST = 4096, LEAST = 8, EPOCHS_LEAST = 5 };
    double v[MOST];
    int64_t n = 0;
    const as_history *h = &c->history;
    const bool epochs = h->nevaluations >= EPOCHS_LEAST;
    const as_short *on = &c->decayed[0], *slow = &c->decayed[1];
    for (int64_t i = 0; i < (epochs ? h->nevaluations : h->nsteps); i++) {
        const double x = epochs ? h->evaluation[i].train_loss : h->step[i].loss;
        if (isfinite(x) && n == MOST) {
            memmove(v, v + 1, (MOST - 1) * sizeof *v);
            n--;
        }
        if (isfinite(x)) {
            v[n++] = x;
        }
    }
    if (n >= (epochs ? EPOCHS_LEAST : LEAST) && !(c->cold && on->steps > 0)) {
        const quarters q = last_quarters(v, n);
        const double fall = fabs(q.mean[0] - q.mean[1]), mean = fabs(q.mean[1]);
        const bool goes_on = !epochs && on->steps > 0 && on->last < 0.9 * on->first; /* losses of batches vary more */
        return !goes_on && (fall <= 0.02 * mean || (q.p > by_chance && fall <= 0.1 * mean));
    }
    return on->steps > 0 && on->last > 0.98 * on->first && !(c->cold && slow->last < 0.98 * slow->first);
}

bool as_case_quadratic(const as_case *c)
{
    return c->linear && c->family == AS_FAMILY_PLAIN && strcmp(c->network->model.head[0].loss->name, "mse") == 0;
}

double as_case_rate_limit(const as_case *c)
{
    const double lambda = c->start.lambda_max, b = c->momentum;
    if (!(lambda > 0)) {
        return (double)INFINITY;
    }
    return c->nesterov ? 2 * (1 + b) / ((1 + 2 * b) * lambda) : 2 * (1 + b) / lambda;
}

/* Layers with a weight that is multiplied, of the point at the start. */
static const as_layer *weighted(const as_case *c, int l)
{
    const as_layer *layer = as_graph_find(&c->network->model, c->start.layer[l].name);
    for (int q = 0; layer != NULL && q < layer->nparams; q++) {
        if (layer->param[q].shape.rank >= 2 && !layer->param[q].statistic && !layer->param[q].table) {
            return layer;
        }
    }
    return NULL;
}

double as_case_backward_ratio(const as_case *c, const char **first, const char **last)
{
    int low = -1, high = -1;
    for (int l = 0; l < c->start.nlayers; l++) {
        if (weighted(c, l) != NULL && isfinite(c->start.layer[l].delta_rms)) {
            low = low < 0 ? l : low;
            high = l;
        }
    }
    if (low < 0 || low == high) {
        return (double)NAN;
    }
    const as_probe_layer *a = &c->start.layer[low], *b = &c->start.layer[high];
    if (!(b->delta_rms > 0) || b->weight_norm == 0) {
        return (double)NAN;
    }
    *first = a->name;
    *last = b->name;
    const double sizes = (double)weighted(c, low)->out_size / (double)weighted(c, high)->out_size;
    return a->delta_rms / b->delta_rms * sqrt(sizes);
}

double as_case_input_size(const as_case *c)
{
    double squares = 0;
    for (int64_t j = 0; j < c->columns.n && !c->numbers_of_rows; j++) {
        const as_column_facts *x = &c->columns.column[j];
        squares += (x->mean * x->mean + x->sd * x->sd) / (double)c->columns.n;
    }
    return squares > 1 ? sqrt(squares) : 1;
}

const char *as_case_class(const as_case *c, int64_t label, char buffer[64])
{
    if (c->class_names != NULL && label < c->class_names->n) {
        snprintf(buffer, 64, "%s", c->class_names->name[label]);
    } else {
        snprintf(buffer, 64, "%lld", (long long)label);
    }
    return buffer;
}

double as_case_imbalance(const as_case *c)
{
    const double *rows = c->columns.class_rows;
    double most = 0, least = (double)INFINITY;
    for (int64_t k = 0; rows != NULL && k < c->train.classes; k++) {
        most = rows[k] > most ? rows[k] : most;
        least = rows[k] > 0 && rows[k] < least ? rows[k] : least;
    }
    return most > 0 ? most / least : 0;
}

double as_case_last_signal(const as_case *c)
{
    int high = -1;
    for (int l = 0; l < c->start.nlayers; l++) {
        high = weighted(c, l) != NULL ? l : high;
    }
    for (int l = high - 1; l >= 0; l--) {
        if (isfinite(c->start.layer[l].signal_sd)) {
            return c->start.layer[l].signal_sd;
        }
    }
    return (double)NAN;
}

double as_case_least_gain(const as_case *c)
{
    double least = (double)INFINITY;
    for (int l = 0; l < c->start.nlayers; l++) {
        const as_probe_layer *x = &c->start.layer[l];
        if (weighted(c, l) != NULL && x->units > 0 && x->weight_norm / sqrt(x->units) < least) {
            least = x->weight_norm / sqrt(x->units);
        }
    }
    return least;
}

/* The step size that steps with momentum add up to. */
static double long_lr(const as_case *c)
{
    return c->lr_now / (1 - (c->momentum < 1 ? c->momentum : 0));
}

double as_case_noise_share(const as_case *c)
{
    const double n = (double)c->train.total, b = (double)c->batch;
    const double share = long_lr(c) * c->point.trace * (1 - b / n) / (4 * b) / c->point.loss;
    return share > 0 && b < n ? share : 0;
}

double as_case_noise_hovers(const as_case *c, double most)
{
    const double times = (as_case_quadratic(c) ? 0.5 : 1) / (long_lr(c) * c->point.lambda_max);
    return !(times < most) ? most : times > 1 ? times : 1;
}

double as_case_noise_scale(const as_point *p)
{
    const double true_square = p->gradient - p->trace / p->rows;
    return true_square > 0 ? p->trace / true_square : (double)INFINITY;
}

double as_case_dead(const as_case *c, const as_point *p, const char **name)
{
    double worst = 0;
    *name = "";
    for (int l = 0; c->network != NULL && l < p->nlayers; l++) {
        const as_layer *layer = as_graph_find(&c->network->model, p->layer[l].name);
        if (layer != NULL && strcmp(as_graph_activation(layer), "relu") == 0 && p->layer[l].dead > worst) {
            worst = p->layer[l].dead;
            *name = p->layer[l].name;
        }
    }
    return worst;
}

double as_case_lowest(const as_case *c)
{
    double lowest = (double)INFINITY;
    for (int64_t i = 0; i < c->history.nevaluations; i++) {
        const as_history_evaluation *e = &c->history.evaluation[i];
        lowest = e->loss < lowest ? e->loss : lowest;
        lowest = e->train_loss < lowest ? e->train_loss : lowest;
    }
    return lowest;
}

double as_case_model_score(const as_case *c)
{
    const double left = 1 - as_case_learnt(c);
    const bool absolute = c->network != NULL && strcmp(c->network->model.head[0].loss->name, "mae") == 0;
    return c->classifies ? c->now.accuracy : 1 - (absolute ? left * left : left);
}

double as_case_neighbour_score(const as_case *c)
{
    const double score = c->columns.neighbour_score;
    return c->columns.neighbour_rows > 0 ? (c->classifies ? score : score > 0 ? score * score : 0) : (double)NAN;
}

bool as_case_told(const as_case *c)
{
    return c->now.rows > 0 && as_case_model_score(c) > as_case_neighbour_score(c) - 0.02;
}

/* The middle of the targets of a column; work (rows). */
static double median_of(const as_sample *s, int64_t column, double *work)
{
    for (int64_t r = 0; r < s->rows; r++) {
        work[r] = s->target[r * s->targets + column];
    }
    as_sort_ascending(s->rows, work);
    return work[s->rows / 2];
}

static double mean_of(const as_sample *s, int64_t column, double *square)
{
    double sum = 0, squares = 0;
    for (int64_t r = 0; r < s->rows; r++) {
        sum += s->target[r * s->targets + column];
    }
    const double mean = sum / (double)s->rows;
    for (int64_t r = 0; r < s->rows; r++) {
        const double d = s->target[r * s->targets + column] - mean;
        squares += d * d;
    }
    *square = squares / (double)s->rows;
    return mean;
}

static double share_of(const as_sample *s, int32_t label)
{
    double count = 0, all = 0;
    for (int64_t r = 0; r < s->rows; r++) {
        count += s->label[r] == label ? 1 : 0;
        all += s->label[r] >= 0 ? 1 : 0;
    }
    return all > 0 ? (count > 0 ? count : 0.5) / all : 0.5;
}

static double logit(double p)
{
    p = p < 1e-12 ? 1e-12 : p > 1 - 1e-12 ? 1 - 1e-12 : p;
    return as_log_f64(p / (1 - p));
}

/* The output of the best constant, for output j of a loss that reads `outputs` for these targets; NaN: not known. */
static double constant_output(const as_model_head *head, const as_sample *s, int64_t j, double *work)
{
    const char *loss = head->loss->name;
    double square;
    if (s->label != NULL) {
        const bool single = head->outputs == 1;
        const double p = share_of(s, (int32_t)(single ? 1 : j));
        return strcmp(loss, "cross_entropy") == 0 ? as_log_f64(p) : strcmp(loss, "bce") == 0 ? logit(p) : (double)NAN;
    }
    const int64_t column = head->column + (head->targets > 0 ? j % head->targets : 0);
    const double mean = mean_of(s, column, &square);
    if (strcmp(loss, "mae") == 0 || strcmp(loss, "huber") == 0) {
        return median_of(s, column, work);
    }
    if (strcmp(loss, "poisson") == 0) {
        return mean > 0 ? as_log_f64(mean) : (double)NAN;
    }
    if (strcmp(loss, "bce") == 0) {
        return logit(mean);
    }
    if (strcmp(loss, "gaussian_nll") == 0) {
        return j < head->targets ? mean : as_log_f64(square > 1e-12 ? square : 1e-12);
    }
    return strcmp(loss, "mse") == 0 ? mean : (double)NAN;
}

/* The mean loss of rows that all have the outputs z. */
static double mean_loss(const as_network *network, const as_sample *s, const void *z)
{
    const as_model_head *head = &network->model.head[0];
    double sum = 0, count = 0;
    for (int64_t r = 0; r < s->rows; r++) {
        double loss = 0;
        const double one = 1;
        if (s->label != NULL && s->label[r] < 0) {
            continue;
        }
        const as_loss_pass pass = {.options = head->options,
                                   .rows = 1,
                                   .outputs = head->outputs,
                                   .z = z,
                                   .ldz = head->outputs,
                                   .label = s->label == NULL ? NULL : s->label + r,
                                   .target = s->target == NULL ? NULL : s->target + r * s->targets + head->column,
                                   .targets = head->targets,
                                   .weight = &one,
                                   .loss = &loss};
        head->loss->rows(&pass);
        sum += loss;
        count++;
    }
    return count > 0 ? head->weight * sum / count : (double)NAN;
}

double as_case_guess(const as_case *c)
{
    const as_sample *s = &c->train;
    double entropy = 0, square = (double)NAN;
    if (c->entropy && s->label != NULL) {
        for (int64_t k = 0; k < s->classes; k++) {
            const double p = share_of(s, (int32_t)k);
            entropy -= p * as_log_f64(p);
        }
        return entropy;
    }
    if (c->squares && s->target != NULL && s->targets == 1 && s->rows > 1) {
        mean_of(s, 0, &square);
    }
    return square;
}

/* The entropy of the tokens of a text: what the best constant loses. work: (classes). */
static double entropy_of_tokens(const as_sample *s, int64_t classes, double *count)
{
    double all = 0, entropy = 0;
    memset(count, 0, (size_t)classes * sizeof *count);
    for (int64_t i = 0; i < s->rows * s->width; i++) {
        if (s->x[i] >= 0 && s->x[i] < (double)classes) {
            count[(int64_t)s->x[i]]++;
            all++;
        }
    }
    for (int64_t k = 0; k < classes; k++) {
        const double p = count[k] / all;
        entropy -= count[k] > 0 ? p * as_log_f64(p) : 0;
    }
    return entropy;
}

/* What the mean of each column loses, by squares, where the inputs are the targets. */
static double spread_of_inputs(const as_sample *s)
{
    double sum = 0;
    for (int64_t j = 0; j < s->width; j++) {
        double n = 0, mean = 0, squares = 0;
        for (int64_t r = 0; r < s->rows; r++) {
            as_moments_add(&n, &mean, &squares, 1, 1, s->x + r * s->width + j);
        }
        sum += squares / n;
    }
    return sum / (double)s->width;
}

as_status as_case_chance(const as_network *network, const as_sample *s, double *out)
{
    const as_model_head *head = &network->model.head[0];
    const int64_t n = head->outputs;
    *out = (double)NAN;
    if (s->rows > 0 && s->width > 0 && network->model.nheads == 1 && network->setup.data->reconstruct &&
        strcmp(head->loss->name, "mse") == 0) {
        *out = head->weight * spread_of_inputs(s);
        return AS_OK;
    }
    if (s->rows == 0 || network->model.nheads != 1 || (s->label == NULL && s->target == NULL)) {
        if (network->model.data.target == AS_TARGET_LABELS && network->model.data.classes > 1) {
            *out = as_log_f64((double)network->model.data.classes);
        }
        if (isfinite(*out) && network->setup.data->tokenizer != NULL && s->rows > 0) {
            const int64_t classes = network->model.data.classes;
            double *count = malloc((size_t)classes * sizeof *count);
            if (count == NULL) {
                AS_FAIL(AS_NOMEM, "out of memory for %lld tokens", (long long)classes);
            }
            *out = entropy_of_tokens(s, classes, count);
            free(count);
        }
        return AS_OK;
    }
    double *z = malloc((size_t)(n + s->rows + 1) * sizeof *z);
    void *real = malloc((size_t)(n + 64) * sizeof(double));
    as_status status = AS_OK;
    if (z == NULL || real == NULL) {
        status = as_error_set(AS_NOMEM, "out of memory for %lld outputs", (long long)n);
    } else {
        for (int64_t j = 0; j < n; j++) {
            z[j] = constant_output(head, s, j, z + n);
        }
        network->setup.kernels->from_double(n, z, real);
        *out = mean_loss(network, s, real);
    }
    free(real);
    free(z);
    return status;
}

void as_case_free(as_case *c)
{
    as_sample_free(&c->train);
    as_sample_free(&c->test);
    as_columns_free(&c->columns);
    as_point_free(&c->start);
    as_point_free(&c->point);
    as_fit_free(&c->first);
    as_fit_free(&c->now);
    as_fit_free(&c->held_out);
    as_fit_free(&c->best);
    as_fit_free(&c->own);
    as_fit_free(&c->restrained);
    as_history_free(&c->history);
    as_probe_records_free(&c->records);
}
