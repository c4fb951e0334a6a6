/* LEAK_FEATURE: a column that is the answer. */
#include <math.h>
#include <stddef.h>

#include "probe/rule.h"

static const double stand_out = 100;
enum { ROWS_LEAST = 40 };

static as_verdict judge(const as_case *c, as_finding *f)
{
    const as_columns *x = &c->columns;
    int64_t at = -1;
    char name[AS_COLUMN_NAME_MAX];
    double count = 0, second = 0;
    if (x->column == NULL || c->train.rows < ROWS_LEAST || (!c->classifies && c->train.target == NULL)) {
        return as_not_judged(f, "no label or target for each row of numbers, or fewer than %d rows", ROWS_LEAST);
    }
    for (int64_t j = 0; j < x->n; j++) {
        count += x->column[j].orders ? 1 : 0;
        at = x->column[j].orders && at < 0 ? j : at;
    }
    if (count != 1 || x->n < 2) {
        return AS_CLEAR; /* several: classes that lie apart */
    }
    const double rest = x->without_score;
    as_json_int(&f->evidence, "column", at);
    as_json_text(&f->evidence, "name", as_columns_name(x, at, name));
    as_json_real(&f->evidence, "score_without", rest);
    for (int64_t j = 0; j < x->n; j++) {
        second = j != at && x->column[j].f > second ? x->column[j].f : second;
    }
    const bool stands_out = x->column[at].f > stand_out * second;
    as_json_real(&f->evidence, "f", x->column[at].f);
    as_json_real(&f->evidence, "next_f", second);
    if (c->reconstructs || (rest > 0.97 && !stands_out)) {
        return AS_CLEAR; /* the other columns tell as much */
    }
    as_columns_name(x, at, name);
    as_advice(f,
              "leave %s out of data.train (and of what is predicted on), unless it is known before the "
              "answer is",
              name);
    const char *does = c->classifies ? "orders the classes without an error" : "gives the target as a straight line";
    if (stands_out) {
        return as_found(f, AS_FAULT,
                        "%s alone %s: its F statistic, %.3g, is %.2g times that of the next one (limit %.0f), so "
                        "it is the answer in disguise",
                        name, does, x->column[at].f, x->column[at].f / second, stand_out);
    }
    return as_found(f, AS_FAULT,
                    "%s alone %s, and the others reach %.2g (limit 0.97) by five nearest rows: it is the answer in "
                    "disguise",
                    name, does, rest);
}

static const char *const explains[] = {"SEPARABLE", NULL};

const as_rule as_rule_leak_feature = {
    .code = "LEAK_FEATURE",
    .help = "one column alone orders the classes without error (or correlates over 0.99995 with a target), and no "
            "other comes near",
    .source = "what is measured before the answer is known hardly does that",
    .evidence = "the order of each column against classes or target, over up to 4096 rows",
    .cure = "leave the column out, unless it is known before the answer is",
    .explains = explains,
    .judge = judge,
};
