/* RANKS_DIVERGED: replicas of the parameters that differ between ranks. */
#include <stddef.h>

#include "probe/rule.h"

static as_verdict judge(const as_case *c, as_finding *f)
{
    if (!c->trained) {
        return AS_CLEAR;
    }
    as_json_int(&f->evidence, "exit_code", c->exit_code);
    if (c->exit_code != 70) {
        return AS_CLEAR;
    }
    as_advice(f, "run `allsum doctor` on every node: memory, processor or file system gave one rank other bytes");
    return as_found(f, AS_FAULT, "the run ended with code 70 (limit 0 differences): ranks had different parameters");
}

static const char *const explains[] = {AS_RULES_OF_TRAINING, NULL};

const as_rule as_rule_ranks_diverged = {
    .code = "RANKS_DIVERGED",
    .help = "the run ended because parameters differed between ranks",
    .source = "they must be equal to the last bit",
    .evidence = "the exit code of the run: checksums of the parameters on all ranks",
    .cure = "allsum doctor on every node",
    .explains = explains,
    .judge = judge,
};
