/* Merges are one array of pairs after another; as_tokenizer_create checks that they are merges. */
#include "data/stored_tokenizer.h"

#include <stdlib.h>

#include "base/error.h"
#include "io/commit.h"
#include "io/states.h"

as_status as_stored_tokenizer_read(const as_h5_contents *file, as_tokenizer **out)
{
    const as_h5_stored *item = as_h5_contents_find(file, "/data/merges");
    *out = NULL;
    if (item == NULL) {
        return AS_OK;
    }
    const int64_t count = as_h5_stored_count(item);
    if (item->text || item->type != AS_I32 || count % 2 != 0 || count > 2 * (int64_t)AS_VOCABULARY_MAX) {
        AS_FAIL(AS_DATA, "%s: /data/merges: expected pairs of int32, at most %d of them", file->path,
                (int)AS_VOCABULARY_MAX);
    }
    char *separator = NULL;
    int32_t *merge = malloc(((size_t)count + 1) * sizeof *merge);
    as_status status = merge != NULL ? AS_OK : as_error_set(AS_NOMEM, "%s: out of memory for merges", file->path);
    if (status == AS_OK && count > 0) {
        status = as_h5_contents_read(file, item, 0, count, merge);
    }
    if (status == AS_OK) {
        status = as_h5_contents_text(file, "/data/separator", &separator);
    }
    if (status == AS_OK) {
        status = as_tokenizer_create(count / 2, merge, separator, out);
        status = status == AS_OK ? status : as_error_prefix(status, "%s: /data/merges", file->path);
    }
    free(merge);
    free(separator);
    return status;
}

as_status as_stored_tokenizer_open(const char *path, as_tokenizer **out)
{
    char found[AS_PATH_MAX];
    const as_log quiet = {0};
    as_h5_contents *file = NULL;
    *out = NULL;
    AS_TRY(as_state_resolve(path, &quiet, found, sizeof found));
    as_status status = as_h5_contents_open(found, &file);
    status = status == AS_OK ? as_h5_contents_check(file, 0, 1) : status;
    status = status == AS_OK ? as_stored_tokenizer_read(file, out) : status;
    as_h5_contents_close(&file);
    if (status == AS_OK && *out == NULL) {
        AS_FAIL(AS_DATA, "%s: expected a checkpoint of a model of text, found one without tokens", found);
    }
    return status;
}

as_status as_stored_tokenizer_check(const as_h5_contents *file, const as_tokenizer *expected, const char *place)
{
    as_tokenizer *stored = NULL;
    AS_TRY(as_stored_tokenizer_read(file, &stored));
    const bool same = (stored == NULL) == (expected == NULL) && (stored == NULL || as_tokenizer_same(stored, expected));
    as_status status = AS_OK;
    if (!same) {
        status =
            as_error_set(AS_DATA,
                         "%s: /data/merges: a vocabulary of %lld tokens, but that of the training data (%s) is "
                         "another one, of %lld (data.train.tokens_from: a checkpoint reads a text with its tokens)",
                         file->path, (long long)(stored == NULL ? 0 : as_tokenizer_vocabulary(stored)), place,
                         (long long)(expected == NULL ? 0 : as_tokenizer_vocabulary(expected)));
    }
    as_tokenizer_destroy(&stored);
    return status;
}
