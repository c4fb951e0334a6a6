/* MODEL_TOO_SIMPLE: a model that has learnt what it can, which is less than the data tell. */
#include <stddef.h>

#include "probe/rule.h"

static const double gap_limit = 0.1;

static as_verdict judge(const as_case *c, as_finding *f)
{
    const as_columns *x = &c->columns;
    if (c->now.rows == 0 || !(x->neighbour_rows > 0) || !c->point.finite) {
        return as_not_judged(f, "no state after training, or no columns of numbers");
    }
    if (c->network->model.nparams >= c->train.total * c->network->model.outputs) {
        return AS_CLEAR; /* as many parameters as there are numbers to learn: it could */
    }
    const double can = AS_FURTHER * as_case_judged(c)->loss;
    if ((c->unchanged.steps > 0 && c->unchanged.last < can) || (c->undropped.steps > 0 && c->undropped.last < can)) {
        return AS_CLEAR; /* it does, as soon as rows or units are left as they are */
    }
    const double learnt = as_case_learnt(c), model = as_case_model_score(c), probe = as_case_neighbour_score(c);
    as_json_real(&f->evidence, "model", model);
    as_json_real(&f->evidence, "neighbours", probe);
    as_json_real(&f->evidence, "loss_share", 1 - learnt);
    if (!as_case_held_back(c) || !(probe > model + gap_limit) || !as_case_plateau(c)) {
        return AS_CLEAR;
    }
    as_advice(f, "add hidden layers or units, or columns that let a linear model see what is there");
    return as_found(
        f, AS_FAULT,
        "the loss stands still at %.2g of chance (limit %.1f) with %s of %.3g, where five nearest rows reach %.3g "
        "(limit %.1f more): the model cannot say what the data tell",
        1 - learnt, AS_HALF_LEFT, c->classifies ? "an accuracy" : "an explained share", model, probe, gap_limit);
}

static const char *const explains[] = {"CONVERGED_NOISE_FLOOR", "SATURATED", "DEAD_RELU", "CLASS_IMBALANCE", NULL};

const as_rule as_rule_model_too_simple = {
    .code = "MODEL_TOO_SIMPLE",
    .help = "the loss stands still over 0.5 of chance, five nearest rows are right by 0.1 more, and there are fewer "
            "parameters than numbers to learn",
    .source = "a probe without a model",
    .evidence = "the loss after training, nearest rows, the number of parameters",
    .cure = "more units, or another layer",
    .explains = explains,
    .network = true,
    .after = true,
    .judge = judge,
};
