/* NOISE_DOMINATED: gradient noise that keeps the loss above its minimum. Far below the noise scale means 10 times; but
   noise that is large enough moves the parameters to where the gradient is not small. Plain steps hover with
   |G|^2 = lr tr(H Sigma) / 2B on the mean (Mandt et al. 2017), so that the scale is 2B / (lr lambda_max) at the least;
   half of that is enough, since a single point scatters. What noise adds to the loss is theory where the loss is
   quadratic, what a tenth of the rate takes away for other optimizers, and the mean of both in between. */
#include <math.h>
#include <stddef.h>

#include "probe/rule.h"

static const double scale_limit = 10, excess_limit = 0.1;

static as_verdict judge(const as_case *c, as_finding *f)
{
    const as_point *p = &c->point;
    if (!p->measured || !p->finite || isnan(p->trace)) {
        return as_not_judged(f, "no state after training, or too few rows for their noise");
    }
    const double n = (double)c->train.total, b = (double)c->batch, scale = as_case_noise_scale(p);
    const bool plain = c->family == AS_FAMILY_PLAIN;
    const as_short *still = &c->decayed[0], *slow = &c->decayed[1];
    const double hovering = (still->first + still->last) / 2; /* two moments of it, since the loss goes up and down */
    const double seen = !c->cold && still->steps > 0 && slow->steps > 0 && hovering > 0 ? 1 - slow->last / hovering : 0;
    const double predicted = as_case_noise_share(c);
    const double share = as_case_quadratic(c) ? predicted : plain ? (predicted + seen) / 2 : seen;
    const double times = plain ? as_case_noise_hovers(c, scale_limit) : scale_limit;
    as_json_real(&f->evidence, "noise_scale", scale);
    as_json_real(&f->evidence, "batch", b);
    as_json_real(&f->evidence, "share_predicted", predicted);
    as_json_real(&f->evidence, "share_seen", seen);
    as_json_real(&f->evidence, "limit", excess_limit);
    if (b >= n || !(p->loss > 0.1 * c->chance) || !(scale > times * b) || !as_case_plateau(c) ||
        !(share > excess_limit)) {
        return AS_CLEAR;
    }
    const double wanted = b * share / (0.3 * excess_limit), most = n < wanted ? n : wanted;
    as_action(f, "train.batch=%.0f", most < 2 ? 2.0 : most);
    return as_found(
        f, AS_FAULT,
        "batch %.0f is far below the noise scale %.3g (limit %.2g times), and gradient noise keeps about %.0f %% "
        "of the loss %.3g (limit %.0f %%) at learning rate %.3g",
        b, scale, times, 100 * (share < 1 ? share : 1), p->loss, 100 * excess_limit, c->lr_now);
}

static const char *const explains[] = {"PLATEAU_NEEDS_DECAY", "CONVERGED_NOISE_FLOOR", "MODEL_TOO_SIMPLE", NULL};

const as_rule as_rule_noise_dominated = {
    .code = "NOISE_DOMINATED",
    .help = "noise scale over 10 batches (or half of what steps of this rate leave), a loss that stands still, and "
            "over 10 % of it is noise: lr tr(Sigma) (1 - "
            "B/N) / 4B",
    .source = "McCandlish et al. 2018; Mandt et al. 2017",
    .evidence = "gradients of 16 batches of the rows after training",
    .cure = "a larger batch, or a rate that falls",
    .explains = explains,
    .network = true,
    .after = true,
    .judge = judge,
};
