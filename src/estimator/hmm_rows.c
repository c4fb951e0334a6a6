/* Sequences of a hidden Markov model: their positions, densities, expected visits and steps; answers about them. */
#include <math.h>
#include <string.h>

#include "base/rng.h"
#include "estimator/clusters.h"
#include "estimator/hmm.h"
#include "math/chain.h"
#include "math/dense.h"
#include "math/moments.h"

static const as_hmm *model_of(const as_statistic *s)
{
    return s->model;
}

int64_t as_hmm_covar_size(const as_statistic *s, const as_hmm *m)
{
    return ((const as_hmm_options *)s->options)->covariance_type == AS_HMM_FULL ? m->d * m->d : m->d;
}

/* Doubles of the moments or counts of a state's emissions. */
int64_t as_hmm_emission_size(const as_statistic *s, const as_hmm *m)
{
    return m->symbols > 0 ? m->symbols : m->d + as_hmm_covar_size(s, m);
}

int64_t as_hmm_pool_size(const as_hmm *m)
{
    return 1 + 2 * m->d + as_top_size(AS_HMM_POOL * m->k, m->d);
}

/* ---- a sequence ---- */

/* Positions of a row; -1: its length is none. */
static int64_t positions_of(const as_hmm *m, const double *row)
{
    const double *x = row + m->first;
    if (m->length_column >= 0) {
        const double n = row[m->length_column];
        return n >= 0 && n <= (double)m->length && n == floor(n) ? (int64_t)n : -1;
    }
    int64_t n = m->length;
    while (m->padded && n > 0 && x[(n - 1) * m->d] == m->pad) {
        n--;
    }
    return n;
}

/* ln densities (n, K). Returns the first position whose symbol is none, or -1; it is one that no state gives. */
static int64_t densities(const as_statistic *s, const as_hmm *m, int64_t n, const double *x, double *z, double *out)
{
    const bool full = ((const as_hmm_options *)s->options)->covariance_type == AS_HMM_FULL;
    const int64_t d = m->d, each = as_hmm_covar_size(s, m);
    int64_t bad = -1;
    for (int64_t t = 0; t < n; t++, x += d, out += m->k) {
        const bool symbol = m->symbols > 0 && x[0] >= 0 && x[0] < (double)m->symbols && x[0] == floor(x[0]);
        bad = m->symbols > 0 && !symbol && bad < 0 ? t : bad;
        for (int64_t i = 0; i < m->k; i++) {
            if (m->symbols > 0) {
                out[i] = symbol ? m->log_emission[i * m->symbols + (int64_t)x[0]] : -HUGE_VAL;
                continue;
            }
            const double *f = m->factor + i * each;
            double square = 0;
            for (int64_t j = 0; j < d; j++) {
                z[j] = (x[j] - m->means[i * d + j]) * (full ? 1 : f[j]);
            }
            if (full) {
                as_dense_solve_upper_transposed(d, f, d, z);
            }
            for (int64_t j = 0; j < d; j++) {
                square += z[j] * z[j];
            }
            out[i] = m->constant[i] - 0.5 * square;
        }
    }
    return bad;
}

/* Where a thread works. */
typedef struct work {
    double *log_p, *density, *share, *scale, *states, *z;
} work;

static work work_of(const as_hmm *m, double *scratch)
{
    work w = {.log_p = scratch};
    w.density = scratch + AS_HMM_SEQUENCES;
    w.share = w.density + m->length * m->k;
    w.scale = w.share + m->length * m->k;
    w.states = w.scale + m->length;
    w.z = w.states + 2 * m->k;
    return w;
}

/* ---- a step ---- */

/* The first pass: moments of the columns, and positions by random keys. */
static void rows_begin(const as_statistic *s, const as_hmm *m, const as_rows *r, int64_t i, int64_t n, double *sum)
{
    const int64_t d = m->d, pool = AS_HMM_POOL * m->k;
    double *moments = sum + AS_HMM_HEAD, *top = moments + 1 + 2 * d;
    const double *x = r->x + i * s->width + m->first;
    for (int64_t t = 0; t < n; t++) {
        uint32_t word[4];
        as_rng_words(s->setup.seed, AS_RNG_DRAW, 1, (uint32_t)t, (uint64_t)r->id[i], word);
        const double key = (double)word[0] * 0x1p32 + (double)word[1];
        as_moments_add(moments, moments + 1, moments + 1 + d, d, r->weight[i], x + t * d);
        if (r->weight[i] > 0 && !(key > as_top_bound(pool, d, top))) {
            as_top_add(pool, d, top, key, r->id[i] * m->length + t, x + t * d);
        }
    }
}

/* Weighted emissions of a sequence: counts of symbols, or moments about the present means. */
static void add_emissions(const as_statistic *s, const as_hmm *m, int64_t n, const double *x, const double *share,
                          double weight, double *sum)
{
    const bool full = ((const as_hmm_options *)s->options)->covariance_type == AS_HMM_FULL;
    const int64_t k = m->k, d = m->d, each = as_hmm_emission_size(s, m);
    for (int64_t t = 0; t < n; t++, x += d) {
        for (int64_t i = 0; i < k; i++) {
            const double g = weight * share[t * k + i];
            double *own = sum + i * each;
            if (m->symbols > 0) {
                own[(int64_t)x[0]] += g;
                continue;
            }
            for (int64_t a = 0; a < d && g > 0; a++) {
                const double da = x[a] - m->means[i * d + a];
                own[a] += g * da;
                for (int64_t b = full ? 0 : a; b < (full ? d : a + 1); b++) {
                    own[d + (full ? a * d + b : a)] += g * da * (x[b] - m->means[i * d + b]);
                }
            }
        }
    }
}

static void note_bad(double *sum, int64_t id, double value)
{
    if ((double)id < sum[AS_HMM_BAD_ROW]) {
        sum[AS_HMM_BAD_ROW] = (double)id;
        sum[AS_HMM_BAD_VALUE] = value;
    }
}

void as_hmm_rows(const as_statistic *s, const as_rows *r, double *sum)
{
    const as_hmm *m = model_of(s);
    const as_chain chain = {m->k, m->startprob, m->transmat};
    const work w = work_of(m, r->scratch);
    double *start = sum + AS_HMM_HEAD, *steps = start + m->k, *visits = steps + m->k * m->k, *emissions = visits + m->k;
    for (int64_t i = 0; i < r->count; i++) {
        const double *row = r->x + i * s->width, *x = row + m->first;
        const int64_t n = positions_of(m, row);
        if (n < 0) {
            note_bad(sum, r->id[i], row[m->length_column]);
            continue;
        }
        sum[AS_HMM_POSITIONS] += (double)n;
        if (m->progress[AS_HMM_STAGE] == AS_HMM_BEGIN) {
            rows_begin(s, m, r, i, n, sum);
            continue;
        }
        int64_t impossible = 0;
        const int64_t bad = densities(s, m, n, x, w.z, w.density);
        if (bad >= 0) {
            note_bad(sum, r->id[i], x[bad * m->d]);
            continue;
        }
        sum[AS_HMM_LOG_P] += r->weight[i] * as_chain_forward(&chain, n, w.density, w.share, w.scale, &impossible);
        sum[AS_HMM_IMPOSSIBLE] += (double)impossible;
        as_chain_backward(&chain, n, w.density, w.share, w.scale, r->weight[i], steps, w.states);
        for (int64_t t = 0; t < n; t++) {
            for (int64_t j = 0; j < m->k; j++) {
                visits[j] += r->weight[i] * w.share[t * m->k + j];
                start[j] += t == 0 ? r->weight[i] * w.share[j] : 0;
            }
        }
        add_emissions(s, m, n, x, w.share, r->weight[i], emissions);
    }
}

void as_hmm_clear(const as_statistic *s, double *sum)
{
    const as_hmm *m = model_of(s);
    sum[AS_HMM_BAD_ROW] = HUGE_VAL;
    if (m->progress[AS_HMM_STAGE] == AS_HMM_BEGIN) {
        as_top_clear(AS_HMM_POOL * m->k, m->d, sum + AS_HMM_HEAD + 1 + 2 * m->d);
    }
}

void as_hmm_merge(const as_statistic *s, double *left, const double *right)
{
    const as_hmm *m = model_of(s);
    const int64_t d = m->d;
    if (right[AS_HMM_BAD_ROW] < left[AS_HMM_BAD_ROW]) {
        left[AS_HMM_BAD_ROW] = right[AS_HMM_BAD_ROW];
        left[AS_HMM_BAD_VALUE] = right[AS_HMM_BAD_VALUE];
    }
    for (int64_t i = 0; i < AS_HMM_BAD_ROW; i++) {
        left[i] += right[i];
    }
    double *a = left + AS_HMM_HEAD;
    const double *b = right + AS_HMM_HEAD;
    if (m->progress[AS_HMM_STAGE] == AS_HMM_BEGIN) {
        as_moments_merge(a, a + 1, a + 1 + d, d, b[0], b + 1, b + 1 + d);
        as_top_merge(AS_HMM_POOL * m->k, d, a + 1 + 2 * d, b + 1 + 2 * d);
        return;
    }
    for (int64_t i = AS_HMM_HEAD; i < s->most; i++) {
        left[i] += right[i];
    }
}

/* ---- answers ---- */

void as_hmm_predict(const as_statistic *s, const as_rows *r, double *out)
{
    const as_hmm *m = model_of(s);
    const bool path = ((const as_hmm_options *)s->options)->output == AS_HMM_VITERBI;
    const as_chain chain = {m->k, m->startprob, m->transmat};
    const work w = work_of(m, r->scratch);
    for (int64_t i = 0; i < r->count; i++, out += s->outputs) {
        const double *row = r->x + i * s->width, *x = row + m->first;
        const int64_t found = positions_of(m, row), n = found < 0 ? 0 : found;
        int64_t impossible = 0;
        densities(s, m, n, x, w.z, w.density);
        w.log_p[i] = as_chain_forward(&chain, n, w.density, w.share, w.scale, &impossible);
        if (path) {
            int32_t *states = (int32_t *)(void *)w.share;
            densities(s, m, n, x, w.z, w.density);
            as_chain_path(&chain, n, w.density, states, w.states);
            for (int64_t t = 0; t < m->length; t++) {
                out[t] = t < n ? (double)states[t] : -1;
            }
            continue;
        }
        as_chain_backward(&chain, n, w.density, w.share, w.scale, 0, NULL, w.states);
        memcpy(out, w.share, (size_t)(n * m->k) * sizeof *out);
        memset(out + n * m->k, 0, (size_t)((m->length - n) * m->k) * sizeof *out);
    }
}

void as_hmm_score(const as_statistic *s, const as_rows *r, const double *out, double *loss)
{
    (void)s;
    (void)out;
    for (int64_t i = 0; i < r->count; i++) {
        loss[i] = -r->scratch[i];
    }
}
