/* k-means as a sequence of passes (clusters.h). */
#include "estimator/clusters.h"

#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/rng.h"
#include "kernels/scalar_math.h"
#include "kernels/statistics.h"
#include "math/moments.h"

/* What a pass is for; "/state/kmeans_progress" holds these numbers. A statistic begins with the inertia, then has:
   FIRST     moments of all rows, and the row with the smallest key
   ROUND     the k rows with the smallest keys: candidates
   WEIGH     the weight of the rows nearest to each candidate
   MOVE      for each cluster its weight and the sum of its rows about the centre
   REFILL    the k rows farthest from their centres
   MEASURE   nothing more: the inertia of the centres as they are */
enum { FIRST, ROUND, WEIGH, MOVE, REFILL, MEASURE, FINISHED };
enum { PHASE, BEGUN, START, ROUNDS, CANDIDATES, MOVES, NUMBERS }; /* BEGUN: the first start */
enum { ROUNDS_LEAST = 4 };

int64_t as_top_size(int64_t most, int64_t d)
{
    return most * (2 + d);
}

void as_top_clear(int64_t most, int64_t d, double *top)
{
    for (int64_t i = 0; i < most; i++) {
        top[i * (2 + d)] = HUGE_VAL;
    }
}

double as_top_bound(int64_t most, int64_t d, const double *top)
{
    return top[(most - 1) * (2 + d)];
}

static bool before(double key, double id, const double *entry)
{
    return key < entry[0] || (key == entry[0] && id < entry[1]);
}

/* The entry (2 + d) to its place. */
static void top_put(int64_t most, int64_t d, double *top, double key, double id, const double *row)
{
    const int64_t size = 2 + d;
    int64_t at = most;
    while (at > 0 && before(key, id, top + (at - 1) * size)) {
        at--;
    }
    if (at == most || !(key < HUGE_VAL)) {
        return;
    }
    memmove(top + (at + 1) * size, top + at * size, (size_t)((most - 1 - at) * size) * sizeof(double));
    top[at * size] = key;
    top[at * size + 1] = id;
    memcpy(top + at * size + 2, row, (size_t)d * sizeof(double));
}

void as_top_add(int64_t most, int64_t d, double *top, double key, int64_t id, const double *row)
{
    top_put(most, d, top, key, (double)id, row);
}

void as_top_merge(int64_t most, int64_t d, double *left, const double *right)
{
    for (int64_t i = 0; i < most && right[i * (2 + d)] < HUGE_VAL; i++) {
        const double *entry = right + i * (2 + d);
        top_put(most, d, left, entry[0], entry[1], entry + 2);
    }
}

as_status as_clusters_plan(as_statistic *s, as_clusters *c)
{
    const int64_t k = c->k, d = s->width, candidates = ROUNDS_LEAST * k + 1, dim[2] = {k, d}, all[2] = {candidates, d},
                  numbers = NUMBERS, rows = s->setup.data->rows;
    if (c->given.n > 0 && c->given.n != k * d) {
        AS_FAIL(AS_CONFIG, "model.%s: expected %lld numbers (%lld clusters of %lld columns), found %lld", c->key,
                (long long)(k * d), (long long)k, (long long)d, (long long)c->given.n);
    }
    if (rows > 0 && rows < k) {
        AS_FAIL(AS_DATA, "%s: %lld rows are fewer than the %lld clusters of model.type: %s", s->setup.data->place,
                (long long)rows, (long long)k, s->base.ops->name);
    }
    AS_TRY(as_statistic_array(s, "/state/kmeans_centers", 2, dim, &c->center));
    AS_TRY(as_statistic_array(s, "/state/kmeans_candidates", 2, all, &c->candidate));
    AS_TRY(as_statistic_array(s, "/state/kmeans_variance", 0, NULL, &c->variance));
    AS_TRY(as_statistic_integers(s, "/state/kmeans_progress", 1, &numbers, 0, AS_STATISTIC_COUNT_MOST, &c->progress));
    AS_TRY(as_statistic_integers(s, "/state/kmeans_empty", 1, dim, 0, 1, &c->empty));
    for (int phase = FIRST; phase <= MEASURE; phase++) {
        int64_t size = 1 + as_top_size(k, d);
        size = phase == FIRST ? 2 + 2 * d + as_top_size(1, d) : phase == WEIGH ? 1 + candidates : size;
        s->most = size > s->most ? size : s->most;
    }
    s->chunk = s->chunk < AS_COLUMNS ? s->chunk : AS_COLUMNS;
    const int64_t scratch = AS_COLUMNS * (d + 3);
    s->scratch = scratch > s->scratch ? scratch : s->scratch;
    return AS_OK;
}

void as_clusters_init(as_clusters *c, int64_t start)
{
    memset(c->progress, 0, NUMBERS * sizeof *c->progress);
    c->progress[BEGUN] = c->progress[START] = start;
    c->progress[PHASE] = FIRST;
}

as_status as_clusters_check(const as_clusters *c)
{
    const int64_t phase = c->progress[PHASE], n = c->progress[CANDIDATES], room = ROUNDS_LEAST * c->k + 1;
    const bool seeding = phase == ROUND || phase == WEIGH;
    if (phase > FINISHED || n > room - (phase <= ROUND ? c->k : 0) || n < seeding) {
        AS_FAIL(AS_DATA, "/state/kmeans_progress: phase %lld with %lld candidates, expected at most %d and %lld",
                (long long)phase, (long long)n, (int)FINISHED, (long long)room);
    }
    return AS_OK;
}

bool as_clusters_running(const as_clusters *c)
{
    return c->progress[PHASE] != FINISHED;
}

int64_t as_clusters_size(const as_statistic *s, const as_clusters *c)
{
    const int64_t d = s->width;
    switch (c->progress[PHASE]) {
    case FIRST:
        return 2 + 2 * d + as_top_size(1, d);
    case WEIGH:
        return 1 + c->progress[CANDIDATES];
    case MOVE:
        return 1 + c->k * (1 + d);
    case MEASURE:
        return 1;
    default:
        return 1 + as_top_size(c->k, d);
    }
}

void as_clusters_clear(const as_statistic *s, const as_clusters *c, double *sum)
{
    const int64_t d = s->width;
    if (c->progress[PHASE] == FIRST) {
        as_top_clear(1, d, sum + 2 + 2 * d);
    } else if (c->progress[PHASE] == ROUND || c->progress[PHASE] == REFILL) {
        as_top_clear(c->k, d, sum + 1);
    }
}

/* Rows compete with keys E / (w square), E = -ln u >= 1 - u; square NULL: 1. */
static void compete(const as_statistic *s, const as_clusters *c, const as_rows *r, int64_t most, const double *square,
                    double *top)
{
    const int64_t d = s->width;
    double *const u = r->scratch + AS_COLUMNS * (d + 2);
    as_statistic_kernels_get(s->kernels->set)
        ->uniforms(r->count, r->id, s->setup.seed, AS_RNG_CLUSTERS, (uint32_t)c->progress[START],
                   (uint32_t)c->progress[ROUNDS], u);
    for (int64_t i = 0; i < r->count; i++) {
        const double weight = square != NULL ? r->weight[i] * square[i] : r->weight[i];
        if (weight > 0 && !(1 - u[i] > as_top_bound(most, d, top) * weight)) {
            as_top_add(most, d, top, -as_log_f64(u[i]) / weight, r->id[i], r->x + i * d);
        }
    }
}

void as_clusters_rows(const as_statistic *s, const as_clusters *c, const as_rows *r, double *sum)
{
    const int64_t d = s->width, phase = c->progress[PHASE];
    const as_statistic_kernels *kernels = as_statistic_kernels_get(s->kernels->set);
    if (phase == FIRST) {
        kernels->moments(r->count, d, r->x, NULL, r->weight, sum + 1, 0);
        compete(s, c, r, 1, NULL, sum + 2 + 2 * d);
        return;
    }
    double *const square = r->scratch + AS_COLUMNS * d;
    int32_t *const label = (int32_t *)(square + AS_COLUMNS);
    const bool seeding = phase == ROUND || phase == WEIGH;
    kernels->columns(r->count, d, r->x, r->scratch);
    kernels->nearest(r->count, d, seeding ? c->progress[CANDIDATES] : c->k, r->scratch,
                     seeding ? c->candidate : c->center, label, square);
    for (int64_t i = 0; i < r->count; i++) {
        sum[0] += r->weight[i] * square[i];
    }
    if (phase == MOVE) {
        kernels->moves(r->count, d, r->x, label, r->weight, c->center, sum + 1, 1 + d);
    } else if (phase == ROUND) {
        compete(s, c, r, c->k, square, sum + 1);
    }
    for (int64_t i = 0; i < r->count && phase == WEIGH; i++) {
        sum[1 + label[i]] += r->weight[i];
    }
    for (int64_t i = 0; i < r->count && phase == REFILL; i++) {
        if (r->weight[i] > 0 && square[i] > 0 && !(-square[i] > as_top_bound(c->k, d, sum + 1))) {
            as_top_add(c->k, d, sum + 1, -square[i], r->id[i], r->x + i * d);
        }
    }
}

void as_clusters_merge(const as_statistic *s, const as_clusters *c, double *left, const double *right)
{
    const int64_t d = s->width, phase = c->progress[PHASE], size = as_clusters_size(s, c);
    left[0] += right[0];
    if (phase == FIRST) {
        as_moments_merge(left + 1, left + 2, left + 2 + d, d, right[1], right + 2, right + 2 + d);
        as_top_merge(1, d, left + 2 + 2 * d, right + 2 + 2 * d);
    } else if (phase == ROUND || phase == REFILL) {
        as_top_merge(c->k, d, left + 1, right + 1);
    } else {
        for (int64_t i = 1; i < size; i++) {
            left[i] += right[i];
        }
    }
}

static bool same_row(int64_t n, const double *set, int64_t d, const double *row)
{
    for (int64_t i = 0; i < n; i++) {
        int64_t j = 0;
        while (j < d && set[i * d + j] == row[j]) {
            j++;
        }
        if (j == d) {
            return true;
        }
    }
    return false;
}

/* Rows of the list become candidates, each position once. */
static void add_candidates(const as_statistic *s, as_clusters *c, int64_t most, const double *top)
{
    const int64_t d = s->width;
    int64_t *const n = &c->progress[CANDIDATES];
    for (int64_t i = 0; i < most && top[i * (2 + d)] < HUGE_VAL; i++) {
        const double *row = top + i * (2 + d) + 2;
        if (!same_row(*n, c->candidate, d, row)) {
            memcpy(c->candidate + *n * d, row, (size_t)d * sizeof *row);
            ++*n;
        }
    }
}

static double distance(int64_t d, const double *a, const double *b)
{
    double sum = 0;
    for (int64_t j = 0; j < d; j++) {
        sum += (a[j] - b[j]) * (a[j] - b[j]);
    }
    return sum;
}

/* Index of the first prefix sum of part[0..n) above a share of the whole; only parts above 0 are chosen. */
static int64_t draw(int64_t n, const double *part, double share)
{
    double whole = 0, sum = 0;
    int64_t last = 0;
    for (int64_t i = 0; i < n; i++) {
        whole += part[i];
    }
    for (int64_t i = 0; i < n; i++) {
        sum += part[i];
        last = part[i] > 0 ? i : last;
        if (part[i] > 0 && sum > share * whole) {
            return i;
        }
    }
    return last;
}

/* Greedy k-means++ among the candidates: of a few drawn in proportion to weight times square distance, the one that
   leaves the least (D. Arthur, S. Vassilvitskii, SODA 2007, section 6). */
static as_status choose_centers(const as_statistic *s, as_clusters *c, const double *weight)
{
    const int64_t n = c->progress[CANDIDATES], d = s->width;
    double *const square = malloc((size_t)(3 * n) * sizeof *square), *const part = square + n, *const trial = part + n;
    if (square == NULL) {
        AS_FAIL(AS_NOMEM, "out of memory for choosing among %lld candidates", (long long)n);
    }
    int64_t trials = 2;
    for (int64_t k = c->k; k >= 3; k /= 3) {
        trials++;
    }
    for (int64_t i = 0; i < n; i++) {
        square[i] = HUGE_VAL;
        part[i] = weight[i];
    }
    for (int64_t m = 0; m < c->k; m++) {
        int64_t best = -1;
        double least = HUGE_VAL;
        for (int64_t t = 0; t < (m == 0 ? 1 : trials); t++) {
            uint32_t word[4];
            as_rng_words(s->setup.seed, AS_RNG_CLUSTERS, (uint32_t)c->progress[START], (uint32_t)m,
                         (UINT64_C(1) << 63) + (uint64_t)t, word);
            const int64_t at = draw(n, part, as_rng_uniform_f64(word[0], word[1]));
            double left = 0;
            for (int64_t i = 0; i < n; i++) {
                const double far = distance(d, c->candidate + at * d, c->candidate + i * d);
                left += weight[i] * (far < square[i] ? far : square[i]);
            }
            if (left < least || best < 0) {
                least = left;
                best = at;
            }
        }
        memcpy(c->center + m * d, c->candidate + best * d, (size_t)d * sizeof(double));
        for (int64_t i = 0; i < n; i++) {
            trial[i] = distance(d, c->candidate + best * d, c->candidate + i * d);
            square[i] = trial[i] < square[i] ? trial[i] : square[i];
            part[i] = weight[i] > 0 ? weight[i] * square[i] : square[i] * DBL_MIN;
        }
    }
    free(square);
    return AS_OK;
}

static as_status finish_round(as_statistic *s, as_clusters *c, const double *top)
{
    const bool covered = !(top[0] < HUGE_VAL);
    add_candidates(s, c, c->k, top);
    c->progress[ROUNDS]++;
    if (covered && c->progress[CANDIDATES] < c->k) {
        AS_FAIL(
            AS_DATA, "%s: the %.0f rows have only %lld distinct values, fewer than the %lld clusters of model.type: %s",
            s->setup.data->place, s->samples, (long long)c->progress[CANDIDATES], (long long)c->k, s->base.ops->name);
    }
    const bool enough = c->progress[ROUNDS] > ROUNDS_LEAST && c->progress[CANDIDATES] >= c->k;
    c->progress[PHASE] = covered || enough ? WEIGH : ROUND;
    return AS_OK;
}

/* Keeps the centres as they are now where they are the first or the best. */
static void keep(const as_statistic *s, as_clusters *c, double inertia)
{
    memcpy(c->best, c->center, (size_t)(c->k * s->width) * sizeof *c->best);
    *c->inertia = inertia;
    *c->n_iter = c->progress[MOVES];
}

static void finish_move(const as_statistic *s, as_clusters *c, const double *sum)
{
    const int64_t d = s->width;
    double moved = 0, far = 0;
    bool empty = false;
    for (int64_t k = 0; k < c->k; k++) {
        const double *p = sum + k * (1 + d);
        c->empty[k] = !(p[0] > 0);
        empty = empty || c->empty[k];
        for (int64_t j = 0; j < d && p[0] > 0; j++) {
            const double step = p[1 + j] / p[0];
            c->center[k * d + j] += step;
            moved += step * step;
            far += c->center[k * d + j] * c->center[k * d + j];
        }
    }
    c->progress[MOVES]++;
    /* Centres that stand still move by rounding: a few units in the last place. */
    const bool still = moved <= c->tol * *c->variance + far * (8 * DBL_EPSILON) * (8 * DBL_EPSILON);
    c->progress[PHASE] = empty ? REFILL : still || c->progress[MOVES] >= c->max_iter ? MEASURE : MOVE;
}

/* The clusters without rows begin at the farthest rows, each position once; one for which none is left stays. */
static void finish_refill(const as_statistic *s, as_clusters *c, const double *top)
{
    const int64_t d = s->width;
    int64_t next = 0;
    for (int64_t k = 0; k < c->k; k++) {
        while (c->empty[k] && next < c->k && top[next * (2 + d)] < HUGE_VAL) {
            const double *row = top + next++ * (2 + d) + 2;
            if (!same_row(c->k, c->center, d, row)) {
                memcpy(c->center + k * d, row, (size_t)d * sizeof *row);
                as_log_line(s->setup.log, AS_LOG_WARN,
                            "%s: cluster %lld lost all rows and begins again at row %.0f, the farthest from its centre",
                            s->base.ops->name, (long long)k, top[(next - 1) * (2 + d) + 1]);
                break;
            }
        }
    }
    c->progress[PHASE] = c->progress[MOVES] >= c->max_iter ? MEASURE : MOVE;
}

/* The start is over: the next one, or the end. */
static void finish_start(const as_statistic *s, as_clusters *c, double inertia)
{
    const int64_t next = c->progress[START] + 1, begun = c->progress[BEGUN];
    if (next == begun + 1 || inertia < *c->inertia) {
        keep(s, c, inertia);
    }
    if (c->progress[MOVES] >= c->max_iter) {
        as_log_line(s->setup.log, AS_LOG_WARN, "%s: centres still move after %lld iterations of k-means",
                    s->base.ops->name, (long long)c->max_iter);
    }
    as_clusters_init(c, begun);
    c->progress[START] = next;
    c->progress[PHASE] = next < begun + c->n_init && c->given.n == 0 ? FIRST : FINISHED;
}

static void finish_first(const as_statistic *s, as_clusters *c, double *sum, as_step_report *report)
{
    const int64_t d = s->width;
    double square = 0;
    for (int64_t j = 0; j < d; j++) {
        square += sum[2 + d + j] / sum[1];
    }
    *c->variance = square / (double)d;
    report->loss = square;
    add_candidates(s, c, 1, sum + 2 + 2 * d);
    c->progress[ROUNDS] = 1;
    c->progress[PHASE] = ROUND;
    if (c->given.n > 0) {
        memcpy(c->center, c->given.v, (size_t)c->given.n * sizeof(double));
        c->progress[PHASE] = MOVE;
    }
}

as_status as_clusters_finish(as_statistic *s, as_clusters *c, double *sum, as_step_report *report)
{
    report->loss = sum[0] / s->weight;
    switch (c->progress[PHASE]) {
    case FIRST:
        finish_first(s, c, sum, report);
        break;
    case ROUND:
        AS_TRY(finish_round(s, c, sum + 1));
        break;
    case WEIGH:
        AS_TRY(choose_centers(s, c, sum + 1));
        c->progress[PHASE] = MOVE;
        break;
    case MOVE:
        finish_move(s, c, sum + 1);
        break;
    case REFILL:
        finish_refill(s, c, sum + 1);
        break;
    default:
        finish_start(s, c, sum[0]);
        return AS_OK;
    }
    if (c->progress[START] == c->progress[BEGUN] && c->progress[PHASE] >= MOVE) {
        keep(s, c, sum[0]); /* what there is, should the run stop here */
    }
    return AS_OK;
}
