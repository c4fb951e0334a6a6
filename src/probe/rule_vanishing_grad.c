/* VANISHING_GRAD: a backward signal that does not reach the first layer. */
#include <math.h>
#include <stddef.h>

#include "probe/remedy.h"

static const double limit = 1e-3, rate_limit = 0.05;

static as_verdict judge(const as_case *c, as_finding *f)
{
    const char *first = "", *last = "";
    const double ratio = as_case_backward_ratio(c, &first, &last);
    if (isnan(ratio)) {
        return as_not_judged(f, "fewer than two layers with weights, or no gradient");
    }
    as_json_real(&f->evidence, "ratio", ratio);
    as_json_real(&f->evidence, "limit", limit);
    if (!(ratio < limit) || (c->trained && as_case_learnt(c) > 0.5)) {
        return AS_CLEAR;
    }
    const bool starts = as_remedy_init(c, f);
    const bool bends = as_remedy_flat(c, f);
    const double rate = rate_limit * (1 - (c->momentum < 1 ? c->momentum : 0));
    if (bends && c->family == AS_FAMILY_PLAIN && c->lr > rate) { /* it was chosen for a network that hardly learns */
        as_remedy_rate(rate, f);
    }
    if (!bends && !starts) {
        as_advice(f, "use relu or gelu with init: auto, norms between layers (layer_norm), or fewer layers");
    }
    return as_found(
        f, AS_FAULT,
        "the backward signal that reaches layer %s is %.2g of that of layer %s (limit %.0e): the first layers "
        "hardly learn",
        first, ratio, last, limit);
}

static const char *const explains[] = {"LR_TOO_LOW",
                                       "SADDLE",
                                       "MODEL_TOO_SIMPLE",
                                       "CONVERGED_NOISE_FLOOR",
                                       "NOISE_DOMINATED",
                                       "PLATEAU_NEEDS_DECAY",
                                       "CLASS_IMBALANCE",
                                       "LR_TOO_HIGH",
                                       NULL};

const as_rule as_rule_vanishing_grad = {
    .code = "VANISHING_GRAD",
    .help = "norm of the gradient that reaches the first layer over that of the last, at the start, under 1e-3",
    .source = "the delta of layers, not gradients of weights, which hide it",
    .evidence = "backward signals of up to 1024 rows at the start, in double",
    .cure = "relu or gelu, norms between layers, or fewer layers",
    .explains = explains,
    .network = true,
    .judge = judge,
};
