/* The list behind an HDF5 file: one fact per line, fixed grammar, written and read here only.

     allsum contents 1
     bytes <length of the HDF5 file>
     block 4194304
     attribute int <name> <value>
     attribute text <name> <text to the end of the line>
     dataset <type> <shape> <offset> <bytes> <name>
     hash <SHA-256 of the next block, 64 digits>
     end <SHA-256 of all lines before> <length of the list with this line, 16 digits>

   The last line has a fixed length, so it is found from the end of the file. It is made again from what was read and
   compared byte by byte: no bit of the file may change unseen. */
#include "io/h5_contents.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/error.h"
#include "base/hash.h"
#include "io/commit.h"
#include "io/h5_memory.h"

enum { END_BYTES = 4 + 64 + 1 + 16 + 1, HASH_BYTES = 5 + 64 + 1, LIST_MAX = 1 << 30 };

static const char first_line[] = "allsum contents 1\n";

/* Writing. */

static bool fits_line(const char *text, bool spaces)
{
    return text[strcspn(text, spaces ? "\n" : " \n")] == '\0';
}

as_status as_h5_contents_list(int64_t bytes, int nattributes, const as_h5_attribute *attribute, int nitems,
                              const as_h5_item *item, const int64_t *offset, as_text *text)
{
    as_text_add(text, "%sbytes %lld\nblock %d\n", first_line, (long long)bytes, AS_H5_BLOCK);
    for (int i = 0; i < nattributes; i++) {
        const as_h5_attribute *a = &attribute[i];
        if (!fits_line(a->name, false) || (a->text != NULL && !fits_line(a->text, true))) {
            AS_FAIL(AS_INTERNAL, "attribute %s: name or text does not fit on a line", a->name);
        }
        if (a->text != NULL) {
            as_text_add(text, "attribute text %s %s\n", a->name, a->text);
        } else {
            as_text_add(text, "attribute int %s %lld\n", a->name, (long long)a->value);
        }
    }
    for (int i = 0; i < nitems; i++) {
        const int rank = item[i].text != NULL ? 0 : item[i].rank;
        if (!fits_line(item[i].name, false) || rank > AS_H5_RANK_MAX) {
            AS_FAIL(AS_INTERNAL, "dataset %s: name with a space, or more than %d axes", item[i].name, AS_H5_RANK_MAX);
        }
        as_text_add(text, "dataset %s ", item[i].text != NULL ? "text" : as_dtype_name(item[i].type));
        for (int axis = 0; axis < rank; axis++) {
            as_text_add(text, axis == 0 ? "%lld" : "x%lld", (long long)item[i].dim[axis]);
        }
        as_text_add(text, "%s %lld %lld %s\n", rank == 0 ? "scalar" : "", (long long)offset[i],
                    (long long)as_h5_item_bytes(&item[i]), item[i].name);
    }
    return AS_OK;
}

static int64_t blocks_of(int64_t bytes)
{
    return (bytes + AS_H5_BLOCK - 1) / AS_H5_BLOCK;
}

int64_t as_h5_contents_size(int64_t bytes, size_t list_size)
{
    return (int64_t)list_size + blocks_of(bytes) * HASH_BYTES + END_BYTES;
}

void as_h5_contents_hash(as_text *text, const uint8_t hash[32])
{
    char digits[65];
    as_text_add(text, "hash %s\n", as_sha256_text(hash, digits));
}

static void end_line(const char *list, size_t bytes, uint8_t digest[32], char line[END_BYTES + 1])
{
    as_sha256 hash;
    char digits[65];
    as_sha256_begin(&hash);
    as_sha256_add(&hash, list, bytes);
    as_sha256_end(&hash, digest);
    snprintf(line, END_BYTES + 1, "end %s %016llu\n", as_sha256_text(digest, digits),
             (unsigned long long)(bytes + END_BYTES) % 10000000000000000ULL);
}

void as_h5_contents_end(as_text *text, uint8_t digest[32])
{
    char line[END_BYTES + 1];
    end_line(text->data, text->size, digest, line);
    as_text_add(text, "%s", line);
}

/* Reading. */

void as_h5_contents_close(as_h5_contents **contents)
{
    as_h5_contents *c = *contents;
    if (c == NULL) {
        return;
    }
    if (c->descriptor >= 0) {
        close(c->descriptor);
    }
    free(c->path);
    free(c->attribute);
    free(c->item);
    free(c->hash);
    free(c->text);
    free(c);
    *contents = NULL;
}

/* Cuts the next word (up to a space) from *line. NULL when there is none. */
static char *next_word(char **line)
{
    char *word = *line;
    char *space = strchr(word, ' ');
    if (space == NULL || space == word) {
        return NULL;
    }
    *space = '\0';
    *line = space + 1;
    return word;
}

static bool parse_int(const char *word, int64_t *out)
{
    char *end = NULL;
    if (word == NULL || word[0] == '\0' || word[0] == ' ') {
        return false;
    }
    errno = 0;
    *out = strtoll(word, &end, 10);
    return errno == 0 && *end == '\0';
}

static bool parse_type(const char *word, as_h5_stored *item)
{
    item->text = strcmp(word, "text") == 0;
    for (int type = AS_U8; type <= AS_F64; type++) {
        if (strcmp(word, as_dtype_name((as_dtype)type)) == 0) {
            item->type = (as_dtype)type;
            return true;
        }
    }
    return item->text;
}

static bool parse_shape(char *word, as_h5_stored *item)
{
    if (strcmp(word, "scalar") == 0) {
        return true;
    }
    for (char *next = word; next != NULL;) {
        char *cross = strchr(next, 'x');
        if (cross != NULL) {
            *cross = '\0';
        }
        if (item->rank == AS_H5_RANK_MAX || !parse_int(next, &item->dim[item->rank]) || item->dim[item->rank] < 0) {
            return false;
        }
        item->rank++;
        next = cross == NULL ? NULL : cross + 1;
    }
    return true;
}

int64_t as_h5_stored_count(const as_h5_stored *item)
{
    return as_h5_item_count(&(as_h5_item){.rank = item->rank, .dim = item->dim});
}

static bool parse_dataset(as_h5_contents *c, char *line)
{
    as_h5_stored *item = &c->item[c->nitems++];
    *item = (as_h5_stored){.offset = -1};
    char *type = next_word(&line), *shape = type == NULL ? NULL : next_word(&line);
    const char *offset = shape == NULL ? NULL : next_word(&line);
    const char *bytes = offset == NULL ? NULL : next_word(&line);
    item->name = line;
    if (bytes == NULL || !parse_type(type, item) || !parse_shape(shape, item) || !parse_int(offset, &item->offset) ||
        !parse_int(bytes, &item->bytes) || line[0] != '/') {
        return false;
    }
    const int64_t count = as_h5_stored_count(item);
    const int64_t need = item->text ? item->bytes : count * (int64_t)as_dtype_bytes(item->type);
    if (count < 0 || item->bytes != need || item->bytes < 0) {
        return false;
    }
    return item->bytes == 0 ? item->offset == -1
                            : item->offset >= 0 && item->bytes <= c->bytes && item->offset <= c->bytes - item->bytes;
}

static bool parse_attribute(as_h5_contents *c, char *line)
{
    as_h5_attribute *a = &c->attribute[c->nattributes++];
    *a = (as_h5_attribute){0};
    const char *kind = next_word(&line);
    a->name = kind == NULL ? NULL : next_word(&line);
    if (a->name == NULL) {
        return false;
    }
    if (strcmp(kind, "text") == 0) {
        a->text = line;
        return true;
    }
    return strcmp(kind, "int") == 0 && parse_int(line, &a->value);
}

static bool parse_line(as_h5_contents *c, char *line, int number)
{
    int64_t value = 0;
    char *rest = line;
    const char *word = next_word(&rest);
    if (number == 0) {
        return strcmp(rest, "contents 1") == 0 && word != NULL && strcmp(word, "allsum") == 0;
    }
    if (word == NULL) {
        return false;
    }
    if (number == 1) {
        return strcmp(word, "bytes") == 0 && parse_int(rest, &c->bytes) && c->bytes > 0 && c->bytes <= c->total;
    }
    if (number == 2) {
        return strcmp(word, "block") == 0 && parse_int(rest, &value) && value == AS_H5_BLOCK;
    }
    if (strcmp(word, "attribute") == 0) {
        return parse_attribute(c, rest);
    }
    if (strcmp(word, "dataset") == 0) {
        return parse_dataset(c, rest);
    }
    if (strcmp(word, "hash") == 0 && strlen(rest) == 64) {
        c->hash[c->nblocks++] = rest;
        return true;
    }
    return false;
}

static as_status parse_list(as_h5_contents *c, size_t size)
{
    size_t lines = 0;
    for (size_t i = 0; i < size; i++) {
        lines += c->text[i] == '\n';
        if (c->text[i] == '\0') {
            AS_FAIL(AS_DATA, "%s: byte 0 in its list of contents", c->path);
        }
    }
    c->attribute = calloc(lines + 1, sizeof *c->attribute);
    c->item = calloc(lines + 1, sizeof *c->item);
    c->hash = calloc(lines + 1, sizeof *c->hash);
    if (c->attribute == NULL || c->item == NULL || c->hash == NULL) {
        AS_FAIL(AS_NOMEM, "%s: out of memory for a list of %zu lines", c->path, lines);
    }
    char *line = c->text;
    for (size_t i = 0; i < lines; i++) {
        char *end = strchr(line, '\n');
        *end = '\0';
        if (!parse_line(c, line, (int)(i < 3 ? i : 3))) {
            AS_FAIL(AS_DATA, "%s: line %zu of its list of contents is malformed", c->path, i + 1);
        }
        line = end + 1;
    }
    if (c->nblocks != blocks_of(c->bytes) || c->bytes + (int64_t)size + END_BYTES != c->total) {
        AS_FAIL(AS_DATA, "%s: %lld bytes and %lld block hashes found, its list of contents expects others", c->path,
                (long long)c->total, (long long)c->nblocks);
    }
    return AS_OK;
}

/* Finds the list from the end of the file, checks it against its own last line, and parses it. */
static as_status read_list(as_h5_contents *c)
{
    struct stat facts;
    if (fstat(c->descriptor, &facts) != 0 || !S_ISREG(facts.st_mode)) {
        AS_FAIL(AS_DATA, "%s: not a regular file", c->path);
    }
    c->total = facts.st_size;
    char found[END_BYTES + 1] = {0}, expected[END_BYTES + 1], length[17] = {0};
    if (c->total < END_BYTES) {
        AS_FAIL(AS_DATA, "%s: truncated, or no checkpoint (%lld bytes)", c->path, (long long)c->total);
    }
    AS_TRY(as_file_read(c->descriptor, c->path, c->total - END_BYTES, found, END_BYTES));
    int64_t size = 0;
    memcpy(length, found + END_BYTES - 17, 16);
    if (memcmp(found, "end ", 4) != 0 || !parse_int(length, &size) || size < END_BYTES || size > c->total ||
        size > LIST_MAX) {
        AS_FAIL(AS_DATA, "%s: truncated, or no checkpoint: its last line is not that of a list of contents", c->path);
    }
    const size_t list = (size_t)(size - END_BYTES);
    c->text = malloc(list + 1);
    if (c->text == NULL) {
        AS_FAIL(AS_NOMEM, "%s: out of memory for its list of contents (%zu bytes)", c->path, list);
    }
    AS_TRY(as_file_read(c->descriptor, c->path, c->total - size, c->text, (int64_t)list));
    c->text[list] = '\0';
    end_line(c->text, list, c->digest, expected);
    if (memcmp(found, expected, END_BYTES) != 0) {
        AS_FAIL(AS_DATA, "%s: its list of contents (from offset %lld) does not match its checksum", c->path,
                (long long)(c->total - size));
    }
    return parse_list(c, list);
}

as_status as_h5_contents_open(const char *path, as_h5_contents **out)
{
    *out = NULL;
    as_h5_contents *c = calloc(1, sizeof *c);
    if (c == NULL || (c->path = strdup(path)) == NULL) {
        free(c);
        AS_FAIL(AS_NOMEM, "%s: out of memory", path);
    }
    /* Not waiting for the other end, should it be a pipe. */
    c->descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    as_status status = AS_OK;
    if (c->descriptor < 0) {
        status = as_error_set(errno == ENOENT ? AS_NOINPUT : AS_IO, "%s: %s", path, strerror(errno));
    } else {
        status = read_list(c);
    }
    if (status != AS_OK) {
        as_h5_contents_close(&c);
        return status;
    }
    *out = c;
    return AS_OK;
}

/* The dataset that holds a byte of the block: what a damaged block is named after. */
static const char *dataset_in(const as_h5_contents *c, int64_t first, int64_t end)
{
    for (int i = 0; i < c->nitems; i++) {
        const as_h5_stored *item = &c->item[i];
        if (item->bytes > 0 && item->offset < end && item->offset + item->bytes > first) {
            return item->name;
        }
    }
    return "metadata";
}

as_status as_h5_contents_check(const as_h5_contents *c, int part, int parts)
{
    uint8_t *block = malloc(AS_H5_BLOCK);
    as_status status = block == NULL ? as_error_set(AS_NOMEM, "%s: out of memory for a block", c->path) : AS_OK;
    for (int64_t b = part; b < c->nblocks && status == AS_OK; b += parts) {
        const int64_t first = b * AS_H5_BLOCK;
        const int64_t bytes = c->bytes - first < AS_H5_BLOCK ? c->bytes - first : AS_H5_BLOCK;
        as_sha256 hash;
        uint8_t digest[32];
        char digits[65];
        status = as_file_read(c->descriptor, c->path, first, block, bytes);
        if (status == AS_OK) {
            as_sha256_begin(&hash);
            as_sha256_add(&hash, block, (size_t)bytes);
            as_sha256_end(&hash, digest);
            if (strcmp(as_sha256_text(digest, digits), c->hash[b]) != 0) {
                status =
                    as_error_set(AS_DATA, "%s: bytes %lld to %lld (from %s on) do not match their checksum", c->path,
                                 (long long)first, (long long)(first + bytes - 1), dataset_in(c, first, first + bytes));
            }
        }
    }
    free(block);
    return status;
}

const as_h5_stored *as_h5_contents_find(const as_h5_contents *c, const char *name)
{
    for (int i = 0; i < c->nitems; i++) {
        if (strcmp(c->item[i].name, name) == 0) {
            return &c->item[i];
        }
    }
    return NULL;
}

const as_h5_attribute *as_h5_contents_attribute(const as_h5_contents *c, const char *name)
{
    for (int i = 0; i < c->nattributes; i++) {
        if (strcmp(c->attribute[i].name, name) == 0) {
            return &c->attribute[i];
        }
    }
    return NULL;
}

as_status as_h5_contents_read(const as_h5_contents *c, const as_h5_stored *item, int64_t first, int64_t count,
                              void *data)
{
    const int64_t size = item->text ? 1 : (int64_t)as_dtype_bytes(item->type);
    const int64_t elements = item->bytes / size;
    if (first < 0 || count < 0 || first > elements || count > elements - first) {
        AS_FAIL(AS_INTERNAL, "%s:%s: elements %lld + %lld of %lld", c->path, item->name, (long long)first,
                (long long)count, (long long)elements);
    }
    return as_file_read(c->descriptor, c->path, item->offset + first * size, data, count * size);
}

as_status as_h5_contents_text(const as_h5_contents *c, const char *name, char **out)
{
    *out = NULL;
    const as_h5_stored *item = as_h5_contents_find(c, name);
    if (item == NULL || !item->text) {
        AS_FAIL(AS_DATA, "%s: no text %s", c->path, name);
    }
    char *text = calloc(1, (size_t)item->bytes + 1);
    if (text == NULL) {
        AS_FAIL(AS_NOMEM, "%s:%s: out of memory for %lld bytes", c->path, name, (long long)item->bytes);
    }
    const as_status status = as_h5_contents_read(c, item, 0, item->bytes, text);
    if (status != AS_OK) {
        free(text);
        return status;
    }
    *out = text;
    return AS_OK;
}

as_status as_h5_verify(const char *path, uint8_t digest[32])
{
    as_h5_contents *contents = NULL;
    AS_TRY(as_h5_contents_open(path, &contents));
    const as_status status = as_h5_contents_check(contents, 0, 1);
    if (status == AS_OK && digest != NULL) {
        memcpy(digest, contents->digest, 32);
    }
    as_h5_contents_close(&contents);
    return status;
}
