/* OVER_REGULARISED: a penalty that takes the weights away. */
#include <math.h>
#include <stddef.h>
#include <string.h>

#include "probe/rule.h"

static const double weight_limit = 0.1, loss_limit = 0.9;

static as_verdict judge(const as_case *c, as_finding *f)
{
    const double l1 = c->network != NULL ? c->network->model.l1 : 0;
    if (!c->point.measured || !c->point.finite) {
        return as_not_judged(f, "no state after training");
    }
    const double share = c->point.weight_norm / c->start.weight_norm;
    as_json_real(&f->evidence, "weights", share);
    as_json_real(&f->evidence, "loss", c->point.loss);
    as_json_real(&f->evidence, "chance", c->chance);
    if (!(c->l2 + c->weight_decay + l1 > 0) || !(share < weight_limit) || !(c->point.loss > loss_limit * c->chance)) {
        return AS_CLEAR;
    }
    if (c->weight_decay > c->l2 && c->weight_decay > l1) {
        as_action(f, "optimizer.weight_decay=%.2g", c->weight_decay * 1e-3);
    } else if (l1 > c->l2) {
        as_action(f, "model.l1=%.2g", l1 * 1e-3);
    } else {
        as_action(f, "model.l2=%.2g", c->l2 * 1e-3);
    }
    return as_found(
        f, AS_FAULT,
        "weights are %.2g of those at the start (limit %.1f) and the loss is %.3g where chance is %.3g: the "
        "penalty (l2 %.2g, l1 %.2g, weight decay %.2g) outweighs the data",
        share, weight_limit, c->point.loss, c->chance, c->l2, l1, c->weight_decay);
}

static const char *const explains[] = {"SADDLE",
                                       "OVERFIT",
                                       "LR_TOO_LOW",
                                       "CONVERGED_NOISE_FLOOR",
                                       "MODEL_TOO_SIMPLE",
                                       "PLATEAU_NEEDS_DECAY",
                                       "NOISE_DOMINATED",
                                       "CLASS_IMBALANCE",
                                       "DEAD_RELU",
                                       "BATCH_TOO_LARGE",
                                       NULL};

const as_rule as_rule_over_regularised = {
    .code = "OVER_REGULARISED",
    .help = "weights under 10 % of those at the start, and a loss at chance, with l2 or weight decay on",
    .source = "the penalty alone shrinks weights without limit",
    .evidence = "norms of weights at the start and after training, and the loss",
    .cure = "a thousandth of the penalty",
    .explains = explains,
    .network = true,
    .after = true,
    .judge = judge,
};
