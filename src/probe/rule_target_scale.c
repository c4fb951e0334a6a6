/* TARGET_SCALE: real targets far from the size of what a new network gives, or that the loss is not made for. */
#include <math.h>
#include <stddef.h>
#include <string.h>

#include "probe/rule.h"

static const double limit = 100;

/* Targets that the loss is not made for: it falls without end on them. */
static bool outside(const as_case *c, as_finding *f)
{
    const as_sample *s = &c->train;
    const char *loss = c->network != NULL && c->network->model.nheads == 1 ? c->network->model.head[0].loss->name : "";
    const bool counts = strcmp(loss, "poisson") == 0, shares = strcmp(loss, "bce") == 0;
    double least = (double)INFINITY, most = -(double)INFINITY, bad = 0;
    for (int64_t i = 0; i < s->rows * s->targets && s->target != NULL && (counts || shares) && !c->reconstructs; i++) {
        const double y = s->target[i];
        least = y < least ? y : least;
        most = y > most ? y : most;
        bad += y < 0 || (shares && y > 1) ? 1 : 0;
    }
    if (!(bad > 0)) {
        return false;
    }
    double between = 0;
    for (int64_t i = 0; i < s->rows * s->targets; i++) {
        between += s->target[i] > least && s->target[i] < most ? 1 : 0;
    }
    if (shares && between == 0) {
        as_advice(f, "write the two answers %.4g and %.4g as 0 and 1", least, most);
    }
    as_json_real(&f->evidence, "outside", bad);
    as_json_real(&f->evidence, "least", least);
    as_json_real(&f->evidence, "largest", most);
    as_action(f, "model.loss=mse");
    as_found(
        f, AS_FAULT,
        "the loss %s is made for %s (limit: 0%s), and %.0f of %lld targets are outside: they reach from %.4g to %.4g, "
        "and on those outside the loss falls without end",
        loss, counts ? "counts" : "shares", counts ? " or more" : " to 1", bad, (long long)(s->rows * s->targets),
        least, most);
    return true;
}

static as_verdict judge(const as_case *c, as_finding *f)
{
    const as_sample *s = &c->train;
    if (outside(c, f)) {
        return AS_FOUND;
    }
    const as_data_parts none = {0};
    char name[AS_PART_NAME_MAX];
    double worst = 0, worst_mean = 0, worst_sd = 0;
    int64_t column = 0;
    if (!c->regresses) {
        return s->target != NULL || s->label != NULL ? AS_CLEAR : as_not_judged(f, "there are no real targets");
    }
    for (int64_t t = 0; t < s->targets; t++) {
        double mean = 0, squares = 0;
        for (int64_t r = 0; r < s->rows; r++) {
            mean += s->target[r * s->targets + t] / (double)s->rows;
        }
        for (int64_t r = 0; r < s->rows; r++) {
            const double y = s->target[r * s->targets + t] - mean;
            squares += y * y / (double)s->rows;
        }
        const double sd = sqrt(squares), size = fabs(mean) > sd ? fabs(mean) : sd;
        if (size > worst) {
            worst = size;
            worst_mean = mean;
            worst_sd = sd;
            column = t;
        }
    }
    as_json_real(&f->evidence, "mean", worst_mean);
    as_json_real(&f->evidence, "sd", worst_sd);
    as_json_real(&f->evidence, "limit", limit);
    if (!(worst > limit) || (c->linear && c->family == AS_FAMILY_PLAIN)) {
        return AS_CLEAR; /* steps of a linear model grow with its targets */
    }
    const bool learnt = c->trained && as_case_learnt(c) > 0.5;
    as_parts_name(c->answers != NULL ? c->answers : &none, column, "number ", name);
    as_advice(f, "divide target %s by %.3g after taking %.3g away, and undo it in what is predicted", name,
              worst_sd > 0 ? worst_sd : 1.0, worst_mean);
    return as_found(f, learnt ? AS_INFO : AS_FAULT,
                    "target %s has mean %.4g and standard deviation %.3g (limit %.0f): a network starts with outputs "
                    "of about 1, and gradients grow with the target",
                    name, worst_mean, worst_sd, limit);
}

static const char *const explains[] = {"BAD_INITIAL_LOSS",    "EXPLODING_GRAD",   "VANISHING_GRAD",
                                       "SATURATED",           "DEAD_RELU",        "LR_TOO_HIGH",
                                       "LR_TOO_LOW",          "SADDLE",           "NOISE_DOMINATED",
                                       "PLATEAU_NEEDS_DECAY", "MODEL_TOO_SIMPLE", "CONVERGED_NOISE_FLOOR",
                                       "BATCH_TOO_LARGE",     "OVER_REGULARISED", NULL};

const as_rule as_rule_target_scale = {
    .code = "TARGET_SCALE",
    .help =
        "mean or standard deviation of a real target over 100, for a network; targets under 0 for the loss poisson, "
        "or outside of 0 to 1 for bce",
    .source = "gradients and loss grow with the scale, weights start at outputs of about 1; a likelihood of "
              "counts or shares has no minimum elsewhere",
    .evidence = "the targets of up to 4096 training rows",
    .cure = "bring the targets to mean 0 and deviation 1, and undo it in what is predicted",
    .explains = explains,
    .judge = judge,
};
