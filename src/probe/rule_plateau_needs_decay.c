/* PLATEAU_NEEDS_DECAY: a loss that stands still and falls with a smaller rate. */
#include <stddef.h>

#include "probe/rule.h"

static const double limit = 0.02;

static as_verdict judge(const as_case *c, as_finding *f)
{
    const as_short *still = &c->decayed[0], *slow = &c->decayed[1];
    if (still->steps == 0 || slow->steps == 0) {
        return as_not_judged(f, "no state after training, or a step costs too much to try some");
    }
    const double gain = still->last > 0 ? 1 - slow->last / still->last : 0;
    as_json_real(&f->evidence, "gain", gain);
    as_json_real(&f->evidence, "limit", limit);
    if (c->cold || !(gain > limit) || !(slow->last < (1 - limit) * slow->first) || !as_case_plateau(c) ||
        !(c->point.loss > 0.02 * c->chance)) {
        return AS_CLEAR;
    }
    as_action(f, "schedule.type=cosine");
    return as_found(
        f, AS_INFO,
        "the loss stands still at %.3g; %lld steps with a tenth of the rate take it to %.3g, as it is to %.3g "
        "(limit %.0f %%)",
        slow->first, (long long)slow->steps, slow->last, still->last, 100 * limit);
}

static const char *const explains[] = {"CONVERGED_NOISE_FLOOR", NULL};

const as_rule as_rule_plateau_needs_decay = {
    .code = "PLATEAU_NEEDS_DECAY",
    .help = "the loss stands still, and a tenth of the rate lowers it by over 2 % in a few steps",
    .source = "Pflug, Yaida: steps bounce, they do not descend",
    .evidence = "private trainings of 40 steps from the end, with the rate and a tenth of it",
    .cure = "schedule: cosine, or a lower rate from here on",
    .explains = explains,
    .network = true,
    .after = true,
    .judge = judge,
};
