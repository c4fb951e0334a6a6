/* Estimates: a metric is a function of rows and their weights, so a bootstrap replicate is the same function with the
   weights multiplied by Poisson(1) numbers. Cost of a replicate: O(rows), with AUC and average precision O(rows x
   classes); the scores are sorted once. */
#include "run/estimates.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"

enum { AUC_CLASSES = 32, MATTHEWS_CLASSES = 1024, BLOCK = 4 };

static const char *const names[AS_MEASURES] = {"accuracy",          "nll", "mcc",  "brier", "ece", "auc",
                                               "average_precision", "mse", "rmse", "mae",   "r2"};

/* What all replicates share. */
typedef struct measurer {
    const as_outcomes *o;
    bool ranks;         /* AUC and average precision */
    int64_t scores;     /* sorted classes: 1 of two, else all */
    double *brier;      /* (rows) */
    double *confidence; /* (rows) */
    double *correct;    /* (rows) */
    int32_t *answer;    /* (rows) class */
    int32_t *order;     /* (scores, rows) by descending score; the next two in that order */
    double *score;      /* (scores, rows) */
    double *positive;   /* (scores, rows) */
    double *confusion;  /* (classes, classes) */
    double *weight;     /* (BLOCK, rows) */
} measurer;

static void release(measurer *m)
{
    void *const all[] = {m->brier, m->confidence, m->correct,   m->answer, m->order,
                         m->score, m->positive,   m->confusion, m->weight};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
        free(all[i]);
    }
}

/* Answer, confidence, correctness and Brier score of every row. */
static void judge_rows(measurer *m)
{
    const as_outcomes *o = m->o;
    for (int64_t r = 0; r < o->rows; r++) {
        const double *p = o->said + r * o->outputs;
        int32_t best = 0;
        double brier = 0;
        for (int64_t k = 0; k < o->outputs; k++) {
            const double gap = p[k] - (k == o->label[r] ? 1 : 0);
            best = p[k] > p[best] ? (int32_t)k : best;
            brier += o->outputs > 2 || k == 1 ? gap * gap : 0;
        }
        m->answer[r] = best;
        m->confidence[r] = p[best];
        m->correct[r] = best == o->label[r];
        m->brier[r] = brier;
    }
}

static as_status prepare(measurer *m)
{
    const as_outcomes *o = m->o;
    const size_t rows = (size_t)o->rows + 1;
    const bool classes = o->target == AS_TARGET_LABELS && o->outputs > 0;
    m->ranks = classes && o->probabilities && o->outputs <= AUC_CLASSES && o->rows < INT32_MAX;
    m->scores = !m->ranks ? 0 : o->outputs == 2 ? 1 : o->outputs;
    const size_t scored = rows * (size_t)(m->scores > 0 ? m->scores : 1);
    const size_t square = classes && o->classes <= MATTHEWS_CLASSES ? (size_t)(o->classes * o->classes) : 1;
    m->weight = malloc(BLOCK * rows * sizeof(double));
    m->brier = malloc(rows * sizeof(double));
    m->confidence = malloc(rows * sizeof(double));
    m->correct = malloc(rows * sizeof(double));
    m->answer = malloc(rows * sizeof *m->answer);
    m->order = malloc(scored * sizeof *m->order);
    m->score = malloc(scored * sizeof(double));
    m->positive = malloc(scored * sizeof(double));
    m->confusion = malloc(square * sizeof(double));
    if (m->weight == NULL || m->brier == NULL || m->confidence == NULL || m->correct == NULL || m->answer == NULL ||
        m->order == NULL || m->score == NULL || m->positive == NULL || m->confusion == NULL) {
        AS_FAIL(AS_NOMEM, "out of memory for intervals of %lld rows", (long long)o->rows);
    }
    if (classes) {
        judge_rows(m);
    }
    double *const plain = m->weight; /* room */
    for (int64_t s = 0; s < m->scores; s++) {
        const int64_t class = m->scores == 1 ? 1 : s, base = s * o->rows;
        for (int64_t r = 0; r < o->rows; r++) {
            plain[r] = o->said[r * o->outputs + class];
        }
        AS_TRY(as_descending((int32_t)o->rows, plain, m->order + base));
        for (int64_t i = 0; i < o->rows; i++) {
            const int64_t r = m->order[base + i];
            m->score[base + i] = plain[r];
            m->positive[base + i] = o->label[r] == class;
        }
    }
    return AS_OK;
}

/* AUC and average precision: the means over the classes for which they are defined. */
static void rank_classes(const measurer *m, const double *weight, double *value)
{
    const int64_t n = m->o->rows;
    double sum[2] = {0}, defined[2] = {0};
    for (int64_t s = 0; s < m->scores; s++) {
        double v[2];
        as_ranking(n, m->order + s * n, m->score + s * n, m->positive + s * n, weight, &v[0], &v[1]);
        for (int i = 0; i < 2; i++) {
            sum[i] += isnan(v[i]) ? 0 : v[i];
            defined[i] += isnan(v[i]) ? 0 : 1;
        }
    }
    value[AS_MEASURE_AUC] = sum[0] / defined[0];
    value[AS_MEASURE_AP] = sum[1] / defined[1];
}

static void measure_classes(const measurer *m, const double *multiple, double *weight, double *value)
{
    const as_outcomes *o = m->o;
    const int64_t n = o->rows;
    double total = 0, brier = 0;
    for (int64_t r = 0; r < n; r++) {
        weight[r] = o->weight[r] * (multiple == NULL ? 1 : multiple[r]);
        total += weight[r];
        brier += weight[r] * m->brier[r];
    }
    if (o->classes <= MATTHEWS_CLASSES) {
        memset(m->confusion, 0, (size_t)(o->classes * o->classes) * sizeof(double));
        for (int64_t r = 0; r < n; r++) {
            m->confusion[o->label[r] * o->classes + m->answer[r]] += weight[r];
        }
        value[AS_MEASURE_MCC] = as_matthews(o->classes, m->confusion);
    }
    if (o->probabilities) {
        value[AS_MEASURE_BRIER] = brier / total;
        value[AS_MEASURE_ECE] = as_calibration_error(n, m->confidence, m->correct, weight, NULL);
    }
    if (m->ranks) {
        rank_classes(m, weight, value);
    }
}

/* 1 - sum of squares / sum of squares about the mean, the mean over the targets. */
static double r2(const as_outcomes *o, const double *weight)
{
    double sum = 0;
    for (int64_t k = 0; k < o->outputs; k++) {
        double total = 0, mean = 0, spread = 0, left = 0;
        for (int64_t r = 0; r < o->rows; r++) {
            total += weight[r];
            mean += weight[r] * o->truth[r * o->outputs + k];
        }
        mean /= total;
        for (int64_t r = 0; r < o->rows; r++) {
            const double d = o->truth[r * o->outputs + k] - mean;
            const double e = o->truth[r * o->outputs + k] - o->said[r * o->outputs + k];
            spread += weight[r] * d * d;
            left += weight[r] * e * e;
        }
        sum += spread > 0 ? 1 - left / spread : (double)NAN;
    }
    return sum / (double)o->outputs;
}

/* All metrics with the rows' weights times multiple (NULL: 1). weight (rows) is room. */
static void measure(const measurer *m, const double *multiple, double *weight, double value[AS_MEASURES])
{
    const as_outcomes *o = m->o;
    double count = 0, loss = 0, right = 0;
    for (int i = 0; i < AS_MEASURES; i++) {
        value[i] = (double)NAN;
    }
    for (int64_t r = 0; r < o->rows; r++) {
        const double w = multiple == NULL ? 1 : multiple[r];
        count += w * o->count[r];
        loss += w * o->loss[r];
        right += w * o->right[r];
    }
    if (o->target == AS_TARGET_LABELS) {
        value[AS_MEASURE_ACCURACY] = right / count;
        value[AS_MEASURE_NLL] = loss / count;
        if (o->outputs > 0) {
            measure_classes(m, multiple, weight, value);
        }
        return;
    }
    for (int64_t r = 0; r < o->rows; r++) {
        weight[r] = o->weight[r] * (multiple == NULL ? 1 : multiple[r]);
    }
    value[AS_MEASURE_MSE] = loss / count;
    value[AS_MEASURE_RMSE] = sqrt(loss / count);
    value[AS_MEASURE_MAE] = right / count;
    value[AS_MEASURE_R2] = o->outputs > 0 ? r2(o, weight) : (double)NAN;
}

/* Bootstrap weights of four replicates, rows by sample id. multiple (BLOCK, rows). */
static void draw_weights(const as_outcomes *o, uint64_t seed, int64_t block, double *multiple)
{
    for (int64_t r = 0; r < o->rows; r++) {
        double four[BLOCK];
        as_bootstrap_weights(seed, (uint64_t)o->id[r], (uint32_t)block, four);
        for (int i = 0; i < BLOCK; i++) {
            multiple[i * o->rows + r] = four[i];
        }
    }
}

/* All metrics of all replicates: (AS_MEASURES, replicates). */
static as_status replicate(const measurer *m, int64_t replicates, uint64_t seed, double *all)
{
    double *room = malloc((size_t)(m->o->rows + 1) * sizeof *room);
    if (room == NULL) {
        AS_FAIL(AS_NOMEM, "out of memory for the bootstrap of %lld rows", (long long)m->o->rows);
    }
    for (int64_t b = 0; b < replicates; b++) {
        double value[AS_MEASURES];
        if (b % BLOCK == 0) {
            draw_weights(m->o, seed, b / BLOCK, m->weight);
        }
        measure(m, m->weight + (b % BLOCK) * m->o->rows, room, value);
        for (int i = 0; i < AS_MEASURES; i++) {
            all[i * replicates + b] = value[i];
        }
    }
    free(room);
    return AS_OK;
}

/* Whether rows are single trials: each has one label, and the weight 1. */
static bool trials(const as_outcomes *o)
{
    for (int64_t r = 0; r < o->rows; r++) {
        if (o->weight[r] != 1) {
            return false;
        }
    }
    return o->single;
}

static as_status fill(const measurer *m, double level, int64_t replicates, uint64_t seed, as_estimate *estimate)
{
    double value[AS_MEASURES];
    measure(m, NULL, m->weight, value);
    double *all = malloc((size_t)(replicates + 1) * AS_MEASURES * sizeof *all);
    if (all == NULL) {
        AS_FAIL(AS_NOMEM, "out of memory for %lld replicates", (long long)replicates);
    }
    as_status status = replicate(m, replicates, seed, all);
    for (int i = 0; i < AS_MEASURES && status == AS_OK; i++) {
        as_estimate *e = &estimate[i];
        *e = (as_estimate){.name = isnan(value[i]) ? NULL : names[i], .value = value[i]};
        e->low = e->high = e->sd = (double)NAN;
        if (i == AS_MEASURE_ACCURACY && e->name != NULL && trials(m->o)) {
            const double n = (double)m->o->rows;
            as_wilson(value[i] * n, n, level, &e->low, &e->high);
            e->sd = sqrt(value[i] * (1 - value[i]) / n);
            e->method = "Wilson";
        } else if (e->name != NULL && replicates > 1) {
            as_percentile_interval(replicates, all + i * replicates, level, &e->low, &e->high, &e->sd);
            e->method = isnan(e->low) ? NULL : "bootstrap";
        }
    }
    free(all);
    return status;
}

as_status as_estimates_make(const as_outcomes *outcomes, double level, int64_t replicates, uint64_t seed,
                            as_estimate *estimate)
{
    measurer m = {.o = outcomes};
    as_status status = prepare(&m);
    if (status == AS_OK) {
        status = fill(&m, level, replicates, seed, estimate);
    }
    release(&m);
    return status;
}
