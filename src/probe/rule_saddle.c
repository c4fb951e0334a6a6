/* SADDLE: a point that is flat, but no minimum. */
#include <math.h>
#include <stddef.h>

#include "probe/remedy.h"

static const double gradient_limit = 0.01, curvature_limit = -0.05, chance_limit = 0.95, walk_limit = 0.9;

static as_verdict judge(const as_case *c, as_finding *f)
{
    const bool now = c->trained && c->point.measured;
    const as_point *p = now ? &c->point : &c->start;
    const as_short *t = now ? &c->decayed[0] : &c->as_is;
    if (!p->measured || !p->finite || isnan(p->lambda_min) || isnan(p->trace)) {
        return as_not_judged(f, "no curvature: %s", p->why[0] != '\0' ? p->why : "no network");
    }
    const double share = p->gradient / (p->gradient + p->trace > 0 ? p->gradient + p->trace : 1);
    const bool moves = t->steps > 0 && t->last < 0.99 * t->first;
    as_json_real(&f->evidence, "gradient_share", share);
    as_json_real(&f->evidence, "lambda_min", p->lambda_min);
    as_json_real(&f->evidence, "lambda_max", p->lambda_max);
    as_json_real(&f->evidence, "walk", p->walk);
    if (!(share < gradient_limit) || !(p->lambda_min < curvature_limit * fabs(p->lambda_max)) || moves ||
        !(p->loss > chance_limit * c->chance) || !(p->walk < walk_limit)) {
        return AS_CLEAR;
    }
    if (!as_remedy_init(c, f)) {
        as_advice(f, "start elsewhere: larger initial weights (init: auto), or another seed");
    }
    return as_found(f, AS_FAULT,
                    "the squared gradient is %.2g of that of single rows (limit %.2f), but lambda_min is %.3g where "
                    "lambda_max is %.3g, and along it the loss falls to %.3g of %.3g: a saddle, not a minimum",
                    share, gradient_limit, p->lambda_min, p->lambda_max, p->walk, p->loss);
}

static const char *const explains[] = {"LR_TOO_LOW",
                                       "MODEL_TOO_SIMPLE",
                                       "CONVERGED_NOISE_FLOOR",
                                       "PLATEAU_NEEDS_DECAY",
                                       "NOISE_DOMINATED",
                                       "CLASS_IMBALANCE",
                                       NULL};

const as_rule as_rule_saddle = {
    .code = "SADDLE",
    .help = "squared gradient under 1 % of the mean of rows, lambda_min under -0.05 lambda_max, a loss at chance, and "
            "a lower one along the direction",
    .source = "Dauphin et al. 2014, confirmed by walking",
    .evidence = "gradient and smallest eigenvalue of the Hessian after training, and the loss along its direction",
    .cure = "other initial weights, momentum, or noise: a smaller batch",
    .explains = explains,
    .network = true,
    .judge = judge,
};
