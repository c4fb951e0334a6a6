/* SEPARABLE: classes that a plane divides without error: the likelihood has no maximum. */
#include <math.h>
#include <stddef.h>
#include <string.h>

#include "probe/rule.h"

static as_verdict judge(const as_case *c, as_finding *f)
{
    if (!c->separates || !c->likelihood || !c->classifies) {
        return AS_CLEAR;
    }
    const double right = c->trained && c->now.rows > 0 ? c->now.accuracy : c->separation;
    as_json_real(&f->evidence, "accuracy", right);
    as_json_real(&f->evidence, "rows", (double)c->train.rows);
    if (!(right >= 1)) {
        return AS_CLEAR;
    }
    as_action(f, c->network != NULL ? "model.l2=1e-3" : "model.penalty=l2");
    return as_found(
        f, AS_WARN,
        "a linear model divides all %lld training rows without an error (limit: one): weights grow without end, "
        "and estimates of them mean nothing",
        (long long)c->train.rows);
}

const as_rule as_rule_separable = {
    .code = "SEPARABLE",
    .help = "all training rows right, by an unpenalised linear model",
    .source = "Albert and Anderson 1984",
    .evidence = "training accuracy after training; a perceptron before it",
    .cure = "a small penalty (model.l2, model.penalty: l2)",
    .judge = judge,
};
