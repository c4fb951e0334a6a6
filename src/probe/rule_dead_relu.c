/* DEAD_RELU: units that give zero on every row. */
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include "probe/remedy.h"

static const double limit = 0.5;

static as_verdict judge(const as_case *c, as_finding *f)
{
    const char *name = "";
    if (!c->start.measured || c->start.nlayers == 0) {
        return as_not_judged(f, "no network, or its gradient is not finite");
    }
    double share = as_case_dead(c, &c->start, &name);
    f->late = !(share > limit);
    if (f->late) {
        share = as_case_dead(c, &c->point, &name);
    }
    as_json_text(&f->evidence, "layer", name);
    as_json_real(&f->evidence, "share", share);
    as_json_real(&f->evidence, "limit", limit);
    char since[48] = "";
    if (f->late && c->course.dead.value > limit && strcmp(c->course.dead.name, name) == 0) {
        as_json_int(&f->evidence, "since_step", c->course.dead.step);
        snprintf(since, sizeof since, ", and in records since step %lld", (long long)c->course.dead.step);
    }
    if (!(share > limit)) {
        return AS_CLEAR;
    }
    if (!as_remedy_relu(c, f)) {
        as_advice(f, "use leaky_relu or gelu in layer %s, bring its inputs to mean 0, or lower the rate", name);
    }
    const bool learnt = c->trained && (as_case_learnt(c) > 0.8 ||
                                       (f->late && (c->reconstructs ? as_case_learnt(c) > 0.5 : as_case_told(c))));
    return as_found(f, learnt ? AS_INFO : AS_FAULT,
                    "%.0f %% of the units of layer %s are zero on all %.0f rows (limit %.0f %%)%s%s", 100 * share, name,
                    c->start.rows, 100 * limit, f->late ? ", after training" : ", at the start", since);
}

static const char *const explains[] = {"VANISHING_GRAD",
                                       "INIT_SCALE",
                                       "BAD_INITIAL_LOSS",
                                       "LR_TOO_LOW",
                                       "SADDLE",
                                       "NOISE_DOMINATED",
                                       "PLATEAU_NEEDS_DECAY",
                                       "MODEL_TOO_SIMPLE",
                                       "CONVERGED_NOISE_FLOOR",
                                       "CLASS_IMBALANCE",
                                       "LR_TOO_HIGH",
                                       "SYMMETRIC_INIT",
                                       NULL};

const as_rule as_rule_dead_relu = {
    .code = "DEAD_RELU",
    .help = "over 50 % of the units of a relu layer are zero on all probe rows",
    .source = "they pass no gradient on; healthy nets measured up to 28 %",
    .evidence = "units on up to 1024 rows, at the start and after training; records tell since when",
    .cure = "leaky_relu or gelu, inputs of mean 0, a lower rate",
    .explains = explains,
    .network = true,
    .judge = judge,
};
