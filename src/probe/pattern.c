/* Numbers that a row has as a whole, each by an analysis of variance over the classes, or its line through a target:

   - products of two columns and squares of one: XOR, mirrors, spreads that differ;
   - correlation of columns that lie 1, 2, ... apart, within the row: what only the order of a series tells;
   - mean, mean size, least and largest: something that lies somewhere;
   - in tables of few values, how often each of them, and each pair of neighbours, is there: letters in a word.

   Columns are divided by their spread and cut at 3 of them, so that a few far ones decide nothing. What few rows
   differ in is not asked: the F distribution needs counts. Cost: 2e7 products and their sums. */
#include "probe/pattern.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"

enum { LAGS_MOST = 32, VALUES_MOST = 24, TARGETS_MOST = 4, ROWS_LEAST = 40, DIFFER_LEAST = 20 };

static const double cut = 3, work_most = 2e7;

typedef struct asking {
    const as_sample *s;
    const as_columns *columns;
    double *z;         /* (width, rows) columns divided by their spread and cut */
    double *number;    /* (rows) what is asked */
    double *squares;   /* (rows) of z, summed over columns */
    double *count;     /* (classes) */
    double *sum;       /* (classes) */
    signed char *kind; /* (rows, width) which of the values of its column */
    int values;        /* of the column that has most; 0: more than VALUES_MOST */
    double smallest;
    as_patterns *out;
} asking;

/* One-way analysis of variance over the classes of rows of mean 0. squares: their sum. */
static double p_of_classes(asking *a, double squares)
{
    const as_sample *s = a->s;
    double between = 0, rows = 0, present = 0;
    memset(a->count, 0, (size_t)s->classes * sizeof *a->count);
    memset(a->sum, 0, (size_t)s->classes * sizeof *a->sum);
    for (int64_t r = 0; r < s->rows; r++) {
        if (s->label[r] >= 0) {
            a->count[s->label[r]]++;
            a->sum[s->label[r]] += a->number[r];
        }
    }
    for (int64_t k = 0; k < s->classes; k++) {
        present += a->count[k] > 0 ? 1 : 0;
        rows += a->count[k];
        between += a->count[k] > 0 ? a->sum[k] * a->sum[k] / a->count[k] : 0;
    }
    const double within = squares - between, rest = within > 1e-12 * squares ? within : 1e-12 * squares;
    return present < 2 || rows <= present
               ? 1
               : as_tail_f(between / (present - 1) / (rest / (rows - present)), present - 1, rows - present);
}

static double p_of_targets(const asking *a, double squares)
{
    const as_sample *s = a->s;
    const int64_t targets = s->targets < TARGETS_MOST ? s->targets : TARGETS_MOST;
    const double n = (double)s->rows;
    double least = 1;
    for (int64_t k = 0; k < targets; k++) {
        double mean = 0, yy = 0, xy = 0;
        for (int64_t r = 0; r < s->rows; r++) {
            mean += s->target[r * s->targets + k] / n;
        }
        for (int64_t r = 0; r < s->rows; r++) {
            const double y = s->target[r * s->targets + k] - mean;
            yy += y * y;
            xy += y * a->number[r];
        }
        const double r2 = yy > 0 ? xy * xy / (yy * squares) : 0;
        const double p = as_tail_f(r2 * (n - 2) / (r2 < 1 - 1e-12 ? 1 - r2 : 1e-12), 1, n - 2) * (double)targets;
        least = p < least ? p : least;
    }
    return least;
}

/* Whether what is in a->number tells; true: it is the best so far. */
static bool ask(asking *a)
{
    const as_sample *s = a->s;
    double mean = 0, squares = 0, fourth = 0, rows = 0;
    for (int64_t r = 0; r < s->rows; r++) {
        const bool learnt = s->label == NULL || s->label[r] >= 0;
        rows += learnt ? 1 : 0;
        mean += learnt ? a->number[r] : 0;
    }
    mean /= rows > 0 ? rows : 1;
    for (int64_t r = 0; r < s->rows; r++) {
        const bool learnt = s->label == NULL || s->label[r] >= 0;
        const double d = learnt ? a->number[r] - mean : 0;
        a->number[r] = d;
        squares += d * d;
        fourth += d * d * d * d;
    }
    /* (sum d^2)^2 / sum d^4: as many rows as differ, if those that do differ equally */
    if (!(squares > 1e-12 * rows) || squares * squares < DIFFER_LEAST * fourth) {
        return false;
    }
    const double p = s->label != NULL ? p_of_classes(a, squares) : p_of_targets(a, squares);
    a->out->tested++;
    if (p < a->smallest) {
        a->smallest = p;
        return true;
    }
    return false;
}

static void name_columns(asking *a, int64_t i, int64_t j)
{
    char one[AS_COLUMN_NAME_MAX], other[AS_COLUMN_NAME_MAX];
    if (i == j) {
        snprintf(a->out->name, sizeof a->out->name, "the square of %.60s", as_columns_name(a->columns, i, one));
    } else {
        snprintf(a->out->name, sizeof a->out->name, "%.36s times %.36s", as_columns_name(a->columns, i, one),
                 as_columns_name(a->columns, j, other));
    }
}

static void ask_products(asking *a)
{
    const int64_t n = a->s->width, rows = a->s->rows;
    if (0.5 * (double)n * (double)(n + 1) * (double)rows > work_most) {
        return;
    }
    for (int64_t i = 0; i < n; i++) {
        for (int64_t j = i; j < n; j++) {
            for (int64_t r = 0; r < rows; r++) {
                a->number[r] = a->z[i * rows + r] * a->z[j * rows + r];
            }
            if (ask(a)) {
                name_columns(a, i, j);
            }
        }
    }
}

static void ask_lags(asking *a)
{
    const int64_t n = a->s->width, rows = a->s->rows, most = n - 1 < LAGS_MOST ? n - 1 : LAGS_MOST;
    double *squares = a->squares;
    memset(squares, 0, (size_t)rows * sizeof *squares);
    for (int64_t j = 0; j < n; j++) {
        for (int64_t r = 0; r < rows; r++) {
            squares[r] += a->z[j * rows + r] * a->z[j * rows + r];
        }
    }
    for (int64_t lag = 1; lag <= most && (double)(lag * n) * (double)rows < work_most; lag++) {
        memset(a->number, 0, (size_t)rows * sizeof *a->number);
        for (int64_t j = lag; j < n; j++) {
            for (int64_t r = 0; r < rows; r++) {
                a->number[r] += a->z[j * rows + r] * a->z[(j - lag) * rows + r];
            }
        }
        for (int64_t r = 0; r < rows; r++) {
            a->number[r] /= squares[r] > 0 ? squares[r] : 1;
        }
        if (ask(a)) {
            snprintf(a->out->name, sizeof a->out->name, "the correlation of columns that lie %lld apart",
                     (long long)lag);
        }
    }
}

static void ask_whole(asking *a)
{
    static const char *const what[4] = {"their mean", "their mean size", "the least of them", "the largest of them"};
    const int64_t n = a->s->width, rows = a->s->rows;
    for (int k = 0; k < 4 && n > 1; k++) {
        for (int64_t r = 0; r < rows; r++) {
            a->number[r] = k < 2 ? 0 : a->z[r];
        }
        for (int64_t j = 0; j < n; j++) {
            for (int64_t r = 0; r < rows; r++) {
                const double z = a->z[j * rows + r], at = a->number[r];
                a->number[r] = k == 0 ? at + z : k == 1 ? at + fabs(z) : k == 2 ? (z < at ? z : at) : z > at ? z : at;
            }
        }
        if (ask(a)) {
            snprintf(a->out->name, sizeof a->out->name, "%s", what[k]);
        }
    }
}

/* How often a value is there (second < 0), or one right before another. */
static bool ask_count(asking *a, int first, int second)
{
    const int64_t n = a->s->width;
    for (int64_t r = 0; r < a->s->rows; r++) {
        const signed char *kind = a->kind + r * n;
        double count = 0;
        for (int64_t j = second < 0 ? 0 : 1; j < n; j++) {
            count += second < 0 ? kind[j] == first : kind[j - 1] == first && kind[j] == second;
        }
        a->number[r] = count;
    }
    return ask(a);
}

static void ask_counts(asking *a)
{
    const double work = (double)a->values * a->values * (double)a->s->width * (double)a->s->rows;
    for (int u = 0; u < a->values && a->s->width > 2 && work <= work_most; u++) {
        if (ask_count(a, u, -1)) {
            snprintf(a->out->name, sizeof a->out->name, "how often value %d of %d is there", u + 1, a->values);
        }
        for (int v = 0; v < a->values; v++) {
            if (ask_count(a, u, v)) {
                snprintf(a->out->name, sizeof a->out->name, "how often value %d of %d is followed by value %d", u + 1,
                         a->values, v + 1);
            }
        }
    }
}

/* The place of each input among the values of its column, which normalisation keeps; none where a column has many. */
static void find_values(asking *a)
{
    const as_sample *s = a->s;
    int most = 0;
    for (int64_t j = 0; j < s->width; j++) {
        double value[VALUES_MOST];
        int n = 0;
        for (int64_t r = 0; r < s->rows; r++) {
            const double x = s->x[r * s->width + j];
            int at = 0;
            while (at < n && value[at] < x) {
                at++;
            }
            if (at < n && value[at] == x) {
                continue;
            }
            if (n == VALUES_MOST || !isfinite(x)) {
                return;
            }
            memmove(value + at + 1, value + at, (size_t)(n - at) * sizeof *value);
            value[at] = x;
            n++;
        }
        for (int64_t r = 0; r < s->rows; r++) {
            int at = 0;
            while (value[at] != s->x[r * s->width + j]) {
                at++;
            }
            a->kind[r * s->width + j] = (signed char)at;
        }
        most = n > most ? n : most;
    }
    a->values = most;
}

static void standardise(asking *a)
{
    const as_sample *s = a->s;
    for (int64_t j = 0; j < s->width; j++) {
        const as_column_facts *x = &a->columns->column[j];
        for (int64_t r = 0; r < s->rows; r++) {
            const double z = x->sd > 0 ? (s->x[r * s->width + j] - x->mean) / x->sd : 0;
            a->z[j * s->rows + r] = isnan(z) ? 0 : z > cut ? cut : z < -cut ? -cut : z;
        }
    }
}

as_status as_patterns_measure(const as_sample *s, const as_columns *columns, as_patterns *out)
{
    *out = (as_patterns){.p = 1};
    if (columns->column == NULL || (s->label == NULL && s->target == NULL) || s->rows < ROWS_LEAST ||
        (double)s->rows * (double)s->width > work_most) {
        return AS_OK;
    }
    const size_t elements = (size_t)(s->rows * s->width) + 1;
    asking a = {.s = s, .columns = columns, .smallest = 1, .out = out};
    a.z = malloc(elements * sizeof *a.z);
    a.kind = malloc(elements);
    a.number = malloc((size_t)(2 * s->rows + 2 * s->classes + 1) * sizeof *a.number);
    as_status status = AS_OK;
    if (a.z == NULL || a.kind == NULL || a.number == NULL) {
        status = as_error_set(AS_NOMEM, "out of memory for patterns of %lld columns", (long long)s->width);
    } else {
        a.squares = a.number + s->rows;
        a.count = a.squares + s->rows;
        a.sum = a.count + s->classes;
        standardise(&a);
        find_values(&a);
        ask_products(&a);
        ask_lags(&a);
        ask_whole(&a);
        ask_counts(&a);
        const double p = a.smallest * (double)out->tested;
        out->p = out->tested > 0 && p < 1 ? p : 1;
    }
    free(a.z);
    free(a.kind);
    free(a.number);
    return status;
}
