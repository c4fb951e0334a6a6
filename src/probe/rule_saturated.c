/* SATURATED: units that are flat for most rows. */
#include <stddef.h>

#include "probe/remedy.h"

static const double limit = 0.5, size_limit = 3, clear_share = 0.8, learns_share = 0.6;

static double worst_of(const as_point *p, const char **name)
{
    double worst = 0;
    for (int l = 0; l < p->nlayers; l++) {
        if (p->layer[l].saturated > worst) {
            worst = p->layer[l].saturated;
            *name = p->layer[l].name;
        }
    }
    return worst;
}

/* Large inputs first, then weights that start large, then an activation that is flat on one side at most. */
static void propose(const as_case *c, const char *name, as_finding *f)
{
    if (!f->late && !c->normalized && as_case_input_size(c) > size_limit) {
        as_action(f, "data.normalize=mean_std");
    } else if ((f->late || !as_remedy_init(c, f)) && !as_remedy_flat(c, f)) {
        as_advice(f,
                  "start layer %s smaller (init: auto, no init_scale), bring its inputs to size 1, or lower the rate",
                  name);
    }
}

static as_verdict judge(const as_case *c, as_finding *f)
{
    const char *name = "";
    if (!c->start.measured || c->start.nlayers == 0) {
        return as_not_judged(f, "no network, or its gradient is not finite");
    }
    double share = worst_of(&c->start, &name);
    f->late = !(share > limit);
    if (f->late) {
        share = worst_of(&c->point, &name);
    }
    as_json_text(&f->evidence, "layer", name);
    as_json_real(&f->evidence, "share", share);
    as_json_real(&f->evidence, "limit", limit);
    if (!(share > limit) || (c->trained && as_case_learnt(c) > 0.5)) {
        return AS_CLEAR;
    }
    propose(c, name, f);
    const bool learns = f->late ? !as_case_plateau(c) /* flat units that do not stop it */
                                : !c->trained && share < clear_share && c->as_is.last < learns_share * c->chance;
    return as_found(f, learns ? AS_INFO : AS_FAULT,
                    "%.0f %% of the outputs of layer %s are where its activation is flat (limit %.0f %%)%s",
                    100 * share, name, 100 * limit, f->late ? ", after training" : ", at the start");
}

static const char *const explains[] = {"VANISHING_GRAD",      "INIT_SCALE",       "BAD_INITIAL_LOSS",
                                       "LR_TOO_LOW",          "SADDLE",           "NOISE_DOMINATED",
                                       "PLATEAU_NEEDS_DECAY", "MODEL_TOO_SIMPLE", "CONVERGED_NOISE_FLOOR",
                                       "CLASS_IMBALANCE",     "LR_TOO_HIGH",      NULL};

const as_rule as_rule_saturated = {
    .code = "SATURATED",
    .help = "over 50 % of the outputs of a layer where the derivative is under 5 % of its largest",
    .source = "a flat unit passes no gradient on; healthy nets measured under 30 %",
    .evidence = "derivatives of activations on up to 1024 rows, at the start and after training",
    .cure = "init: auto, normalised inputs, or an activation that is flat on one side only",
    .explains = explains,
    .network = true,
    .judge = judge,
};
