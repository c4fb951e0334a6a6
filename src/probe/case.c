/* What several rules ask of a case. */
#include "probe/case.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "kernels/scalar_math.h"

double as_case_learnt(const as_case *c)
{
    if (c->now.rows == 0 || !isfinite(c->chance) || c->chance == 0) {
        return (double)NAN;
    }
    return (c->chance - c->now.loss) / fabs(c->chance);
}

bool as_case_beats_chance(const as_case *c)
{
    const as_fit *f = &c->held_out;
    if (f->rows == 0) {
        return false;
    }
    if (f->accuracy >= 0) {
        const double p = f->share_largest, n = (double)f->rows;
        return f->accuracy > p + 4 * sqrt((p * (1 - p) + 1 / n) / n);
    }
    return f->loss < c->chance - 4 * f->loss_se;
}

static int by_number(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;
    return x < y ? -1 : x > y;
}

/* The middle of the targets of a column; work (rows). */
static double median_of(const as_sample *s, int64_t column, double *work)
{
    for (int64_t r = 0; r < s->rows; r++) {
        work[r] = s->target[r * s->targets + column];
    }
    qsort(work, (size_t)s->rows, sizeof *work, by_number);
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

as_status as_case_chance(const as_network *network, const as_sample *s, double *out)
{
    const as_model_head *head = &network->model.head[0];
    const int64_t n = head->outputs;
    *out = (double)NAN;
    if (s->rows == 0 || network->model.nheads != 1 || (s->label == NULL && s->target == NULL)) {
        if (network->model.data.target == AS_TARGET_LABELS && network->model.data.classes > 1) {
            *out = as_log_f64((double)network->model.data.classes);
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
    as_sample_free(&c->validation);
    as_sample_free(&c->test);
    as_columns_free(&c->columns);
    as_fit_free(&c->first);
    as_fit_free(&c->now);
    as_fit_free(&c->held_out);
    as_history_free(&c->history);
}
