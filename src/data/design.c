/* Cost: sources + factors of all columns, for each row. */
#include "data/design.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/text.h"

enum { VALUE = -1, PLACE = -2 };

/* A power of a number, the indicator of a level, or the place of one. */
typedef struct as_design_factor {
    int32_t source, level; /* VALUE: a number; PLACE: that of the level */
    int32_t power;
} factor;

void as_design_destroy(as_design **design)
{
    as_design *d = *design;
    if (d == NULL) {
        return;
    }
    for (int64_t i = 0; i < d->n; i++) {
        free(d->source[i].name);
        free(d->source[i].value);
        as_names_free(&d->source[i].level);
    }
    free(d->source);
    free(d->factor);
    free(d->first);
    as_parts_free(&d->names);
    free(d);
    *design = NULL;
}

/* ---- sources ---- */

static as_status add_source(as_design *d, const char *name, int64_t at)
{
    if ((d->n & (d->n - 1)) == 0) {
        as_design_source *source = realloc(d->source, (size_t)(d->n == 0 ? 1 : 2 * d->n) * sizeof *source);
        if (source == NULL) {
            AS_FAIL(AS_NOMEM, "out of memory for columns");
        }
        d->source = source;
    }
    const size_t bytes = strlen(name) + 1;
    char *copy = malloc(bytes);
    if (copy == NULL) {
        AS_FAIL(AS_NOMEM, "out of memory for a name");
    }
    memcpy(copy, name, bytes);
    d->source[d->n++] = (as_design_source){.name = copy, .at = at};
    return AS_OK;
}

static int64_t find_source(const as_design *d, const char *name)
{
    for (int64_t i = 0; i < d->n; i++) {
        if (strcmp(d->source[i].name, name) == 0) {
            return i;
        }
    }
    return -1;
}

/* The name of element `at`, whole where it is a part by itself. */
static const char *element_name(const as_data_parts *stored, int64_t at, char buffer[AS_PART_NAME_MAX])
{
    if (stored->n > at && stored->part[at].first == at && as_shape_size(&stored->part[at].shape) == 1) {
        return stored->part[at].name;
    }
    return as_parts_name(stored, at, "x", buffer);
}

/* The elements that a name stands for: one, or all of a part. */
static as_status use_name(as_design *d, const as_data_parts *stored, const char *name, const char *place)
{
    const int64_t before = d->n;
    char buffer[AS_PART_NAME_MAX];
    if (find_source(d, name) >= 0) {
        AS_FAIL(AS_CONFIG, "data.columns.use: \"%s\" stands there twice", name);
    }
    for (int64_t p = 0; p < stored->n; p++) {
        const as_data_part *part = &stored->part[p];
        const int64_t size = as_shape_size(&part->shape);
        for (int64_t i = 0; strcmp(part->name, name) == 0 && i < size; i++) {
            AS_TRY(add_source(d, element_name(stored, part->first + i, buffer), part->first + i));
        }
    }
    for (int64_t at = 0; d->n == before && at < d->stored; at++) {
        if (strcmp(element_name(stored, at, buffer), name) == 0) {
            AS_TRY(add_source(d, name, at));
        }
    }
    if (d->n == before) {
        char first[AS_PART_NAME_MAX], last[AS_PART_NAME_MAX];
        AS_FAIL(AS_CONFIG, "data.columns.use: no column of %s is named \"%s\"; it has %lld, %s to %s", place, name,
                (long long)d->stored, as_parts_name(stored, 0, "x", first),
                as_parts_name(stored, d->stored - 1, "x", last));
    }
    return AS_OK;
}

as_status as_design_find(const as_column_options *options, const as_data_parts *stored, int64_t width,
                         const char *place, as_design **out)
{
    as_design *d = calloc(1, sizeof *d);
    if (d == NULL) {
        AS_FAIL(AS_NOMEM, "out of memory for data.columns");
    }
    *out = d;
    d->stored = width;
    char buffer[AS_PART_NAME_MAX];
    for (int64_t i = 0; i < options->use.n; i++) {
        AS_TRY(use_name(d, stored, options->use.v[i], place));
    }
    for (int64_t at = 0; options->use.n == 0 && at < width; at++) {
        AS_TRY(add_source(d, element_name(stored, at, buffer), at));
    }
    for (int64_t i = 0; i < options->one_hot.n; i++) {
        const int64_t source = find_source(d, options->one_hot.v[i]);
        if (source < 0) {
            AS_FAIL(AS_CONFIG, "data.columns.one_hot: \"%s\" is none of the %lld columns in use of %s",
                    options->one_hot.v[i], (long long)d->n, place);
        }
        d->source[source].category = true;
    }
    const bool all = options->code.n == 1 && strcmp(options->code.v[0], "all") == 0 && find_source(d, "all") < 0;
    for (int64_t i = 0; all && i < d->n; i++) {
        d->source[i].category = d->source[i].code = true;
    }
    for (int64_t i = 0; !all && i < options->code.n; i++) {
        const int64_t source = find_source(d, options->code.v[i]);
        if (source < 0) {
            AS_FAIL(AS_CONFIG, "data.columns.code: \"%s\" is none of the %lld columns in use of %s", options->code.v[i],
                    (long long)d->n, place);
        }
        if (d->source[source].category) {
            AS_FAIL(AS_CONFIG, "data.columns.code: \"%s\" stands under one_hot too, or twice", options->code.v[i]);
        }
        d->source[source].category = d->source[source].code = true;
    }
    if (options->unseen == AS_UNSEEN_ZERO && options->code.n > 0) {
        AS_FAIL(AS_CONFIG, "data.columns.unseen: a column of places of levels has none for others; expected error");
    }
    d->zero = options->unseen == AS_UNSEEN_ZERO;
    return AS_OK;
}

/* ---- levels ---- */

/* First level that is not below the value. */
static int64_t level_place(const as_design_source *s, double value)
{
    int64_t low = 0, high = s->level.n;
    while (low < high) {
        const int64_t middle = low + (high - low) / 2;
        if (s->value[middle] < value) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low;
}

as_status as_design_level(as_design_source *s, double value, const char *place)
{
    const int64_t at = level_place(s, value);
    if (at < s->level.n && s->value[at] == value) {
        return AS_OK;
    }
    if (s->level.n == AS_LEVELS_MAX) {
        AS_FAIL(AS_DATA,
                "%s: data.columns.one_hot: column \"%s\" has more than %d different values: expected categories", place,
                s->name, (int)AS_LEVELS_MAX);
    }
    if (s->value == NULL) {
        s->value = malloc(AS_LEVELS_MAX * sizeof *s->value);
    }
    if (s->value == NULL) {
        AS_FAIL(AS_NOMEM, "out of memory for levels");
    }
    AS_TRY(as_names_add(&s->level, "", 0)); /* named when all are there */
    memmove(s->value + at + 1, s->value + at, (size_t)(s->level.n - 1 - at) * sizeof *s->value);
    s->value[at] = value == 0 ? 0 : value;
    return AS_OK;
}

static as_status name_numbers(as_design_source *s)
{
    const int64_t n = s->level.n;
    as_names_free(&s->level);
    for (int64_t i = 0; i < n; i++) {
        char text[32];
        as_real_text(s->value[i], text);
        AS_TRY(as_names_add(&s->level, text, (int64_t)strlen(text)));
    }
    return AS_OK;
}

as_status as_design_copy_levels(const as_design_source *from, as_design_source *to)
{
    to->text = from->text;
    AS_TRY(as_names_copy(&from->level, &to->level));
    if (from->value != NULL) {
        to->value = malloc(((size_t)from->level.n + 1) * sizeof *to->value);
        if (to->value == NULL) {
            AS_FAIL(AS_NOMEM, "out of memory for levels");
        }
        memcpy(to->value, from->value, (size_t)from->level.n * sizeof *to->value);
    }
    return AS_OK;
}

/* ---- columns ---- */

static int64_t choices(const as_design *d, int64_t source, bool drop_first)
{
    const as_design_source *s = &d->source[source];
    return s->category && !s->code ? s->level.n - drop_first : 1;
}

static void factor_name(const as_design *d, const factor *f, as_text *name)
{
    const as_design_source *s = &d->source[f->source];
    as_text_add(name, "%s%s", name->size > 0 ? ":" : "", s->name);
    if (f->level >= 0) {
        as_text_add(name, "=%s", s->level.name[f->level]);
    } else if (f->power > 1) {
        as_text_add(name, "^%d", (int)f->power);
    }
}

/* Appends a column. */
static as_status add_column(as_design *d, int64_t n, const factor *f)
{
    if (d->columns == AS_DESIGN_COLUMNS_MAX) {
        AS_FAIL(AS_CONFIG, "data.columns: more than %d columns would be made", (int)AS_DESIGN_COLUMNS_MAX);
    }
    const size_t most = 2 * ((size_t)d->columns + 2);
    if ((d->columns & (d->columns - 1)) == 0) {
        int64_t *first = realloc(d->first, most * sizeof *first);
        if (first == NULL) {
            AS_FAIL(AS_NOMEM, "out of memory for columns");
        }
        d->first = first;
    }
    factor *all = realloc(d->factor, (size_t)(d->nfactors + n) * sizeof *all);
    if (all == NULL) {
        AS_FAIL(AS_NOMEM, "out of memory for columns");
    }
    d->factor = all;
    memcpy(all + d->nfactors, f, (size_t)n * sizeof *f);
    d->first[d->columns] = d->nfactors;
    d->nfactors += n;
    d->first[++d->columns] = d->nfactors;
    as_text name = {0};
    for (int64_t i = 0; i < n; i++) {
        factor_name(d, &f[i], &name);
    }
    const as_shape one = {0};
    const as_status status = name.failed ? as_error_set(AS_NOMEM, "out of memory for the name of a column")
                                         : as_parts_add(&d->names, name.data, &one);
    as_text_free(&name);
    return status;
}

/* The factor of choice c of a source. */
static factor factor_of(const as_design *d, int64_t source, int64_t c, bool drop_first)
{
    const as_design_source *s = &d->source[source];
    const int32_t level = s->code ? PLACE : s->category ? (int32_t)(c + drop_first) : VALUE;
    return (factor){.source = (int32_t)source, .level = level, .power = 1};
}

/* All products of one column from each source; the last source runs fastest. */
static as_status add_products(as_design *d, int64_t n, const int64_t *source, bool drop_first)
{
    int64_t total = 1;
    factor *f = malloc((size_t)n * sizeof *f);
    if (f == NULL) {
        AS_FAIL(AS_NOMEM, "out of memory for products of columns");
    }
    for (int64_t i = 0; i < n; i++) {
        total *= choices(d, source[i], drop_first);
        total = total > AS_DESIGN_COLUMNS_MAX ? AS_DESIGN_COLUMNS_MAX + 1 : total;
    }
    as_status status = AS_OK;
    for (int64_t p = 0; status == AS_OK && p < total; p++) {
        int64_t rest = p;
        for (int64_t i = n - 1; i >= 0; i--) {
            const int64_t count = choices(d, source[i], drop_first);
            f[i] = factor_of(d, source[i], rest % count, drop_first);
            rest /= count;
        }
        status = add_column(d, n, f);
    }
    free(f);
    return status;
}

static as_status add_interaction(as_design *d, const as_texts *names, bool drop_first, const char *place)
{
    int64_t *source = malloc((size_t)names->n * sizeof *source);
    as_status status = source != NULL ? AS_OK : as_error_set(AS_NOMEM, "out of memory for products of columns");
    for (int64_t i = 0; status == AS_OK && i < names->n; i++) {
        source[i] = find_source(d, names->v[i]);
        if (source[i] < 0) {
            status =
                as_error_set(AS_CONFIG, "data.columns.interactions: \"%s\" is none of the %lld columns in use of %s",
                             names->v[i], (long long)d->n, place);
        }
    }
    if (status == AS_OK) {
        status = add_products(d, names->n, source, drop_first);
    }
    free(source);
    return status;
}

as_status as_design_finish(as_design *d, const as_column_options *options, const char *place)
{
    const bool drop = options->drop_first;
    for (int64_t s = 0; s < d->n; s++) {
        as_design_source *source = &d->source[s];
        if (source->category && source->level.n == 0) {
            AS_FAIL(AS_DATA, "%s: data.columns.one_hot: column \"%s\" has no values", place, source->name);
        }
        if (source->category && !source->text) {
            AS_TRY(name_numbers(source));
        }
        AS_TRY(add_products(d, 1, &s, drop));
    }
    for (int32_t power = 2; power <= options->polynomial; power++) {
        for (int64_t s = 0; s < d->n; s++) {
            if (!d->source[s].category) {
                AS_TRY(add_column(d, 1, &(factor){.source = (int32_t)s, .level = VALUE, .power = power}));
            }
        }
    }
    for (int64_t a = 0; options->all_pairs && a < d->n; a++) {
        for (int64_t b = a + 1; b < d->n; b++) {
            AS_TRY(add_products(d, 2, (const int64_t[]){a, b}, drop));
        }
    }
    for (int64_t i = 0; i < options->ninteractions; i++) {
        AS_TRY(add_interaction(d, &options->interaction[i], drop, place));
    }
    if (d->columns == 0) {
        AS_FAIL(AS_DATA, "%s: data.columns: no column is left: every category has one level, which is dropped", place);
    }
    return AS_OK;
}

bool as_design_indicates(const as_design *d, int64_t column)
{
    for (int64_t i = d->first[column]; i < d->first[column + 1]; i++) {
        if (d->factor[i].level == VALUE) {
            return false;
        }
    }
    return true;
}

const as_names *as_design_levels(const as_design *d, int64_t column)
{
    const int64_t first = d->first[column];
    const factor *f = &d->factor[first];
    return d->first[column + 1] == first + 1 && f->level == PLACE ? &d->source[f->source].level : NULL;
}

/* ---- rows ---- */

/* Stored values to numbers and places of levels (-1: unseen), in the order of the sources. */
static as_status find_values(const as_design *d, const char *place, int64_t row, const double *stored, double *value)
{
    for (int64_t i = 0; i < d->n; i++) {
        const as_design_source *s = &d->source[i];
        const double v = stored[s->at];
        value[i] = v;
        if (!s->category || s->text || isnan(v)) {
            continue;
        }
        const int64_t at = level_place(s, v);
        const bool seen = at < s->level.n && s->value[at] == v;
        if (!seen && !d->zero) {
            AS_FAIL(AS_DATA,
                    "%s: row %lld, column \"%s\": level %.17g is none of the %lld of the training data "
                    "(data.columns.unseen: "
                    "zero allows it)",
                    place, (long long)row, s->name, v, (long long)s->level.n);
        }
        value[i] = seen ? (double)at : -1;
    }
    return AS_OK;
}

static double factor_value(const factor *f, const double *value)
{
    const double v = value[f->source];
    if (f->level >= 0) {
        return isnan(v) ? v : v == (double)f->level;
    }
    double product = v;
    for (int32_t p = 1; p < f->power; p++) {
        product *= v;
    }
    return product;
}

as_status as_design_rows(const as_design *d, const char *place, int64_t first, int64_t count, const double *stored,
                         double *out)
{
    double *value = malloc(((size_t)d->n + 1) * sizeof *value);
    as_status status = value != NULL ? AS_OK : as_error_set(AS_NOMEM, "out of memory for a row");
    for (int64_t r = 0; status == AS_OK && r < count; r++, stored += d->stored, out += d->columns) {
        status = find_values(d, place, first + r, stored, value);
        for (int64_t c = 0; status == AS_OK && c < d->columns; c++) {
            out[c] = factor_value(&d->factor[d->first[c]], value);
            for (int64_t i = d->first[c] + 1; i < d->first[c + 1]; i++) {
                out[c] *= factor_value(&d->factor[i], value);
            }
        }
    }
    free(value);
    return status;
}

/* ---- as text ---- */

void as_design_write(const as_design *d, as_text *text)
{
    for (int64_t i = 0; i < d->n; i++) {
        const as_design_source *s = &d->source[i];
        as_text_add(text, "%s\t%s", s->name,
                    !s->category ? "value"
                    : s->text    ? s->code ? "texts=" : "texts"
                    : s->code    ? "numbers="
                                 : "numbers");
        for (int64_t l = 0; l < s->level.n; l++) {
            as_text_add(text, "\t%s", s->level.name[l]);
        }
        as_text_add(text, "\n");
    }
}

/* The next word of a line that ends with a tab or the line. */
static size_t word(const char **at, const char *end, const char **start)
{
    *start = *at;
    while (*at < end && **at != '\t') {
        (*at)++;
    }
    const size_t n = (size_t)(*at - *start);
    *at += *at < end;
    return n;
}

static as_status read_source(const char *line, const char *end, as_design *d)
{
    const char *at = line, *start;
    as_names name = {0};
    size_t n = word(&at, end, &start);
    as_status status = as_names_add(&name, start, (int64_t)n);
    if (status == AS_OK) {
        status = add_source(d, name.name[0], d->n);
    }
    as_names_free(&name);
    AS_TRY(status);
    as_design_source *s = &d->source[d->n - 1];
    n = word(&at, end, &start);
    s->category = n > 0 && *start != 'v';
    s->text = n > 0 && *start == 't';
    s->code = n > 0 && start[n - 1] == '=';
    while (s->category && at < end) {
        n = word(&at, end, &start);
        char number[32] = "";
        double value = 0;
        if (s->text) {
            AS_TRY(as_names_add(&s->level, start, (int64_t)n));
            continue;
        }
        memcpy(number, start, n < sizeof number - 1 ? n : 0);
        if (!as_text_to_real(number, &value)) {
            AS_FAIL(AS_DATA, "column \"%s\": level \"%s\" is no number", s->name, number);
        }
        AS_TRY(as_design_level(s, value, "checkpoint"));
    }
    return AS_OK;
}

as_status as_design_read(const char *lines, const as_column_options *options, as_design **out)
{
    as_design *d = calloc(1, sizeof *d);
    if (d == NULL) {
        AS_FAIL(AS_NOMEM, "out of memory for data.columns");
    }
    as_status status = AS_OK;
    for (const char *at = lines; status == AS_OK && *at != '\0';) {
        const char *end = at + strcspn(at, "\n");
        status = read_source(at, end, d);
        at = end + (*end != '\0');
    }
    d->stored = d->n;
    d->zero = options->unseen == AS_UNSEEN_ZERO;
    if (status == AS_OK) {
        status = as_design_finish(d, options, "checkpoint");
    }
    if (status != AS_OK) {
        as_design_destroy(&d);
    }
    *out = d;
    return status;
}
