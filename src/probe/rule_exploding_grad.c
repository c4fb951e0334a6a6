/* EXPLODING_GRAD: a signal that grows from layer to layer. */
#include <math.h>
#include <stddef.h>

#include "kernels/scalar_math.h"
#include "probe/remedy.h"

static const double ratio_limit = 70, loss_limit = 10;

static as_verdict judge(const as_case *c, as_finding *f)
{
    const char *first = "", *last = "";
    if (!c->start.measured) {
        return as_not_judged(f, "no network");
    }
    const double ratio = as_case_backward_ratio(c, &first, &last);
    const double loss = c->start.finite ? as_case_first_loss(c) : (double)INFINITY;
    const double even = c->classifies && c->train.classes > 1 ? as_log_f64((double)c->train.classes) : c->chance;
    const double share =
        loss / (even > c->chance ? even : c->chance) / as_case_input_size(c); /* outputs are as large as inputs */
    const bool high = c->classifies && c->chance > 0 && share > loss_limit,
               learnt = c->trained && as_case_learnt(c) > 0.9 &&
                        !(c->held_out.rows > 0 && c->held_out.loss > c->chance); /* large weights know rows by heart */
    as_json_real(&f->evidence, "backward_ratio", ratio);
    as_json_real(&f->evidence, "initial_loss", loss);
    as_json_real(&f->evidence, "chance", c->chance);
    if (learnt || (c->start.finite && !(ratio > ratio_limit) && !high)) {
        return AS_CLEAR;
    }
    if (!as_remedy_init(c, f)) {
        as_advice(f, "let the kinds of layers choose the initial weights (init: auto, no init_scale), or add norms "
                     "(layer_norm)");
    }
    if (!c->start.finite) {
        return as_found(f, AS_FAULT, "loss or gradient at the start is not finite");
    }
    if (ratio > ratio_limit) {
        return as_found(
            f, AS_FAULT,
            "the gradient grows %.3g times on its way from layer %s back to layer %s (limit %.0f); the loss "
            "starts at %.3g where chance is %.3g",
            ratio, last, first, ratio_limit, loss, c->chance);
    }
    return as_found(f, AS_FAULT, "the loss starts at %.3g, %.3g times that of chance, %.3g (limit %.0f times)", loss,
                    share, c->chance, loss_limit);
}

static const char *const explains[] = {"BAD_INITIAL_LOSS",
                                       "LR_TOO_HIGH",
                                       "SATURATED",
                                       "DEAD_RELU",
                                       "NOISE_DOMINATED",
                                       "PLATEAU_NEEDS_DECAY",
                                       "MODEL_TOO_SIMPLE",
                                       "SADDLE",
                                       "CONVERGED_NOISE_FLOOR",
                                       "CLASS_IMBALANCE",
                                       "BATCH_TOO_LARGE",
                                       "LR_TOO_LOW",
                                       "OVERFIT",
                                       NULL};

const as_rule as_rule_exploding_grad = {
    .code = "EXPLODING_GRAD",
    .help = "initial loss over 10 times chance (labels), or norm of the gradient at the first layer over 70 times that "
            "of the last",
    .source = "he and glorot keep the signal; AutoTrainer takes 70",
    .evidence = "loss and backward signals of up to 1024 rows at the start, in double",
    .cure = "init: auto, or norms between layers",
    .explains = explains,
    .network = true,
    .judge = judge,
};
