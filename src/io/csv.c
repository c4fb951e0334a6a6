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

enum { STRIDE = 64, NUMBER_MAX = 128, EXACT_DIGITS = 15, DIGITS = 19, LISTED_MAX = 12, LEVEL_MAX = 255 };

/* A place between two fields or lines. */
typedef struct cursor {
    int64_t at, line, row;
} cursor;

struct as_csv {
    const char *text;
    int64_t bytes, rows;
    char delimiter, decimal;
    int columns;
    char **name; /* (columns) */
    struct code {
        const as_names *known; /* NULL: the column is numbers */
        bool strict;
    } * code;      /* (columns), or NULL */
    cursor *mark;  /* every STRIDE-th row */
    cursor resume; /* after the row that was read last */
    char path[];
};

typedef struct field {
    const char *text;
    int64_t bytes; /* inside the quotes */
    bool quoted, last;
} field;

/* The field at the cursor, which moves behind it and its delimiter. False: a quote that does not end, or text after
 * one. */
static bool next_field(const as_csv *csv, cursor *c, field *out)
{
    const char *text = csv->text;
    int64_t at = c->at, lines = 0;
    *out = (field){.text = text + at};
    if (at < csv->bytes && text[at] == '"') {
        out->quoted = true;
        out->text++;
        for (at++; at < csv->bytes; at++) {
            lines += text[at] == '\n';
            if (text[at] == '"') {
                if (at + 1 >= csv->bytes || text[at + 1] != '"') {
                    break;
                }
                at++;
            }
        }
        if (at >= csv->bytes) {
            return false;
        }
        out->bytes = text + at - out->text;
        at++;
        at += at + 1 < csv->bytes && text[at] == '\r' && text[at + 1] == '\n';
    } else {
        while (at < csv->bytes && text[at] != csv->delimiter && text[at] != '\n') {
            at++;
        }
        out->bytes = text + at - out->text;
        if (at < csv->bytes && text[at] == '\n' && out->bytes > 0 && text[at - 1] == '\r') {
            out->bytes--;
        }
    }
    if (at < csv->bytes && text[at] != csv->delimiter && text[at] != '\n') {
        return false;
    }
    out->last = at >= csv->bytes || text[at] == '\n';
    c->line += lines + (at < csv->bytes && text[at] == '\n');
    c->at = at < csv->bytes ? at + 1 : at;
    return true;
}

/* To the next line that is not empty; false at the end. */
static bool next_line(const as_csv *csv, cursor *c)
{
    while (c->at < csv->bytes) {
        const char *at = csv->text + c->at;
        if (*at == '\n') {
            c->at++;
        } else if (*at == '\r' && c->at + 1 < csv->bytes && at[1] == '\n') {
            c->at += 2;
        } else {
            return true;
        }
        c->line++;
    }
    return false;
}

static as_status fail_quote(const as_csv *csv, const cursor *c)
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
    csv->bytes = (int64_t)state.st_size;
    void *text = mmap(NULL, (size_t)csv->bytes, PROT_READ, MAP_PRIVATE, file, 0);
    const int code = errno;
    close(file);
    if (text == MAP_FAILED) {
        AS_FAIL(AS_IO, "%s: cannot map %lld bytes: %s", csv->path, (long long)csv->bytes, strerror(code));
    }
    csv->text = text;
    if (csv->bytes > 1 && csv->text[0] == '\x1F' && csv->text[1] == '\x8B') {
        AS_FAIL(AS_DATA, "%s: expected text, found a gzip-packed file; unpack it first", csv->path);
    }
    return AS_OK;
}

/* A name without quotes and blanks around it. */
static char *copy_name(const field *f)
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
        name[n++] = f->text[i];
        i += f->quoted && f->text[i] == '"'; /* doubled */
    }
    if (name != NULL) {
        name[n] = 0;
    }
    return name;
}

/* Another delimiter than the comma, where the header has that one and no comma outside of quotes. */
static void find_delimiter(as_csv *csv, int64_t at)
{
    static const char others[] = ";\t|";
    bool quoted = false, seen[sizeof others] = {false};
    for (; csv->delimiter == ',' && at < csv->bytes && (quoted || csv->text[at] != '\n'); at++) {
        const char here = csv->text[at], *other = here != 0 ? strchr(others, here) : NULL;
        quoted = quoted != (here == '"');
        if (!quoted && here == ',') {
            return;
        }
        if (!quoted && other != NULL) {
            seen[other - others] = true;
        }
    }
    for (int i = 0; csv->delimiter == ',' && others[i] != 0; i++) {
        csv->delimiter = seen[i] ? others[i] : csv->delimiter;
    }
}

static as_status read_header(as_csv *csv, cursor *c)
{
    if (csv->bytes >= 3 && memcmp(csv->text, "\xEF\xBB\xBF", 3) == 0) {
        c->at = 3; /* byte order mark */
    }
    if (!next_line(csv, c)) {
        AS_FAIL(AS_DATA, "%s: expected a header row, found empty lines", csv->path);
    }
    find_delimiter(csv, c->at);
    bool numbers = true;
    int room = 0;
    for (field f = {.last = false}; !f.last;) {
        if (!next_field(csv, c, &f)) {
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

static as_status find_rows(as_csv *csv, cursor c)
{
    int64_t room = 0;
    for (c.row = 0; next_line(csv, &c); c.row++) {
        const int64_t line = c.line;
        if (c.row / STRIDE == room) {
            room = room == 0 ? 1024 : 2 * room;
            cursor *mark = realloc(csv->mark, (size_t)room * sizeof *mark);
            if (mark == NULL) {
                AS_FAIL(AS_NOMEM, "%s: out of memory for the places of its rows", csv->path);
            }
            csv->mark = mark;
        }
        if (c.row % STRIDE == 0) {
            csv->mark[c.row / STRIDE] = c;
        }
        int fields = 0;
        for (field f = {.last = false}; !f.last; fields++) {
            if (!next_field(csv, &c, &f)) {
                return fail_quote(csv, &c);
            }
        }
        if (fields != csv->columns) {
            AS_FAIL(AS_DATA, "%s: line %lld (row %lld): expected %d field%s as in the header, found %d (delimiter %s)",
                    csv->path, (long long)line, (long long)c.row, csv->columns, csv->columns == 1 ? "" : "s", fields,
                    csv->delimiter == '\t' ? "tab" : (const char[]){csv->delimiter, 0});
        }
    }
    if (c.row == 0) {
        AS_FAIL(AS_DATA, "%s: no data: a header and no rows", csv->path);
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
    csv->delimiter = delimiter;
    csv->decimal = '.';
    cursor c = {.line = 1};
    as_status status = map_file(csv);
    if (status == AS_OK) {
        status = read_header(csv, &c);
    }
    if (status == AS_OK) {
        status = find_rows(csv, c);
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
    if (c->text != NULL) {
        munmap((void *)(uintptr_t)c->text, (size_t)c->bytes);
    }
    for (int i = 0; i < c->columns; i++) {
        free(c->name[i]);
    }
    free(c->name);
    free(c->mark);
    free(c->code);
    free(c);
    *csv = NULL;
}

as_status as_csv_set_decimal(as_csv *csv, char decimal)
{
    if (decimal == csv->delimiter) {
        AS_FAIL(AS_CONFIG, "%s: \"%c\" stands between fields; expected another one before the fraction of numbers",
                csv->path, decimal);
    }
    csv->decimal = decimal;
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

__extension__ typedef unsigned __int128 uint128;

/* value / 10^after, to the nearest double, by one division of 128 bits: the quotient has 64 bits or 63, and the rest
   says whether it is more than that. value > 0, after <= 19. */
static double divided(uint64_t value, int after)
{
    static const uint64_t power[] = {1u,
                                     10u,
                                     100u,
                                     1000u,
                                     10000u,
                                     100000u,
                                     1000000u,
                                     10000000u,
                                     100000000u,
                                     1000000000u,
                                     10000000000u,
                                     100000000000u,
                                     1000000000000u,
                                     10000000000000u,
                                     100000000000000u,
                                     1000000000000000u,
                                     10000000000000000u,
                                     100000000000000000u,
                                     1000000000000000000u,
                                     10000000000000000000u};
    const int up = __builtin_clzll(value), over = __builtin_clzll(power[after]);
    const uint64_t divisor = power[after] << over; /* at least 2^63 */
    const uint128 whole = (uint128)(value << up) << 63;
    const uint64_t quotient = (uint64_t)(whole / divisor), rest = (uint64_t)(whole % divisor);
    /* Of 64 or 63 bits 53 are kept: what is below rounds the last of them, the rest standing for a bit under them all.
     */
    const int drop = 64 - 53 - __builtin_clzll(quotient);
    const uint64_t kept = quotient >> drop, below = quotient & ((UINT64_C(1) << drop) - 1),
                   half = UINT64_C(1) << (drop - 1);
    const bool more = below > half || (below == half && (rest != 0 || (kept & 1) != 0));
    return ldexp((double)(kept + more), drop - 64 + 1 - up + over);
}

/* Decimal numbers of at most 19 digits that count. Those of 15 are exact in double before the one rounding of the
   quotient (W. Clinger, "How to read floating point numbers accurately", PLDI 1990). Others take the slow way. */
static bool short_number(const char *text, int64_t n, char decimal, double *out)
{
    static const double power[] = {1e0,  1e1,  1e2,  1e3,  1e4,  1e5,  1e6,  1e7,  1e8,  1e9,  1e10, 1e11,
                                   1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22};
    int64_t i = 0;
    uint64_t value = 0;
    int digits = 0, after = 0;
    const bool negative = n > 0 && text[0] == '-';
    i += n > 0 && (text[0] == '-' || text[0] == '+');
    bool point = false, any = false;
    for (; i < n; i++) {
        if (text[i] == decimal && !point) {
            point = true;
        } else if (text[i] >= '0' && text[i] <= '9' && digits < DIGITS && after < DIGITS) {
            value = 10 * value + (uint64_t)(text[i] - '0');
            digits += value > 0; /* zeros in front do not count */
            after += point;
            any = true;
        } else {
            return false;
        }
    }
    if (!any) {
        return false;
    }
    *out = digits <= EXACT_DIGITS ? (double)value / power[after] : divided(value, after);
    *out = negative ? -*out : *out;
    return true;
}

static bool is_missing(const char *text)
{
    static const char *const missing[] = {"", "NA", "NaN", "nan", "null", "NULL", "<NA>", "#N/A", "N/A", "n/a"};
    for (size_t i = 0; i < sizeof missing / sizeof missing[0]; i++) {
        if (strcmp(text, missing[i]) == 0) {
            return true;
        }
    }
    return false;
}

static bool to_number(const as_csv *csv, const field *f, double *out)
{
    const char *text = f->text;
    int64_t n = f->bytes;
    for (; n > 0 && (*text == ' ' || *text == '\t'); text++) {
        n--;
    }
    while (n > 0 && (text[n - 1] == ' ' || text[n - 1] == '\t')) {
        n--;
    }
    if (short_number(text, n, csv->decimal, out)) {
        return true;
    }
    char copy[NUMBER_MAX];
    if (n >= NUMBER_MAX || memchr(text, 0, (size_t)n) != NULL) {
        return false;
    }
    memcpy(copy, text, (size_t)n);
    copy[n] = 0;
    if ((n == 0 || strchr("0123456789+-.,", copy[0]) == NULL) && is_missing(copy)) {
        *out = (double)NAN;
        return true;
    }
    if (csv->decimal != '.') {
        char *comma = strchr(copy, csv->decimal);
        if (strchr(copy, '.') != NULL) {
            return false; /* between thousands */
        }
        if (comma != NULL) {
            *comma = '.';
        }
    }
    return as_text_to_real(copy, out);
}

/* A field as text: without blanks around it, doubled quotes once. False: longer than a level may be. */
static bool to_text(const field *f, char out[LEVEL_MAX + 1], int64_t *bytes)
{
    int64_t from = 0, to = f->bytes, n = 0;
    while (from < to && (f->text[from] == ' ' || f->text[from] == '\t')) {
        from++;
    }
    while (to > from && (f->text[to - 1] == ' ' || f->text[to - 1] == '\t')) {
        to--;
    }
    for (int64_t i = from; i < to; i++) {
        if (n == LEVEL_MAX) {
            return false;
        }
        out[n++] = f->text[i];
        i += f->quoted && f->text[i] == '"';
    }
    out[n] = '\0';
    *bytes = n;
    return true;
}

/* The place of a field's text among those that are known. */
static as_status to_code(const as_csv *csv, int column, const field *f, int64_t line, int64_t row, double *out)
{
    const struct code *code = &csv->code[column];
    char text[LEVEL_MAX + 1] = "";
    int64_t bytes = 0;
    const bool fits = to_text(f, text, &bytes);
    if (fits && is_missing(text)) {
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
static cursor seek(const as_csv *csv, int64_t row)
{
    cursor c = csv->mark[row / STRIDE];
    if (csv->resume.row <= row && csv->resume.row >= c.row) {
        c = csv->resume;
    }
    for (; c.row < row; c.row++) {
        next_line(csv, &c);
        for (field f = {.last = false}; !f.last;) {
            next_field(csv, &c, &f);
        }
    }
    next_line(csv, &c);
    return c;
}

/* A field that is no number: what reads it, as far as that can be seen. */
static as_status fail_number(as_csv *csv, int column, const field *f, int64_t line, int64_t row)
{
    const char decimal = csv->decimal;
    double ignored;
    csv->decimal = decimal == '.' ? ',' : '.';
    const bool other = to_number(csv, f, &ignored);
    csv->decimal = decimal;
    char cure[128] =
        "data.columns.one_hot takes texts, code those of models of categories; data.columns.use chooses columns";
    if (other) {
        snprintf(cure, sizeof cure, "decimal: %s of the source reads that", decimal == '.' ? "comma" : "point");
    }
    AS_FAIL(AS_DATA, "%s: line %lld (row %lld), column \"%s\": expected a number, found \"%.*s\" (%s)", csv->path,
            (long long)line, (long long)row, csv->name[column], (int)(f->bytes < 40 ? f->bytes : 40), f->text, cure);
}

as_status as_csv_read(as_csv *csv, int64_t first, int64_t count, const int *slot, int64_t width, double *data)
{
    AS_ASSERT(first >= 0 && count >= 0 && first + count <= csv->rows);
    cursor c = seek(csv, first);
    for (; c.row < first + count; c.row++, data += width) {
        next_line(csv, &c);
        for (int column = 0; column < csv->columns; column++) {
            const int64_t line = c.line;
            field f;
            next_field(csv, &c, &f);
            if (slot[column] >= 0 && csv->code != NULL && csv->code[column].known != NULL) {
                AS_TRY(to_code(csv, column, &f, line, c.row, &data[slot[column]]));
            } else if (slot[column] >= 0 && !to_number(csv, &f, &data[slot[column]])) {
                return fail_number(csv, column, &f, line, c.row);
            }
        }
    }
    csv->resume = c;
    return AS_OK;
}

/* Calls `each` with the fields of a column, in the order of the rows, until it gives an error. */
static as_status over_column(const as_csv *csv, int column,
                             as_status (*each)(void *context, const cursor *row, const field *f), void *context)
{
    cursor c = csv->mark[0];
    for (; c.row < csv->rows; c.row++) {
        next_line(csv, &c);
        const cursor start = c;
        field wanted = {0};
        for (int i = 0; i < csv->columns; i++) {
            field f;
            next_field(csv, &c, &f);
            wanted = i == column ? f : wanted;
        }
        AS_TRY(each(context, &start, &wanted));
    }
    return AS_OK;
}

typedef struct texts {
    const as_csv *csv;
    int column;
    int64_t most;
    as_names *out;
    bool all_numbers;
} texts;

static as_status find_number(void *context, const cursor *row, const field *f)
{
    (void)row;
    texts *t = context;
    double ignored;
    t->all_numbers = t->all_numbers && to_number(t->csv, f, &ignored);
    return AS_OK;
}

static as_status add_text(void *context, const cursor *row, const field *f)
{
    const texts *t = context;
    char text[LEVEL_MAX + 1];
    int64_t bytes = 0;
    if (!to_text(f, text, &bytes)) {
        AS_FAIL(AS_DATA, "%s: line %lld (row %lld), column \"%s\": expected a text of at most %d bytes, found %lld",
                t->csv->path, (long long)row->line, (long long)row->row, t->csv->name[t->column], (int)LEVEL_MAX,
                (long long)f->bytes);
    }
    if (is_missing(text)) {
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
    texts t = {.csv = csv, .column = column, .most = most, .out = out, .all_numbers = true};
    AS_TRY(over_column(csv, column, find_number, &t));
    return t.all_numbers ? AS_OK : over_column(csv, column, add_text, &t);
}

as_status as_csv_words(as_csv *csv, int column, int64_t most, as_names *out)
{
    texts t = {.csv = csv, .column = column, .most = most, .out = out};
    return over_column(csv, column, add_text, &t);
}

as_status as_csv_code(as_csv *csv, int column, const as_names *known, bool strict)
{
    if (csv->code == NULL) {
        csv->code = calloc((size_t)csv->columns, sizeof *csv->code);
    }
    if (csv->code == NULL) {
        AS_FAIL(AS_NOMEM, "%s: out of memory for the codes of %d columns", csv->path, csv->columns);
    }
    csv->code[column] = (struct code){known, strict};
    return AS_OK;
}

static as_status check_whole(void *context, const cursor *row, const field *f)
{
    (void)row;
    bool *whole = context;
    double value;
    *whole = *whole && short_number(f->text, f->bytes, '.', &value) && memchr(f->text, '.', (size_t)f->bytes) == NULL;
    return AS_OK;
}

bool as_csv_whole(as_csv *csv, int column)
{
    bool whole = true;
    return over_column(csv, column, check_whole, &whole) == AS_OK && whole;
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
