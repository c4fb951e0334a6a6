/* SYMMETRIC_INIT: units that start alike and get equal gradients: they stay alike. */
#include <stddef.h>

#include "probe/remedy.h"

static const double limit = 0.5;

static as_verdict judge(const as_case *c, as_finding *f)
{
    double worst = 0;
    int at = -1;
    if (!c->start.measured || c->start.symmetric == NULL) {
        return as_not_judged(f, "no network, or its gradient is not finite");
    }
    for (int l = 0; l < c->start.nlayers; l++) {
        if (c->start.symmetric[l] > worst) {
            worst = c->start.symmetric[l];
            at = l;
        }
    }
    if (!(worst > limit)) {
        return AS_CLEAR;
    }
    const as_probe_layer *layer = &c->start.layer[at];
    as_json_text(&f->evidence, "layer", layer->name);
    as_json_real(&f->evidence, "share", worst);
    as_json_real(&f->evidence, "limit", limit);
    if (!as_remedy_init(c, f)) {
        as_advice(f, "start layer %s with random weights (init: auto)", layer->name);
    }
    return as_found(
        f, AS_FAULT,
        "%.0f %% of the %.0f units of layer %s start with the weights and the gradient of another one (limit "
        "%.0f %%): no step tells them apart",
        100 * worst, layer->units, layer->name, 100 * limit);
}

static const char *const explains[] = {"INIT_SCALE", "VANISHING_GRAD", "BAD_INITIAL_LOSS",   "DEAD_RELU",
                                       "SATURATED",  "EXPLODING_GRAD", AS_RULES_OF_TRAINING, NULL};

const as_rule as_rule_symmetric_init = {
    .code = "SYMMETRIC_INIT",
    .help = "over 50 % of the units of a layer have the weights and the gradient of another one",
    .source = "equal units with equal gradients are one unit for ever",
    .evidence = "weights and gradients of up to 256 units of each layer, at the start",
    .cure = "init: auto",
    .explains = explains,
    .network = true,
    .judge = judge,
};
