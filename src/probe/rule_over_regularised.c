/* OVER_REGULARISED: a penalty that takes the weights away. */
#include <math.h>
#include <stddef.h>
#include <string.h>

#include "probe/rule.h"

static const double weight_limit = 0.1, loss_limit = 0.9;
static const double gap_limit = 0.1, free_limit = 0.8; /* weights that are left, and held back */

/* Whether nearest rows tell clearly more, and the loss falls as soon as the penalty is gone, but not with it. */
static bool held_back(const as_case *c)
{
    const as_short *free = &c->unpenalised, *as_is = &c->decayed[0];
    return c->now.rows > 0 && c->columns.neighbour_rows > 0 && free->steps > 0 && as_is->steps > 0 &&
           as_case_held_back(c) && as_case_neighbour_score(c) > as_case_model_score(c) + gap_limit &&
           free->last < free_limit * free->first && free->last < free_limit * as_is->last;
}

static as_verdict tell_held_back(const as_case *c, as_finding *f)
{
    const as_short *free = &c->unpenalised;
    return as_found(f, AS_FAULT,
                    "the penalty (l2 %.2g, l1 %.2g, weight decay %.2g) holds the loss at %.2g of chance (limit %.1f): "
                    "%lld steps with a thousandth of it take the loss from %.3g to %.3g, as it is to %.3g (limit %.1f)",
                    c->l2, c->network->model.l1, c->weight_decay, 1 - as_case_learnt(c), AS_HALF_LEFT,
                    (long long)free->steps, free->first, free->last, c->decayed[0].last, free_limit);
}

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
    as_json_real(&f->evidence, "without_penalty", c->unpenalised.steps > 0 ? c->unpenalised.last : (double)NAN);
    const bool shrunk = share < weight_limit && c->point.loss > loss_limit * c->chance;
    if (!(as_case_penalty(c) > 0) || !(shrunk || held_back(c))) {
        return AS_CLEAR;
    }
    if (c->weight_decay > c->l2 && c->weight_decay > l1) {
        as_action(f, "optimizer.weight_decay=%.2g", c->weight_decay * 1e-3);
    } else if (l1 > c->l2) {
        as_action(f, "model.l1=%.2g", l1 * 1e-3);
    } else {
        as_action(f, "model.l2=%.2g", c->l2 * 1e-3);
    }
    if (!shrunk) {
        return tell_held_back(c, f);
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
    .help =
        "weights under 10 % of those at the start, and a loss at chance, with l2 or weight decay on; or a loss over "
        "half of chance, nearest rows that tell 0.1 more, and a fall by a fifth in a few steps without the penalty",
    .source = "the penalty alone shrinks weights without limit; a controlled experiment where it only holds them back",
    .evidence = "norms of weights at the start and after training, the loss; 40 steps with a thousandth of the penalty",
    .cure = "a thousandth of the penalty",
    .explains = explains,
    .network = true,
    .after = true,
    .judge = judge,
};
