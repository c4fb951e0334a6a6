/* AdamW (Loshchilov and Hutter, ICLR 2019, algorithm 2) in PyTorch's form: Adam whose weight decay shrinks the weights
   by lr * weight_decay beside the step. See adam.h. */
#include "nn/adam.h"

static void step(const as_optimizer_pass *pass)
{
    as_adam_step(pass, 0, 1 - pass->lr * pass->weight_decay);
}

const as_optimizer_ops AS_V(as_optimizer_adamw) = {
    .name = "adamw",
    .help = "Adam with weight decay beside the step, proportional to the learning rate.",
    .formula = "w = (1 - lr weight_decay) w - lr m' / (sqrt(v') + eps)",
    .fields = as_adam_fields,
    .options_bytes = sizeof(as_adam_options),
    .slots = as_adam_slots,
    .begin = as_adam_begin,
    .step = step,
    .decoupled = true,
    .stability = as_adam_stability,
};
