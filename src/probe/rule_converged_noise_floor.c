/* CONVERGED_NOISE_FLOOR: a loss that stands still because there is no more to learn. */

#include "probe/rule.h"

static as_verdict judge(const as_case *c, as_finding *f)
{
    if (c->now.rows == 0 || !c->point.finite || c->decayed[1].steps == 0) {
        return as_not_judged(f, "no state after training");
    }
    if (!(c->columns.neighbour_rows > 0)) {
        return as_not_judged(f, "no columns of numbers: nearest rows cannot say what is left to learn");
    }
    const double learnt = as_case_learnt(c);
    as_json_real(&f->evidence, "loss", c->point.loss);
    as_json_real(&f->evidence, "chance", c->chance);
    const double score = c->columns.neighbour_score;
    const bool more = c->classifies ? score > c->now.accuracy + 0.02 : score > 0 && score * score > learnt + 0.05;
    if (more || !(1 - learnt > 0.1) || !as_case_plateau(c) || !(c->decayed[1].last > 0.97 * c->decayed[1].first)) {
        return AS_CLEAR;
    }
    as_advice(f, "nothing of the training: better columns, or more rows");
    return as_found(f, AS_INFO,
                    "the loss stands still at %.3g, %.2g of chance, and no other rate lowers it: what is left "
                    "is noise of the targets",
                    c->point.loss, 1 - learnt);
}

const as_rule as_rule_converged_noise_floor = {
    .code = "CONVERGED_NOISE_FLOOR",
    .help = "the loss stands still over 0.1 of chance, and neither a smaller rate nor five nearest rows do better",
    .source = "what is left is noise of the targets",
    .evidence = "the loss after training, private trainings from there, nearest rows",
    .cure = "better data, or none: this is what they tell",
    .network = true,
    .after = true,
    .remains = true,
    .judge = judge,
};
