/* OVERFIT: a validation loss that rises while the training loss falls. */
#include <math.h>
#include <stddef.h>
#include <string.h>

#include "probe/rule.h"

static const double rise_limit = 0.15, errors_limit = 3, early_limit = 0.7, fall_limit = 0.8;
static const double plain_rise = 0.4, plain_errors = 1.5, plain_early = 0.4, plain_fall = 1.0 / 3;

static as_verdict judge(const as_case *c, as_finding *f)
{
    const as_history *h = &c->history;
    int64_t best = -1, last = -1, count = 0;
    for (int64_t i = 0; i < h->nevaluations; i++) {
        if (isfinite(h->evaluation[i].loss)) {
            best = best < 0 || h->evaluation[i].loss < h->evaluation[best].loss ? i : best;
            last = i;
            count++;
        }
    }
    if (!c->trained || count < 4) {
        return as_not_judged(f, c->trained ? "fewer than 4 validations: set data.validation" : "only after training");
    }
    const as_history_evaluation *low = &h->evaluation[best], *end = &h->evaluation[last];
    const double rise = end->loss - low->loss, error = c->held_out.rows > 0 ? c->held_out.loss_se : (double)NAN;
    const double share = rise / fabs(low->loss);
    as_json_real(&f->evidence, "lowest", low->loss);
    as_json_int(&f->evidence, "lowest_step", low->step);
    as_json_real(&f->evidence, "last", end->loss);
    as_json_real(&f->evidence, "standard_errors", rise / error);
    const double early = (double)low->step / (double)end->step;
    const bool certain = share > rise_limit && rise > errors_limit * error && early < early_limit;
    /* few rows are held out, but everything else says the same */
    const bool plain = share > plain_rise && rise > plain_errors * error && early < plain_early &&
                       end->train_loss < plain_fall * low->train_loss;
    if (!(certain || plain) || !(end->train_loss < fall_limit * low->train_loss)) {
        return AS_CLEAR;
    }
    as_action(f, "train.patience=5 checkpoint.best=true");
    return as_found(
        f, AS_FAULT,
        "validation loss rose %.0f %% (limit %.0f %%), %.1f standard errors (limit %.0f), from %.3g at step %lld "
        "to %.3g, while training loss fell from %.3g to %.3g",
        100 * share, 100 * rise_limit, rise / error, errors_limit, low->loss, (long long)low->step, end->loss,
        low->train_loss, end->train_loss);
}

const as_rule as_rule_overfit = {
    .code = "OVERFIT",
    .help = "validation loss 15 % and 3 standard errors over its minimum, which lies before 70 % of the epochs, while "
            "the training loss fell",
    .source = "a gap alone is no fault of a network that interpolates",
    .evidence = "the same rows held out, at the step of their lowest loss and at the end, row by row",
    .cure = "train.patience, checkpoint.best, a penalty, dropout, more data",
    .after = true,
    .judge = judge,
};
