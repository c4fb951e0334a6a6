/* Text from a trained model of tokens: one token after the other, each drawn from what the model says comes next. */
#ifndef AS_RUN_SAMPLE_H
#define AS_RUN_SAMPLE_H

#include "run/model_file.h"

typedef struct as_sample_options {
    double temperature; /* >= 0: logits are divided by it; 0: always the most likely token */
    int64_t top_k;      /* only so many of the most likely tokens; 0: all */
    double top_p;       /* only the most likely tokens that together have this probability, in (0, 1] */
    uint64_t seed;
} as_sample_options;

/* A token and its share while one is drawn. */
typedef struct as_sample_choice {
    double value;
    int64_t token;
} as_sample_choice;

/* Not collective. Token number `index` of a sequence, a function of (options, index, logits) alone. With logits z over
   n tokens, in the order of falling z (of equals the smaller number first) and of those the first top_k:
     p_i = e^((z_i - z_1) / temperature) / sum,  as many as first reach top_p together,  the one where u sum p falls,
   u of Philox (seed, index). work: (n). Returns -1 where a logit is not finite. Cost: n log n. */
int64_t as_sample_draw(const as_sample_options *options, int64_t index, int64_t n, const double *logits,
                       as_sample_choice *work);

/* Collective; the same on all ranks. Continues `prompt` (bytes, prompt_size >= 1; the last `context` tokens are read)
   by `length` tokens and hands the bytes of each to emit. Where the context is full, a model with attention reads the
   last half of it again; one with a state alone goes on. Errors: CONFIG for a model that gives no next tokens;
   DIVERGED where its outputs are not finite; NOMEM; what emit returns. */
as_status as_sample_text(const as_model_file *model, const as_sample_options *options, const char *prompt,
                         int64_t prompt_size, int64_t length,
                         as_status (*emit)(void *argument, const uint8_t *bytes, int64_t n), void *argument);

#endif
