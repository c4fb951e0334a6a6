/* Perplexity and bits for each byte of models of tokens, from the probability p of each label under the softmax of the
   outputs, without label smoothing: exp and log2 of the same mean,
     perplexity = exp(-sum w log p / sum w),   bits_per_byte = -sum w log2 p / (sum w x bytes of a label)
   with the bytes of text that a label stands for on average over the data set. Bits for each byte compare models with
   different tokens, and models with programs that pack files. Sums of a row: 16 accumulators (kernels/rowwise.h);
   state:
   (-sum w log p, sum w). */
#include "kernels/rowwise.h"
#include "kernels/scalar_math.h"
#include "nn/metric.h"

static void rows(const as_metric_pass *pass, int64_t classes, double *state)
{
    (void)classes;
    const real *z = pass->z;
    for (int64_t i = 0; i < pass->rows; i++, z += pass->ldz) {
        const real max = as_row_max(pass->outputs, z);
        const real sum = as_row_exp(pass->outputs, z, max, NULL);
        state[0] += pass->weight[i] * ((double)as_log(sum) - ((double)z[pass->label[i]] - (double)max));
        state[1] += pass->weight[i];
    }
}

static void finish(const as_metric_facts *facts, const double *state, struct as_text *text)
{
    char key[AS_METRIC_KEY];
    const double mean = state[0] / state[1];
    as_json_real(text, as_metric_key(facts, "perplexity", key), as_exp_f64(mean));
    as_json_real(text, as_metric_key(facts, "bits_per_byte", key), mean / (0x1.62e42fefa39efp-1 * facts->label_bytes));
}

const as_metric_ops AS_V(as_metric_likelihood) = {
    .name = "likelihood",
    .help = "Perplexity of tokens, and bits for each byte of their text.",
    .formula = "perplexity = exp(-mean log p), bits_per_byte = -mean log2 p / mean bytes of a token",
    .target = AS_TARGET_LABELS,
    .tokens = true,
    .rows = rows,
    .finish = finish,
};
