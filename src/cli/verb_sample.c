/* allsum sample RUN|CHECKPOINT: text of a model of tokens, from a beginning that is given. */
#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "base/utf8.h"
#include "cli/model_verb.h"
#include "io/stream.h"
#include "run/sample.h"

enum { LENGTH_MAX = 1 << 24, PIECE = 1 << 12 };

/* Bytes on their way to stdout: characters come in several tokens. */
typedef struct printer {
    bool prints;          /* rank 0 */
    const uint8_t *first; /* what comes before all: printed once the model has shown that it goes on */
    int64_t nfirst;
    int64_t n;
    uint8_t bytes[PIECE];
} printer;

static as_status print_piece(printer *p, int last)
{
    uint8_t clean[3 * PIECE];
    int64_t size = 0;
    const int64_t used = as_utf8_clean(p->bytes, p->n, last, clean, &size);
    p->n -= used;
    memmove(p->bytes, p->bytes + used, (size_t)p->n);
    if (p->prints && (fwrite(clean, 1, (size_t)size, stdout) != (size_t)size || fflush(stdout) != 0)) {
        AS_FAIL(AS_IO, "stdout: cannot write the text");
    }
    return AS_OK;
}

static as_status print_bytes(void *argument, const uint8_t *bytes, int64_t n)
{
    printer *p = argument;
    if (p->nfirst > 0) {
        const int64_t first = p->nfirst;
        p->nfirst = 0;
        AS_TRY(print_bytes(p, p->first, first));
    }
    while (n > 0) {
        const int64_t here = n < PIECE - p->n ? n : PIECE - p->n;
        memcpy(p->bytes + p->n, bytes, (size_t)here);
        p->n += here;
        bytes += here;
        n -= here;
        AS_TRY(print_piece(p, 0));
    }
    return AS_OK;
}

/* The beginning: --prompt, or the content of --prompt-file. */
static as_status find_prompt(const as_context *context, as_stream **file, const uint8_t **text, int64_t *size)
{
    const char *given = as_option_get(context, "prompt"), *path = as_option_get(context, "prompt-file");
    if ((given == NULL) == (path == NULL)) {
        AS_FAIL(AS_USAGE, "sample: --prompt TEXT or --prompt-file FILE is needed, one of them");
    }
    *text = (const uint8_t *)given;
    *size = given == NULL ? 0 : (int64_t)strlen(given);
    if (path != NULL) {
        AS_TRY(as_stream_open(path, file));
        AS_TRY(as_stream_content(*file, text, size));
    }
    const char *what = path != NULL ? path : "--prompt";
    if (*size == 0) {
        AS_FAIL(AS_USAGE, "%s: empty; expected at least one character to go on from", what);
    }
    const int64_t bad = as_utf8_valid(*text, *size);
    if (bad < *size) {
        AS_FAIL(AS_DATA, "%s: not UTF-8 at byte %lld (0x%02X)", what, (long long)bad, (unsigned)(*text)[bad]);
    }
    return AS_OK;
}

static as_status read_options(const as_context *context, as_sample_options *out, int64_t *length)
{
    int64_t seed = 1;
    *out = (as_sample_options){.temperature = 1, .top_p = 1};
    AS_TRY(as_option_int(context, "length", 1, LENGTH_MAX, length));
    AS_TRY(as_option_real(context, "temperature", 0, 1e6, &out->temperature));
    AS_TRY(as_option_int(context, "top-k", 1, INT32_MAX, &out->top_k));
    AS_TRY(as_option_real(context, "top-p", 0, 1, &out->top_p));
    AS_TRY(as_option_int(context, "seed", 0, INT64_MAX, &seed));
    if (!(out->top_p > 0)) {
        AS_FAIL(AS_USAGE, "--top-p: expected a probability above 0, at most 1, found %s",
                as_option_get(context, "top-p"));
    }
    out->seed = (uint64_t)seed;
    return AS_OK;
}

static as_status sample(const as_context *context, const as_model_file *model)
{
    as_sample_options options;
    as_stream *file = NULL;
    const uint8_t *text = NULL;
    int64_t size = 0, length = 256;
    printer p = {.prints = as_world_rank(model->world) == 0};
    AS_TRY(read_options(context, &options, &length));
    as_status status = as_world_agree(model->world, find_prompt(context, &file, &text, &size));
    p.first = text;
    p.nfirst = as_option_get(context, "continue") == NULL ? size : 0;
    if (status == AS_OK) {
        status = as_sample_text(model, &options, (const char *)text, size, length, print_bytes, &p);
    }
    if (status == AS_OK) {
        status = print_piece(&p, 1);
    }
    if (status == AS_OK && p.prints) {
        printf("\n");
    }
    as_stream_close(&file);
    return as_world_agree(model->world, status);
}

/* Bad options are named before a model is read. */
static as_status run(as_context *context)
{
    as_sample_options options;
    int64_t length = 1;
    AS_TRY(read_options(context, &options, &length));
    return as_model_verb(context, context->argument[0], sample);
}

static const as_option options[] = {
    {.name = "prompt", .letter = 'p', .value = "TEXT", .help = "what the text begins with"},
    {.name = "prompt-file", .value = "FILE", .help = "the same from a file, plain or .gz"},
    {.name = "length", .letter = 'n', .value = "N", .help = "tokens to generate (default: 256)"},
    {.name = "temperature", .value = "T", .help = "logits are divided by it (default: 1; 0: the most likely token)"},
    {.name = "top-k", .value = "K", .help = "only the K most likely tokens (default: all)"},
    {.name = "top-p",
     .value = "P",
     .help = "only the most likely tokens that together reach probability P (default: 1)"},
    {.name = "seed", .value = "S", .help = "another seed gives another text (default: 1)"},
    {.name = "continue", .help = "print what follows the prompt, without it"},
    AS_OPTION_SET,
    AS_OPTION_THREADS,
    AS_OPTIONS_END,
};

const as_verb as_verb_sample = {
    .name = "sample",
    .arguments = "RUN|CHECKPOINT",
    .summary = "Text that a model of tokens writes",
    .details =
        "  allsum sample runs/bible-gpt --prompt 'In the beginning' --length 400 --temperature 0.8 --top-p 0.95\n"
        "The text is a function of model, prompt and options; ranks and threads do not change it. Each token costs "
        "one\n"
        "pass of one position: keys and values of attention and the states of lstm and gru are kept. Where the context "
        "is\n"
        "full, a model with attention or positions reads the last half of it again, which doubles the cost at most; a\n"
        "model with a state alone goes on.\n",
    .options = options,
    .min_arguments = 1,
    .max_arguments = 1,
    .computes = true,
    .run = run,
};
