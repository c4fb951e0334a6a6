/* The file is mapped, so that the ranks of a node share its pages; the place of every 64th row is kept. Cost: one pass
   over the text to find the rows, about 1 ns a byte, and about 20 ns for each number that is read
   (40 where it has more than 15 digits). */
#include "io/csv.h"

#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/error.h"
#include "base/fields.h"
#include "io/csv_fields.h"

enum { STRIDE = 64, LISTED_MAX = 12 };

/* How a column is read, and what its fields are. */
typedef struct column_state {
    const as_names *known; /* NULL: it is read as numbers */
    bool strict;
    as_date_kind date;                /* but as days or times, where it is one of those */
    bool looked, any, numbers, whole; /* any: not missing */
    int64_t odd, odd_line;            /* fields that are no numbers, and the line of the first */
    as_date_kind dates;               /* what all its fields are that are not missing */
} column_state;

struct as_csv {
    as_csv_lines lines;
    int64_t rows;
    char decimal;
    int columns;
    bool asked;           /* what the fields of a column are */
    char **name;          /* (columns) */
    column_state *column; /* (columns) */
    as_csv_cursor *mark;  /* every STRIDE-th row */
    as_csv_cursor resume; /* after the row that was read last */
    char path[];
};

static as_status fail_quote(const as_csv *csv, const as_csv_cursor *c)
{
    AS_FAIL(AS_DATA, "%s: line %lld: a quoted field that does not end, or text behind its quote", csv->path,
            (long long)c->line);
}

static as_status map_file(as_csv *csv)
{
    const int file = open(csv->path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (file < 0) {
        const as_status code = errno == ENOENT || errno == ENOTDIR ? AS_NOINPUT : AS_IO;
        AS_FAIL(code, "%s: cannot open: %s", csv->path, strerror(errno));
    }
    struct stat state;
    if (fstat(file, &state) != 0 || !S_ISREG(state.st_mode) || state.st_size == 0) {
        close(file);
        AS_FAIL(AS_DATA, "%s: expected a regular file with content", csv->path);
    }
    csv->lines.bytes = (int64_t)state.st_size;
    void *text = mmap(NULL, (size_t)csv->lines.bytes, PROT_READ, MAP_PRIVATE, file, 0);
    const int code = errno;
    close(file);
    if (text == MAP_FAILED) {
        AS_FAIL(AS_IO, "%s: cannot map %lld bytes: %s", csv->path, (long long)csv->lines.bytes, strerror(code));
    }
    csv->lines.text = text;
    if (csv->lines.bytes > 1 && csv->lines.text[0] == '\x1F' && csv->lines.text[1] == '\x8B') {
        AS_FAIL(AS_DATA, "%s: expected text, found a gzip-packed file; unpack it first", csv->path);
    }
    if (csv->lines.bytes > 1 &&
        (memcmp(csv->lines.text, "\xFF\xFE", 2) == 0 || memcmp(csv->lines.text, "\xFE\xFF", 2) == 0)) {
        AS_FAIL(AS_DATA, "%s: expected UTF-8, found UTF-16; iconv -f UTF-16 -t UTF-8 converts it", csv->path);
    }
    return AS_OK;
}

/* A name without quotes and blanks around it; ends of lines in it are blanks, as in all lists of names. */
static char *copy_name(const as_csv_field *f)
{
    int64_t from = 0, to = f->bytes, n = 0;
    while (from < to && f->text[from] == ' ') {
        from++;
    }
    while (to > from && f->text[to - 1] == ' ') {
        to--;
    }
    char *name = malloc((size_t)(to - from) + 1);
    for (int64_t i = from; name != NULL && i < to; i++) {
        name[n++] = (unsigned char)f->text[i] < 32 ? ' ' : f->text[i];
        i += f->quoted && f->text[i] == '"'; /* doubled */
    }
    if (name != NULL) {
        name[n] = 0;
    }
    return name;
}

static as_status read_header(as_csv *csv, as_csv_cursor *c)
{
    if (csv->lines.bytes >= 3 && memcmp(csv->lines.text, "\xEF\xBB\xBF", 3) == 0) {
        c->at = 3; /* byte order mark */
    }
    if (!as_csv_next_line(&csv->lines, c)) {
        AS_FAIL(AS_DATA, "%s: expected a header row, found empty lines", csv->path);
    }
    if (csv->lines.delimiter == ',') {
        csv->lines.delimiter = as_csv_delimiter(csv->lines, *c);
    }
    bool numbers = true;
    int room = 0;
    for (as_csv_field f = {.last = false}; !f.last;) {
        if (!as_csv_next_field(&csv->lines, c, &f)) {
            return fail_quote(csv, c);
        }
        if (csv->columns == room) {
            room = room == 0 ? 64 : 2 * room;
            char **name = realloc(csv->name, (size_t)room * sizeof *name);
            if (name == NULL) {
                AS_FAIL(AS_NOMEM, "%s: out of memory for the names of %d columns", csv->path, room);
            }
            csv->name = name;
        }
        csv->name[csv->columns] = copy_name(&f);
        if (csv->name[csv->columns] == NULL) {
            AS_FAIL(AS_NOMEM, "%s: out of memory for a name", csv->path);
        }
        double ignored;
        numbers = as_text_to_real(csv->name[csv->columns++], &ignored) && numbers;
    }
    if (numbers) {
        AS_FAIL(AS_DATA, "%s: expected a header row with the names of the columns, found numbers", csv->path);
    }
    return AS_OK;
}

static as_status find_rows(as_csv *csv, as_csv_cursor c)
{
    int64_t room = 0;
    for (c.row = 0; as_csv_next_line(&csv->lines, &c); c.row++) {
        const int64_t line = c.line;
        if (c.row / STRIDE == room) {
            room = room == 0 ? 1024 : 2 * room;
            as_csv_cursor *mark = realloc(csv->mark, (size_t)room * sizeof *mark);
            if (mark == NULL) {
                AS_FAIL(AS_NOMEM, "%s: out of memory for the places of its rows", csv->path);
            }
            csv->mark = mark;
        }
        if (c.row % STRIDE == 0) {
            csv->mark[c.row / STRIDE] = c;
        }
        int fields = 0;
        for (as_csv_field f = {.last = false}; !f.last; fields++) {
            if (!as_csv_next_field(&csv->lines, &c, &f)) {
                return fail_quote(csv, &c);
            }
        }
        if (fields != csv->columns) {
            AS_FAIL(AS_DATA, "%s: line %lld (row %lld): expected %d field%s as in the header, found %d (delimiter %s)",
                    csv->path, (long long)line, (long long)c.row, csv->columns, csv->columns == 1 ? "" : "s", fields,
                    csv->lines.delimiter == '\t' ? "tab" : (const char[]){csv->lines.delimiter, 0});
        }
    }
    if (c.row == 0) {
        const bool old = memchr(csv->lines.text, '\r', (size_t)csv->lines.bytes) != NULL && c.line <= 2;
        AS_FAIL(AS_DATA, "%s: no data: a header and no rows%s", csv->path,
                old ? "; if its lines end with CR alone, tr '\\r' '\\n' mends that" : "");
    }
    csv->rows = c.row;
    csv->resume = csv->mark[0];
    return AS_OK;
}

as_status as_csv_open(const char *path, char delimiter, as_csv **out)
{
    const size_t length = strlen(path) + 1;
    as_csv *csv = calloc(1, sizeof *csv + length);
    if (csv == NULL) {
        AS_FAIL(AS_NOMEM, "%s: out of memory for opening it", path);
    }
    memcpy(csv->path, path, length);
    csv->lines.delimiter = delimiter;
    csv->decimal = '.';
    as_csv_cursor c = {.line = 1};
    as_status status = map_file(csv);
    if (status == AS_OK) {
        status = read_header(csv, &c);
    }
    if (status == AS_OK) {
        status = find_rows(csv, c);
    }
    if (status == AS_OK) {
        csv->column = calloc((size_t)csv->columns, sizeof *csv->column);
        status = csv->column != NULL ? AS_OK : as_error_set(AS_NOMEM, "%s: out of memory for its columns", path);
    }
    if (status != AS_OK) {
        as_csv_close(&csv);
        return status;
    }
    *out = csv;
    return AS_OK;
}

void as_csv_close(as_csv **csv)
{
    as_csv *c = *csv;
    if (c == NULL) {
        return;
    }
    if (c->lines.text != NULL) {
        munmap((void *)(uintptr_t)c->lines.text, (size_t)c->lines.bytes);
    }
    for (int i = 0; i < c->columns; i++) {
        free(c->name[i]);
    }
    free(c->name);
    free(c->mark);
    free(c->column);
    free(c);
    *csv = NULL;
}

as_status as_csv_set_decimal(as_csv *csv, char decimal)
{
    if (decimal == csv->lines.delimiter) {
        AS_FAIL(AS_CONFIG, "%s: \"%c\" stands between fields; expected another one before the fraction of numbers",
                csv->path, decimal);
    }
    csv->decimal = decimal;
    for (int i = 0; i < csv->columns; i++) {
        csv->column[i].looked = false;
    }
    return AS_OK;
}

int64_t as_csv_rows(const as_csv *csv)
{
    return csv->rows;
}

int as_csv_columns(const as_csv *csv)
{
    return csv->columns;
}

const char *as_csv_name(const as_csv *csv, int column)
{
    return csv->name[column];
}

as_status as_csv_find(const as_csv *csv, const char *name, int *out)
{
    *out = -1;
    for (int i = 0; i < csv->columns; i++) {
        if (strcmp(csv->name[i], name) == 0) {
            if (*out >= 0) {
                AS_FAIL(AS_DATA, "%s: two columns are named \"%s\"", csv->path, name);
            }
            *out = i;
        }
    }
    if (*out >= 0) {
        return AS_OK;
    }
    as_text names = {0};
    for (int i = 0; i < csv->columns && i < LISTED_MAX; i++) {
        as_text_add(&names, "%s%s", i == 0 ? "" : ", ", csv->name[i]);
    }
    const as_status status =
        as_error_set(AS_DATA, "%s: no column is named \"%s\"; the header has %s%s", csv->path, name,
                     names.data != NULL ? names.data : "", csv->columns > LISTED_MAX ? ", ..." : "");
    as_text_free(&names);
    return status;
}

/* The place of a field's text among those that are known. */
static as_status to_code(const as_csv *csv, int column, const as_csv_field *f, int64_t line, int64_t row, double *out)
{
    const column_state *code = &csv->column[column];
    char text[AS_CSV_TEXT_MAX + 1] = "";
    int64_t bytes = 0;
    const bool fits = as_csv_text(f, text, &bytes);
    if (fits && as_csv_is_missing(text, bytes)) {
        *out = (double)NAN;
        return AS_OK;
    }
    const int64_t place = fits ? as_names_find(code->known, text, bytes) : -1;
    *out = (double)place;
    if (place >= 0 || !code->strict) {
        return AS_OK;
    }
    as_text names = {0};
    for (int64_t i = 0; i < code->known->n && i < LISTED_MAX; i++) {
        as_text_add(&names, "%s%s", i == 0 ? "" : ", ", code->known->name[i]);
    }
    const as_status status = as_error_set(
        AS_DATA, "%s: line %lld (row %lld), column \"%s\": \"%.*s\" is none of the %lld known there: %s%s", csv->path,
        (long long)line, (long long)row, csv->name[column], (int)(f->bytes < 40 ? f->bytes : 40), f->text,
        (long long)code->known->n, names.data != NULL ? names.data : "", code->known->n > LISTED_MAX ? ", ..." : "");
    as_text_free(&names);
    return status;
}

/* The start of a row: forwards from the row that was read last, or from the mark before it. */
static as_csv_cursor seek(const as_csv *csv, int64_t row)
{
    as_csv_cursor c = csv->mark[row / STRIDE];
    if (csv->resume.row <= row && csv->resume.row >= c.row) {
        c = csv->resume;
    }
    for (; c.row < row; c.row++) {
        as_csv_next_line(&csv->lines, &c);
        for (as_csv_field f = {.last = false}; !f.last;) {
            as_csv_next_field(&csv->lines, &c, &f);
        }
    }
    as_csv_next_line(&csv->lines, &c);
    return c;
}

/* A field as the number that it is for its column; false: it is none. */
static bool to_number(const as_csv *csv, int column, const as_csv_field *f, double *out)
{
    const as_date_kind date = csv->column[column].date;
    if (date == AS_DATE_NONE) {
        return as_csv_number(f, csv->decimal, out);
    }
    const as_csv_field t = as_csv_trimmed(f);
    if (as_csv_is_missing(t.text, t.bytes)) {
        *out = (double)NAN;
        return true;
    }
    return as_date_read(t.text, t.bytes, out) == date;
}

/* A field that is no number: what reads it, as far as that can be seen. */
static as_status fail_number(const as_csv *csv, int column, const as_csv_field *f, int64_t line, int64_t row)
{
    const as_csv_field t = as_csv_trimmed(f);
    double ignored;
    char cure[128] =
        "data.columns.one_hot takes texts, code those of models of categories; data.columns.use chooses columns";
    if (as_csv_number(f, csv->decimal == '.' ? ',' : '.', &ignored)) {
        snprintf(cure, sizeof cure, "decimal: %s of the source reads that", csv->decimal == '.' ? "comma" : "point");
    } else if (as_date_read(t.text, t.bytes, &ignored) != AS_DATE_NONE) {
        snprintf(cure, sizeof cure, "dates: [\"%.40s\"] of the source reads that, as days since 1970-01-01",
                 csv->name[column]);
    }
    AS_FAIL(AS_DATA, "%s: line %lld (row %lld), column \"%s\": expected a number, found \"%.*s\" (%s)", csv->path,
            (long long)line, (long long)row, csv->name[column], (int)(f->bytes < 40 ? f->bytes : 40), f->text, cure);
}

as_status as_csv_read(as_csv *csv, int64_t first, int64_t count, const int *slot, int64_t width, double *data)
{
    AS_ASSERT(first >= 0 && count >= 0 && first + count <= csv->rows);
    as_csv_cursor c = seek(csv, first);
    for (; c.row < first + count; c.row++, data += width) {
        as_csv_next_line(&csv->lines, &c);
        for (int column = 0; column < csv->columns; column++) {
            const int64_t line = c.line;
            as_csv_field f;
            as_csv_next_field(&csv->lines, &c, &f);
            if (slot[column] >= 0 && csv->column[column].known != NULL) {
                AS_TRY(to_code(csv, column, &f, line, c.row, &data[slot[column]]));
            } else if (slot[column] >= 0 && !to_number(csv, column, &f, &data[slot[column]])) {
                return fail_number(csv, column, &f, line, c.row);
            }
        }
    }
    csv->resume = c;
    return AS_OK;
}

/* Calls `each` with the fields of a column, in the order of the rows, until it gives an error. */
static as_status over_column(const as_csv *csv, int column,
                             as_status (*each)(void *context, const as_csv_cursor *row, const as_csv_field *f),
                             void *context)
{
    as_csv_cursor c = csv->mark[0];
    for (; c.row < csv->rows; c.row++) {
        as_csv_next_line(&csv->lines, &c);
        const as_csv_cursor start = c;
        as_csv_field wanted = {0};
        for (int i = 0; i < csv->columns; i++) {
            as_csv_field f;
            as_csv_next_field(&csv->lines, &c, &f);
            wanted = i == column ? f : wanted;
        }
        AS_TRY(each(context, &start, &wanted));
    }
    return AS_OK;
}

/* What one more field leaves of a column's being numbers, whole numbers, days or times. */
static void look_at_field(const as_csv *csv, int at, const as_csv_field *f, int64_t line)
{
    column_state *c = &csv->column[at];
    const as_csv_field t = as_csv_trimmed(f);
    double value;
    c->whole = c->whole && f->bytes <= 16 && as_csv_short_number(f->text, f->bytes, '.', &value) &&
               memchr(f->text, '.', (size_t)f->bytes) == NULL;
    if (!(c->whole && c->date == AS_DATE_NONE) && !to_number(csv, at, f, &value)) {
        c->odd_line = c->odd++ == 0 ? line : c->odd_line;
        c->numbers = false;
    }
    if ((!c->any || c->dates != AS_DATE_NONE) && !as_csv_is_missing(t.text, t.bytes)) {
        const as_date_kind kind = as_date_read(t.text, t.bytes, &value);
        c->dates = !c->any || kind == c->dates ? kind : AS_DATE_NONE;
        c->any = true;
    }
}

/* What the fields of a column are. The first column that is asked for is looked at alone, with the next one all that
   are left, in one pass. */
static const column_state *look(as_csv *csv, int wanted)
{
    column_state *all = csv->column;
    if (all[wanted].looked) {
        return &all[wanted];
    }
    const int from = csv->asked ? 0 : wanted, to = csv->asked ? csv->columns : wanted + 1;
    csv->asked = true;
    for (int i = from; i < to; i++) {
        if (!all[i].looked) {
            all[i].numbers = all[i].whole = true;
            all[i].dates = AS_DATE_NONE;
            all[i].any = false;
            all[i].odd = 0;
        }
    }
    as_csv_cursor c = csv->mark[0];
    for (; c.row < csv->rows; c.row++) {
        as_csv_next_line(&csv->lines, &c);
        for (int i = 0; i < csv->columns; i++) {
            const int64_t line = c.line;
            as_csv_field f;
            as_csv_next_field(&csv->lines, &c, &f);
            if (i >= from && i < to && !all[i].looked) {
                look_at_field(csv, i, &f, line);
            }
        }
    }
    for (int i = from; i < to; i++) {
        all[i].looked = true;
    }
    return &all[wanted];
}

typedef struct texts {
    const as_csv *csv;
    int column;
    int64_t most;
    as_names *out;
} texts;

static as_status add_text(void *context, const as_csv_cursor *row, const as_csv_field *f)
{
    const texts *t = context;
    char text[AS_CSV_TEXT_MAX + 1];
    int64_t bytes = 0;
    if (!as_csv_text(f, text, &bytes)) {
        AS_FAIL(AS_DATA, "%s: line %lld (row %lld), column \"%s\": expected a text of at most %d bytes, found %lld",
                t->csv->path, (long long)row->line, (long long)row->row, t->csv->name[t->column], (int)AS_CSV_TEXT_MAX,
                (long long)f->bytes);
    }
    if (as_csv_is_missing(text, bytes)) {
        return AS_OK;
    }
    AS_TRY(as_names_insert(t->out, text, bytes));
    if (t->out->n > t->most) {
        AS_FAIL(
            AS_DATA,
            "%s: column \"%s\" has more than %lld different texts (the last one, \"%.40s\", in line %lld): expected a "
            "column of categories",
            t->csv->path, t->csv->name[t->column], (long long)t->most, text, (long long)row->line);
    }
    return AS_OK;
}

as_status as_csv_texts(as_csv *csv, int column, int64_t most, as_names *out)
{
    return look(csv, column)->numbers ? AS_OK : as_csv_words(csv, column, most, out);
}

as_status as_csv_words(as_csv *csv, int column, int64_t most, as_names *out)
{
    texts t = {.csv = csv, .column = column, .most = most, .out = out};
    return over_column(csv, column, add_text, &t);
}

void as_csv_code(as_csv *csv, int column, const as_names *known, bool strict)
{
    csv->column[column].known = known;
    csv->column[column].strict = strict;
}

bool as_csv_whole(as_csv *csv, int column)
{
    return look(csv, column)->whole;
}

int64_t as_csv_odd(as_csv *csv, int column, int64_t *line)
{
    const column_state *c = look(csv, column);
    *line = c->odd_line;
    return c->odd;
}

as_date_kind as_csv_dates(as_csv *csv, int column)
{
    return look(csv, column)->dates;
}

static int count_numbers(as_csv *csv)
{
    int n = 0;
    for (int i = 0; i < csv->columns; i++) {
        n += look(csv, i)->numbers;
    }
    return n;
}

bool as_csv_find_decimal(as_csv *csv)
{
    const char before = csv->decimal;
    const int points = count_numbers(csv);
    if (as_csv_set_decimal(csv, ',') != AS_OK) { /* it stands between fields */
        return false;
    }
    return count_numbers(csv) > points || as_csv_set_decimal(csv, before) != AS_OK;
}

/* All fields are dates, and of the kind of the first one. */
static as_status check_date(void *context, const as_csv_cursor *row, const as_csv_field *f)
{
    const texts *t = context;
    column_state *c = &t->csv->column[t->column];
    const as_csv_field word = as_csv_trimmed(f);
    double ignored;
    if (as_csv_is_missing(word.text, word.bytes)) {
        return AS_OK;
    }
    const as_date_kind kind = as_date_read(word.text, word.bytes, &ignored);
    c->date = c->date == AS_DATE_NONE ? kind : c->date;
    if (kind != AS_DATE_NONE && kind == c->date) {
        return AS_OK;
    }
    AS_FAIL(AS_DATA, "%s: line %lld (row %lld), column \"%s\": expected %s, found \"%.*s\"", t->csv->path,
            (long long)row->line, (long long)row->row, t->csv->name[t->column],
            c->date == AS_DATE_DAY    ? "a date such as 2026-11-23, 2026-11-23 14:30 or 23.11.2026"
            : c->date == AS_DATE_TIME ? "a time such as 14:30 or 14:30:05"
                                      : "a date such as 2026-11-23, 2026-11-23 14:30 or 23.11.2026, or a time (14:30)",
            (int)(word.bytes < 40 ? word.bytes : 40), word.text);
}

as_status as_csv_date(as_csv *csv, int column)
{
    texts t = {.csv = csv, .column = column};
    csv->column[column].looked = false;
    csv->column[column].date = AS_DATE_NONE;
    return over_column(csv, column, check_date, &t);
}

void as_csv_write_field(const char *prefix, const char *word, as_text *text)
{
    if (strpbrk(word, ",\"\r\n") == NULL) {
        as_text_add(text, "%s%s", prefix, word);
        return;
    }
    as_text_add(text, "\"%s", prefix);
    for (; *word != '\0'; word++) {
        as_text_add(text, "%s%c", *word == '"' ? "\"" : "", *word);
    }
    as_text_add(text, "\"");
}
