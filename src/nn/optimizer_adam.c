/* Adam (Kingma and Ba, ICLR 2015, algorithm 1) in PyTorch's form, with AMSGrad (Reddi et al., ICLR 2018); weight decay
   is added to the gradient. See adam.h. */
#include "nn/adam.h"

static void step(const as_optimizer_pass *pass)
{
    as_adam_step(pass, pass->weight_decay, 1);
}

const as_optimizer_ops AS_V(as_optimizer_adam) = {
    .name = "adam",
    .help = "Adam: steps scaled by running moments of the gradient; weight decay is added to the gradient.",
    .formula = "m, v = moments of g and g^2; w = w - lr m' / (sqrt(v') + eps)",
    .fields = as_adam_fields,
    .options_bytes = sizeof(as_adam_options),
    .slots = as_adam_slots,
    .begin = as_adam_begin,
    .step = step,
    .stability = as_adam_stability,
};
