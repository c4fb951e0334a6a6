/* INIT_SCALE: weights so small that inputs do not reach the outputs. */
#include <stddef.h>

#include "probe/remedy.h"

static const double output_limit = 1e-4, signal_limit = 1e-3, gain_limit = 0.1, chance_limit = 0.97;

static as_verdict judge(const as_case *c, as_finding *f)
{
    if (!c->start.measured || c->network == NULL || c->first.rows == 0) {
        return as_not_judged(f, "no network, or its gradient is not finite");
    }
    if (c->linear || !(c->first.output_sd < output_limit)) {
        return AS_CLEAR;
    }
    const double gain = as_case_least_gain(c);
    const double signal = as_case_last_signal(c);
    const bool stuck = c->trained && c->now.rows > 0 ? c->now.loss > chance_limit * c->chance
                                                     : !(c->as_is.last < 0.99 * c->as_is.first);
    as_json_real(&f->evidence, "output_sd", c->first.output_sd);
    as_json_real(&f->evidence, "signal_sd", signal);
    as_json_real(&f->evidence, "limit", output_limit);
    as_json_real(&f->evidence, "least_gain", gain);
    if (!(signal < signal_limit) || !(gain < gain_limit) || !stuck) {
        return AS_CLEAR;
    }
    if (!as_remedy_init(c, f)) {
        as_advice(f, "let the kinds of layers choose (init: auto, no init_scale): he before relu, glorot before tanh");
    }
    return as_found(f, AS_FAULT,
                    "outputs vary by %.2g over the rows at the start (limit %.0e) and the last layer reads a signal of "
                    "%.2g (limit %.0e): nothing gets through, and the loss stays at chance",
                    c->first.output_sd, output_limit, signal, signal_limit);
}

static const char *const explains[] = {
    "VANISHING_GRAD",  "DEAD_RELU",        "BAD_INITIAL_LOSS",    "LR_TOO_HIGH",      "LR_TOO_LOW",
    "SADDLE",          "NOISE_DOMINATED",  "PLATEAU_NEEDS_DECAY", "MODEL_TOO_SIMPLE", "CONVERGED_NOISE_FLOOR",
    "BATCH_TOO_LARGE", "OVER_REGULARISED", "CLASS_IMBALANCE",     "OVERFIT",          NULL};

const as_rule as_rule_init_scale = {
    .code = "INIT_SCALE",
    .help = "standard deviation of outputs over rows under 1e-4 at the start, of what the last layer reads under 1e-3, "
            "and a loss that stays at chance",
    .source = "a last layer of zeros is legal: the loss falls",
    .evidence = "a pass over up to 4096 rows at the start; the loss after training, or after 40 private steps",
    .cure = "init: auto without init_scale",
    .explains = explains,
    .network = true,
    .judge = judge,
};
