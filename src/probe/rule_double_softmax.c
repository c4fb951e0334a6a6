/* DOUBLE_SOFTMAX: outputs squeezed into (0, 1) before a loss that does so itself. */
#include <stddef.h>
#include <string.h>

#include "kernels/scalar_math.h"
#include "probe/graph.h"
#include "probe/rule.h"

static as_verdict judge(const as_case *c, as_finding *f)
{
    if (c->network == NULL) {
        return as_not_judged(f, "no network");
    }
    const as_model *model = &c->network->model;
    const as_layer *last = as_graph_last(model);
    const char *loss = model->head[0].loss->name, *activation = last == NULL ? "none" : as_graph_activation(last);
    const bool squeezes = strcmp(activation, "softmax") == 0 || strcmp(activation, "sigmoid") == 0;
    if (!squeezes || (strcmp(loss, "cross_entropy") != 0 && strcmp(loss, "bce") != 0)) {
        return AS_CLEAR;
    }
    const double classes = (double)model->head[0].outputs;
    const double lowest =
        strcmp(loss, "bce") == 0 ? as_log1p_f64(0.36787944117144233) : as_log_f64(2.718281828459045 + classes - 1) - 1;
    as_json_text(&f->evidence, "layer", last->name);
    as_json_text(&f->evidence, "activation", activation);
    as_json_real(&f->evidence, "lowest_loss", lowest);
    as_advice(f, "end the network with the numbers that %s gets: leave %s out (predictions are probabilities anyway)",
              last->name, activation);
    return as_found(
        f, AS_FAULT,
        "layer %s ends in %s, and %s takes one of its own: no loss under %.3g can be reached (limit 0), and "
        "gradients are small",
        last->name, activation, loss, lowest);
}

static const char *const explains[] = {
    "MODEL_TOO_SIMPLE", "LR_TOO_LOW", "VANISHING_GRAD",  "CONVERGED_NOISE_FLOOR", "PLATEAU_NEEDS_DECAY", "SADDLE",
    "SATURATED",        "INIT_SCALE", "NOISE_DOMINATED", "BAD_INITIAL_LOSS",      "CLASS_IMBALANCE",     NULL};

const as_rule as_rule_double_softmax = {
    .code = "DOUBLE_SOFTMAX",
    .help = "a softmax or sigmoid right before cross_entropy or bce, which have one of their own",
    .source = "the graph; the lowest loss is ln(e + K - 1) - 1",
    .evidence = "the graph of the network",
    .cure = "leave the last softmax or sigmoid out",
    .explains = explains,
    .network = true,
    .judge = judge,
};
