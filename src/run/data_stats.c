/* Cost: a sort of every column; rows x columns^2 / 2 multiply-adds for correlations. */
#include "run/data_stats.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "data/load.h"
#include "math/moments.h"

enum { BLOCK_VALUES = 64 << 20, CHUNK_VALUES = 1 << 20, COUNTS_MAX = 4096 };

typedef struct reader {
    as_load load;
    int64_t width[2]; /* of x, y */
    void *stored;
    double *row; /* (chunk, x and y) */
    int64_t chunk;
} reader;

void as_data_stats_free(as_data_stats *s)
{
    for (int64_t i = 0; i < s->n; i++) {
        free(s->column[i].name);
        free(s->column[i].value);
        free(s->column[i].count);
        as_names_free(&s->column[i].level);
    }
    free(s->column);
    *s = (as_data_stats){0};
}

/* Rows [first, first + count) as doubles, inputs before targets, NaN where values are missing. */
static as_status read_rows(reader *r, int64_t first, int64_t count)
{
    const int64_t all = r->width[0] + r->width[1];
    for (int part = 0; part < 2; part++) {
        const as_column *c = &r->load.column[part];
        const int64_t width = r->width[part];
        if (width == 0) {
            continue;
        }
        AS_TRY(as_load_read(&r->load, (as_part)part, first, count, r->stored));
        double *to = r->row + (part == 0 ? 0 : r->width[0]);
        for (int64_t i = 0; i < count; i++) {
            as_load_widen(width, (const char *)r->stored + (size_t)(i * width) * as_dtype_bytes(c->type), c->type,
                          AS_F64, to + i * all);
            for (int64_t j = 0; j < width; j++) {
                double *v = &to[i * all + j];
                const bool fill = (c->has_fill && *v == c->fill) ||
                                  (r->load.options->has_fill && *v == r->load.options->fill && part == 0);
                *v = fill || !(fabs(*v) <= 0x1.fffffffffffffp1023) ? (double)NAN : *v;
            }
        }
    }
    return AS_OK;
}

static as_status open_reader(const as_data_options *options, reader *r)
{
    *r = (reader){0};
    AS_TRY(as_load_open(&options->train, options, NULL, false, &r->load));
    const as_column *x = &r->load.column[AS_PART_X], *y = &r->load.column[AS_PART_Y];
    if (x->tokenizer != NULL) {
        AS_FAIL(AS_CONFIG, "%s: statistics are of numbers, found tokens of a text", x->place);
    }
    r->width[0] = as_shape_size(&x->shape);
    r->width[1] = y->present ? as_shape_size(&y->shape) : 0;
    const int64_t all = r->width[0] + r->width[1];
    r->chunk = CHUNK_VALUES / all > 0 ? CHUNK_VALUES / all : 1;
    r->row = malloc((size_t)(r->chunk * all) * sizeof *r->row);
    r->stored = malloc((size_t)(r->chunk * all) * sizeof(double));
    if (r->row == NULL || r->stored == NULL) {
        AS_FAIL(AS_NOMEM, "%s: out of memory for %lld columns", x->place, (long long)all);
    }
    return AS_OK;
}

static void close_reader(reader *r)
{
    as_load_close(&r->load);
    free(r->row);
    free(r->stored);
}

/* Names and kinds of all columns; texts become places in their levels. */
static as_status name_all(const as_data_options *options, reader *r, as_data_stats *s)
{
    const as_column *x = &r->load.column[AS_PART_X], *y = &r->load.column[AS_PART_Y];
    const bool whole = y->type != AS_F32 && y->type != AS_F64;
    const bool labels = options->train.labels == AS_LABELS_TRUE || options->train.labels == AS_LABELS_ANY ||
                        y->classes != NULL || (options->train.labels == AS_LABELS_AUTO && whole && r->width[1] == 1);
    s->rows = x->rows;
    s->column = calloc((size_t)(r->width[0] + r->width[1]), sizeof *s->column);
    if (s->column == NULL) {
        AS_FAIL(AS_NOMEM, "out of memory for statistics");
    }
    for (int64_t j = 0; j < r->width[0] + r->width[1]; j++) {
        const bool input = j < r->width[0];
        const int64_t at = input ? j : j - r->width[0];
        char name[AS_PART_NAME_MAX];
        as_stats_column *c = &s->column[s->n++];
        as_parts_name(input ? &x->parts : &y->parts, at, input ? "x" : "y", name);
        c->name = malloc(strlen(name) + 1);
        if (c->name == NULL) {
            AS_FAIL(AS_NOMEM, "out of memory for a name");
        }
        memcpy(c->name, name, strlen(name) + 1);
        c->role = input ? AS_STATS_INPUT : labels ? AS_STATS_LABEL : AS_STATS_TARGET;
        if (!input && y->classes != NULL) {
            AS_TRY(as_names_copy(y->classes, &c->level));
        } else if (input && r->load.ops->texts != NULL && r->load.design == NULL) {
            AS_TRY(r->load.ops->texts(r->load.file, AS_PART_X, at, INT32_MAX, &c->level));
            AS_TRY(c->level.n == 0 ? AS_OK : r->load.ops->code(r->load.file, AS_PART_X, at, &c->level, true));
        }
        c->category = c->level.n > 0;
    }
    return AS_OK;
}

/* How often each value of a sorted column comes. */
static as_status count_values(as_stats_column *c, const double *sorted)
{
    if (!(c->category || c->role == AS_STATS_LABEL) || c->d.distinct > COUNTS_MAX) {
        return AS_OK;
    }
    c->value = malloc(((size_t)c->d.distinct + 1) * sizeof *c->value);
    c->count = calloc((size_t)c->d.distinct + 1, sizeof *c->count);
    if (c->value == NULL || c->count == NULL) {
        AS_FAIL(AS_NOMEM, "out of memory for counts");
    }
    for (int64_t i = 0; i < c->d.n; i++) {
        if (i == 0 || sorted[i] != sorted[i - 1]) {
            c->value[c->ncounts++] = sorted[i];
        }
        c->count[c->ncounts - 1]++;
    }
    return AS_OK;
}

/* Columns [first, first + count), from one pass over the file. */
static as_status describe_block(reader *r, as_data_stats *s, int64_t first, int64_t count, double *value)
{
    for (int64_t at = 0; at < s->rows; at += r->chunk) {
        const int64_t rows = s->rows - at < r->chunk ? s->rows - at : r->chunk;
        AS_TRY(read_rows(r, at, rows));
        for (int64_t i = 0; i < rows; i++) {
            for (int64_t j = 0; j < count; j++) {
                value[j * s->rows + at + i] = r->row[i * s->n + first + j];
            }
        }
    }
    for (int64_t j = 0; j < count; j++) {
        as_stats_column *c = &s->column[first + j];
        c->d = as_describe_values(s->rows, value + j * s->rows);
        AS_TRY(count_values(c, value + j * s->rows));
    }
    return AS_OK;
}

static as_status describe_columns(reader *r, as_data_stats *s)
{
    int64_t block = BLOCK_VALUES / s->rows;
    block = block < 1 ? 1 : block > s->n ? s->n : block;
    double *value = malloc((size_t)(block * s->rows) * sizeof *value);
    if (value == NULL) {
        AS_FAIL(AS_NOMEM, "out of memory for a column of %lld values", (long long)s->rows);
    }
    as_status status = AS_OK;
    for (int64_t j = 0; status == AS_OK && j < s->n; j += block) {
        status = describe_block(r, s, j, s->n - j < block ? s->n - j : block, value);
    }
    free(value);
    return status;
}

/* Adds the products of standardised values of complete rows: cross (n, n), upper half. */
static void add_products(const as_data_stats *s, int64_t rows, const double *row, int64_t n, const int64_t *at,
                         double *z, double *cross, int64_t *complete)
{
    for (int64_t r = 0; r < rows; r++) {
        bool whole = true;
        for (int64_t i = 0; i < n; i++) {
            const as_descriptive *d = &s->column[at[i]].d;
            z[i] = (row[r * s->n + at[i]] - d->mean) / d->sd;
            whole = whole && !isnan(z[i]);
        }
        for (int64_t i = 0; whole && i < n; i++) {
            for (int64_t j = i; j < n; j++) {
                cross[i * n + j] += z[i] * z[j];
            }
            cross[n * n + i] += z[i];
        }
        *complete += whole;
    }
}

/* Keeps the largest. */
static void offer(as_data_stats *s, as_stats_pair pair)
{
    int at = s->npairs < AS_STATS_PAIRS ? s->npairs++ : AS_STATS_PAIRS;
    while (at > 0 && fabs(s->pair[at - 1].r) < fabs(pair.r)) {
        if (at < AS_STATS_PAIRS) {
            s->pair[at] = s->pair[at - 1];
        }
        at--;
    }
    if (at < AS_STATS_PAIRS) {
        s->pair[at] = pair;
    }
}

static void rank_pairs(as_data_stats *s, int64_t n, const int64_t *at, const double *cross)
{
    const double rows = (double)s->pair_rows, *sum = cross + n * n;
    for (int64_t i = 0; i < n; i++) {
        for (int64_t j = i + 1; j < n && s->pair_rows > 1; j++) {
            const double a = cross[i * n + i] - sum[i] * sum[i] / rows, b = cross[j * n + j] - sum[j] * sum[j] / rows;
            const double r = (cross[i * n + j] - sum[i] * sum[j] / rows) / sqrt(a * b);
            if (a > 0 && b > 0) {
                offer(s, (as_stats_pair){at[i], at[j], r > 1 ? 1 : r < -1 ? -1 : r});
            }
        }
    }
}

static as_status correlate(reader *r, as_data_stats *s)
{
    int64_t n = 0, *at = malloc((size_t)s->n * sizeof *at);
    for (int64_t j = 0; at != NULL && j < s->n; j++) {
        const as_stats_column *c = &s->column[j];
        at[n] = j;
        n += !c->category && c->role != AS_STATS_LABEL && c->d.sd > 0;
    }
    if (at != NULL && (n < 2 || n > AS_STATS_CORRELATED)) {
        s->correlated = n < 2 ? 0 : n;
        free(at);
        return AS_OK;
    }
    double *cross = calloc((size_t)(n * n + 2 * n), sizeof *cross);
    as_status status = at != NULL && cross != NULL ? AS_OK : as_error_set(AS_NOMEM, "out of memory for correlations");
    for (int64_t first = 0; status == AS_OK && first < s->rows; first += r->chunk) {
        const int64_t rows = s->rows - first < r->chunk ? s->rows - first : r->chunk;
        status = read_rows(r, first, rows);
        if (status == AS_OK) {
            add_products(s, rows, r->row, n, at, cross + n * n + n, cross, &s->pair_rows);
        }
    }
    if (status == AS_OK) {
        s->correlated = n;
        rank_pairs(s, n, at, cross);
    }
    free(cross);
    free(at);
    return status;
}

/* Weights of rows by class, and of categories by class: (classes, 3) moments or (levels, classes) counts of a column.
 */
typedef struct grouping {
    const as_stats_column *label;
    int64_t at;      /* of the label */
    int64_t *offset; /* (inputs + 1) into sums */
    double *sums;
} grouping;

static int64_t place_of(const as_stats_column *c, double v)
{
    int64_t low = 0, high = c->ncounts;
    while (low + 1 < high) {
        const int64_t middle = (low + high) / 2;
        if (c->value[middle] <= v) {
            low = middle;
        } else {
            high = middle;
        }
    }
    return low;
}

static bool can_test(const as_stats_column *c)
{
    return c->role == AS_STATS_INPUT && c->d.distinct > 1 && (!c->category || c->ncounts > 0);
}

static void add_row_to_groups(const as_data_stats *s, const double *row, grouping *g)
{
    const int64_t classes = g->label->ncounts;
    if (isnan(row[g->at])) {
        return;
    }
    const int64_t k = place_of(g->label, row[g->at]);
    for (int64_t j = 0; j < s->n; j++) {
        const as_stats_column *c = &s->column[j];
        double *to = g->sums + g->offset[j];
        if (!can_test(c) || isnan(row[j])) {
            continue;
        }
        if (c->category) {
            to[place_of(c, row[j]) * classes + k] += 1;
        } else {
            as_moments_add(&to[k], &to[classes + k], &to[2 * classes + k], 1, 1, &row[j]);
        }
    }
}

/* Tests of all inputs, then their adjustment. */
static as_status test_groups(as_data_stats *s, const grouping *g)
{
    double *p = malloc(3 * (size_t)(s->n + 1) * sizeof *p);
    const int64_t classes = g->label->ncounts;
    if (p == NULL) {
        AS_FAIL(AS_NOMEM, "out of memory for tests");
    }
    for (int64_t j = 0; j < s->n; j++) {
        as_stats_column *c = &s->column[j];
        const double *sums = g->sums + g->offset[j];
        if (can_test(c)) {
            c->test = c->category ? as_chi2_independence(c->ncounts, classes, sums)
                                  : as_anova(classes, sums, sums + classes, sums + 2 * classes);
            c->tested = !isnan(c->test.p);
        }
        if (c->tested) {
            p[s->tested++] = c->test.p;
        }
    }
    as_status status = as_holm(s->tested, p, p + s->n + 1);
    if (status == AS_OK) {
        status = as_benjamini_hochberg(s->tested, p, p + 2 * (s->n + 1));
    }
    for (int64_t j = 0, t = 0; j < s->n && status == AS_OK; j++) {
        if (s->column[j].tested) {
            s->column[j].holm = p[s->n + 1 + t];
            s->column[j].discovery = p[2 * (s->n + 1) + t++];
        }
    }
    free(p);
    return status;
}

/* Which inputs differ between the classes of the label. */
static as_status associate(reader *r, as_data_stats *s)
{
    grouping g = {.at = -1};
    for (int64_t j = 0; j < s->n; j++) {
        if (s->column[j].role == AS_STATS_LABEL) {
            g.at = j;
            g.label = &s->column[j];
        }
    }
    if (g.label == NULL || g.label->ncounts < 2 || g.label->ncounts > AS_STATS_CLASSES) {
        return AS_OK;
    }
    g.offset = calloc((size_t)s->n + 1, sizeof *g.offset);
    for (int64_t j = 0; g.offset != NULL && j < s->n; j++) {
        const as_stats_column *c = &s->column[j];
        g.offset[j + 1] = g.offset[j] + (!can_test(c) ? 0 : (c->category ? c->ncounts : 3) * g.label->ncounts);
    }
    g.sums = g.offset == NULL ? NULL : calloc((size_t)g.offset[s->n] + 1, sizeof *g.sums);
    as_status status = g.sums == NULL ? as_error_set(AS_NOMEM, "out of memory for tests") : AS_OK;
    for (int64_t first = 0; status == AS_OK && first < s->rows; first += r->chunk) {
        const int64_t rows = s->rows - first < r->chunk ? s->rows - first : r->chunk;
        status = read_rows(r, first, rows);
        for (int64_t i = 0; status == AS_OK && i < rows; i++) {
            add_row_to_groups(s, r->row + i * s->n, &g);
        }
    }
    if (status == AS_OK) {
        status = test_groups(s, &g);
    }
    free(g.offset);
    free(g.sums);
    return status;
}

as_status as_data_stats_make(const as_data_options *options, as_data_stats *out)
{
    reader r;
    *out = (as_data_stats){0};
    as_status status = open_reader(options, &r);
    if (status == AS_OK) {
        status = name_all(options, &r, out);
    }
    if (status == AS_OK) {
        status = describe_columns(&r, out);
    }
    if (status == AS_OK) {
        status = correlate(&r, out);
    }
    if (status == AS_OK) {
        status = associate(&r, out);
    }
    close_reader(&r);
    if (status != AS_OK) {
        as_data_stats_free(out);
    }
    return status;
}
