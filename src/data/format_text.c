/* Text (UTF-8), plain or gzip-packed: one sequence of tokens, of which a row is a window of `context`, and its labels
   the same moved on by one: the next tokens. A rank keeps the tokens of its rows once, however much windows overlap. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/utf8.h"
#include "data/format.h"
#include "data/stored_tokenizer.h"
#include "io/stream.h"

enum { TOKENS_BYTES, TOKENS_BPE };

typedef struct options {
    const char *file, *separator, *tokens_from;
    int tokens;
    int64_t vocabulary, context, stride;
    double from, to;
} options;

static const char *const token_choices[] = {[TOKENS_BYTES] = "bytes", [TOKENS_BPE] = "bpe", NULL};

static const as_field fields[] = {
    {.name = "file",
     .type = AS_FIELD_TEXT,
     .offset = offsetof(options, file),
     .help = "file of UTF-8 text, plain or .gz"},
    {.name = "context",
     .type = AS_FIELD_INT,
     .offset = offsetof(options, context),
     .standard = "256",
     .min = 1,
     .max = 1 << 20,
     .unit = "tokens",
     .help = "length of a sample; its labels are the tokens that come next"},
    {.name = "stride",
     .type = AS_FIELD_INT,
     .offset = offsetof(options, stride),
     .standard = "0",
     .min = 0,
     .max = 1 << 20,
     .unit = "tokens",
     .help = "distance from one sample to the next; 0: context"},
    {.name = "tokens",
     .type = AS_FIELD_CHOICE,
     .offset = offsetof(options, tokens),
     .standard = "bytes",
     .choices = token_choices,
     .help = "bytes, or bpe: pairs merged by how often they stand in the training text"},
    {.name = "vocabulary",
     .type = AS_FIELD_INT,
     .offset = offsetof(options, vocabulary),
     .standard = "1024",
     .min = AS_BYTES + 1,
     .max = AS_VOCABULARY_MAX,
     .unit = "tokens",
     .help = "number of tokens of bpe, with the 256 bytes and the separator"},
    {.name = "separator",
     .type = AS_FIELD_TEXT,
     .offset = offsetof(options, separator),
     .standard = "",
     .help = "text between documents, such as \"\\n\\n\"; each is one token of its own"},
    {.name = "tokens_from",
     .type = AS_FIELD_TEXT,
     .offset = offsetof(options, tokens_from),
     .standard = "",
     .help = "run or checkpoint whose tokens the text is read with, to go on from its weights; tokens, vocabulary and "
             "separator "
             "are not heeded then"},
    {.name = "from",
     .type = AS_FIELD_REAL,
     .offset = offsetof(options, from),
     .standard = "0",
     .min = 0,
     .max = 1,
     .help = "where in the file the text begins, as a share of its bytes"},
    {.name = "to",
     .type = AS_FIELD_REAL,
     .offset = offsetof(options, to),
     .standard = "1",
     .min = 0,
     .max = 1,
     .help = "where in the file the text ends"},
    AS_FIELDS_END,
};

struct as_format_file {
    as_stream *stream;
    as_tokenizer *tokenizer;
    const uint8_t *token; /* (count) of as_tokenizer_type */
    void *own;            /* owner of token; NULL: they are the bytes of the stream */
    size_t token_bytes;
    int64_t count, context, stride;
};

/* The bytes of the text that was asked for, cut between characters. */
static as_status find_text(as_format_file *file, const options *o, const uint8_t **text, int64_t *n)
{
    const uint8_t *content;
    int64_t bytes;
    AS_TRY(as_stream_open(o->file, &file->stream));
    AS_TRY(as_stream_content(file->stream, &content, &bytes));
    const int64_t valid = as_utf8_valid(content, bytes);
    if (valid < bytes) {
        AS_FAIL(AS_DATA, "%s: not UTF-8 at byte %lld (0x%02X)", o->file, (long long)valid, (unsigned)content[valid]);
    }
    if (!(o->from < o->to)) {
        AS_FAIL(AS_CONFIG, "%s: expected `from` below `to`, found %g and %g", o->file, o->from, o->to);
    }
    const int64_t first = as_utf8_boundary(content, bytes, (int64_t)(o->from * (double)bytes));
    const int64_t end = o->to < 1 ? as_utf8_boundary(content, bytes, (int64_t)(o->to * (double)bytes)) : bytes;
    *text = content + first;
    *n = end - first;
    return AS_OK;
}

static as_status make_tokens(as_format_file *file, const options *o, const as_tokenizer *known, const uint8_t *text,
                             int64_t n)
{
    const int64_t vocabulary = o->tokens == TOKENS_BPE ? o->vocabulary : 0;
    if (known != NULL) {
        AS_TRY(as_tokenizer_copy(known, &file->tokenizer));
    } else if (o->tokens_from != NULL) {
        const as_status status = as_stored_tokenizer_open(o->tokens_from, &file->tokenizer);
        if (status != AS_OK) {
            return as_error_prefix(status, "tokens_from");
        }
    } else {
        AS_TRY(as_tokenizer_train(text, n, vocabulary, o->separator, &file->tokenizer));
    }
    file->token_bytes = as_dtype_bytes(as_tokenizer_type(file->tokenizer));
    if (as_tokenizer_vocabulary(file->tokenizer) == AS_BYTES) {
        file->token = text;
        file->count = n;
        return AS_OK;
    }
    AS_TRY(as_tokenizer_encode(file->tokenizer, text, n, &file->own, &file->count));
    file->token = file->own;
    return AS_OK;
}

static as_status describe(const as_format_file *file, const options *o, as_column column[AS_PARTS])
{
    const int64_t length = o->context + 1;
    if (file->count < length) {
        AS_FAIL(AS_DATA, "%s: expected at least %lld tokens (context: %lld and one), found %lld", o->file,
                (long long)length, (long long)o->context, (long long)file->count);
    }
    for (int part = AS_PART_X; part <= AS_PART_Y; part++) {
        column[part] = (as_column){
            .present = true,
            .rows = (file->count - length) / file->stride + 1,
            .shape = {.rank = 1, .dim = {o->context}},
            .type = as_tokenizer_type(file->tokenizer),
            .full_scale = 1.0,
            .step = file->stride,
            .reach = length,
            .ahead = part == AS_PART_Y,
            .tokenizer = file->tokenizer,
        };
        snprintf(column[part].place, sizeof column[part].place, "%s%s", o->file, part == AS_PART_Y ? " (labels)" : "");
    }
    return AS_OK;
}

static void close_text(as_format_file **file)
{
    if (*file == NULL) {
        return;
    }
    as_stream_close(&(*file)->stream);
    as_tokenizer_destroy(&(*file)->tokenizer);
    free((*file)->own);
    free(*file);
    *file = NULL;
}

static as_status open_text(const void *opaque, const as_known *known, as_format_file **out, as_column column[AS_PARTS])
{
    const options *o = opaque;
    const uint8_t *text = NULL;
    int64_t n = 0;
    as_format_file *file = calloc(1, sizeof *file);
    if (file == NULL) {
        AS_FAIL(AS_NOMEM, "%s: out of memory for opening it", o->file);
    }
    memset(column, 0, AS_PARTS * sizeof *column);
    file->context = o->context;
    file->stride = o->stride > 0 ? o->stride : o->context;
    as_status status = find_text(file, o, &text, &n);
    if (status == AS_OK) {
        status = make_tokens(file, o, known == NULL ? NULL : known->tokenizer, text, n);
    }
    if (status == AS_OK) {
        status = describe(file, o, column);
    }
    if (status != AS_OK) {
        close_text(&file);
        return status;
    }
    *out = file;
    return AS_OK;
}

static as_status read_windows(as_format_file *file, as_part part, int64_t first, int64_t count, void *data)
{
    const size_t bytes = (size_t)file->context * file->token_bytes;
    for (int64_t i = 0; i < count; i++) {
        const int64_t at = (first + i) * file->stride + (part == AS_PART_Y);
        memcpy((uint8_t *)data + (size_t)i * bytes, file->token + (size_t)at * file->token_bytes, bytes);
    }
    return AS_OK;
}

static void inputs_only(void *opaque, const void *like)
{
    options *o = opaque;
    const options *training = like;
    o->context = training != NULL ? training->context : o->context;
    o->stride = training != NULL ? training->stride : o->stride;
}

static int64_t positions(const void *opaque)
{
    return ((const options *)opaque)->context;
}

const as_format_ops as_format_text = {
    .name = "text",
    .help = "windows over the tokens of a UTF-8 text",
    .fields = fields,
    .options_bytes = sizeof(options),
    .open = open_text,
    .read = read_windows,
    .close = close_text,
    .inputs = inputs_only,
    .positions = positions,
};
