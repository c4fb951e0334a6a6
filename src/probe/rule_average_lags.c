/* AVERAGE_LAGS: averaged weights, or running statistics of batch_norm, that still are those of the start. An average e
   += (1 - d) (w - e) that begins at the first weights holds d^t of them after t steps. */
#include <math.h>
#include <stddef.h>
#include <string.h>

#include "kernels/scalar_math.h"
#include "probe/remedy.h"

static const double share_limit = 0.05, plan_limit = 0.5; /* of the first weights in the average */
static const double loss_limit = 1.1, chance_limit = 0.05, errors_limit = 3;
static const double memory = 0.1; /* of the steps: what the decay that is proposed averages over */

/* The largest share of the first running statistics that a batch_norm still has; its name. */
static double first_statistics(const as_case *c, const char **name)
{
    double worst = 0;
    for (int l = 0; l < c->network->model.nlayers; l++) {
        const as_layer *layer = &c->network->model.layer[l];
        const as_field *field = layer->ops->fields;
        if (strcmp(layer->ops->name, "batch_norm") == 0) {
            while (field->name != NULL && strcmp(field->name, "momentum") != 0) {
                field++;
            }
            if (field->name == NULL) {
                continue;
            }
            const double momentum = *(const double *)(const void *)((const char *)layer->options + field->offset);
            const double share = as_pow_f64(1 - momentum, (double)c->final_step);
            *name = share > worst ? layer->name : *name;
            worst = share > worst ? share : worst;
        }
    }
    return worst;
}

/* Running means and variances that evaluation takes for those of the data, and that still are 0 and 1. */
static as_verdict judge_statistics(const as_case *c, as_finding *f)
{
    const char *name = "";
    const double share = c->trained ? first_statistics(c, &name) : 0, step = c->point.loss, all = c->now.loss;
    if (!(share > share_limit) || !c->point.finite || c->now.rows == 0) {
        return AS_CLEAR;
    }
    as_json_text(&f->evidence, "layer", name);
    as_json_real(&f->evidence, "start_in_statistics", share);
    as_json_real(&f->evidence, "loss_of_batches", step);
    as_json_real(&f->evidence, "loss_evaluated", all);
    if (!(all > loss_limit * step) || !(all - step > chance_limit * c->chance + errors_limit * c->now.loss_se)) {
        return AS_CLEAR;
    }
    const double steps = memory * (double)c->final_step;
    const double momentum = steps > 1 ? 1 / steps : 1;
    if (!as_remedy_momentum(c, momentum, f)) {
        as_advice(f, "give %s a larger share of each step: momentum: %.2g, or train longer", name, momentum);
    }
    return as_found(f, AS_FAULT,
                    "in evaluation the loss of training rows is %.3g, as steps see them %.3g (limit %.0f %% more): the "
                    "running statistics of %s still are %.0f %% those of the start (limit %.0f %%)",
                    all, step, 100 * (loss_limit - 1), name, 100 * share, 100 * share_limit);
}

static as_verdict judge(const as_case *c, as_finding *f)
{
    const double steps = (double)(c->trained ? c->final_step : c->steps), share = as_pow_f64(c->ema, steps);
    const as_fit *averaged = as_case_judged(c), *own = &c->own;
    if (!(c->ema > 0)) {
        return judge_statistics(c, f);
    }
    if (c->trained && (own->rows < 2 || own->rows != averaged->rows)) {
        return as_not_judged(f, "no state after training");
    }
    as_json_real(&f->evidence, "decay", c->ema);
    as_json_real(&f->evidence, "start_in_average", share);
    const double proposed = 1 - 1 / (memory * steps > 1 ? memory * steps : 1);
    as_action(f, "train.ema=%.6g", proposed > 0 ? proposed : 0);
    if (!c->trained) {
        if (!(share > plan_limit) || c->loads_weights) {
            f->action[0] = '\0';
            return AS_CLEAR;
        }
        return as_found(f, AS_FAULT,
                        "after the %.0f steps that are planned the averages that are evaluated still are %.0f %% the "
                        "weights of the start (limit %.0f %%): %.6g averages over %.3g steps",
                        steps, 100 * share, 100 * plan_limit, c->ema, 1 / (1 - c->ema));
    }
    double mean, error;
    as_fit_difference(own, averaged, &mean, &error);
    const double errors = mean / error, rise = averaged->loss - own->loss;
    as_json_real(&f->evidence, "loss_averaged", averaged->loss);
    as_json_real(&f->evidence, "loss_own", own->loss);
    as_json_real(&f->evidence, "standard_errors", errors);
    if (!(share > share_limit) || !(averaged->loss > loss_limit * own->loss) || !(errors > errors_limit) ||
        !(rise > chance_limit * c->chance || isnan(c->chance))) {
        f->action[0] = '\0';
        return AS_CLEAR;
    }
    return as_found(f, AS_FAULT,
                    "the averages that are evaluated have a loss of %.3g, the weights themselves %.3g on the same rows "
                    "(limit %.0f %% more, %.0f standard errors; found %.1f): after %.0f steps of decay %.6g they still "
                    "are %.0f %% the weights of the start (limit %.0f %%)",
                    averaged->loss, own->loss, 100 * (loss_limit - 1), errors_limit, errors, steps, c->ema, 100 * share,
                    100 * share_limit);
}

static const char *const explains[] = {"LR_TOO_LOW",      "MODEL_TOO_SIMPLE", "CONVERGED_NOISE_FLOOR",
                                       "CLASS_IMBALANCE", "OVERFIT",          NULL};

const as_rule as_rule_average_lags = {
    .code = "AVERAGE_LAGS",
    .help =
        "averaged weights (train.ema) that lose 10 % more on the same rows than the weights themselves, by 3 "
        "standard errors and 5 % of chance, and still hold over 5 % of the start; before training: over 50 %; the same "
        "of running statistics of batch_norm",
    .source = "an average with decay d holds d^t of its first value after t steps",
    .evidence = "losses of the same rows with the averages and with the weights that steps change, row by row",
    .cure = "a decay that averages over a tenth of the steps",
    .explains = explains,
    .network = true,
    .judge = judge,
};
