/* NONIID_SHARDS: lanes, or batches, that are different kinds of data. */
#include <stddef.h>

#include "math/special.h"
#include "probe/rule.h"

static const double ratio_limit = 1.3, errors_limit = 5, p_limit = 1e-6;

/* F as it would be with so many rows of each part: it grows with rows, what it says of one step does not. */
static double in_batch(const as_shards *s, double rows)
{
    return 1 + (s->ratio - 1) * (rows < s->rows ? rows : s->rows) / s->rows;
}

static bool apart(const as_shards *s, double rows)
{
    if (!(s->groups > 1) || !(in_batch(s, rows) > ratio_limit) || !(s->ratio - 1 > errors_limit * s->error)) {
        return false;
    }
    const double freedom = 2 / (s->error * s->error + 1e-12); /* of a chi square over its mean with this error */
    return as_gamma_q(freedom / 2, freedom * s->ratio / 2) < p_limit;
}

static as_verdict judge(const as_case *c, as_finding *f)
{
    if (!(c->lanes.groups > 1) && !(c->batches.groups > 1)) {
        return as_not_judged(f, "one lane of rows that come in a new order each epoch, or no columns of numbers");
    }
    const double batch = (double)c->batch, each = c->lanes.groups > 0 ? batch / c->lanes.groups : batch;
    const bool batches = apart(&c->batches, batch);
    const as_shards *s = batches ? &c->batches : &c->lanes;
    const double rows = batches ? batch : each;
    as_json_text(&f->evidence, "between", batches ? "batches" : "lanes");
    as_json_real(&f->evidence, "ratio", s->ratio);
    as_json_real(&f->evidence, "error", s->error);
    as_json_real(&f->evidence, "ratio_in_batch", in_batch(s, rows));
    as_json_real(&f->evidence, "limit", ratio_limit);
    if (!apart(s, rows)) {
        return AS_CLEAR;
    }
    const bool dealt = !batches && !c->contiguous;
    if (dealt) {
        as_advice(f,
                  "rows that are neighbours in the file are alike: bring them into a random order there, if lanes are "
                  "to be compared (batch_norm, the noise of gradients)");
    } else {
        as_action(f, batches ? "data.shuffle=true data.assign=shuffled" : "data.assign=shuffled");
    }
    return as_found(
        f, dealt ? AS_INFO : AS_FAULT,
        "variance between %s is %.3g +- %.2g times that of exchangeable ones, %.3g in a batch (limit %.2g): rows "
        "come in an order that says what they are",
        batches ? "batches" : "lanes", s->ratio, s->error, in_batch(s, rows), ratio_limit);
}

static const char *const explains[] = {
    "NOISE_DOMINATED", "LR_TOO_HIGH",     "PLATEAU_NEEDS_DECAY",   "MODEL_TOO_SIMPLE", "OVERFIT",
    "LR_TOO_LOW",      "CLASS_IMBALANCE", "CONVERGED_NOISE_FLOOR", "DUPLICATE_SHARDS", NULL};

const as_rule as_rule_noniid_shards = {
    .code = "NONIID_SHARDS",
    .help = "mean square between lanes over that inside of them, of inputs and targets, over 1.3 in a batch and 5 "
            "standard errors over 1; the same between batches where rows are not shuffled; a note where blocks of rows "
            "were dealt to lanes at random",
    .source = "1 for exchangeable rows; measured 0.99 to 1.05 on healthy runs",
    .evidence = "inputs and targets of up to 4096 rows, by lane and by batch",
    .cure = "data.assign: shuffled, data.shuffle: true",
    .explains = explains,
    .judge = judge,
};
