/* LR_TOO_LOW: a rate that does not get anywhere in the steps there are. */
#include <math.h>
#include <stddef.h>
#include <stdio.h>

#include "probe/rule.h"

static const double step_limit = 0.05, gradient_limit = 4, way_limit = 0.2;
static const double clip_limit = 10;             /* a gradient that is cut this much is what makes the steps small */
static const double nothing = 0.01, still = 0.9; /* of what another rate gains, where noise hides the gradient */
enum { STEPS_LEAST = 20 };

static bool clear_gradient(const as_point *p)
{
    return p->finite && (isnan(p->trace) || p->gradient > gradient_limit * p->trace / p->rows);
}

static as_verdict before_training(const as_case *c, as_finding *f)
{
    const double way = c->start.fraction * (double)c->steps;
    as_json_real(&f->evidence, "step_fraction", c->start.fraction);
    if (isnan(c->start.fraction)) {
        return as_not_judged(f, "no step goes down");
    }
    if (!clear_gradient(&c->start) || !(way < way_limit) || !(way > 0) || c->steps < STEPS_LEAST ||
        !(c->start.loss > 0.5 * c->chance)) {
        return AS_CLEAR;
    }
    as_action(f, "optimizer.lr=%.2g", c->lr * 0.1 / c->start.fraction);
    return as_found(
        f, AS_FAULT,
        "a step at learning rate %.3g is %.2g of the way to the minimum along it, all %lld steps together %.2g "
        "(limit %.1f)",
        c->lr, c->start.fraction, (long long)c->steps, way, way_limit);
}

static as_verdict judge(const as_case *c, as_finding *f)
{
    if (c->network == NULL || !c->start.measured || !c->start.finite) {
        return as_not_judged(f, "no network, or its gradient is not finite");
    }
    if (!c->trained) {
        return before_training(c, f);
    }
    if (!c->point.measured || !c->point.finite || c->diverged) {
        return c->diverged ? AS_CLEAR : as_not_judged(f, "no state after training");
    }
    const double gain = c->start.loss - c->point.loss;
    const bool crept = gain > AS_CREPT * c->start.loss, chance = !(c->point.loss > AS_STANDS_FIRST * c->start.loss);
    const as_short *best = NULL;
    for (int i = 0; i < AS_FASTER; i++) {
        const as_short *s = &c->faster[i];
        const double more = s->first - s->last;
        const bool further = more > 2 * gain && more > 0.05 * fabs(s->first);
        if (s->steps > 0 && further && !(crept && s->last > AS_FURTHER * c->point.loss) &&
            (best == NULL || s->last < best->last)) {
            best = s;
        }
    }
    as_json_real(&f->evidence, "loss_first", c->start.loss);
    as_json_real(&f->evidence, "loss_reached", c->point.loss);
    const double fraction = c->point.fraction * (c->cold ? c->lr_now / c->lr : 1); /* a cold one was tried in full */
    as_json_real(&f->evidence, "step_fraction", fraction);
    const bool hardly = best != NULL && best->last < still * best->first && gain < nothing * (best->first - best->last);
    if (!as_case_stands(c) || !(fraction < step_limit) || best == NULL || !(clear_gradient(&c->point) || hardly) ||
        c->final_step < STEPS_LEAST) {
        return AS_CLEAR;
    }
    char clipped[96] = "";
    const double norm = sqrt(c->start.gradient);
    if (c->family == AS_FAMILY_PLAIN && c->clip_norm > 0 && norm > clip_limit * c->clip_norm) {
        as_action(f, "train.clip_norm=%.1g", norm);
        snprintf(clipped, sizeof clipped, "; train.clip_norm %.2g cuts gradients of length %.2g", c->clip_norm, norm);
    } else if (c->cold) {
        as_action(f, "schedule=constant optimizer.lr=%.2g", c->lr * best->factor);
        snprintf(clipped, sizeof clipped, "; the schedule has taken the rate to %.2g", c->lr_now);
    } else {
        as_action(f, "optimizer.lr=%.2g", c->lr * best->factor);
    }
    char way[112] = "the loss still bends down along a step";
    if (fraction > 0) {
        snprintf(way, sizeof way, "a step is %.2g of the way to the minimum along it (limit %.2f)", fraction,
                 step_limit);
    }
    return as_found(f, AS_FAULT,
                    "after %lld steps the loss is %.3g of %s (limit %.1f), and %s: %lld steps at learning rate %.3g "
                    "reach %.3g where the run reached %.3g%s",
                    (long long)c->final_step, c->point.loss / (chance ? c->chance : c->start.loss),
                    chance ? "chance" : "the first", chance ? AS_STANDS_CHANCE : AS_STANDS_FIRST, way,
                    (long long)best->steps, c->lr * best->factor, best->last, c->point.loss, clipped);
}

static const char *const explains[] = {
    "CONVERGED_NOISE_FLOOR", "MODEL_TOO_SIMPLE", "PLATEAU_NEEDS_DECAY", "BATCH_TOO_LARGE",
    "CLASS_IMBALANCE",       "SADDLE",           "NOISE_DOMINATED",     NULL};

const as_rule as_rule_lr_too_low = {
    .code = "LR_TOO_LOW",
    .help = "loss still over 0.8 of the first, or over 0.9 of chance, steps under 0.05 of the way to the "
            "minimum along them, a gradient that "
            "is clearly not zero (or a run that gained under 1 % of what another rate does), and 10 or 100 times the "
            "rate gets further in a few steps",
    .source = "the step fraction tau (Cockpit: alpha + 1), confirmed by a controlled experiment",
    .evidence = "the same with 10, 100 ... times the rate; d'H d / -g'd for a step d",
    .cure = "the rate that got furthest",
    .explains = explains,
    .network = true,
    .judge = judge,
};
