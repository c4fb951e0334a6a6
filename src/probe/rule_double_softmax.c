/* DOUBLE_SOFTMAX: outputs squeezed into (0, 1) or (-1, 1) before a loss that does so itself. */
#include <stddef.h>
#include <string.h>

#include "kernels/scalar_math.h"
#include "probe/graph.h"
#include "probe/rule.h"

/* Of the interval that the outputs are in; 0: not bounded. */
static double width_of(const char *activation)
{
    const bool one = strcmp(activation, "softmax") == 0 || strcmp(activation, "sigmoid") == 0;
    return one ? 1 : strcmp(activation, "tanh") == 0 ? 2 : 0;
}

static as_verdict judge(const as_case *c, as_finding *f)
{
    if (c->network == NULL) {
        return as_not_judged(f, "no network");
    }
    const as_model *model = &c->network->model;
    const as_layer *last = as_graph_last(model);
    const char *loss = model->head[0].loss->name, *activation = last == NULL ? "none" : as_graph_activation(last);
    const double width = width_of(activation);
    if (!(width > 0) || (strcmp(loss, "cross_entropy") != 0 && strcmp(loss, "bce") != 0)) {
        return AS_CLEAR;
    }
    const double classes = (double)model->head[0].outputs;
    const bool bce = strcmp(loss, "bce") == 0;
    const double lowest = as_log1p_f64((bce ? 1 : classes - 1) * as_exp_f64(bce ? -1 : -width));
    as_json_text(&f->evidence, "layer", last->name);
    as_json_text(&f->evidence, "activation", activation);
    as_json_real(&f->evidence, "lowest_loss", lowest);
    as_advice(f, "end the network with the numbers that %s gets: leave %s out (predictions are probabilities anyway)",
              last->name, activation);
    return as_found(
        f, AS_FAULT,
        "layer %s ends in %s, whose outputs differ by %.0f at most, and %s takes a softmax or sigmoid of its own: no "
        "loss under %.3g can be reached (limit 0), and gradients are small",
        last->name, activation, width, loss, lowest);
}

static const char *const explains[] = {
    "MODEL_TOO_SIMPLE", "LR_TOO_LOW", "VANISHING_GRAD",  "CONVERGED_NOISE_FLOOR", "PLATEAU_NEEDS_DECAY", "SADDLE",
    "SATURATED",        "INIT_SCALE", "NOISE_DOMINATED", "BAD_INITIAL_LOSS",      "CLASS_IMBALANCE",     NULL};

const as_rule as_rule_double_softmax = {
    .code = "DOUBLE_SOFTMAX",
    .help = "a softmax, sigmoid or tanh right before cross_entropy or bce, which have a softmax of their own",
    .source = "the graph; outputs in an interval of width a: the lowest loss is ln(1 + (K - 1) / e^a)",
    .evidence = "the graph of the network",
    .cure = "leave the last activation out",
    .explains = explains,
    .network = true,
    .judge = judge,
};
