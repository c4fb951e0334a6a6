/* FEATURE_SCALE: columns of very different size, or all far from 1, for steps that have one rate for all. */
#include <math.h>
#include <stddef.h>

#include "probe/rule.h"

static const double ratio_limit = 1e3, size_limit = 50, once_limit = 0.3;
static const double told_least = 0.05; /* of chance: guessing the largest class is right often, and tells nothing */

/* The columns of largest and smallest scale, and the root mean square of all inputs. */
static void measure(const as_columns *columns, int64_t *largest, int64_t *smallest, double *size)
{
    double squares = 0;
    int64_t n = 0;
    *largest = *smallest = -1;
    for (int64_t j = 0; j < columns->n; j++) {
        const as_column_facts *x = &columns->column[j];
        if (!(x->scale > 0)) {
            continue;
        }
        *largest = *largest < 0 || x->scale > columns->column[*largest].scale ? j : *largest;
        *smallest = *smallest < 0 || x->scale < columns->column[*smallest].scale ? j : *smallest;
        squares += x->mean * x->mean + x->sd * x->sd;
        n++;
    }
    *size = n > 0 ? sqrt(squares / (double)n) : 0;
}

static as_verdict judge(const as_case *c, as_finding *f)
{
    int64_t high, low;
    char large[AS_COLUMN_NAME_MAX], small[AS_COLUMN_NAME_MAX];
    double size;
    if (c->columns.column == NULL) {
        return as_not_judged(f, "inputs are no columns of numbers, or there are too few rows");
    }
    if (c->numbers_of_rows) {
        return as_not_judged(f, "inputs are read by an embedding: they have no size");
    }
    measure(&c->columns, &high, &low, &size);
    if (high < 0) {
        return AS_CLEAR; /* constants alone: the labels tell */
    }
    const double top = c->columns.column[high].scale, bottom = c->columns.column[low].scale, ratio = top / bottom;
    as_json_real(&f->evidence, "ratio", ratio);
    as_json_real(&f->evidence, "limit", ratio_limit);
    as_json_int(&f->evidence, "largest_column", high);
    as_json_int(&f->evidence, "smallest_column", low);
    as_json_real(&f->evidence, "rms", size);
    if (ratio <= ratio_limit && size <= size_limit) {
        return AS_CLEAR;
    }
    const double learnt = c->trained ? as_case_learnt(c) : (double)NAN;
    const bool hits =
        c->classifies && c->now.rows > 0 && learnt > told_least && c->now.accuracy > c->columns.neighbour_score - 0.1;
    const char *layer;
    const bool dead = as_case_dead(c, &c->start, &layer) > 0.5 || as_case_dead(c, &c->point, &layer) > 0.5;
    const bool once = as_case_lowest(c) < once_limit * c->chance; /* it was learnt, whatever the last steps did */
    const bool matters = c->family == AS_FAMILY_PLAIN
                             ? !(learnt > 0.9)
                             : !once && ((learnt < 0.5 && !hits) || (dead && !(learnt > 0.8) && !as_case_told(c)));
    const as_severity severity = matters ? AS_FAULT : AS_INFO;
    as_action(f, "data.normalize=mean_std");
    if (ratio > ratio_limit) {
        return as_found(f, severity,
                        "input %s has the size %.3g and %s %.3g: a ratio of %.3g (limit %.0g), so "
                        "that one learning rate is too high for the first and too low for the other",
                        as_columns_name(&c->columns, high, large), top, as_columns_name(&c->columns, low, small),
                        bottom, ratio, ratio_limit);
    }
    return as_found(f, severity,
                    "the inputs have a root mean square of %.3g (limit %.3g): curvature is about %.2g times that of "
                    "inputs of size 1",
                    size, size_limit, size * size);
}

static const char *const explains[] = {
    "BAD_INITIAL_LOSS", "EXPLODING_GRAD",      "VANISHING_GRAD",       "SATURATED",
    "DEAD_RELU",        "LR_TOO_HIGH",         "LR_TOO_LOW",           "SADDLE",
    "NOISE_DOMINATED",  "PLATEAU_NEEDS_DECAY", "MODEL_TOO_SIMPLE",     "CONVERGED_NOISE_FLOOR",
    "BATCH_TOO_LARGE",  "OVER_REGULARISED",    "LABELS_UNINFORMATIVE", NULL};

const as_rule as_rule_feature_scale = {
    .code = "FEATURE_SCALE",
    .help = "the typical size of the largest input column over that of the smallest, over 1000; or a size of the "
            "inputs together over 50, without normalisation",
    .source = "curvature along a column grows with the square of its size: a ratio of 1e3 is a condition of 1e6",
    .evidence = "median distances of each column, over up to 4096 training rows as the model sees them",
    .cure = "data.normalize: mean_std",
    .explains = explains,
    .judge = judge,
};
