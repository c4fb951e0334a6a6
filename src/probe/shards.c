/* The F ratio of one-way analysis of variance, summed over standardised columns, one-hot classes and standardised
   targets before the division, so that it is one number for all of them. Its error is that of the same rows dealt to
   parts at random, which knows how the columns hang together. Cost: 25 passes over the sample. */
#include "probe/shards.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"

enum { DEALS = 24, BATCHES = 32, COLUMNS_MAX = 256 };

typedef struct deal {
    int64_t rows, width;
    double *z;      /* (rows, width) */
    int32_t *group; /* (rows) */
    int64_t groups;
    double *sum;   /* (groups, width) */
    double *count; /* (groups) */
    double total;  /* sum of squares about the mean */
} deal;

static double ratio_of(deal *d)
{
    double between = 0, present = 0;
    memset(d->sum, 0, (size_t)(d->groups * d->width) * sizeof *d->sum);
    memset(d->count, 0, (size_t)d->groups * sizeof *d->count);
    for (int64_t r = 0; r < d->rows; r++) {
        double *sum = d->sum + d->group[r] * d->width;
        const double *z = d->z + r * d->width;
        d->count[d->group[r]]++;
        for (int64_t j = 0; j < d->width; j++) {
            sum[j] += z[j];
        }
    }
    for (int64_t g = 0; g < d->groups; g++) {
        double squares = 0;
        for (int64_t j = 0; j < d->width; j++) {
            squares += d->sum[g * d->width + j] * d->sum[g * d->width + j];
        }
        between += d->count[g] > 0 ? squares / d->count[g] : 0;
        present += d->count[g] > 0 ? 1 : 0;
    }
    const double within = d->total - between, rest = within > 1e-12 * d->total ? within : 1e-12 * d->total;
    return present > 1 && (double)d->rows > present ? (between / (present - 1)) / (rest / ((double)d->rows - present))
                                                    : (double)NAN;
}

/* Rows of z: columns that vary (evenly chosen where there are many), classes, targets; each of variance 1 in all. */
static void fill(const as_sample *s, const as_columns *columns, const int64_t *row, int64_t n, deal *d)
{
    const int64_t inputs = columns->n < COLUMNS_MAX ? columns->n : COLUMNS_MAX;
    const double share = inputs > 0 ? 1 / sqrt((double)inputs) : 0;
    d->rows = n;
    for (int64_t r = 0; r < n; r++) {
        double *z = d->z + r * d->width;
        for (int64_t j = 0; j < inputs; j++) {
            const int64_t c = columns->n <= COLUMNS_MAX ? j : j * columns->n / COLUMNS_MAX;
            const as_column_facts *x = &columns->column[c];
            const double v = s->x[row[r] * s->width + c] - x->mean;
            z[j] = x->sd > 0 && isfinite(v) ? share * v / x->sd : 0;
        }
        if (s->label != NULL && s->label[row[r]] >= 0) {
            z[inputs + s->label[row[r]]] = 1;
        }
        for (int64_t t = 0; s->target != NULL && t < s->targets; t++) {
            z[inputs + s->classes + t] = s->target[row[r] * s->targets + t];
        }
    }
}

/* Takes the mean of each column away, and brings real targets to variance 1. */
static void centre(const as_sample *s, int64_t first_target, deal *d)
{
    d->total = 0;
    for (int64_t j = 0; j < d->width; j++) {
        double mean = 0, squares = 0;
        for (int64_t r = 0; r < d->rows; r++) {
            mean += d->z[r * d->width + j] / (double)d->rows;
        }
        for (int64_t r = 0; r < d->rows; r++) {
            double *z = &d->z[r * d->width + j];
            *z -= mean;
            squares += *z * *z;
        }
        const bool flat = !(squares > 1e-24 * mean * mean * (double)d->rows); /* one value, and errors of its mean */
        const double scale = flat ? 0
                             : j >= first_target
                                 ? 1 / sqrt(squares / (double)d->rows * (double)(s->targets > 0 ? s->targets : 1))
                                 : 1;
        for (int64_t r = 0; r < d->rows && scale != 1; r++) {
            d->z[r * d->width + j] *= scale;
        }
        d->total += squares * scale * scale;
    }
}

/* Random deals of the same sizes: Fisher and Yates by mixed numbers. */
static void try_deals(deal *d, as_shards *out)
{
    double sum = 0, squares = 0;
    for (int k = 0; k < DEALS; k++) {
        for (int64_t r = d->rows - 1; r > 0; r--) {
            const int64_t other = (int64_t)(as_mix64((uint64_t)(r + 1) * 1000003u + (uint64_t)k) % (uint64_t)(r + 1));
            const int32_t swap = d->group[r];
            d->group[r] = d->group[other];
            d->group[other] = swap;
        }
        const double f = ratio_of(d);
        sum += f;
        squares += f * f;
    }
    const double mean = sum / DEALS, variance = (squares - sum * mean) / (DEALS - 1);
    out->error = sqrt(variance > 0 ? variance : 0);
}

typedef struct keyed {
    uint64_t hash;
    int32_t group;
} keyed;

static int by_hash(const void *a, const void *b)
{
    const keyed *p = a, *q = b;
    if (p->hash != q->hash) {
        return p->hash < q->hash ? -1 : 1;
    }
    return p->group < q->group ? -1 : p->group > q->group;
}

static double repeated_share(const as_sample *s, const int64_t *row, const deal *d, keyed *key)
{
    double repeated = 0;
    for (int64_t r = 0; r < d->rows; r++) {
        key[r] = (keyed){.hash = as_sample_hash(s, row[r]), .group = d->group[r]};
    }
    qsort(key, (size_t)d->rows, sizeof *key, by_hash);
    for (int64_t r = 0, end; r < d->rows; r = end) {
        for (end = r; end < d->rows && key[end].hash == key[r].hash; end++) {
        }
        repeated += key[r].group != key[end - 1].group ? (double)(end - r) : 0;
    }
    return d->rows > 0 ? repeated / (double)d->rows : 0;
}

static int64_t choose(const as_sample *s, int64_t batch, int64_t *row, int32_t *group)
{
    int64_t n = 0;
    for (int64_t r = 0; r < s->rows; r++) {
        const int64_t g = batch > 0 ? s->place[r] / batch : s->lane[r];
        if (batch == 0 || g < BATCHES) {
            row[n] = r;
            group[n++] = (int32_t)g;
        }
    }
    return n;
}

as_status as_shards_measure(const as_sample *s, const as_columns *columns, int64_t batch, as_shards *out)
{
    const int64_t inputs = columns->n < COLUMNS_MAX ? columns->n : COLUMNS_MAX;
    deal d = {.width = inputs + s->classes + (s->target != NULL ? s->targets : 0)};
    int64_t *row = malloc((size_t)(s->rows + 1) * sizeof *row);
    *out = (as_shards){.repeated = (double)NAN};
    for (int64_t r = 0; r < s->rows; r++) {
        const int64_t g = batch > 0 ? s->place[r] / batch : s->lane[r];
        d.groups = g >= d.groups && (batch == 0 || g < BATCHES) ? g + 1 : d.groups;
    }
    d.z = calloc((size_t)(s->rows * d.width + 1), sizeof *d.z);
    d.group = malloc((size_t)(s->rows + 1) * sizeof *d.group);
    d.sum = malloc((size_t)(d.groups * d.width + 1) * sizeof *d.sum);
    d.count = malloc((size_t)(d.groups + 1) * sizeof *d.count);
    keyed *key = malloc((size_t)(s->rows + 1) * sizeof *key);
    as_status status = AS_OK;
    if (row == NULL || d.z == NULL || d.group == NULL || d.sum == NULL || d.count == NULL || key == NULL) {
        status = as_error_set(AS_NOMEM, "out of memory for %lld rows", (long long)s->rows);
    } else if (columns->column != NULL && d.groups > 1) {
        const int64_t n = choose(s, batch, row, d.group);
        fill(s, columns, row, n, &d);
        centre(s, inputs + s->classes, &d);
        if (n >= 2 * d.groups && d.total > 0) {
            out->groups = (double)d.groups;
            out->rows = (double)n / out->groups;
            out->ratio = ratio_of(&d);
            out->repeated = s->rows == s->total && batch == 0 ? repeated_share(s, row, &d, key) : (double)NAN;
            try_deals(&d, out);
        }
    }
    free(key);
    free(d.count);
    free(d.sum);
    free(d.group);
    free(d.z);
    free(row);
    return status;
}
