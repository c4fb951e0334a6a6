/* LABELS_UNINFORMATIVE: targets that no column, no neighbourhood and no training tells. */
#include <math.h>
#include <stddef.h>

#include "probe/rule.h"

static const double p_limit = 5e-3, p_doubt = 2e-2, p_witness = 5e-4, errors_limit = 4;
static const double pattern_limit = 1e-4; /* counts and products have no F distribution far out in its tail */
static const double errors_doubt = 2.05;  /* of nearest rows, one in 50 by chance: on few rows a note */
enum { ROWS_LEAST = 40, ROWS_SURE = 150, LEVELS_MOST = 32 };

/* Whether all rows have one label, or the same targets. */
static bool one_answer(const as_sample *s)
{
    bool differs = s->rows < 2 || (s->label == NULL && s->target == NULL);
    for (int64_t r = 1; r < s->rows && !differs; r++) {
        differs = s->label != NULL && s->label[r] != s->label[0];
        for (int64_t t = 0; s->label == NULL && t < s->targets && !differs; t++) {
            const double x = s->target[r * s->targets + t], first = s->target[t];
            differs = x < first || x > first || isnan(x);
        }
    }
    return !differs;
}

static as_verdict judge(const as_case *c, as_finding *f)
{
    if (!c->reconstructs && one_answer(&c->train)) {
        as_advice(f, "look at how %s were read: the column, its type, the rows that were chosen",
                  c->classifies ? "labels" : "targets");
        as_json_int(&f->evidence, "answers", 1);
        return c->train.label != NULL
                   ? as_found(f, AS_FAULT,
                              "all %lld training rows have label %d (limit: two labels): nothing is there to learn",
                              (long long)c->train.rows, (int)c->train.label[0])
                   : as_found(
                         f, AS_FAULT,
                         "all %lld training rows have the target %.4g (limit: two values): nothing is there to learn",
                         (long long)c->train.rows, c->train.target[0]);
    }
    const as_columns *x = &c->columns;
    double p = 1, tested = 0;
    if (x->column == NULL || !(x->neighbour_rows >= ROWS_LEAST) || (!c->classifies && c->train.target == NULL)) {
        return as_not_judged(f, "no label or target for each row of numbers, or fewer than %d rows", ROWS_LEAST);
    }
    for (int64_t j = 0; j < x->n && c->numbers_of_rows; j++) {
        if (x->column[j].distinct > LEVELS_MOST) {
            return as_not_judged(f, "inputs are read by an embedding, and have over %d values: few rows share one",
                                 LEVELS_MOST);
        }
    }
    if (as_case_imbalance(c) > 10) {
        return as_not_judged(f, "classes are too unequal for a probe: see CLASS_IMBALANCE");
    }
    for (int64_t j = 0; j < x->n; j++) {
        tested += x->column[j].sd > 0 ? 1 : 0;
        p = x->column[j].p < p ? x->column[j].p : p;
    }
    if (tested == 0) {
        as_advice(f, "look at the file: every column holds one value");
        return as_found(f, AS_FAULT, "all %lld input columns are constant: they tell nothing (limit: one that varies)",
                        (long long)x->n);
    }
    p = p * tested < 1 ? p * tested : 1;
    const double errors = (x->neighbour_score - x->neighbour_chance) / x->neighbour_se;
    as_json_real(&f->evidence, "smallest_p", p);
    as_json_real(&f->evidence, "regression_p", c->dependence.p);
    as_json_real(&f->evidence, "patterns_p", c->patterns.p);
    as_json_int(&f->evidence, "patterns", c->patterns.tested);
    as_json_real(&f->evidence, "neighbour_score", x->neighbour_score);
    as_json_real(&f->evidence, "neighbour_chance", x->neighbour_chance);
    as_json_real(&f->evidence, "neighbour_se", x->neighbour_se);
    if (c->patterns.tested > 0 && !(c->patterns.p > pattern_limit)) {
        as_json_text(&f->evidence, "pattern", c->patterns.name);
        return AS_CLEAR;
    }
    /* a model that was trained, and is no better than a constant on other rows, is a second witness */
    const double clear = c->trained && c->held_out.rows > 0 ? p_witness : p_limit;
    if (!(p > clear) || !(c->dependence.p > clear) || fabs(errors) > errors_limit ||
        (c->trained && as_case_beats_chance(c))) {
        return AS_CLEAR;
    }
    as_advice(f, "look at a few rows and their labels: rows may have been shuffled apart from them");
    const bool few = c->train.total < ROWS_SURE && errors > errors_doubt;
    const bool doubt =
        few || p < p_doubt || c->dependence.p < p_doubt; /* next to nothing, or noise that leaves next to nothing */
    /* as many columns as rows: no regression can be tested, and a signal that is spread over many of them shows in none
     */
    const bool wide = x->n >= c->train.rows;
    return as_found(f,
                    doubt || wide                 ? AS_INFO
                    : c->train.total >= ROWS_SURE ? AS_FAULT
                                                  : AS_WARN,
                    "inputs tell nothing about %s: smallest p of %.0f columns %.2g, of their regression %.2g (limit "
                    "%.2g), of %lld patterns (products, values in a row) %.2g (limit %.0e), and five nearest rows "
                    "reach %.3g where chance gives %.3g +- %.2g (limit %.0f standard errors)",
                    c->classifies ? "labels" : "targets", tested, p, c->dependence.p, p_limit,
                    (long long)c->patterns.tested, c->patterns.p, pattern_limit, x->neighbour_score,
                    x->neighbour_chance, x->neighbour_se, errors_limit);
}

static const char *const explains[] = {"BAD_INITIAL_LOSS", "EXPLODING_GRAD",
                                       "VANISHING_GRAD",   "SATURATED",
                                       "DEAD_RELU",        "LR_TOO_HIGH",
                                       "LR_TOO_LOW",       "SADDLE",
                                       "NOISE_DOMINATED",  "PLATEAU_NEEDS_DECAY",
                                       "MODEL_TOO_SIMPLE", "CONVERGED_NOISE_FLOOR",
                                       "BATCH_TOO_LARGE",  "OVER_REGULARISED",
                                       "INIT_SCALE",       "OVERFIT",
                                       "CLASS_IMBALANCE",  NULL};

const as_rule as_rule_labels_uninformative = {
    .code = "LABELS_UNINFORMATIVE",
    .help = "smallest p of the columns (analysis of variance, Bonferroni) and of their regression over 0.005, of "
            "patterns (products of two columns, of columns a distance apart, extremes, values that follow each other) "
            "over 0.0001, five nearest rows within 4 standard errors of chance, and no better on rows held out",
    .source = "signal shows in one of them: rings in nearest rows, XOR in products, order alone in values in a row",
    .evidence = "columns, their patterns and nearest rows of up to 4096 training rows; losses of rows held out",
    .cure = "look at how labels came to the rows: an order that was lost, a wrong column",
    .explains = explains,
    .judge = judge,
};
