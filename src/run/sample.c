/* Temperature, top-k (Fan, Lewis, Dauphin, ACL 2018) and nucleus or top-p sampling (Holtzman et al., ICLR 2020), in
   double. A token belongs to seed and index: it is the same for any ranks and threads, and generating more of them
   changes none. Every rank computes the same. */
#include "run/sample.h"

#include <math.h>
#include <stdlib.h>

#include "base/error.h"
#include "base/rng.h"
#include "kernels/scalar_math.h"

static int by_falling_value(const void *a, const void *b)
{
    const as_sample_choice *x = a, *y = b;
    if (x->value != y->value) {
        return x->value > y->value ? -1 : 1;
    }
    return x->token < y->token ? -1 : 1;
}

int64_t as_sample_draw(const as_sample_options *options, int64_t index, int64_t n, const double *logits,
                       as_sample_choice *work)
{
    for (int64_t i = 0; i < n; i++) {
        if (!isfinite(logits[i])) {
            return -1;
        }
        work[i] = (as_sample_choice){.value = logits[i], .token = i};
    }
    qsort(work, (size_t)n, sizeof *work, by_falling_value);
    if (options->temperature == 0) {
        return work[0].token;
    }
    const int64_t most = options->top_k > 0 && options->top_k < n ? options->top_k : n;
    const double largest = work[0].value;
    double all = 0, sum = 0;
    for (int64_t i = 0; i < most; i++) {
        work[i].value = as_exp_f64((work[i].value - largest) / options->temperature);
        all += work[i].value;
    }
    int64_t kept = 0;
    while (kept < most && (kept == 0 || sum < options->top_p * all)) {
        sum += work[kept++].value;
    }
    uint32_t word[4];
    as_rng_words(options->seed, AS_RNG_SAMPLE, 0, 0, (uint64_t)index, word);
    const double u = as_rng_uniform_f64(word[0], word[1]) * sum;
    int64_t i = 0;
    for (double below = work[0].value; i + 1 < kept && below <= u; below += work[i].value) {
        i++;
    }
    return work[i].token;
}

/* A sequence on its way. */
typedef struct sampling {
    as_estimator *estimator;
    as_sequence_facts facts;
    int64_t n, done; /* tokens; those that the model has seen */
    int64_t inside;  /* tokens that are in its window */
    int32_t *token;  /* (prompt and length) */
    double *logits;
    as_sample_choice *work;
} sampling;

static as_status read_prompt(const as_model_file *model, const char *prompt, int64_t size, int64_t length, sampling *s)
{
    const as_tokenizer *tokenizer = model->facts.tokenizer;
    void *tokens = NULL;
    int64_t n = 0;
    AS_TRY(as_tokenizer_encode(tokenizer, (const uint8_t *)prompt, size, &tokens, &n));
    s->token = malloc((size_t)(n + length) * sizeof *s->token);
    s->logits = malloc((size_t)s->facts.classes * sizeof *s->logits);
    s->work = malloc((size_t)s->facts.classes * sizeof *s->work);
    if (s->token == NULL || s->logits == NULL || s->work == NULL) {
        free(tokens);
        AS_FAIL(AS_NOMEM, "out of memory for a text of %lld tokens", (long long)(n + length));
    }
    for (s->n = 0; s->n < n; s->n++) {
        s->token[s->n] =
            as_tokenizer_type(tokenizer) == AS_U8 ? ((const uint8_t *)tokens)[s->n] : ((const uint16_t *)tokens)[s->n];
    }
    free(tokens);
    return AS_OK;
}

/* Shows the model what it has not seen, and from the past as much as fits. */
static void look(sampling *s)
{
    const int64_t fresh = s->n - s->done, context = s->facts.context;
    bool anew = s->done == 0;
    int64_t from = s->done;
    if (!s->facts.carries && s->inside + fresh > context) {
        const int64_t most = anew ? context : context / 2 > 0 ? context / 2 : 1;
        from = s->n > most ? s->n - most : 0;
        anew = true;
    }
    s->estimator->ops->extend(s->estimator, anew, s->n - from, s->token + from, s->logits);
    s->inside = anew ? s->n - from : s->inside + fresh;
    s->done = s->n;
}

static as_status generate(const as_model_file *model, const as_sample_options *options, int64_t length,
                          as_status (*emit)(void *argument, const uint8_t *bytes, int64_t n), void *argument,
                          sampling *s)
{
    for (int64_t i = 0; i < length; i++) {
        look(s);
        const int64_t token = as_sample_draw(options, i, s->facts.classes, s->logits, s->work);
        if (token < 0) {
            AS_FAIL(AS_DIVERGED, "%s: outputs for token %lld of the text are not finite", model->path, (long long)s->n);
        }
        int64_t bytes = 0;
        const uint8_t *text = as_tokenizer_bytes(model->facts.tokenizer, token, &bytes);
        s->token[s->n++] = (int32_t)token;
        AS_TRY(emit(argument, text, bytes));
    }
    return AS_OK;
}

as_status as_sample_text(const as_model_file *model, const as_sample_options *options, const char *prompt,
                         int64_t prompt_size, int64_t length,
                         as_status (*emit)(void *argument, const uint8_t *bytes, int64_t n), void *argument)
{
    sampling s = {.estimator = model->estimator};
    if (model->facts.tokenizer == NULL || model->estimator->ops->begin == NULL) {
        AS_FAIL(AS_CONFIG, "%s: expected a model of text (data.train.format: text), found one without tokens",
                model->path);
    }
    AS_TRY(model->estimator->ops->begin(model->estimator, &s.facts));
    if (s.facts.classes != as_tokenizer_vocabulary(model->facts.tokenizer)) {
        AS_FAIL(AS_DATA, "%s: %lld outputs, but a vocabulary of %lld tokens", model->path, (long long)s.facts.classes,
                (long long)as_tokenizer_vocabulary(model->facts.tokenizer));
    }
    as_status status = read_prompt(model, prompt, prompt_size, length, &s);
    if (status == AS_OK) {
        status = generate(model, options, length, emit, argument, &s);
    }
    free(s.token);
    free(s.logits);
    free(s.work);
    return status;
}
