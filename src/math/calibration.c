/* Calibration, ranking and conformal sets, by their definitions; every sum in the order of the rows. */
#include "math/calibration.h"

#include <math.h>
#include <stdlib.h>

#include "base/error.h"
#include "kernels/scalar_math.h"
#include "math/descriptive.h"

double as_calibration_error(int64_t n, const double *confidence, const double *correct, const double *weight,
                            as_reliability_bin *bin)
{
    as_reliability_bin sum[AS_CALIBRATION_BINS] = {{0}};
    double total = 0, error = 0;
    for (int64_t i = 0; i < n; i++) {
        const double place = ceil(confidence[i] * AS_CALIBRATION_BINS) - 1;
        const int b = place < 0 ? 0 : place > AS_CALIBRATION_BINS - 1 ? AS_CALIBRATION_BINS - 1 : (int)place;
        sum[b].weight += weight[i];
        sum[b].confidence += weight[i] * confidence[i];
        sum[b].accuracy += weight[i] * correct[i];
        total += weight[i];
    }
    for (int b = 0; b < AS_CALIBRATION_BINS; b++) {
        error += fabs(sum[b].confidence - sum[b].accuracy);
        if (bin != NULL) {
            bin[b] =
                (as_reliability_bin){sum[b].weight, sum[b].confidence / sum[b].weight, sum[b].accuracy / sum[b].weight};
        }
    }
    return error / total;
}

/* First and second derivative in beta of the mean of log sum_j e^(beta l_j) - beta l_label. */
static void slopes(int64_t n, int64_t k, const double *l, const int32_t *label, const double *weight, double beta,
                   double *first, double *second)
{
    double total = 0;
    *first = *second = 0;
    for (int64_t i = 0; i < n; i++) {
        const double *row = l + i * k;
        double most = row[0], sum = 0, mean = 0, square = 0;
        for (int64_t j = 1; j < k; j++) {
            most = row[j] > most ? row[j] : most;
        }
        for (int64_t j = 0; j < k; j++) {
            const double e = as_exp_f64(beta * (row[j] - most)), d = row[j] - most;
            sum += e;
            mean += e * d;
            square += e * d * d;
        }
        mean /= sum;
        *first += weight[i] * (mean - (row[label[i]] - most));
        *second += weight[i] * (square / sum - mean * mean);
        total += weight[i];
    }
    *first /= total;
    *second /= total;
}

double as_temperature(int64_t n, int64_t k, const double *log_p, const int32_t *label, const double *weight)
{
    double low = 1.0 / 64, high = 64, beta = 1, at_low, at_high, curvature;
    slopes(n, k, log_p, label, weight, low, &at_low, &curvature);
    slopes(n, k, log_p, label, weight, high, &at_high, &curvature);
    if (at_low >= 0 || at_high <= 0) { /* the slope rises: the minimum is beyond an end */
        return at_low >= 0 ? 1 / low : 1 / high;
    }
    for (int step = 0; step < 100; step++) {
        double first, second;
        slopes(n, k, log_p, label, weight, beta, &first, &second);
        if (isnan(first)) {
            return (double)NAN;
        }
        low = first < 0 ? beta : low; /* bracket: the slope rises with beta */
        high = first > 0 ? beta : high;
        double next = second > 0 ? beta - first / second : first < 0 ? high : first > 0 ? low : beta;
        next = next >= low && next <= high ? next : 0.5 * (low + high);
        const double change = fabs(next - beta);
        beta = next;
        if (change <= 1e-13 * beta) {
            break;
        }
    }
    return 1 / beta;
}

double as_conformal_quantile(int64_t n, double *score, double alpha)
{
    /* (n + 1)(1 - alpha) is meant as a decimal: 10 * 0.9 is 9, whatever the rounding of 0.9. */
    const double exact = (double)(n + 1) * (1 - alpha), near = round(exact);
    const double k = fabs(exact - near) <= 1e-9 ? near : ceil(exact);
    if (k > (double)n) {
        return HUGE_VAL;
    }
    as_sort_ascending(n, score);
    return k < 1 ? -HUGE_VAL : score[(int64_t)k - 1];
}

void as_ranking(int64_t n, const int32_t *order, const double *score, const double *positive, const double *weight,
                double *auc, double *average_precision)
{
    double found = 0, others = 0, pairs = 0, sum = 0; /* positives and negatives with a higher score */
    for (int64_t i = 0; i < n;) {
        double here = 0, against = 0;
        const double value = score[i];
        for (; i < n && score[i] == value; i++) {
            const double w = weight[order[i]], p = w * positive[i];
            here += p;
            against += w - p;
        }
        pairs += against * (found + 0.5 * here);
        found += here;
        others += against;
        sum += here > 0 ? here * (found / (found + others)) : 0;
    }
    *auc = pairs / (found * others);
    *average_precision = sum / found;
}

typedef struct scored {
    double score;
    int32_t row;
} scored;

static int descending(const void *a, const void *b)
{
    const scored *x = a, *y = b;
    return x->score != y->score ? (x->score < y->score) - (x->score > y->score) : (x->row > y->row) - (x->row < y->row);
}

as_status as_descending(int32_t n, const double *score, int32_t *order)
{
    scored *all = malloc((size_t)(n > 0 ? n : 1) * sizeof *all);
    if (all == NULL) {
        AS_FAIL(AS_NOMEM, "out of memory for the order of %d scores", (int)n);
    }
    for (int32_t i = 0; i < n; i++) {
        all[i] = (scored){score[i], i};
    }
    qsort(all, (size_t)n, sizeof *all, descending);
    for (int32_t i = 0; i < n; i++) {
        order[i] = all[i].row;
    }
    free(all);
    return AS_OK;
}

double as_matthews(int64_t k, const double *confusion)
{
    double n = 0, right = 0, both = 0, truth = 0, said = 0;
    for (int64_t i = 0; i < k; i++) {
        double row = 0, column = 0;
        for (int64_t j = 0; j < k; j++) {
            row += confusion[i * k + j];
            column += confusion[j * k + i];
        }
        n += row;
        right += confusion[i * k + i];
        both += row * column;
        truth += row * row;
        said += column * column;
    }
    const double a = n * n - truth, b = n * n - said;
    return a > 0 && b > 0 ? (right * n - both) / (sqrt(a) * sqrt(b)) : n > 0 ? 0 : (double)NAN;
}
