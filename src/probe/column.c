/* Facts about columns: sorted once each (n log n), analysis of variance over the classes or the line through a target,
   and the five nearest other rows (Cover and Hart 1967) with columns divided by their scale, which sees what no column
   tells alone: XOR, parity, rings. Cost: D n log n + D m^2 for m rows that are asked, D m^2 <= 3e8. */
#include "probe/column.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "math/special.h"

enum { NEIGHBOURS = 5, ROWS_LEAST = 20 };

static const double neighbour_work = 3e8;

typedef struct pair {
    double x;
    int64_t row;
} pair;

static int by_value(const void *a, const void *b)
{
    const pair *p = a, *q = b;
    if (p->x < q->x || p->x > q->x) {
        return p->x < q->x ? -1 : 1;
    }
    return p->row < q->row ? -1 : p->row > q->row;
}

double as_tail_f(double f, double d1, double d2)
{
    if (!(f > 0) || !(d1 > 0) || !(d2 > 0)) {
        return 1;
    }
    if (!isfinite(f)) {
        return 0;
    }
    const double whole = d2 + d1 * f;
    return as_beta_i(d2 / 2, d1 / 2, d2 / whole, d1 * f / whole);
}

static bool learnt(const as_sample *s, int64_t row)
{
    return s->label == NULL || s->label[row] >= 0;
}

/* Mean, spread, median, ties, from the sorted column. */
static void describe(const pair *sorted, int64_t n, as_column_facts *out)
{
    double sum = 0, squares = 0, away = 0, distinct = 0, collide = 0;
    const double median = sorted[n / 2].x;
    int64_t count = 0;
    for (int64_t i = 0; i < n; i++) {
        sum += sorted[i].x;
    }
    const double mean = sum / (double)n;
    for (int64_t i = 0, run = 1; i < n; i++, run++) {
        const double x = sorted[i].x, d = x - median;
        squares += (x - mean) * (x - mean);
        away += d * d;
        count += d != 0 ? 1 : 0;
        if (i + 1 == n || sorted[i + 1].x != x) {
            const double share = (double)run / (double)n;
            collide += share * share;
            distinct++;
            run = 0;
        }
    }
    out->mean = mean;
    out->sd = distinct > 1 ? sqrt(squares / (double)n) : 0;
    out->scale = count > 0 ? sqrt(away / (double)count) : 0;
    out->distinct = distinct;
    out->collide = collide;
}

/* Whether some of these rows differ from each other: copies of one row are one witness. */
static bool differ(const as_sample *s, const pair *sorted, int64_t first, int64_t step, int64_t count, int64_t least)
{
    uint64_t seen[8];
    int64_t found = 0;
    for (int64_t i = 0; i < count && found < least; i++) {
        const uint64_t hash = as_sample_hash(s, sorted[first + step * i].row);
        int64_t k = 0;
        while (k < found && seen[k] != hash) {
            k++;
        }
        found += k == found ? 1 : 0;
        seen[k] = hash;
    }
    return found >= least;
}

/* Several rows hold one value that is further from all others than twice their range, as -999 for missing does. */
static void find_apart(const as_sample *s, const pair *sorted, int64_t n, as_column_facts *out)
{
    enum { TIMES_LEAST = 3, OTHERS_LEAST = 10 };
    const double far = 2;
    for (int side = 0; side < 2 && out->distinct > OTHERS_LEAST; side++) {
        const int64_t end = side == 0 ? 0 : n - 1, step = side == 0 ? 1 : -1;
        int64_t count = 1;
        while (count < n && sorted[end + step * count].x == sorted[end].x) {
            count++;
        }
        const double nearest = sorted[end + step * (count < n ? count : 0)].x;
        const double range = fabs(sorted[n - 1 - end].x - nearest), gap = fabs(nearest - sorted[end].x);
        if (count >= TIMES_LEAST && count < n / 2 && gap > far * range &&
            differ(s, sorted, end, step, count, TIMES_LEAST)) {
            out->apart = (double)count;
            out->odd = sorted[end].x;
        }
    }
}

/* Whether the classes are intervals of the column with gaps between them that are wider than any inside: a threshold on
   a column that varies smoothly has none. */
static bool orders_classes(const as_sample *s, const pair *sorted, int64_t n, int64_t present)
{
    int64_t runs = 1;
    double inside = 0, between = (double)INFINITY;
    for (int64_t i = 1; i < n; i++) {
        const double gap = sorted[i].x - sorted[i - 1].x;
        if (s->label[sorted[i].row] != s->label[sorted[i - 1].row]) {
            between = gap < between ? gap : between;
            runs++;
        } else {
            inside = gap > inside ? gap : inside;
        }
    }
    return present > 1 && runs == present && between > inside;
}

/* One-way analysis of variance of a column over the classes. work: (2 classes). */
static void analyse_classes(const as_sample *s, const pair *sorted, int64_t n, double *work, as_column_facts *out)
{
    double *count = work, *sum = work + s->classes, between = 0, within = 0;
    int64_t present = 0;
    memset(work, 0, 2 * (size_t)s->classes * sizeof *work);
    for (int64_t i = 0; i < n; i++) {
        count[s->label[sorted[i].row]]++;
        sum[s->label[sorted[i].row]] += sorted[i].x - out->mean;
    }
    for (int64_t k = 0; k < s->classes; k++) {
        present += count[k] > 0 ? 1 : 0;
        between += count[k] > 0 ? sum[k] * sum[k] / count[k] : 0;
    }
    within = out->sd * out->sd * (double)n - between;
    if (present < 2 || n <= present || !(out->sd > 0)) {
        out->p = 1;
        return;
    }
    const double d1 = (double)(present - 1), d2 = (double)(n - present);
    const double rest = within > 1e-12 * between ? within : 1e-12 * between;
    out->f = (between / d1) / (rest / d2);
    out->p = as_tail_f(out->f, d1, d2);
    out->orders = orders_classes(s, sorted, n, present);
}

/* The same of whether a row has the column's most frequent value: what is only known of one class, or missing in it,
   has that value in all others. work: (2 classes). */
static void analyse_usual(const as_sample *s, const pair *sorted, int64_t n, double *work, as_column_facts *out)
{
    const double share_least = 0.05;
    double *count = work, *hits = work + s->classes;
    int64_t from = 0, most = 0, present = 0, whole = 0;
    for (int64_t i = 0, run = 0; i < n; i++) {
        run = i > 0 && sorted[i].x == sorted[i - 1].x ? run + 1 : 1;
        from = run > most ? i + 1 - run : from;
        most = run > most ? run : most;
    }
    const double share = (double)most / (double)n;
    if (!(out->distinct > 2) || share < share_least || share > 1 - share_least) {
        return;
    }
    memset(work, 0, 2 * (size_t)s->classes * sizeof *work);
    for (int64_t i = 0; i < n; i++) {
        count[s->label[sorted[i].row]]++;
        hits[s->label[sorted[i].row]] += i >= from && i < from + most ? 1 : 0;
    }
    double between = 0;
    for (int64_t k = 0; k < s->classes; k++) {
        const double d = count[k] > 0 ? hits[k] / count[k] - share : 0;
        present += count[k] > 0 ? 1 : 0;
        whole += count[k] > 0 && (hits[k] == 0 || hits[k] == count[k]) ? 1 : 0;
        between += count[k] * d * d;
    }
    if (present < 2 || n <= present) {
        return;
    }
    const double rest = share * (1 - share) * (double)n - between;
    out->f_usual =
        between / (double)(present - 1) / ((rest > 1e-12 * between ? rest : 1e-12 * between) / (double)(n - present));
    out->usual = sorted[from].x;
    out->usual_orders = present == 2 && whole == 2;
}

/* The line of each target on a column. */
static void analyse_targets(const as_sample *s, const pair *sorted, int64_t n, as_column_facts *out)
{
    out->p = 1;
    for (int64_t t = 0; t < s->targets && out->sd > 0; t++) {
        double mean = 0, squares = 0, product = 0;
        for (int64_t i = 0; i < n; i++) {
            mean += s->target[sorted[i].row * s->targets + t] / (double)n;
        }
        for (int64_t i = 0; i < n; i++) {
            const double y = s->target[sorted[i].row * s->targets + t] - mean;
            squares += y * y;
            product += y * (sorted[i].x - out->mean);
        }
        const double r2 = squares > 0 ? product * product / (squares * out->sd * out->sd * (double)n) : 0;
        const double f = r2 * (double)(n - 2) / (r2 < 1 - 1e-12 ? 1 - r2 : 1e-12);
        const double p = as_tail_f(f, 1, (double)(n - 2));
        out->f = f > out->f ? f : out->f;
        out->p = p * (double)s->targets < out->p ? p * (double)s->targets : out->p;
        out->orders = out->orders || r2 > 0.9999;
    }
}

static int64_t present_rows(const as_sample *s, int64_t column, pair *sorted)
{
    int64_t n = 0;
    for (int64_t r = 0; r < s->rows; r++) {
        const double x = s->x[r * s->width + column];
        if (isfinite(x) && learnt(s, r)) {
            sorted[n++] = (pair){.x = x, .row = r};
        }
    }
    return n;
}

/* The same of the first target that has such a value. */
static void find_targets(const as_sample *s, pair *sorted, as_columns *out)
{
    for (int64_t t = 0; t < s->targets && s->target != NULL && out->target_apart == 0; t++) {
        as_column_facts facts = {0};
        int64_t n = 0;
        for (int64_t r = 0; r < s->rows; r++) {
            const double y = s->target[r * s->targets + t];
            sorted[n] = (pair){.x = y, .row = r};
            n += isfinite(y) ? 1 : 0;
        }
        if (n > 1) {
            qsort(sorted, (size_t)n, sizeof *sorted, by_value);
            describe(sorted, n, &facts);
            find_apart(s, sorted, n, &facts);
        }
        out->target_apart = facts.apart;
        out->target_odd = facts.odd;
    }
}

static void make_column(const as_sample *s, int64_t column, pair *sorted, double *work, as_column_facts *out)
{
    const int64_t n = present_rows(s, column, sorted);
    *out = (as_column_facts){.p = 1};
    if (n < 2) {
        return;
    }
    qsort(sorted, (size_t)n, sizeof *sorted, by_value);
    describe(sorted, n, out);
    find_apart(s, sorted, n, out);
    if (s->label != NULL) {
        analyse_classes(s, sorted, n, work, out);
        analyse_usual(s, sorted, n, work, out);
    } else if (s->target != NULL) {
        analyse_targets(s, sorted, n, out);
    }
}

/* ---- nearest neighbours ---- */

typedef struct neighbours {
    const as_sample *s;
    int64_t n;        /* rows that are asked */
    int64_t *row;     /* (n) */
    double *x;        /* (width, n) columns divided by their scale */
    double *distance; /* (n) */
    double *votes;    /* (classes) */
    int64_t nearest[NEIGHBOURS];
    int found;
} neighbours;

static void measure(neighbours *w, int64_t i)
{
    const double *x = w->x;
    memset(w->distance, 0, (size_t)w->n * sizeof *w->distance);
    for (int64_t c = 0; c < w->s->width; c++, x += w->n) {
        const double at = x[i];
        for (int64_t j = 0; j < w->n; j++) {
            w->distance[j] += (x[j] - at) * (x[j] - at);
        }
    }
    w->found = 0;
    for (int64_t j = 0; j < w->n; j++) { /* equal distances: the first rows */
        if (j == i || (w->found == NEIGHBOURS && !(w->distance[j] < w->distance[w->nearest[NEIGHBOURS - 1]]))) {
            continue;
        }
        int at = w->found < NEIGHBOURS ? w->found++ : NEIGHBOURS - 1;
        for (; at > 0 && w->distance[j] < w->distance[w->nearest[at - 1]]; at--) {
            w->nearest[at] = w->nearest[at - 1];
        }
        w->nearest[at] = j;
    }
}

/* The class of most of the neighbours; of several, the one that is nearest. */
static int32_t vote(neighbours *w)
{
    int32_t best = -1;
    double most = 0;
    for (int k = 0; k < w->found; k++) {
        w->votes[w->s->label[w->row[w->nearest[k]]]]++;
    }
    for (int k = 0; k < w->found; k++) {
        const int32_t label = w->s->label[w->row[w->nearest[k]]];
        if (w->votes[label] > most) {
            most = w->votes[label];
            best = label;
        }
    }
    for (int k = 0; k < w->found; k++) {
        w->votes[w->s->label[w->row[w->nearest[k]]]] = 0;
    }
    return best;
}

static void ask_classes(neighbours *w, as_columns *out)
{
    const int64_t classes = w->s->classes;
    double *count = w->votes + classes, right = 0, most = 0;
    for (int64_t i = 0; i < w->n; i++) {
        const int32_t label = w->s->label[w->row[i]];
        measure(w, i);
        count[label]++;
        if (vote(w) == label) {
            right++;
            out->neighbour_recall[label]++;
        }
    }
    for (int64_t k = 0; k < classes; k++) {
        out->neighbour_recall[k] = count[k] > 0 ? out->neighbour_recall[k] / count[k] : (double)NAN;
        most = count[k] > most ? count[k] : most;
    }
    const double n = (double)w->n, share = most / n;
    out->neighbour_score = right / n;
    out->neighbour_chance = share;
    out->neighbour_se = sqrt((share * (1 - share) + 1 / n) / n);
}

static double target_of(const neighbours *w, int64_t i)
{
    return w->s->target[w->row[i] * w->s->targets];
}

static void ask_targets(neighbours *w, as_columns *out)
{
    double mean = 0, yy = 0, pp = 0, py = 0, guess_mean = 0;
    double *guess = w->votes;
    for (int64_t i = 0; i < w->n; i++) {
        measure(w, i);
        guess[i] = 0;
        for (int k = 0; k < w->found; k++) {
            guess[i] += target_of(w, w->nearest[k]) / w->found;
        }
        mean += target_of(w, i) / (double)w->n;
        guess_mean += guess[i] / (double)w->n;
    }
    for (int64_t i = 0; i < w->n; i++) {
        const double y = target_of(w, i) - mean, p = guess[i] - guess_mean;
        yy += y * y;
        pp += p * p;
        py += p * y;
    }
    out->neighbour_score = yy > 0 && pp > 0 ? py / sqrt(yy * pp) : 0;
    out->neighbour_chance = 0;
    out->neighbour_se = 1 / sqrt((double)w->n);
}

static int64_t choose_rows(const as_sample *s, int64_t most, int64_t *row)
{
    int64_t n = 0;
    for (int64_t r = 0; r < s->rows && n < most; r++) { /* evenly over the rows, by their order */
        const int64_t at = s->rows <= most ? r : (int64_t)((double)r * (double)s->rows / (double)most);
        if (at >= s->rows) {
            break;
        }
        bool whole = learnt(s, at);
        for (int64_t c = 0; c < s->width && whole; c++) {
            whole = isfinite(s->x[at * s->width + c]);
        }
        if (whole) {
            row[n++] = at;
        }
    }
    return n;
}

/* without: a column that is left out, -1: none. */
static as_status ask_neighbours(const as_sample *s, int64_t without, as_columns *out)
{
    int64_t most = (int64_t)sqrt(neighbour_work / (double)(s->width > 0 ? s->width : 1));
    most = most < 1500 ? most : 1500;
    most = most < s->rows ? most : s->rows;
    const size_t votes = (size_t)(2 * s->classes > most ? 2 * s->classes : most) + 1;
    neighbours w = {.s = s,
                    .row = malloc((size_t)(most + 1) * sizeof *w.row),
                    .x = malloc((size_t)(most * s->width + 1) * sizeof *w.x),
                    .distance = malloc((size_t)(most + 1) * sizeof *w.distance),
                    .votes = calloc(votes, sizeof *w.votes)};
    as_status status = AS_OK;
    if (w.row == NULL || w.x == NULL || w.distance == NULL || w.votes == NULL) {
        status = as_error_set(AS_NOMEM, "out of memory for %lld neighbours", (long long)most);
    } else {
        w.n = choose_rows(s, most, w.row);
        for (int64_t c = 0; c < s->width; c++) {
            const double scale = c == without ? 0 : out->column[c].scale;
            for (int64_t i = 0; i < w.n; i++) {
                w.x[c * w.n + i] = scale > 0 ? (s->x[w.row[i] * s->width + c] - out->column[c].mean) / scale : 0;
            }
        }
        if (w.n >= ROWS_LEAST) {
            out->neighbour_rows = (double)w.n;
            if (s->label != NULL) {
                ask_classes(&w, out);
            } else {
                ask_targets(&w, out);
            }
        }
    }
    free(w.row);
    free(w.x);
    free(w.distance);
    free(w.votes);
    return status;
}

static bool answers(const as_column_facts *x)
{
    return x->orders || x->usual_orders;
}

/* The score without the only column that orders. */
static as_status ask_without(const as_sample *s, as_columns *out)
{
    as_columns rest = *out;
    double *recall = calloc((size_t)s->classes + 1, sizeof *recall);
    int64_t at = -1, count = 0;
    for (int64_t c = 0; c < out->n; c++) {
        count += answers(&out->column[c]) ? 1 : 0;
        at = answers(&out->column[c]) ? c : at;
    }
    rest.neighbour_recall = recall;
    rest.neighbour_score = (double)NAN;
    const as_status status = recall == NULL
                                 ? as_error_set(AS_NOMEM, "out of memory for %lld classes", (long long)s->classes)
                             : count == 1 ? ask_neighbours(s, at, &rest)
                                          : AS_OK;
    out->without_score = rest.neighbour_score;
    free(recall);
    return status;
}

as_status as_columns_make(const as_sample *s, const double *class_rows, as_columns *out)
{
    const size_t columns = (size_t)s->width, classes = (size_t)s->classes;
    *out = (as_columns){0};
    out->block = calloc(1, columns * sizeof *out->column + (2 * classes + 1) * sizeof(double));
    pair *sorted = malloc((size_t)(s->rows + 1) * sizeof *sorted);
    double *work = malloc((2 * classes + 1) * sizeof *work);
    as_status status = AS_OK;
    if (out->block == NULL || sorted == NULL || work == NULL) {
        status = as_error_set(AS_NOMEM, "out of memory for facts about %zu columns", columns);
    } else if (s->rows >= ROWS_LEAST) {
        out->n = s->width;
        out->column = out->block;
        out->neighbour_recall = (double *)(void *)(out->column + columns);
        out->class_rows = out->neighbour_recall + classes;
        for (int64_t c = 0; c < s->width; c++) {
            make_column(s, c, sorted, work, &out->column[c]);
        }
        find_targets(s, sorted, out);
        if (s->label != NULL || s->target != NULL) {
            status = ask_neighbours(s, -1, out);
        }
        if (status == AS_OK && (s->label != NULL || s->target != NULL)) {
            status = ask_without(s, out);
        }
    }
    if (status == AS_OK && out->class_rows != NULL && class_rows != NULL && classes > 0) {
        memcpy(out->class_rows, class_rows, classes * sizeof *class_rows);
    } else {
        out->class_rows = NULL;
    }
    free(sorted);
    free(work);
    return status;
}

const char *as_columns_name(const as_columns *columns, int64_t column, char buffer[AS_COLUMN_NAME_MAX])
{
    char name[AS_PART_NAME_MAX];
    if (columns->names == NULL || columns->names->n == 0) {
        snprintf(buffer, AS_COLUMN_NAME_MAX, "column %lld", (long long)column);
    } else {
        snprintf(buffer, AS_COLUMN_NAME_MAX, "column '%s'", as_parts_name(columns->names, column, "", name));
    }
    return buffer;
}

void as_columns_free(as_columns *columns)
{
    free(columns->block);
    *columns = (as_columns){0};
}
