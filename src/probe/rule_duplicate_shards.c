/* DUPLICATE_SHARDS: lanes that hold the same rows. */

#include "probe/rule.h"

static const double ratio_limit = 0.05, errors_limit = 5, share_limit = 0.5, same_limit = 1e-12;

static as_verdict judge(const as_case *c, as_finding *f)
{
    const as_shards *s = &c->lanes;
    if (!(s->groups > 1)) {
        return as_not_judged(f, "one lane, or no columns of numbers");
    }
    as_json_real(&f->evidence, "ratio", s->ratio);
    as_json_real(&f->evidence, "error", s->error);
    as_json_real(&f->evidence, "repeated", s->repeated);
    if (s->ratio < same_limit || (s->ratio < ratio_limit && 1 - s->ratio > errors_limit * s->error)) {
        as_advice(f, "give each row once: all lanes together read one file");
        return as_found(f, AS_FAULT,
                        "variance between lanes is %.3g times that of exchangeable ones (limit %.2g): all %.0f lanes "
                        "hold the same rows, so more of them add nothing",
                        s->ratio, ratio_limit, s->groups);
    }
    const double chance = c->duplicate_expected;
    if (s->repeated > share_limit && s->repeated > chance + share_limit) {
        as_advice(f, "give each row once, or use weights");
        return as_found(f, AS_FAULT,
                        "%.0f %% of the training rows have an equal row in another lane (limit %.0f %%, by chance %.0f "
                        "%%): a batch holds fewer different rows than it seems",
                        100 * s->repeated, 100 * share_limit, 100 * chance);
    }
    return AS_CLEAR;
}

const as_rule as_rule_duplicate_shards = {
    .code = "DUPLICATE_SHARDS",
    .help = "mean square between lanes over that inside of them under 0.05, or more than half of the rows once more in "
            "another lane",
    .source = "exactly 0 when all lanes hold the same rows",
    .evidence = "the same, and hashes of rows",
    .cure = "give each lane rows of its own",
    .judge = judge,
};
