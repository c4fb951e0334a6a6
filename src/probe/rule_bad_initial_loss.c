/* BAD_INITIAL_LOSS: a first loss that is not that of knowing nothing. */
#include <math.h>

#include "probe/remedy.h"
#include "probe/rule.h"

static const double limit = 1;

static as_verdict judge(const as_case *c, as_finding *f)
{
    if (!c->classifies || !c->start.measured || !c->start.finite || isnan(c->chance)) {
        return as_not_judged(f, "no labels, or no finite loss at the start");
    }
    const double loss = as_case_first_loss(c);
    as_json_real(&f->evidence, "loss", loss);
    as_json_real(&f->evidence, "chance", c->chance);
    if (!(loss - c->chance > limit * as_case_input_size(c))) {
        return AS_CLEAR;
    }
    if (!as_remedy_init(c, f) && !as_remedy_last(c, f)) {
        as_advice(f, "start the last layer smaller (init_scale: 0.1): the first steps only undo it");
    }
    return as_found(f, AS_INFO, "the loss starts at %.3g where the class frequencies give %.3g (limit %.0f more)", loss,
                    c->chance, limit);
}

const as_rule as_rule_bad_initial_loss = {
    .code = "BAD_INITIAL_LOSS",
    .help = "the loss of labels starts more than 1 over that of the class frequencies",
    .source = "a new network should not be sure of anything",
    .evidence = "the loss of up to 1024 rows at the start",
    .cure = "layers that start as init: auto has it, or a smaller last one (init_scale: 0.1)",
    .network = true,
    .judge = judge,
};
