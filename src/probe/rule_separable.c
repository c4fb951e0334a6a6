/* SEPARABLE: classes that a plane divides without error: the likelihood has no maximum. */
#include <math.h>
#include <stddef.h>
#include <string.h>

#include "probe/remedy.h"

/* A column that puts all rows of a class on one side of all others, ties included: then its coefficient has no end,
   though the classes as a whole are not divided (quasi-complete separation). -1: none. */
static int64_t one_sided(const as_case *c, int32_t *label)
{
    const as_sample *s = &c->train;
    for (int64_t j = 0; j < s->width && c->columns.column != NULL; j++) {
        for (int32_t k = 0; k < s->classes && c->columns.column[j].sd > 0; k++) {
            double low = (double)INFINITY, high = -(double)INFINITY, least = low, most = high;
            for (int64_t r = 0; r < s->rows; r++) {
                const double x = s->x[r * s->width + j];
                if (s->label[r] == k) {
                    low = x < low ? x : low;
                    high = x > high ? x : high;
                } else if (s->label[r] >= 0) {
                    least = x < least ? x : least;
                    most = x > most ? x : most;
                }
            }
            if (low <= high && least <= most && (high <= least || low >= most)) {
                *label = k;
                return j;
            }
        }
    }
    return -1;
}

static as_verdict judge(const as_case *c, as_finding *f)
{
    int32_t label = 0;
    if (strstr(c->failure, "are separated") != NULL) { /* proved by the training itself */
        as_remedy_restrain(c, f);
        as_advice(f, "leave the column out: of what it holds in a row the answer follows");
        return as_found(f, AS_FAULT, "%s", c->failure);
    }
    const bool solved = c->network == NULL && !c->trained && c->train.rows == c->train.total;
    const int64_t column = solved && c->separates && c->likelihood && c->classifies ? one_sided(c, &label) : -1;
    if (column >= 0) {
        char name[AS_COLUMN_NAME_MAX], class[64];
        as_json_int(&f->evidence, "column", column);
        as_remedy_restrain(c, f);
        return as_found(f, AS_WARN,
                        "%s has all rows of class %s on one side of all others (limit: no such column): its "
                        "coefficient grows without end, and no maximum likelihood estimate exists",
                        as_columns_name(&c->columns, column, name), as_case_class(c, label, class));
    }
    if (!c->separates || !c->likelihood || !c->classifies) {
        return AS_CLEAR;
    }
    const double right = c->trained && c->now.rows > 0 ? c->now.accuracy : c->separation;
    as_json_real(&f->evidence, "accuracy", right);
    as_json_real(&f->evidence, "rows", (double)c->train.rows);
    if (!(right >= 1)) {
        return AS_CLEAR;
    }
    as_remedy_restrain(c, f);
    return as_found(
        f, AS_WARN,
        "a linear model divides all %lld training rows without an error (limit: one): weights grow without end, "
        "and estimates of them mean nothing",
        (long long)c->train.rows);
}

static const char *const explains[] = {"RUN_FAILED", NULL};

const as_rule as_rule_separable = {
    .code = "SEPARABLE",
    .help = "all training rows right, by an unpenalised linear model, or a column that has all rows of a class on one "
            "side of all others",
    .source = "Albert and Anderson 1984",
    .evidence = "training accuracy after training; a perceptron before it",
    .cure = "a small penalty (model.l2, model.penalty: l2)",
    .explains = explains,
    .judge = judge,
};
