/* Mixes a sample with another one of its lane and batch, inputs and what is learnt (H. Zhang, M. Cisse, Y. N. Dauphin,
   D. Lopez-Paz, "mixup: Beyond empirical risk minimization", ICLR 2018):
     x = s x_i + (1 - s) x_j,   loss = s loss(y_i) + (1 - s) loss(y_j),   s of Beta(alpha, alpha)
   after all other changes, which both samples get as they would by themselves. j is the sample behind i in the lane's
   part of the batch (the first one behind the last), whose order is random; a lane of one sample is left as it is. What
   one sample alone can do of that is nothing: apply is empty, the rows are mixed where they are gathered. Instruments
   look at the samples without it. */
#include "data/augment.h"
#include "kernels/real.h"

static const as_field fields[] = {{.name = "alpha",
                                   .type = AS_FIELD_REAL,
                                   .offset = offsetof(as_augment_mixing, alpha),
                                   .standard = "0.2",
                                   .min = 0.01,
                                   .max = 2,
                                   .help = "of the Beta distribution of the share: small ones mix little, 1 evenly"},
                                  AS_FIELDS_END};

static void apply(const as_augment_pass *pass)
{
    (void)pass;
}

const as_augment_ops AS_V(as_augment_mixup) = {
    .name = "mixup",
    .help = "Mixes samples of a lane in pairs, inputs and losses alike.",
    .formula = "x = s x_i + (1 - s) x_j, loss = s loss(y_i) + (1 - s) loss(y_j), s of Beta(alpha, alpha)",
    .fields = fields,
    .options_bytes = sizeof(as_augment_mixing),
    .mixes = true,
    .apply = apply,
};
