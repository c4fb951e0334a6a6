/* Two models on the same rows, and sets with a guarantee. Differences are taken row by row, so what makes a row hard
   for both cancels. */
#include <math.h>
#include <stdlib.h>

#include "base/error.h"
#include "run/estimates.h"

enum { BLOCK = 4 };

static as_status check_rows(const as_outcomes *a, const as_outcomes *b)
{
    if (a->target != b->target || a->classes != b->classes) {
        AS_FAIL(AS_DATA, "the models answer different questions: %lld classes in %s, %lld in %s", (long long)a->classes,
                a->place, (long long)b->classes, b->place);
    }
    if (a->rows != b->rows) {
        AS_FAIL(AS_DATA, "the models were judged on different rows: %lld of %s, %lld of %s", (long long)a->rows,
                a->place, (long long)b->rows, b->place);
    }
    for (int64_t r = 0; r < a->rows; r++) {
        bool same = a->id[r] == b->id[r] && a->label[r] == b->label[r] && a->count[r] == b->count[r];
        for (int64_t k = 0; same && a->target == AS_TARGET_REALS && k < a->outputs && a->outputs == b->outputs; k++) {
            same = a->truth[r * a->outputs + k] == b->truth[r * a->outputs + k];
        }
        if (!same || (a->target == AS_TARGET_REALS && a->outputs != b->outputs)) {
            AS_FAIL(AS_DATA,
                    "the models were judged on different rows: row %lld is sample %lld of %s and sample %lld of %s, or "
                    "its answers differ",
                    (long long)r, (long long)a->id[r], a->place, (long long)b->id[r], b->place);
        }
    }
    if (a->rows < 1) {
        AS_FAIL(AS_DATA, "%s: no rows to compare on", a->place);
    }
    return AS_OK;
}

/* Differences of the mean losses and of the other measure in every replicate: d (2, replicates). */
static void replicate(const as_outcomes *a, const as_outcomes *b, int64_t replicates, uint64_t seed, double *d)
{
    for (int64_t first = 0; first < replicates; first += BLOCK) {
        double count[BLOCK] = {0}, loss[BLOCK] = {0}, right[BLOCK] = {0};
        for (int64_t r = 0; r < a->rows; r++) {
            double w[BLOCK];
            as_bootstrap_weights(seed, (uint64_t)a->id[r], (uint32_t)(first / BLOCK), w);
            for (int i = 0; i < BLOCK; i++) {
                count[i] += w[i] * a->count[r];
                loss[i] += w[i] * (a->loss[r] - b->loss[r]);
                right[i] += w[i] * (a->right[r] - b->right[r]);
            }
        }
        for (int i = 0; i < BLOCK && first + i < replicates; i++) {
            d[first + i] = loss[i] / count[i];
            d[replicates + first + i] = right[i] / count[i];
        }
    }
}

/* Twice the smaller share of replicates on a side of 0, with one more on each side: never 0. */
static double two_sided(int64_t n, const double *d)
{
    int64_t below = 1, above = 1;
    for (int64_t i = 0; i < n; i++) {
        if (isnan(d[i])) {
            return (double)NAN;
        }
        below += d[i] <= 0;
        above += d[i] >= 0;
    }
    const double p = 2.0 * (double)(below < above ? below : above) / (double)(n + 1);
    return p < 1 ? p : 1;
}

static void count_rows(const as_outcomes *a, const as_outcomes *b, as_comparison *out)
{
    double count = 0;
    for (int64_t r = 0; r < a->rows; r++) {
        count += a->count[r];
        out->loss[0] += a->loss[r];
        out->loss[1] += b->loss[r];
        out->right[0] += a->right[r];
        out->right[1] += b->right[r];
        out->only_a += a->right[r] > b->right[r];
        out->only_b += a->right[r] < b->right[r];
    }
    for (int i = 0; i < 2; i++) {
        out->loss[i] /= count;
        out->right[i] /= count;
    }
    out->mcnemar = a->single ? as_mcnemar(out->only_a, out->only_b, true) : (as_test){.p = (double)NAN};
}

as_status as_outcomes_compare(const as_outcomes *a, const as_outcomes *b, double level, int64_t replicates,
                              uint64_t seed, as_comparison *out)
{
    *out = (as_comparison){.rows = a->rows};
    AS_TRY(check_rows(a, b));
    double *d = malloc((size_t)(a->rows > 2 * replicates ? a->rows : 2 * replicates + 1) * sizeof *d), sd;
    if (d == NULL) {
        AS_FAIL(AS_NOMEM, "out of memory for the differences of %lld rows", (long long)a->rows);
    }
    count_rows(a, b, out);
    double total = 0;
    for (int64_t r = 0; r < a->rows; r++) {
        total += a->count[r];
    }
    for (int64_t r = 0; r < a->rows; r++) { /* its mean over the rows is the difference of the mean losses */
        d[r] = (a->loss[r] - b->loss[r]) * ((double)a->rows / total);
    }
    out->z = as_paired_z(a->rows, d, &out->mean_difference, &sd);
    out->se_difference = sd / sqrt((double)a->rows);
    out->loss_low = out->loss_high = out->right_low = out->right_high = out->bootstrap_p = (double)NAN;
    if (replicates > 1) {
        replicate(a, b, replicates, seed, d);
        out->bootstrap_p = two_sided(replicates, d);
        as_percentile_interval(replicates, d, level, &out->loss_low, &out->loss_high, &sd);
        as_percentile_interval(replicates, d + replicates, level, &out->right_low, &out->right_high, &sd);
    }
    free(d);
    return AS_OK;
}

static double score_of(const as_outcomes *o, int64_t r)
{
    if (o->target == AS_TARGET_LABELS) {
        return 1 - o->said[r * o->outputs + o->label[r]];
    }
    return o->worst[r];
}

static void judge_sets(const as_outcomes *o, as_conformal *out)
{
    double size = 0, singles = 0, empty = 0;
    for (int64_t r = 0; r < o->rows; r++) {
        double in = 0;
        out->covered += score_of(o, r) <= out->quantile;
        for (int64_t k = 0; k < o->outputs && o->target == AS_TARGET_LABELS; k++) {
            in += 1 - o->said[r * o->outputs + k] <= out->quantile;
        }
        size += o->target == AS_TARGET_LABELS ? in : 2 * out->quantile;
        singles += in == 1;
        empty += in == 0;
    }
    const double n = (double)o->rows;
    out->coverage = (double)out->covered / n;
    out->size = size / n;
    out->singles = singles / n;
    out->empty = empty / n;
}

as_status as_outcomes_conformal(const as_outcomes *calibration, const as_outcomes *test, double alpha, double level,
                                as_conformal *out)
{
    *out = (as_conformal){.alpha = alpha, .calibration_rows = calibration->rows, .rows = test->rows};
    const bool labels = test->target == AS_TARGET_LABELS;
    if (labels && (!calibration->probabilities || !test->probabilities)) {
        AS_FAIL(AS_CONFIG, "conformal sets need probabilities of one label a row, which this model does not give");
    }
    if (test->rows < 1) {
        AS_FAIL(AS_DATA, "%s: no rows to judge conformal sets on", test->place);
    }
    double *score = malloc((size_t)(calibration->rows + 1) * sizeof *score);
    if (score == NULL) {
        AS_FAIL(AS_NOMEM, "out of memory for %lld scores", (long long)calibration->rows);
    }
    for (int64_t r = 0; r < calibration->rows; r++) {
        const double s = score_of(calibration, r);
        score[r] = isnan(s) ? HUGE_VAL : s;
    }
    out->quantile = as_conformal_quantile(calibration->rows, score, alpha);
    free(score);
    judge_sets(test, out);
    as_clopper_pearson(out->covered, test->rows, level, &out->low, &out->high);
    return AS_OK;
}
