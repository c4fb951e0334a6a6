/* NONFINITE_DATA: values of the data that are NaN, infinite or the fill value, or a number that stands for them. */
#include <stddef.h>

#include "probe/rule.h"

/* A number that stands for none: one value of a column, in several rows, far from all others. */
static as_verdict judge_apart(const as_case *c, as_finding *f)
{
    double columns = 0;
    int64_t at = -1;
    char name[AS_COLUMN_NAME_MAX];
    for (int64_t j = 0; j < c->columns.n && c->columns.column != NULL; j++) {
        const as_column_facts *x = &c->columns.column[j];
        columns += x->apart > 0 ? 1 : 0;
        at = x->apart > 0 && (at < 0 || x->apart > c->columns.column[at].apart) ? j : at;
    }
    if (c->columns.target_apart > 0 && !c->reconstructs) {
        as_json_real(&f->evidence, "value", c->columns.target_odd);
        as_json_real(&f->evidence, "rows", c->columns.target_apart);
        as_advice(f, "take out the rows whose target is %.6g", c->columns.target_odd);
        return as_found(f, AS_FAULT,
                        "%.0f of %lld rows have the target %.6g, further from all others than twice their range (limit "
                        "3 rows): it seems to stand for a value that is missing",
                        c->columns.target_apart, (long long)c->train.rows, c->columns.target_odd);
    }
    if (at < 0) {
        return AS_CLEAR;
    }
    const as_column_facts *x = &c->columns.column[at];
    as_json_int(&f->evidence, "column", at);
    as_json_real(&f->evidence, "value", x->odd);
    as_json_real(&f->evidence, "rows", x->apart);
    as_json_real(&f->evidence, "columns", columns);
    as_action(f, "data.fill=%.6g data.missing=mean", x->odd);
    return as_found(f, AS_FAULT,
                    "%.0f of %lld rows have %.6g in %s, further from all other values than twice their range (limit 3 "
                    "rows)%s: it seems to stand for a value that is missing",
                    x->apart, (long long)c->train.rows, x->odd, as_columns_name(&c->columns, at, name),
                    columns > 1 ? ", and others have such a value as well" : "");
}

static as_verdict judge(const as_case *c, as_finding *f)
{
    if (c->missing_message[0] != '\0') {
        as_action(f, "data.missing=drop");
        return as_found(f, AS_FAULT, "a value of the targets, or of rows held out, is missing (limit 0): %s",
                        c->missing_message);
    }
    if (!(c->missing > 0)) {
        return c->train.rows > 0 ? judge_apart(c, f) : as_not_judged(f, "the data could not be read");
    }
    char name[AS_COLUMN_NAME_MAX];
    as_json_real(&f->evidence, "missing", c->missing);
    as_json_int(&f->evidence, "first_row", c->missing_id);
    as_json_int(&f->evidence, "first_column", c->missing_column);
    as_action(f, "data.missing=mean");
    return as_found(f, AS_FAULT,
                    "%.0f input value%s of the training data %s NaN, infinite or a fill value (limit 0); the first is "
                    "row %lld, %s",
                    c->missing, c->missing > 1 ? "s" : "", c->missing > 1 ? "are" : "is", (long long)c->missing_id,
                    as_columns_name(&c->columns, c->missing_column, name));
}

static const char *const explains[] = {"BAD_INITIAL_LOSS",    "EXPLODING_GRAD",   "VANISHING_GRAD",
                                       "SATURATED",           "DEAD_RELU",        "LR_TOO_HIGH",
                                       "LR_TOO_LOW",          "SADDLE",           "NOISE_DOMINATED",
                                       "PLATEAU_NEEDS_DECAY", "MODEL_TOO_SIMPLE", "CONVERGED_NOISE_FLOOR",
                                       "BATCH_TOO_LARGE",     "OVER_REGULARISED", "INIT_SCALE",
                                       "FEATURE_SCALE",       "TARGET_SCALE",     "LABELS_UNINFORMATIVE",
                                       "COLLINEAR",           "RUN_FAILED",       NULL};

const as_rule as_rule_nonfinite_data = {
    .code = "NONFINITE_DATA",
    .help = "any value of the data that is missing: NaN, infinite or a fill value, under data.missing: error; or one "
            "number in several rows of a column, further from all others than twice their range",
    .source = "a number that is none has no gradient",
    .evidence = "every value of the training data",
    .cure = "drop the rows, or fill in the mean of the column (data.missing, data.fill)",
    .explains = explains,
    .judge = judge,
};
