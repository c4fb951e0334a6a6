/* COLLINEAR: columns that others give exactly, or nearly: coefficients of a linear model are not determined. */
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include "probe/remedy.h"

static const double nearly = 1e-3; /* a variance inflation factor of 1e6 */

/* Whether a column and those that give it are levels of one category, "region=west": the first is the rest of one. */
static bool levels(const as_case *c, const char *name)
{
    const char *equals = strchr(name, '=');
    char prefix[AS_COLUMN_NAME_MAX];
    snprintf(prefix, sizeof prefix, "%.*s", equals != NULL ? (int)(equals - name) + 1 : 0, name);
    int64_t found = 0;
    for (const char *at = c->dependence.relation; prefix[0] != '\0' && (at = strstr(at, prefix)) != NULL; at++) {
        found++;
    }
    return found > 0 && found == c->dependence.terms;
}

static as_verdict too_few_rows(const as_case *c, as_severity severity, as_finding *f)
{
    const as_dependence *d = &c->dependence;
    if (f->action[0] == '\0') {
        as_advice(f, "more rows, or fewer columns: what rows do not determine, the penalty or the start decides");
    }
    return as_found(f, severity,
                    "%lld training rows cannot determine the coefficients of %lld columns (limit: as many columns as "
                    "rows): %lld of them are independent",
                    (long long)c->train.rows, (long long)d->columns, (long long)d->rank);
}

static as_verdict judge(const as_case *c, as_finding *f)
{
    const as_dependence *d = &c->dependence;
    char name[AS_COLUMN_NAME_MAX];
    const bool matters = c->linear || c->likelihood;
    const bool told = c->network != NULL && c->trained && as_case_learnt(c) > 0.5; /* steps need no single solution */
    const as_severity severity = c->likelihood && !told ? AS_FAULT : AS_INFO;
    if (d->columns == 0) {
        return as_not_judged(f, "inputs are no columns of numbers, or too many for a factorisation");
    }
    as_json_int(&f->evidence, "columns", d->columns);
    as_json_int(&f->evidence, "rank", d->rank);
    as_json_real(&f->evidence, "smallest_part", d->smallest);
    as_json_real(&f->evidence, "tolerance", d->tolerance);
    if (d->rank < d->columns) {
        if (d->column >= 0) {
            as_columns_name(&c->columns, d->column, name);
        }
        if (d->column >= 0 && levels(c, name)) {
            as_action(f, "data.columns.drop_first=true");
        } else if (matters) {
            as_remedy_restrain(c, f);
        }
        if (c->train.rows <= d->columns) {
            return too_few_rows(c, severity, f);
        }
        if (d->column >= 0 && d->relation[0] != '\0') {
            as_advice(f, "leave %s out", name);
            return as_found(f, severity,
                            "%s = %s (up to a constant, to within %.0e of its spread): %lld of %lld columns "
                            "are independent, so coefficients are not determined",
                            name, d->relation, d->tolerance, (long long)d->rank, (long long)d->columns);
        }
        return as_found(f, severity, "%lld of %lld columns are independent: coefficients are not determined",
                        (long long)d->rank, (long long)d->columns);
    }
    if (d->smallest < nearly && matters) {
        as_remedy_restrain(c, f);
        return as_found(f, told ? AS_INFO : AS_WARN,
                        "the others give all but %.2g of a column (limit %.0e): its coefficient has %.2g times the "
                        "variance that it would have alone",
                        d->smallest, nearly, 1 / (d->smallest * d->smallest));
    }
    return AS_CLEAR;
}

const as_rule as_rule_collinear = {
    .code = "COLLINEAR",
    .help = "a column of the inputs that others give up to 1e-6 of its spread; a "
            "warning from 1e-3, for linear models",
    .source = "rank by orthogonal factors; a variance inflation of 1e6",
    .evidence = "an orthogonal factorisation of up to 4096 centred training rows",
    .cure = "leave the column out, or a small penalty (model.l2, ridge)",
    .judge = judge,
};
