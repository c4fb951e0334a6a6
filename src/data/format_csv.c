/* CSV files with a header: columns of one table. See io/csv.h. A single target column of whole numbers counts as labels
   (`labels: false` reads it as real targets). */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "data/format.h"
#include "io/csv.h"

typedef struct options {
    const char *file, *delimiter, *weight;
    as_texts target, features;
    const struct options *other; /* NULL, or the table whose target and weight are no inputs of this one either */
} options;

static const as_field fields[] = {
    {.name = "file", .type = AS_FIELD_TEXT, .offset = offsetof(options, file), .help = "CSV file with a header row"},
    {.name = "target",
     .type = AS_FIELD_TEXTS,
     .offset = offsetof(options, target),
     .standard = "",
     .help = "columns to predict"},
    {.name = "features",
     .type = AS_FIELD_TEXTS,
     .offset = offsetof(options, features),
     .standard = "",
     .help = "input columns, in this order; none given: all others, in the order of the file"},
    {.name = "weight",
     .type = AS_FIELD_TEXT,
     .offset = offsetof(options, weight),
     .standard = "",
     .help = "column of sample weights"},
    {.name = "delimiter",
     .type = AS_FIELD_TEXT,
     .offset = offsetof(options, delimiter),
     .standard = ",",
     .help = "one character between fields, or tab"},
    AS_FIELDS_END,
};

struct as_format_file {
    as_csv *csv;
    int *slot[AS_PARTS]; /* (columns) place of each column in a row of the part, or -1 */
    int64_t width[AS_PARTS];
    bool whole; /* y is handed out as 64-bit integers */
};

/* Gives a named column to a part, as its next one. */
static as_status claim(as_format_file *file, const options *o, as_part part, const char *name)
{
    int column = -1;
    AS_TRY(as_csv_find(file->csv, name, &column));
    for (int other = 0; other < AS_PARTS; other++) {
        if (file->slot[other][column] >= 0) {
            AS_FAIL(AS_CONFIG, "%s: column \"%s\" is used twice among features, target and weight", o->file, name);
        }
    }
    file->slot[part][column] = (int)file->width[part]++;
    return AS_OK;
}

/* The target and weight of another table, where this one has them too: they are no inputs. */
static void claim_of_other(as_format_file *file, const options *o)
{
    int column = -1;
    for (int64_t i = 0; i < o->other->target.n; i++) {
        if (as_csv_find(file->csv, o->other->target.v[i], &column) == AS_OK) {
            file->slot[AS_PART_Y][column] = (int)file->width[AS_PART_Y]++;
        }
    }
    if (o->other->weight != NULL && as_csv_find(file->csv, o->other->weight, &column) == AS_OK) {
        file->slot[AS_PART_WEIGHT][column] = (int)file->width[AS_PART_WEIGHT]++;
    }
}

static as_status claim_all(as_format_file *file, const options *o)
{
    for (int64_t i = 0; i < o->target.n; i++) {
        AS_TRY(claim(file, o, AS_PART_Y, o->target.v[i]));
    }
    if (o->weight != NULL && o->weight[0] != 0) {
        AS_TRY(claim(file, o, AS_PART_WEIGHT, o->weight));
    }
    for (int64_t i = 0; i < o->features.n; i++) {
        AS_TRY(claim(file, o, AS_PART_X, o->features.v[i]));
    }
    if (o->other != NULL) {
        claim_of_other(file, o);
    }
    for (int c = 0; o->features.n == 0 && c < as_csv_columns(file->csv); c++) {
        if (file->slot[AS_PART_Y][c] < 0 && file->slot[AS_PART_WEIGHT][c] < 0) {
            file->slot[AS_PART_X][c] = (int)file->width[AS_PART_X]++;
        }
    }
    if (file->width[AS_PART_X] == 0) {
        AS_FAIL(AS_CONFIG, "%s: no column is left for the inputs", o->file);
    }
    return AS_OK;
}

/* The columns of a part by name, unless they are too many or have names that are too long or unfit for a line. */
static void name_columns(const as_format_file *file, as_part part, as_data_parts *out)
{
    const int64_t n = file->width[part];
    bool fit = n <= AS_DATA_PARTS_MAX;
    for (int c = 0; fit && c < as_csv_columns(file->csv); c++) {
        const int slot = file->slot[part][c];
        const char *name = as_csv_name(file->csv, c);
        if (slot >= 0) {
            fit = name[0] != '\0' && strlen(name) < AS_PART_NAME_MAX && strcspn(name, "\r\n") == strlen(name);
            out->part[slot] = (as_data_part){.first = slot};
            snprintf(out->part[slot].name, AS_PART_NAME_MAX, "%.*s", AS_PART_NAME_MAX - 1, name);
        }
    }
    out->n = fit ? (int)n : 0;
}

static void describe(as_format_file *file, const options *o, as_column column[AS_PARTS])
{
    static const char *const names[AS_PARTS] = {"features", "target", "weight"};
    for (int part = 0; part < AS_PARTS; part++) {
        const int64_t width = file->width[part];
        column[part] = (as_column){
            .present = width > 0,
            .rows = as_csv_rows(file->csv),
            .shape = {.rank = width == 1 && part != AS_PART_X ? 0 : 1, .dim = {width}},
            .type = AS_F64,
            .full_scale = 1.0,
        };
        snprintf(column[part].place, sizeof column[part].place, "%s:%s", o->file, names[part]);
    }
    name_columns(file, AS_PART_X, &column[AS_PART_X].parts);
    name_columns(file, AS_PART_Y, &column[AS_PART_Y].parts);
    for (int c = 0; file->width[AS_PART_Y] == 1 && c < as_csv_columns(file->csv); c++) {
        if (file->slot[AS_PART_Y][c] == 0 && as_csv_whole(file->csv, c)) {
            file->whole = true;
            column[AS_PART_Y].type = AS_I64;
        }
    }
}

static as_status open_table(as_format_file *file, const options *o, as_column column[AS_PARTS])
{
    const char *text = o->delimiter != NULL ? o->delimiter : "";
    const char delimiter = strcmp(text, "tab") == 0 || strcmp(text, "\\t") == 0 ? '\t' : text[0];
    if (delimiter == 0 || (delimiter != '\t' && text[1] != 0) || strchr("\"\r\n+-.0123456789", delimiter) != NULL) {
        AS_FAIL(AS_CONFIG, "%s: delimiter: expected one character or tab, found \"%s\"", o->file, text);
    }
    AS_TRY(as_csv_open(o->file, delimiter, &file->csv));
    const size_t columns = (size_t)as_csv_columns(file->csv);
    for (int part = 0; part < AS_PARTS; part++) {
        file->slot[part] = malloc(columns * sizeof **file->slot);
        if (file->slot[part] == NULL) {
            AS_FAIL(AS_NOMEM, "%s: out of memory for %zu columns", o->file, columns);
        }
        for (size_t c = 0; c < columns; c++) {
            file->slot[part][c] = -1;
        }
    }
    AS_TRY(claim_all(file, o));
    describe(file, o, column);
    return AS_OK;
}

static void close_file(as_format_file **file)
{
    if (*file == NULL) {
        return;
    }
    as_csv_close(&(*file)->csv);
    for (int part = 0; part < AS_PARTS; part++) {
        free((*file)->slot[part]);
    }
    free(*file);
    *file = NULL;
}

static as_status open_file(const void *opaque, const as_tokenizer *known, as_format_file **out,
                           as_column column[AS_PARTS])
{
    (void)known;
    const options *o = opaque;
    as_format_file *file = calloc(1, sizeof *file);
    if (file == NULL) {
        AS_FAIL(AS_NOMEM, "%s: out of memory for opening it", o->file);
    }
    const as_status status = open_table(file, o, column);
    if (status != AS_OK) {
        close_file(&file);
        return status;
    }
    *out = file;
    return AS_OK;
}

static as_status read_part(as_format_file *file, as_part part, int64_t first, int64_t count, void *data)
{
    AS_TRY(as_csv_read(file->csv, first, count, file->slot[part], file->width[part], data));
    if (part == AS_PART_Y && file->whole) { /* in place: both have 8 bytes */
        for (int64_t i = 0; i < count; i++) {
            double value;
            memcpy(&value, (uint8_t *)data + 8 * i, sizeof value);
            const int64_t whole = (int64_t)value;
            memcpy((uint8_t *)data + 8 * i, &whole, sizeof whole);
        }
    }
    return AS_OK;
}

static void inputs_only(void *opaque, const void *like)
{
    options *o = opaque;
    o->other = like;
    o->features = like != NULL ? o->other->features : o->features;
    o->delimiter = like != NULL ? o->other->delimiter : o->delimiter;
}

extern const as_format_ops as_format_csv;
const as_format_ops as_format_csv = {
    .name = "csv",
    .help = "CSV file with a header row",
    .fields = fields,
    .options_bytes = sizeof(options),
    .open = open_file,
    .read = read_part,
    .close = close_file,
    .inputs = inputs_only,
};
