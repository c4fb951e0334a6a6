/* A few passes over the text for each column: what it holds, and whether anything is missing or constant. */
#include "cli/init_table.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/fields.h"
#include "base/utf8.h"
#include "io/csv.h"

enum { CATEGORIES = 50, ROWS_AT_ONCE = 1024 };

/* What is found of a table. */
typedef struct table {
    as_csv *csv;
    int target;
    bool missing, comma;                       /* comma: before the fraction of numbers */
    as_text features, dates, categories, left; /* lists of names */
    as_text odd;                               /* lines on columns that are nearly numbers */
} table;

/* One more name, as YAML takes it, whatever it holds. */
static void add_name(as_text *text, const char *name)
{
    as_text_add(text, "%s", text->size > 0 ? ", " : "");
    as_scalar_write(name, text);
}

/* Of a column of numbers or codes: the first value, whether all are that one, whether any is missing. */
static as_status look(as_csv *csv, int column, double *first, bool *constant, bool *missing)
{
    const int columns = as_csv_columns(csv);
    int *slot = malloc((size_t)columns * sizeof *slot);
    double *value = malloc(ROWS_AT_ONCE * sizeof *value);
    as_status status = slot != NULL && value != NULL ? AS_OK : as_error_set(AS_NOMEM, "out of memory for a column");
    for (int c = 0; status == AS_OK && c < columns; c++) {
        slot[c] = c == column ? 0 : -1;
    }
    *first = (double)NAN;
    *constant = true;
    for (int64_t at = 0; status == AS_OK && at < as_csv_rows(csv); at += ROWS_AT_ONCE) {
        const int64_t left = as_csv_rows(csv) - at, count = left < ROWS_AT_ONCE ? left : ROWS_AT_ONCE;
        status = as_csv_read(csv, at, count, slot, 1, value);
        for (int64_t i = 0; status == AS_OK && i < count; i++) {
            *missing = *missing || !isfinite(value[i]);
            *first = isnan(*first) ? value[i] : *first;
            *constant = *constant && (isnan(value[i]) || value[i] == *first);
        }
    }
    free(slot);
    free(value);
    return status;
}

/* The same of any column; its texts, if it has some, are coded for that. */
static as_status look_coded(as_csv *csv, int column, const as_names *texts, double *first, bool *constant,
                            bool *missing)
{
    if (texts->n == 0) {
        return look(csv, column, first, constant, missing);
    }
    as_csv_code(csv, column, texts, true);
    const as_status status = look(csv, column, first, constant, missing);
    as_csv_code(csv, column, NULL, false);
    return status;
}

/* A column of numbers but for some fields: a row of units, a dot where nothing was measured, ... */
static void tell_odd(table *t, int column)
{
    int64_t line = 0;
    const int64_t odd = as_csv_odd(t->csv, column, &line), rows = as_csv_rows(t->csv);
    if (2 * odd < rows) {
        as_text_add(&t->odd, "    # ");
        as_scalar_write(as_csv_name(t->csv, column), &t->odd);
        as_text_add(&t->odd,
                    ": %lld of %lld fields are no numbers, the first in line %lld: texts, until they are mended\n",
                    (long long)odd, (long long)rows, (long long)line);
    }
}

/* Names go into a configuration, which is UTF-8; a byte order mark and quotes are not in them. */
static as_status check_names(const char *file, as_csv *csv)
{
    for (int c = 0; c < as_csv_columns(csv); c++) {
        const char *name = as_csv_name(csv, c);
        const int64_t n = (int64_t)strlen(name), valid = as_utf8_valid((const uint8_t *)name, n);
        if (valid < n) {
            AS_FAIL(AS_DATA,
                    "%s: the name of column %d is not UTF-8 (byte 0x%02X); iconv -f LATIN1 -t UTF-8 converts a file of "
                    "an older spreadsheet",
                    file, c + 1, (unsigned)(uint8_t)name[valid]);
        }
    }
    return AS_OK;
}

static as_status add_column(table *t, int column)
{
    const char *name = as_csv_name(t->csv, column);
    as_names texts = {0};
    double first = 0;
    bool constant = false, missing = false;
    int only = -1;
    if (name[0] == '\0') {
        as_text_add(&t->left, "%sa column without a name", t->left.size > 0 ? ", " : "");
        return AS_OK;
    }
    AS_TRY(as_csv_find(t->csv, name, &only)); /* once */
    const bool date = as_csv_dates(t->csv, column) != AS_DATE_NONE;
    AS_TRY(date ? as_csv_date(t->csv, column) : AS_OK);
    const as_status found = as_csv_texts(t->csv, column, CATEGORIES, &texts);
    if (found == AS_DATA) {
        add_name(&t->left, name);
        as_text_add(&t->left, " (more than %d texts)", (int)CATEGORIES);
        tell_odd(t, column);
        as_names_free(&texts);
        return AS_OK;
    }
    as_status status = found;
    if (status == AS_OK) {
        status = look_coded(t->csv, column, &texts, &first, &constant, &missing);
    }
    if (status == AS_OK && constant) {
        add_name(&t->left, name);
        as_text_add(&t->left, " (constant)");
    } else if (status == AS_OK) {
        add_name(&t->features, name);
        t->missing = t->missing || missing;
        if (texts.n > 0) {
            add_name(&t->categories, name);
            tell_odd(t, column);
        }
        if (date) {
            add_name(&t->dates, name);
        }
    }
    as_names_free(&texts);
    return status;
}

/* Two values or texts are classes, other numbers are not. */
static as_status judge_target(table *t, bool *classes, bool *counts)
{
    as_names texts = {0}, values = {0};
    double first;
    bool constant;
    as_status status = as_csv_texts(t->csv, t->target, 4096, &texts);
    *classes = texts.n > 0;
    *counts = false;
    if (status == AS_OK) {
        status = look_coded(t->csv, t->target, &texts, &first, &constant, &t->missing);
    }
    if (status == AS_OK && texts.n == 0 && as_csv_whole(t->csv, t->target)) {
        *counts = true;
        *classes = as_csv_words(t->csv, t->target, 2, &values) == AS_OK && values.n == 2;
    }
    as_names_free(&texts);
    as_names_free(&values);
    return status;
}

static as_status write(table *t, const char *file, as_text *out)
{
    const char *slash = strrchr(file, '/'), *name = slash != NULL ? slash + 1 : file, *dot = strrchr(name, '.');
    as_text target = {0}, place = {0};
    bool classes = false, counts = false;
    if (as_csv_dates(t->csv, t->target) != AS_DATE_NONE) {
        AS_TRY(as_csv_date(t->csv, t->target));
        add_name(&t->dates, as_csv_name(t->csv, t->target));
    }
    AS_TRY(judge_target(t, &classes, &counts));
    if (classes && !counts) {
        tell_odd(t, t->target);
    }
    add_name(&target, as_csv_name(t->csv, t->target));
    add_name(&place, file);
    as_text_add(out, "# A model of %s, %lld rows. Meaning of a key: allsum explain KEY\n", name,
                (long long)as_csv_rows(t->csv));
    as_text_add(out, "name: \"%.*s\"\nseed: 1\ndata:\n  train:\n    format: csv\n    file: %s\n    target: [%s]\n",
                (int)(dot != NULL && dot != name ? dot - name : (long)strlen(name)), name, place.data, target.data);
    if (t->comma) {
        as_text_add(out, "    decimal: comma                 # before the fraction of numbers\n");
    }
    if (t->dates.size > 0) {
        as_text_add(out, "    dates: [%s]   # read as days\n", t->dates.data);
    }
    as_text_add(out, "    features: [%s]\n", t->features.data);
    if (t->left.size > 0) {
        as_text_add(out, "    # left out: %s\n", t->left.data);
    }
    as_text_add(out, "%s", t->odd.size > 0 ? t->odd.data : "");
    if (t->categories.size > 0) {
        as_text_add(out, "  columns: {one_hot: [%s], drop_first: true}   # texts as indicators\n", t->categories.data);
    }
    as_text_add(out, "  validation: 0                    # or a share of the rows to judge by, such as 0.2\n");
    as_text_add(out, "  missing: %-5s                   # error | drop | mean: what a row without a value is\n",
                t->missing ? "drop" : "error");
    if (classes) {
        as_text_add(out, "model: {type: logistic}            # with penalty: l2 where the classes can be separated; or "
                         "gaussian_nb, lda, linear_svm\n");
    } else {
        as_text_add(out, "model: {type: ols}                 # or ridge, lasso%s\n",
                    counts ? ", poisson for counts, logistic for classes" : ", bayes_linear");
    }
    as_text_add(out, "# a network instead: layers and loss in model:, optimizer:, train: as in `allsum init csv`\n");
    const bool failed =
        out->failed || target.failed || place.failed || t->left.failed || t->dates.failed || t->odd.failed;
    as_text_free(&target);
    as_text_free(&place);
    return failed ? as_error_set(AS_NOMEM, "%s: out of memory for a configuration", file) : AS_OK;
}

as_status as_init_table(const char *file, const char *target, as_text *out)
{
    table t = {.target = -1};
    AS_TRY(as_csv_open(file, ',', &t.csv));
    t.comma = as_csv_find_decimal(t.csv);
    as_status status = check_names(file, t.csv);
    if (target != NULL) {
        status = status == AS_OK ? as_csv_find(t.csv, target, &t.target) : status;
    } else {
        t.target = as_csv_columns(t.csv) - 1;
        while (t.target > 0 && as_csv_name(t.csv, t.target)[0] == '\0') { /* a delimiter at the end of lines */
            t.target--;
        }
    }
    for (int c = 0; status == AS_OK && c < as_csv_columns(t.csv); c++) {
        status = c != t.target ? add_column(&t, c) : AS_OK;
    }
    if (status == AS_OK && t.features.size == 0) {
        status = as_error_set(AS_DATA, "%s: no column to learn \"%s\" from%s%s", file, as_csv_name(t.csv, t.target),
                              t.left.size > 0 ? "; left out: " : "", t.left.size > 0 ? t.left.data : "");
    }
    if (status == AS_OK) {
        status = write(&t, file, out);
    }
    as_text_free(&t.features);
    as_text_free(&t.dates);
    as_text_free(&t.categories);
    as_text_free(&t.left);
    as_text_free(&t.odd);
    as_csv_close(&t.csv);
    return status;
}
