/* CSV files with a header: columns of one table. See io/csv.h. A single target column of whole numbers counts as labels
   (`labels: false` reads it as real targets), and so does one of texts: the classes are its texts in ascending order.
   Columns of dates are numbers where `dates` names them. Of files that must be like the training data the inputs are
   found by name. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "data/format.h"
#include "io/csv.h"

typedef struct options {
    const char *file, *delimiter, *weight;
    int decimal; /* of decimals */
    as_texts target, features, dates;
    const struct options *other; /* NULL, or the table whose target and weight are no inputs of this one either */
} options;

static const char *const decimals[] = {"point", "comma", NULL};

static const as_field fields[] = {
    {.name = "file", .type = AS_FIELD_TEXT, .offset = offsetof(options, file), .help = "CSV file with a header row"},
    {.name = "target",
     .type = AS_FIELD_TEXTS,
     .offset = offsetof(options, target),
     .standard = "",
     .help = "columns to predict; one of whole numbers, or of texts (classes in ascending order), gives labels"},
    {.name = "features",
     .type = AS_FIELD_TEXTS,
     .offset = offsetof(options, features),
     .standard = "",
     .help = "input columns, in this order; none given: all others that have a name, in the order of the file"},
    {.name = "weight",
     .type = AS_FIELD_TEXT,
     .offset = offsetof(options, weight),
     .standard = "",
     .help = "column of sample weights"},
    {.name = "dates",
     .type = AS_FIELD_TEXTS,
     .offset = offsetof(options, dates),
     .standard = "",
     .help = "columns of dates, such as 2026-11-23, 2026-11-23T14:30:05+01:00 or 23.11.2026, which are read as days "
             "since 1970-01-01 (UTC where no offset is given); of times alone (14:30) as shares of a day"},
    {.name = "delimiter",
     .type = AS_FIELD_TEXT,
     .offset = offsetof(options, delimiter),
     .standard = ",",
     .help = "one character between fields, or tab; the comma stands for ; or tab or | where the header has that one "
             "and no comma"},
    {.name = "decimal",
     .type = AS_FIELD_CHOICE,
     .offset = offsetof(options, decimal),
     .standard = "point",
     .choices = decimals,
     .help = "what stands before the fraction of numbers"},
    AS_FIELDS_END,
};

struct as_format_file {
    as_csv *csv;
    int *slot[AS_PARTS]; /* (columns) place of each column in a row of the part, or -1 */
    int64_t width[AS_PARTS];
    as_data_parts names[AS_PARTS];
    as_names classes; /* texts of y */
    bool whole;       /* y is handed out as 64-bit integers */
};

enum { CLASSES_MOST = 4096 };

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

/* The inputs: those that are known from the training data, those that are listed, or all that are left. */
static as_status claim_inputs(as_format_file *file, const options *o, const as_data_parts *known)
{
    for (int64_t i = 0; known != NULL && i < known->n; i++) {
        AS_TRY(claim(file, o, AS_PART_X, known->part[i].name));
    }
    const bool listed = (known != NULL && known->n > 0) || o->features.n > 0;
    for (int64_t i = 0; (known == NULL || known->n == 0) && i < o->features.n; i++) {
        AS_TRY(claim(file, o, AS_PART_X, o->features.v[i]));
    }
    for (int c = 0; !listed && c < as_csv_columns(file->csv); c++) {
        const char *name = as_csv_name(file->csv, c);
        if (file->slot[AS_PART_Y][c] < 0 && file->slot[AS_PART_WEIGHT][c] < 0 && name[0] != 0) {
            AS_TRY(claim(file, o, AS_PART_X, name));
        }
    }
    return AS_OK;
}

/* The names of the columns of each part, in its order. */
static as_status name_all(as_format_file *file)
{
    const as_shape one = {0};
    for (int part = 0; part < AS_PARTS; part++) {
        int *column = malloc(((size_t)file->width[part] + 1) * sizeof *column);
        as_status status = column != NULL ? AS_OK : as_error_set(AS_NOMEM, "out of memory for names of columns");
        for (int c = 0; status == AS_OK && c < as_csv_columns(file->csv); c++) {
            if (file->slot[part][c] >= 0) {
                column[file->slot[part][c]] = c;
            }
        }
        for (int64_t i = 0; status == AS_OK && i < file->width[part]; i++) {
            status = as_parts_add(&file->names[part], as_csv_name(file->csv, column[i]), &one);
        }
        free(column);
        AS_TRY(status);
    }
    return AS_OK;
}

static as_status claim_all(as_format_file *file, const options *o, const as_data_parts *known)
{
    for (int64_t i = 0; i < o->target.n; i++) {
        AS_TRY(claim(file, o, AS_PART_Y, o->target.v[i]));
    }
    if (o->weight != NULL && o->weight[0] != 0) {
        AS_TRY(claim(file, o, AS_PART_WEIGHT, o->weight));
    }
    if (o->other != NULL) {
        claim_of_other(file, o);
    }
    AS_TRY(claim_inputs(file, o, known));
    if (file->width[AS_PART_X] == 0) {
        AS_FAIL(AS_CONFIG, "%s: no column is left for the inputs", o->file);
    }
    return name_all(file);
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
            .parts = file->names[part],
        };
        snprintf(column[part].place, sizeof column[part].place, "%s:%s", o->file, names[part]);
    }
}

/* One target column: whole numbers are labels, and so are texts, by their places in the ascending list of all. */
static as_status describe_target(as_format_file *file, const as_known *known, as_column *y)
{
    int column = 0;
    if (file->width[AS_PART_Y] != 1) {
        return AS_OK;
    }
    while (file->slot[AS_PART_Y][column] != 0) {
        column++;
    }
    const as_names *classes = known == NULL ? NULL : known->classes;
    if (classes != NULL && classes->n > 0) {
        AS_TRY(as_names_copy(classes, &file->classes));
    } else if (as_csv_whole(file->csv, column)) {
        file->whole = true;
        y->type = AS_I64;
        if (known == NULL || !known->any_labels) {
            return AS_OK;
        }
        AS_TRY(as_csv_words(file->csv, column, CLASSES_MOST, &file->classes));
        if (as_names_count_from_zero(&file->classes)) {
            as_names_free(&file->classes);
            return AS_OK;
        }
        file->whole = false;
        y->type = AS_F64;
    } else {
        AS_TRY(as_csv_texts(file->csv, column, CLASSES_MOST, &file->classes));
    }
    if (file->classes.n > 0) {
        y->classes = &file->classes;
        as_csv_code(file->csv, column, &file->classes, true);
    }
    return AS_OK;
}

/* Columns that are read as days. A file of inputs alone needs not have all of them. */
static as_status read_dates(as_format_file *file, const options *o)
{
    for (int64_t i = 0; i < o->dates.n; i++) {
        int column = -1;
        const as_status found = as_csv_find(file->csv, o->dates.v[i], &column);
        if (found == AS_OK) {
            AS_TRY(as_csv_date(file->csv, column));
        } else if (o->other == NULL) {
            return found;
        }
    }
    return AS_OK;
}

static as_status open_table(as_format_file *file, const options *o, const as_known *known, as_column column[AS_PARTS])
{
    const char *text = o->delimiter != NULL ? o->delimiter : "";
    const char delimiter = strcmp(text, "tab") == 0 || strcmp(text, "\\t") == 0 ? '\t' : text[0];
    if (delimiter == 0 || (delimiter != '\t' && text[1] != 0) || strchr("\"\r\n+-.0123456789", delimiter) != NULL) {
        AS_FAIL(AS_CONFIG, "%s: delimiter: expected one character or tab, found \"%s\"", o->file, text);
    }
    AS_TRY(as_csv_open(o->file, delimiter, &file->csv));
    const as_status decimal = as_csv_set_decimal(file->csv, o->decimal == 0 ? '.' : ',');
    if (o->other == NULL) { /* a table that only must be like another one may be written in another way */
        AS_TRY(decimal);
    }
    AS_TRY(read_dates(file, o));
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
    AS_TRY(claim_all(file, o, known == NULL ? NULL : known->inputs));
    describe(file, o, column);
    return o->other != NULL ? AS_OK : describe_target(file, known, &column[AS_PART_Y]);
}

static void close_file(as_format_file **file)
{
    if (*file == NULL) {
        return;
    }
    as_csv_close(&(*file)->csv);
    for (int part = 0; part < AS_PARTS; part++) {
        free((*file)->slot[part]);
        as_parts_free(&(*file)->names[part]);
    }
    as_names_free(&(*file)->classes);
    free(*file);
    *file = NULL;
}

static as_status open_file(const void *opaque, const as_known *known, as_format_file **out, as_column column[AS_PARTS])
{
    const options *o = opaque;
    as_format_file *file = calloc(1, sizeof *file);
    if (file == NULL) {
        AS_FAIL(AS_NOMEM, "%s: out of memory for opening it", o->file);
    }
    const as_status status = open_table(file, o, known, column);
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

/* The column of the file that stands at a place of a part. */
static int column_at(const as_format_file *file, as_part part, int64_t place)
{
    int column = 0;
    while (file->slot[part][column] != place) {
        column++;
    }
    return column;
}

static as_status find_texts(as_format_file *file, as_part part, int64_t column, int64_t most, as_names *out)
{
    return as_csv_texts(file->csv, column_at(file, part, column), most, out);
}

static as_status code_texts(as_format_file *file, as_part part, int64_t column, const as_names *known, bool strict)
{
    as_csv_code(file->csv, column_at(file, part, column), known, strict);
    return AS_OK;
}

static void inputs_only(void *opaque, const void *like)
{
    options *o = opaque;
    o->other = like;
    o->features = like != NULL ? o->other->features : o->features;
    o->delimiter = like != NULL ? o->other->delimiter : o->delimiter;
    o->decimal = like != NULL ? o->other->decimal : o->decimal;
    o->dates = like != NULL ? o->other->dates : o->dates;
}

const as_format_ops as_format_csv = {
    .name = "csv",
    .help = "CSV file with a header row",
    .fields = fields,
    .options_bytes = sizeof(options),
    .open = open_file,
    .read = read_part,
    .texts = find_texts,
    .code = code_texts,
    .close = close_file,
    .inputs = inputs_only,
};
