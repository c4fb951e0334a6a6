/* RUN_FAILED: a training that ended with an error before it was done. */
#include <math.h>

#include "probe/rule.h"

static as_verdict judge(const as_case *c, as_finding *f)
{
    as_json_int(&f->evidence, "exit_code", c->exit_code);
    const bool said = c->exit_code <= AS_OK || c->exit_code == AS_STOPPED || c->exit_code == AS_DIVERGED ||
                      c->exit_code == AS_TARGET ||
                      c->exit_code == AS_INTERNAL; /* the end of a run, or another rule's */
    if (!c->trained || said) {
        return AS_CLEAR;
    }
    as_json_text(&f->evidence, "message", c->failure);
    as_advice(f, "mend what the message names; the same command then goes on, or begins anew");
    return as_found(f, AS_FAULT, "the run ended with exit code %lld (limit 0): %s", (long long)c->exit_code,
                    c->failure[0] != '\0' ? c->failure : "what it said is in its log.txt");
}

const as_rule as_rule_run_failed = {
    .code = "RUN_FAILED",
    .help = "the run ended with an error of its own: data, input, output, time",
    .source = "a model that was not made cannot be healthy",
    .evidence = "the exit code of the run, and what it said",
    .cure = "what the message says",
    .after = true,
    .remains = true,
    .judge = judge,
};
