/* AUGMENT_TOO_STRONG: rows that are changed until they no longer tell what they are. */
#include <stddef.h>

#include "probe/rule.h"

static const double share_limit = 0.7;                      /* of what was reached with the changes */
static const double gain_least = 0.15, gain_share = 0.3;    /* of chance; of what went without the changes */
static const double nothing_limit = 0.9, plain_limit = 0.5; /* of chance, before training */

/* Whether a loss is clearly under another one: a share of it, or of guessing much more is gone, where rows are such
   that little can go. */
static bool further(const as_case *c, double loss, double than)
{
    const double gain = c->chance - loss;
    return loss < share_limit * than || (gain > gain_least * c->chance && c->chance - than < gain_share * gain);
}

static as_verdict judge(const as_case *c, as_finding *f)
{
    const as_short *with = &c->changed, *without = &c->unchanged;
    if (c->augments && c->trained && c->now.rows == 0) {
        return as_not_judged(f, "no state after training");
    }
    if (!c->augments || without->steps == 0 || with->steps == 0) {
        return AS_CLEAR;
    }
    const double reached = c->trained ? as_case_judged(c)->loss : with->last;
    as_json_real(&f->evidence, "loss_reached", reached);
    as_json_int(&f->evidence, "steps_tried", without->steps);
    as_json_real(&f->evidence, "loss_with", with->last);
    as_json_real(&f->evidence, "loss_without", without->last);
    as_json_real(&f->evidence, "chance", c->chance);
    const bool better = further(c, without->last, reached) && further(c, without->last, with->last);
    const bool stands = c->trained ? reached > AS_HALF_LEFT * c->chance
                                   : with->last > nothing_limit * c->chance && without->last < plain_limit * c->chance;
    if (!better || !stands || !(without->last < nothing_limit * c->chance)) {
        return AS_CLEAR;
    }
    as_action(f, "data.augment=[]");
    as_advice(f, "change rows less (noise well under the spread of a column, shifts and cuts that leave what is to be "
                 "recognised), and look at some of them");
    if (!c->trained) {
        return as_found(f, AS_FAULT,
                        "from the start, %lld steps with data.augment take the loss of rows as they are from %.3g to "
                        "%.3g, without it to %.3g (limit %.1f of that), where chance is %.3g",
                        (long long)with->steps, with->first, with->last, without->last, share_limit, c->chance);
    }
    return as_found(f, AS_FAULT,
                    "with data.augment the run has reached a loss of %.3g on rows as they are in %lld steps; from the "
                    "same start, %lld steps without it reach %.3g (limit %.1f of that), where chance is %.3g",
                    reached, (long long)c->final_step, (long long)without->steps, without->last, share_limit,
                    c->chance);
}

static const char *const explains[] = {"EXPLODING_GRAD",   "DEAD_RELU",          "SATURATED", "VANISHING_GRAD",
                                       "BAD_INITIAL_LOSS", AS_RULES_OF_TRAINING, NULL};

const as_rule as_rule_augment_too_strong = {
    .code = "AUGMENT_TOO_STRONG",
    .help = "loss of rows as they are that data.augment keeps over half of chance, and that as many steps at most from "
            "the same "
            "start without it take under 70 % of what was reached (or that gains under 30 % of what they do), while up "
            "to four times as many with it do "
            "not",
    .source = "a change of a row must leave its label (Simard et al. 2003); a controlled experiment",
    .evidence = "up to 640 steps from the start with data.augment and without; losses of rows held out, unchanged",
    .cure = "weaker changes, or none",
    .explains = explains,
    .network = true,
    .judge = judge,
};
