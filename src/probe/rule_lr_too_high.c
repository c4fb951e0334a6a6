/* LR_TOO_HIGH: a rate at which the loss does not fall, and at a smaller one does. */
#include <math.h>
#include <stddef.h>

#include "probe/rule.h"

static const double recovered = 0.7;
static const double nothing = 0.98, nothing_share = 0.9; /* a whole run at chance: less is clear already */

/* The slower training that ended lowest, if it is clearly lower than `reached`. */
static const as_short *better(const as_case *c, double reached, double share)
{
    const as_short *best = NULL;
    for (int i = 0; i < AS_SLOWER; i++) {
        const as_short *s = &c->slower[i];
        if (s->steps > 0 && s->last < s->first && (best == NULL || s->last < best->last)) {
            best = s;
        }
    }
    return best != NULL && (isnan(reached) || best->last < share * reached) ? best : NULL;
}

/* Mean over epochs, as training saw it, of the last quarter of them. */
static double late_loss(const as_case *c)
{
    const as_history *h = &c->history;
    double sum = 0, n = 0;
    for (int64_t i = h->nevaluations - (h->nevaluations + 3) / 4; i >= 0 && i < h->nevaluations; i++) {
        sum += h->evaluation[i].train_loss;
        n++;
    }
    return n > 0 ? sum / n : (double)NAN;
}

static as_verdict propose(const as_case *c, as_finding *f, const as_short *slower)
{
    if (c->start.lambda_max > 0 && c->family == AS_FAMILY_PLAIN) {
        const double limit = as_case_rate_limit(c);
        const double proposed =
            slower != NULL && slower->factor * c->lr < 0.5 * limit ? slower->factor * c->lr : 0.5 * limit;
        as_action(f, "optimizer.lr=%.2g", proposed);
    } else {
        as_action(f, "optimizer.lr=%.2g", c->lr * (slower != NULL ? slower->factor : 0.1));
    }
    return AS_FOUND;
}

static as_verdict judge(const as_case *c, as_finding *f)
{
    if (c->network == NULL || !c->start.measured || !c->start.finite) {
        return as_not_judged(f, "no network, or its gradient is not finite");
    }
    const double limit = as_case_rate_limit(c), rho = c->lr / limit, learnt = as_case_learnt(c);
    const as_short *t = &c->as_is;
    const double reached = c->trained && c->point.finite ? c->point.loss : (double)NAN;
    as_json_real(&f->evidence, "lr", c->lr);
    as_json_real(&f->evidence, "lambda_max", c->start.lambda_max);
    as_json_real(&f->evidence, "limit", limit);
    as_json_real(&f->evidence, "loss_start", t->first);
    as_json_real(&f->evidence, "loss_as_is", t->last);
    as_json_real(&f->evidence, "loss_reached", reached);
    if (as_case_quadratic(c) && rho > (c->start.whole ? 1.0 : 1.1) && !(c->trained && learnt > 0.5)) {
        propose(c, f, NULL);
        return as_found(
            f, AS_FAULT,
            "learning rate %.3g exceeds %.3g, the limit of %s at the largest curvature %.3g: along it the error "
            "grows %.3g times each step",
            c->lr, limit, c->network->optimizer.ops->name, c->start.lambda_max, fabs(1 - 2 * rho));
    }
    if (c->diverged) {
        const as_short *slower = better(c, (double)NAN, 1);
        propose(c, f, slower);
        return as_found(
            f, AS_FAULT,
            "the run ended with a loss that is not finite at learning rate %.3g (%.3g times the limit %.3g by "
            "curvature at the start)%s",
            c->lr, rho, limit, slower != NULL ? "; with a smaller one the loss falls" : "");
    }
    const bool grew = t->steps > 0 && !(t->last < 1.5 * t->first);
    const as_short *slower = better(c, grew ? t->first : t->last, grew ? 0.9 : 0.7);
    const bool stuck = t->last > 0.9 * c->chance && slower != NULL && slower->last < 0.7 * t->last;
    if (!c->trained && t->steps > 0 && (!(t->last < t->first) || stuck) && slower != NULL) {
        const as_short *on = &c->longer;
        const double low = t->first < c->chance ? t->first : c->chance;
        propose(c, f, slower);
        if (on->steps > t->steps && on->last < recovered * low) {
            return as_found(
                f, AS_INFO,
                "learning rate %.3g takes the loss from %.3g to %.3g in %lld steps and to %.3g in %lld: it comes down "
                "later than at %.3g (%.3g in %lld steps; limit by curvature %.3g)",
                c->lr, t->first, t->last, (long long)t->steps, on->last, (long long)on->steps, slower->factor * c->lr,
                slower->last, (long long)slower->steps, limit);
        }
        return as_found(
            f, AS_FAULT,
            "learning rate %.3g takes the loss from %.3g to %.3g in %lld steps, %.3g to %.3g (limit by curvature "
            "%.3g)",
            c->lr, t->first, t->last, (long long)t->steps, slower->factor * c->lr, slower->last, limit);
    }
    const double late = late_loss(c);
    if (c->trained && grew && slower != NULL &&
        (late > 1.5 * t->first || c->held_out.loss > 2 * c->chance || reached > nothing_share * c->chance)) {
        propose(c, f, slower);
        return as_found(f, AS_FAULT,
                        "learning rate %.3g takes the loss from %.3g to %.3g in %lld steps (%.3g to %.3g), and at the "
                        "end it is %.3g, of rows held out %.3g, where guessing costs %.3g",
                        c->lr, t->first, t->last, (long long)t->steps, slower->factor * c->lr, slower->last,
                        late > 1.5 * t->first ? late : reached, c->held_out.rows > 0 ? c->held_out.loss : reached,
                        c->chance);
    }
    slower = better(c, reached, reached > nothing * c->chance ? nothing_share : 0.7);
    const bool noise = c->point.measured && as_case_noise_scale(&c->point) > 10 * (double)c->batch;
    /* a quadratic loss has a limit, a theorem: what steps under it leave is the noise of their batches */
    const bool theorem = as_case_quadratic(c) && rho < 0.5 && as_case_noise_share(c) > 0.1 && as_case_plateau(c) &&
                         as_case_noise_scale(&c->point) > (double)c->batch * as_case_noise_hovers(c, 10);
    if (c->trained && !theorem && !(learnt > 0.9) && slower != NULL && c->final_step >= slower->steps &&
        (reached > 0.9 * c->chance || reached > 1.5 * t->first || as_case_lowest(c) < 0.6 * reached ||
         (c->final_step >= 3 * slower->steps && !noise))) {
        propose(c, f, slower);
        return as_found(
            f, AS_FAULT,
            "the run has reached a loss of %.3g in %lld steps at learning rate %.3g; at %.3g, %lld steps reach "
            "%.3g (limit by curvature %.3g)",
            reached, (long long)c->final_step, c->lr, slower->factor * c->lr, (long long)slower->steps, slower->last,
            limit);
    }
    return AS_CLEAR;
}

static const char *const explains[] = {"SATURATED",
                                       "DEAD_RELU",
                                       "NOISE_DOMINATED",
                                       "PLATEAU_NEEDS_DECAY",
                                       "SADDLE",
                                       "MODEL_TOO_SIMPLE",
                                       "CONVERGED_NOISE_FLOOR",
                                       "OVERFIT",
                                       "OVER_REGULARISED",
                                       "CLASS_IMBALANCE",
                                       "SEPARABLE",
                                       "BATCH_TOO_LARGE",
                                       NULL};

const as_rule as_rule_lr_too_high = {
    .code = "LR_TOO_HIGH",
    .help = "rate times largest curvature over the limit of the optimizer (a quadratic loss), or a run that is at "
            "chance, grew or diverged where a tenth or less of the rate does better from the same start",
    .source = "2/lambda_max, 2(1+b)/lambda_max with momentum b; a controlled experiment for other losses",
    .evidence = "the largest eigenvalue of the Hessian (24 products); private trainings of 40 steps from the start "
                "with 1, 0.1, 0.01 ... of the rate",
    .cure = "a rate that did better there, or half of the limit",
    .explains = explains,
    .network = true,
    .judge = judge,
};
