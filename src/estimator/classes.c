/* Priors of classes, and values that a kind cannot take. */
#include "estimator/classes.h"

#include <math.h>

#include "base/error.h"

as_status as_class_priors_check(const as_statistic *s, const char *key, const as_reals *given)
{
    if (given->n == 0) {
        return AS_OK;
    }
    if (given->n != s->classes) {
        AS_FAIL(AS_CONFIG, "model.%s: expected %lld probabilities, one for each class, found %lld", key,
                (long long)s->classes, (long long)given->n);
    }
    double sum = 0;
    for (int64_t k = 0; k < given->n; k++) {
        sum += given->v[k];
    }
    if (fabs(sum - 1) > 1e-8) {
        AS_FAIL(AS_CONFIG, "model.%s: expected probabilities that add up to 1, found a sum of %.9g", key, sum);
    }
    return AS_OK;
}

as_status as_class_priors(const as_statistic *s, const as_reals *given, bool fit, const double *weight, double *prior)
{
    char name[64];
    int64_t seen = 0, last = 0;
    for (int64_t k = 0; k < s->classes; k++) {
        seen += weight[k] > 0;
        last = weight[k] > 0 ? k : last;
    }
    if (seen < 2) {
        AS_FAIL(AS_DATA, "%s: all %.0f samples are of class %s: a classifier needs samples of at least 2 classes",
                s->setup.data->place, s->samples, as_statistic_class(s, last, name));
    }
    for (int64_t k = 0; k < s->classes; k++) {
        if (!(weight[k] > 0)) {
            as_log_line(s->setup.log, AS_LOG_WARN, "%s: class %s of %lld classes has no samples: it is never predicted",
                        s->setup.data->place, as_statistic_class(s, k, name), (long long)s->classes);
        }
        prior[k] = given->n > 0 ? given->v[k] : !(weight[k] > 0) ? 0 : fit ? weight[k] / s->weight : 1 / (double)seen;
    }
    return AS_OK;
}

void as_class_table(const as_statistic *s, const double *weight, const double *log_prior, const char *of,
                    const double *column, as_text *out)
{
    as_text_add(out, "%-34s %14s %14s", "class", "weight", "log prior");
    if (of != NULL) {
        as_text_add(out, " %14s", of);
    }
    for (int64_t k = 0; k < s->classes; k++) {
        char name[64];
        double total = 0;
        as_text_add(out, "\n%-34.34s %14.8g %14.8g", as_statistic_class(s, k, name), weight[k], log_prior[k]);
        for (int64_t j = 0; of != NULL && j < s->width; j++) {
            total += column[k * s->width + j];
        }
        if (of != NULL) {
            as_text_add(out, " %14.8g", total);
        }
    }
    as_text_add(out, "\n");
}

void as_bad_value_note(double *slot, int64_t id, int64_t column, double value)
{
    if (slot[0] == 0 || (double)(id + 1) < slot[0]) {
        slot[0] = (double)(id + 1);
        slot[1] = (double)column;
        slot[2] = value;
    }
}

void as_bad_value_merge(double *left, const double *right)
{
    if (right[0] > 0) {
        as_bad_value_note(left, (int64_t)right[0] - 1, (int64_t)right[1], right[2]);
    }
}

as_status as_bad_value_check(const as_statistic *s, const double *slot, const char *expected)
{
    char name[64];
    if (slot[0] > 0) {
        AS_FAIL(AS_DATA, "%s: row %.0f, column %s: a model of type %s expects %s, found %.9g", s->setup.data->place,
                slot[0] - 1, as_statistic_column(s, (int64_t)slot[1], name), s->base.ops->name, expected, slot[2]);
    }
    return AS_OK;
}
