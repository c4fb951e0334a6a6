/* LEAK_DUPLICATES: rows held out that the model was trained on. */
#include <math.h>
#include <stddef.h>

#include "probe/rule.h"

static const double limit = 0.02, errors_limit = 4;

static as_verdict judge(const as_case *c, as_finding *f)
{
    if (!(c->duplicate_rows > 0)) {
        return as_not_judged(f, "no rows are held out: set data.validation or data.test");
    }
    const double chance = c->duplicate_expected, error = sqrt(chance * (1 - chance) / c->duplicate_rows);
    as_json_real(&f->evidence, "share", c->duplicate_share);
    as_json_real(&f->evidence, "chance", chance);
    as_json_real(&f->evidence, "rows", c->duplicate_rows);
    if (!(c->duplicate_share > chance + limit + errors_limit * error)) {
        return AS_CLEAR;
    }
    as_advice(f, "remove repeated rows before they are divided, or hold out whole groups of them in a file of their "
                 "own (data.test)");
    return as_found(f, AS_FAULT,
                    "%.1f %% of %.0f rows held out have the inputs of a training row (limit %.0f %% over the %.1f %% "
                    "of chance): the score on them is too good",
                    100 * c->duplicate_share, c->duplicate_rows, 100 * limit, 100 * chance);
}

static const char *const explains[] = {"DUPLICATE_SHARDS", NULL};

const as_rule as_rule_leak_duplicates = {
    .code = "LEAK_DUPLICATES",
    .help = "share of rows held out whose inputs are those of a training row, over 2 % more than chance gives, "
            "and 4 standard errors",
    .source = "a score on rows that were learnt says nothing about new ones",
    .evidence = "64-bit hashes of all rows; how often rows of the sample are equal, and nearly so",
    .cure = "hold out by group, and remove copies before the split",
    .explains = explains,
    .judge = judge,
};
