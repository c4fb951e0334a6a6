/* Hidden Markov models by expectation maximisation (L. Baum, T. Petrie, G. Soules, N. Weiss, "A maximization technique
   occurring in the statistical analysis of probabilistic functions of Markov chains", Ann. Math. Stat. 41, 1970). Each
   row of the data is a sequence: shape (T), (T, D), or T columns of a table.

   Without given parameters the first pass measures the columns and draws positions at random, by seed and sample; means
   are those of k-means among them. Every other pass is one step: expected visits, steps and moments about the present
   means, by scaled recursions (math/chain.h). The log-likelihood rises from step to step, but for what reg_covar adds;
   where it rises by less than tol, the parameters stay those that were measured. A state that no sequence visits keeps
   the parameters that it had: it is named in the log and marked in the table. Names follow hmmlearn: startprob_,
   transmat_, means_, covars_, emissionprob_. Cost: 4 K^2 + 2 K D (full: K D^2) flops a position. */
#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "estimator/hmm.h"
#include "kernels/scalar_math.h"
#include "math/constants.h"
#include "math/dense.h"
#include "math/draw.h"
#include "math/log_sum.h"

const char *const as_hmm_emission_names[] = {"gaussian", "categorical", NULL};
enum { LLOYD = 20 }; /* steps of k-means among the drawn positions */

static const char *const covariance_names[] = {"full", "diagonal", NULL};
static const char *const output_names[] = {"posterior", "viterbi", NULL};

#define GIVEN(NAME, HELP)                                                                                              \
    {                                                                                                                  \
        .name = #NAME, .type = AS_FIELD_REALS, .offset = offsetof(as_hmm_options, NAME), .standard = "", .help = HELP  \
    }

static const as_field fields[] = {
    {.name = "n_components",
     .type = AS_FIELD_INT,
     .offset = offsetof(as_hmm_options, n_components),
     .standard = "2",
     .min = 1,
     .max = 4096,
     .help = "Number of hidden states."},
    {.name = "emission",
     .type = AS_FIELD_CHOICE,
     .offset = offsetof(as_hmm_options, emission),
     .standard = "gaussian",
     .choices = as_hmm_emission_names,
     .help = "What a state gives at a position: normal numbers, or one of n_symbols symbols 0, 1, ..."},
    {.name = "n_symbols",
     .type = AS_FIELD_INT,
     .offset = offsetof(as_hmm_options, n_symbols),
     .standard = "0",
     .max = 1 << 24,
     .help = "Number of symbols of categorical emissions."},
    {.name = "features",
     .type = AS_FIELD_INT,
     .offset = offsetof(as_hmm_options, features),
     .standard = "0",
     .max = 1 << 20,
     .help = "Numbers at each position of a row; 0: by the shape of a sample, (T) one, (T, D) D."},
    {.name = "covariance_type",
     .type = AS_FIELD_CHOICE,
     .offset = offsetof(as_hmm_options, covariance_type),
     .standard = "diagonal",
     .choices = covariance_names,
     .help = "Normal densities have a matrix, or variances of the columns."},
    {.name = "length",
     .type = AS_FIELD_TEXT,
     .offset = offsetof(as_hmm_options, length),
     .standard = "",
     .help = "Column that holds the number of positions of each row, the first or last one; it is no part of the "
             "sequence."},
    {.name = "pad",
     .type = AS_FIELD_NODE,
     .offset = offsetof(as_hmm_options, pad),
     .standard = "",
     .help = "Value that fills rows behind their last position; in units of the rows as the model gets them."},
    {.name = "tol",
     .type = AS_FIELD_REAL,
     .offset = offsetof(as_hmm_options, tol),
     .standard = "1e-2",
     .max = 1e300,
     .help = "Converged where the log-likelihood of all sequences rises by less."},
    {.name = "max_iter",
     .type = AS_FIELD_INT,
     .offset = offsetof(as_hmm_options, max_iter),
     .standard = "100",
     .max = 1e9,
     .help = "Most steps; 0 measures the given parameters."},
    {.name = "reg_covar",
     .type = AS_FIELD_REAL,
     .offset = offsetof(as_hmm_options, reg_covar),
     .standard = "1e-6",
     .max = 1e300,
     .help = "Added to all variances."},
    {.name = "pseudo_count",
     .type = AS_FIELD_REAL,
     .offset = offsetof(as_hmm_options, pseudo_count),
     .standard = "0",
     .max = 1e300,
     .help = "Added to the expected number of each start, step and symbol."},
    {.name = "output",
     .type = AS_FIELD_CHOICE,
     .offset = offsetof(as_hmm_options, output),
     .standard = "posterior",
     .choices = output_names,
     .help = "What `allsum predict` writes of a row: probabilities of the states at each position (T, K), 0 behind the "
             "last one; or the most likely path (T), -1 behind its end."},
    GIVEN(startprob_init, "First probabilities of the states at position 0."),
    GIVEN(transmat_init, "First probabilities of steps, row by row: from a state to each other one."),
    GIVEN(means_init, "First means, state by state."),
    GIVEN(covars_init, "First covariances, state by state, of the shape that covariance_type has."),
    GIVEN(emissionprob_init, "First probabilities of the symbols, state by state."),
    AS_FIELDS_END};

/* ---- sizes ---- */

/* Given numbers: as many as there must be, and rows of probabilities. */
static as_status check_given(const char *key, const as_reals *given, int64_t wanted, int64_t row)
{
    if (given->n != 0 && given->n != wanted) {
        AS_FAIL(AS_CONFIG, "model.%s: expected %lld numbers, found %lld", key, (long long)wanted, (long long)given->n);
    }
    for (int64_t i = 0; row > 0 && i < given->n; i += row) {
        double sum = 0;
        for (int64_t j = 0; j < row; j++) {
            if (!(given->v[i + j] >= 0)) {
                AS_FAIL(AS_CONFIG, "model.%s: expected probabilities, found %g", key, given->v[i + j]);
            }
            sum += given->v[i + j];
        }
        if (fabs(sum - 1) > 1e-8) {
            AS_FAIL(AS_CONFIG, "model.%s: row %lld: expected probabilities that add up to 1, found a sum of %.9g", key,
                    (long long)(i / row), sum);
        }
    }
    return AS_OK;
}

static as_status check_options(const as_statistic *s, const as_hmm *m)
{
    const as_hmm_options *o = s->options;
    const bool symbols = o->emission == AS_HMM_CATEGORICAL;
    const int64_t k = m->k;
    AS_TRY(check_given("startprob_init", &o->startprob_init, k, k));
    AS_TRY(check_given("transmat_init", &o->transmat_init, k * k, k));
    AS_TRY(check_given("means_init", &o->means_init, symbols ? 0 : k * m->d, 0));
    AS_TRY(check_given("covars_init", &o->covars_init, symbols ? 0 : k * as_hmm_covar_size(s, m), 0));
    AS_TRY(check_given("emissionprob_init", &o->emissionprob_init, k * m->symbols, m->symbols));
    if (symbols && o->n_symbols < 1) {
        AS_FAIL(AS_CONFIG, "model.n_symbols: expected the number of symbols of categorical emissions, found 0");
    }
    if (symbols && m->d != 1) {
        AS_FAIL(AS_CONFIG, "%s: categorical emissions expect one symbol at a position, found %lld (model.features)",
                s->setup.data->place, (long long)m->d);
    }
    const as_normalization *norm = s->setup.normalization;
    if (symbols && norm != NULL && !norm->identity) {
        AS_FAIL(AS_CONFIG, "data.normalize: expected none, for the symbols of categorical emissions are whole numbers");
    }
    if ((o->means_init.n > 0) != (o->covars_init.n > 0)) {
        AS_FAIL(AS_CONFIG, "model: expected means_init and covars_init together, found one of them");
    }
    return AS_OK;
}

/* The column of the lengths, and what is left. */
static as_status find_positions(const as_statistic *s, as_hmm *m)
{
    const as_hmm_options *o = s->options;
    const as_shape *shape = &s->setup.data->shape;
    int64_t left = s->width;
    char name[64];
    m->length_column = -1;
    if (o->length != NULL && o->length[0] != '\0') {
        for (int64_t j = 0; j<s->width; j += s->width> 1 ? s->width - 1 : 1) {
            m->length_column = strcmp(as_statistic_column(s, j, name), o->length) == 0 ? j : m->length_column;
        }
        if (m->length_column < 0) {
            AS_FAIL(AS_CONFIG, "model.length: expected the first or the last column of %s, found \"%s\"",
                    s->setup.data->place, o->length);
        }
        if (s->setup.normalization != NULL && !s->setup.normalization->identity) {
            AS_FAIL(AS_CONFIG, "data.normalize: expected none beside model.length, which would be normalised too");
        }
        m->first = m->length_column == 0;
        left--;
    }
    m->d = o->features > 0 ? o->features : shape->rank < 2 ? 1 : s->width / shape->dim[0];
    if (left < m->d || left % m->d != 0) {
        AS_FAIL(AS_CONFIG, "%s: expected rows of a multiple of %lld numbers (model.features), found %lld",
                s->setup.data->place, (long long)m->d, (long long)left);
    }
    m->length = left / m->d;
    m->padded = o->pad != NULL && o->pad->kind == AS_NODE_SCALAR;
    if (o->pad != NULL && o->pad->kind != AS_NODE_NULL && (!m->padded || !as_text_to_real(o->pad->text, &m->pad))) {
        AS_FAIL(AS_CONFIG, "%s: model.pad: expected a number", as_node_place(o->pad));
    }
    return AS_OK;
}

static as_status plan(as_statistic *s)
{
    as_hmm *m = s->model;
    const as_hmm_options *o = s->options;
    const int64_t k = o->n_components, numbers = AS_HMM_NUMBERS;
    m->k = k;
    m->symbols = o->emission == AS_HMM_CATEGORICAL ? o->n_symbols : 0;
    AS_TRY(find_positions(s, m));
    AS_TRY(check_options(s, m));
    const int64_t square[2] = {k, k}, means[2] = {k, m->d}, covars[3] = {k, m->d, m->d}, table[2] = {k, m->symbols};
    AS_TRY(as_statistic_array(s, "/params/startprob_", 1, square, &m->startprob));
    AS_TRY(as_statistic_array(s, "/params/transmat_", 2, square, &m->transmat));
    if (m->symbols > 0) {
        AS_TRY(as_statistic_array(s, "/params/emissionprob_", 2, table, &m->emission));
        AS_TRY(as_arena_reserve(s->arena, (size_t)(k * m->symbols) * sizeof(double), (void **)&m->log_emission));
    } else {
        AS_TRY(as_statistic_array(s, "/params/means_", 2, means, &m->means));
        AS_TRY(as_statistic_array(s, "/params/covars_", o->covariance_type == AS_HMM_FULL ? 3 : 2, covars, &m->covars));
        AS_TRY(as_arena_reserve(s->arena, (size_t)(k * as_hmm_covar_size(s, m)) * sizeof(double), (void **)&m->factor));
        AS_TRY(as_arena_reserve(s->arena, (size_t)k * sizeof(double), (void **)&m->constant));
    }
    AS_TRY(as_statistic_array(s, "/params/occupancy_", 1, square, &m->occupancy));
    AS_TRY(as_statistic_array(s, "/params/log_likelihood_", 0, NULL, &m->log_likelihood));
    AS_TRY(as_statistic_integers(s, "/params/n_iter_", 0, NULL, 0, AS_STATISTIC_COUNT_MOST, &m->n_iter));
    AS_TRY(as_statistic_integers(s, "/params/converged_", 0, NULL, 0, 1, &m->converged));
    AS_TRY(as_statistic_array(s, "/state/bound", 0, NULL, &m->bound));
    AS_TRY(as_statistic_integers(s, "/state/progress", 1, &numbers, 0, AS_STATISTIC_COUNT_MOST, &m->progress));
    s->outputs = o->output == AS_HMM_VITERBI ? m->length : m->length * k;
    s->chunk = AS_HMM_SEQUENCES;
    const int64_t step = AS_HMM_HEAD + k + k * k + k + k * as_hmm_emission_size(s, m),
                  begin = AS_HMM_HEAD + as_hmm_pool_size(m);
    s->most = m->symbols == 0 && begin > step ? begin : step;
    s->scratch = AS_HMM_SEQUENCES + 2 * m->length * k + m->length + 2 * k + m->d;
    s->flops = (double)m->length * (4.0 * (double)(k * k) + 4.0 * (double)(k * as_hmm_covar_size(s, m)));
    return AS_OK;
}

/* ---- the first parameters ---- */

static void normalise(int64_t n, double *v)
{
    double sum = 0;
    for (int64_t i = 0; i < n; i++) {
        sum += v[i];
    }
    for (int64_t i = 0; i < n; i++) {
        v[i] /= sum;
    }
}

/* Rows that differ a little from even ones, by the seed. */
static void draw_rows(const as_statistic *s, uint32_t stream, int64_t rows, int64_t n, double *out)
{
    for (int64_t r = 0; r < rows; r++) {
        as_draw draw = as_draw_make(s->setup.seed, AS_RNG_INIT, stream, (uint64_t)r);
        for (int64_t j = 0; j < n; j++) {
            out[r * n + j] = 0.5 + as_draw_uniform(&draw);
        }
        normalise(n, out + r * n);
    }
}

static void take(const as_reals *given, double *to)
{
    for (int64_t i = 0; i < given->n; i++) {
        to[i] = given->v[i];
    }
}

static as_status init(as_statistic *s)
{
    as_hmm *m = s->model;
    const as_hmm_options *o = s->options;
    const int64_t k = m->k;
    for (int64_t i = 0; i < k; i++) {
        m->startprob[i] = 1 / (double)k;
        for (int64_t j = 0; j < k; j++) {
            m->transmat[i * k + j] = k == 1 ? 1 : i == j ? 0.6 : 0.4 / (double)(k - 1);
        }
    }
    take(&o->startprob_init, m->startprob);
    take(&o->transmat_init, m->transmat);
    if (m->symbols > 0) {
        draw_rows(s, 0, k, m->symbols, m->emission);
        take(&o->emissionprob_init, m->emission);
    } else {
        take(&o->means_init, m->means);
        take(&o->covars_init, m->covars);
    }
    m->progress[AS_HMM_STAGE] = m->symbols == 0 && o->means_init.n == 0 ? AS_HMM_BEGIN : AS_HMM_STEP;
    return AS_OK;
}

/* Factors of the covariances. Errors: DIVERGED for one that is not positive definite. */
static as_status ready_gaussian(const as_statistic *s, as_hmm *m)
{
    const as_hmm_options *o = s->options;
    const int64_t d = m->d, each = as_hmm_covar_size(s, m);
    for (int64_t i = 0; i < m->k && m->progress[AS_HMM_STAGE] != AS_HMM_BEGIN; i++) {
        double *f = m->factor + i * each;
        double log_det = 0;
        memcpy(f, m->covars + i * each, (size_t)each * sizeof *f);
        bool good =
            o->covariance_type == AS_HMM_DIAGONAL || as_dense_cholesky(d, f, (double)d * DBL_EPSILON, NULL) == d;
        for (int64_t j = 0; j < d && good; j++) {
            const double v = o->covariance_type == AS_HMM_DIAGONAL ? f[j] : f[j * d + j];
            good = v > 0;
            log_det += good ? as_log_f64(v) * (o->covariance_type == AS_HMM_DIAGONAL ? 1 : 2) : 0;
            f[j] = o->covariance_type == AS_HMM_DIAGONAL ? 1 / sqrt(v) : f[j];
        }
        if (!good) {
            AS_FAIL(AS_DIVERGED,
                    "hmm: the covariance of state %lld of %lld is not positive definite (reg_covar %g): expected fewer "
                    "states, covariance_type: diagonal or a larger model.reg_covar",
                    (long long)i, (long long)m->k, o->reg_covar);
        }
        m->constant[i] = -0.5 * ((double)d * AS_LOG_2PI + log_det);
    }
    return AS_OK;
}

static as_status ready(as_statistic *s)
{
    as_hmm *m = s->model;
    if (m->progress[AS_HMM_STAGE] > AS_HMM_DONE) {
        AS_FAIL(AS_DATA, "/state/progress: expected a stage of 0 to %d, found %lld", (int)AS_HMM_DONE,
                (long long)m->progress[AS_HMM_STAGE]);
    }
    for (int64_t i = 0; i < m->k * m->symbols; i++) {
        m->log_emission[i] = m->emission[i] > 0 ? as_log_f64(m->emission[i]) : -HUGE_VAL;
    }
    return m->symbols > 0 ? AS_OK : ready_gaussian(s, m);
}

/* ---- the next parameters ---- */

/* Square distance in units of the columns' variances. */
static double distance(int64_t d, const double *a, const double *b, const double *inverse)
{
    double sum = 0;
    for (int64_t j = 0; j < d; j++) {
        sum += (a[j] - b[j]) * (a[j] - b[j]) * inverse[j];
    }
    return sum;
}

static int64_t nearest(const as_hmm *m, int64_t k, const double *x, const double *inverse)
{
    int64_t best = 0;
    for (int64_t i = 1; i < k; i++) {
        best = distance(m->d, x, m->means + i * m->d, inverse) < distance(m->d, x, m->means + best * m->d, inverse)
                   ? i
                   : best;
    }
    return best;
}

/* Means by k-means among the drawn positions (n, 2 + d): first the farthest from those there are, then Lloyd's steps.
 */
static void place_means(as_hmm *m, int64_t n, const double *pool, const double *inverse, double *sums)
{
    const int64_t d = m->d, k = m->k, row = 2 + d;
    memcpy(m->means, pool + 2, (size_t)d * sizeof *pool);
    for (int64_t i = 1; i < k; i++) {
        int64_t far = 0;
        double most = -1;
        for (int64_t p = 0; p < n; p++) {
            const double *x = pool + p * row + 2;
            const double here = distance(d, x, m->means + nearest(m, i, x, inverse) * d, inverse);
            far = here > most ? p : far;
            most = here > most ? here : most;
        }
        memcpy(m->means + i * d, pool + far * row + 2, (size_t)d * sizeof *pool);
    }
    for (int step = 0; step < LLOYD; step++) {
        memset(sums, 0, (size_t)(k * (d + 1)) * sizeof *sums);
        for (int64_t p = 0; p < n; p++) {
            const double *x = pool + p * row + 2;
            double *own = sums + nearest(m, k, x, inverse) * (d + 1);
            own[0] += 1;
            for (int64_t j = 0; j < d; j++) {
                own[1 + j] += x[j];
            }
        }
        for (int64_t i = 0; i < k * d; i++) {
            const double *own = sums + i / d * (d + 1);
            m->means[i] = own[0] > 0 ? own[1 + i % d] / own[0] : m->means[i];
        }
    }
}

static as_status finish_begin(as_statistic *s, const double *sum)
{
    as_hmm *m = s->model;
    const as_hmm_options *o = s->options;
    const int64_t d = m->d, each = as_hmm_covar_size(s, m);
    const double *moments = sum + AS_HMM_HEAD, *pool = moments + 1 + 2 * d;
    int64_t n = 0;
    while (n < AS_HMM_POOL * m->k && pool[n * (2 + d)] < HUGE_VAL) {
        n++;
    }
    double *room = malloc((size_t)(d + m->k * (d + 1)) * sizeof *room);
    if (room == NULL) {
        AS_FAIL(AS_NOMEM, "out of memory for the means of %lld states", (long long)m->k);
    }
    for (int64_t j = 0; j < d; j++) {
        const double variance = moments[1 + d + j] / moments[0];
        room[j] = variance > 0 ? 1 / variance : 0;
        for (int64_t i = 0; i < m->k; i++) {
            m->covars[i * each + (each == d ? j : j * d + j)] = (variance > 0 ? variance : 1) + o->reg_covar;
        }
    }
    place_means(m, n, pool, room, room + d);
    free(room);
    m->progress[AS_HMM_STAGE] = AS_HMM_STEP;
    return AS_OK;
}

/* Expected numbers to probabilities; where there are none, the row stays. */
static void update_row(int64_t n, const double *count, double pseudo, double *row)
{
    double sum = 0;
    for (int64_t j = 0; j < n; j++) {
        sum += count[j] + pseudo;
    }
    for (int64_t j = 0; j < n && sum > 0; j++) {
        row[j] = (count[j] + pseudo) / sum;
    }
}

static void update_gaussian(const as_statistic *s, as_hmm *m, int64_t i, double visits, const double *own)
{
    const as_hmm_options *o = s->options;
    const int64_t d = m->d, each = as_hmm_covar_size(s, m);
    double *cov = m->covars + i * each;
    for (int64_t a = 0; a < d; a++) {
        for (int64_t b = 0; b < d && each > d; b++) {
            cov[a * d + b] =
                own[d + a * d + b] / visits - own[a] / visits * (own[b] / visits) + (a == b ? o->reg_covar : 0);
        }
        if (each == d) {
            const double variance = own[d + a] / visits - own[a] / visits * (own[a] / visits);
            cov[a] = (variance > 0 ? variance : 0) + o->reg_covar;
        }
    }
    for (int64_t a = 0; a < d; a++) {
        m->means[i * d + a] += own[a] / visits;
    }
}

static void maximise(as_statistic *s, const double *sum)
{
    as_hmm *m = s->model;
    const as_hmm_options *o = s->options;
    const int64_t k = m->k;
    const double *start = sum + AS_HMM_HEAD, *steps = start + k, *visits = steps + k * k, *emissions = visits + k;
    update_row(k, start, o->pseudo_count, m->startprob);
    for (int64_t i = 0; i < k; i++) {
        const double *own = emissions + i * as_hmm_emission_size(s, m);
        update_row(k, steps + i * k, o->pseudo_count, m->transmat + i * k);
        if (m->symbols > 0) {
            update_row(m->symbols, own, o->pseudo_count, m->emission + i * m->symbols);
        } else if (visits[i] > 1e-10 * sum[AS_HMM_POSITIONS]) {
            update_gaussian(s, m, i, visits[i], own);
        }
    }
}

static void end(as_statistic *s, bool converged)
{
    as_hmm *m = s->model;
    const as_hmm_options *o = s->options;
    *m->n_iter = m->progress[AS_HMM_STEPS];
    *m->converged = converged;
    m->progress[AS_HMM_STAGE] = AS_HMM_DONE;
    if (!converged && o->max_iter > 0) {
        as_log_line(s->setup.log, AS_LOG_WARN,
                    "hmm: not converged after %lld steps: expected a rise below tol %g; give it more: model.max_iter",
                    (long long)m->progress[AS_HMM_STEPS], o->tol);
    }
    for (int64_t i = 0; i < m->k; i++) {
        if (!(m->occupancy[i] > 1e-10)) {
            as_log_line(
                s->setup.log, AS_LOG_WARN,
                "hmm: state %lld of %lld is visited by no sequence: its parameters are those that it had before",
                (long long)i, (long long)m->k);
        }
    }
}

static as_status check_sum(const as_statistic *s, const double *sum)
{
    const as_hmm *m = s->model;
    if (sum[AS_HMM_BAD_ROW] < HUGE_VAL && m->length_column >= 0 && m->symbols == 0) {
        AS_FAIL(AS_DATA, "%s: row %.0f: expected a length in 0..%lld, found %g", s->setup.data->place,
                sum[AS_HMM_BAD_ROW], (long long)m->length, sum[AS_HMM_BAD_VALUE]);
    }
    if (sum[AS_HMM_BAD_ROW] < HUGE_VAL) {
        AS_FAIL(AS_DATA, "%s: row %.0f: expected symbols in 0..%lld%s, found %g", s->setup.data->place,
                sum[AS_HMM_BAD_ROW], (long long)m->symbols - 1, m->length_column >= 0 ? " and a length that fits" : "",
                sum[AS_HMM_BAD_VALUE]);
    }
    if (!(sum[AS_HMM_POSITIONS] > 0)) {
        AS_FAIL(AS_DATA, "%s: expected sequences, found rows without a position", s->setup.data->place);
    }
    if (sum[AS_HMM_IMPOSSIBLE] > 0) {
        AS_FAIL(AS_DATA,
                "%s: %.0f of %.0f positions have probability 0 under the parameters of step %lld: expected first "
                "probabilities above 0, or a model.pseudo_count",
                s->setup.data->place, sum[AS_HMM_IMPOSSIBLE], sum[AS_HMM_POSITIONS],
                (long long)m->progress[AS_HMM_STEPS]);
    }
    return AS_OK;
}

static as_status finish(as_statistic *s, double *sum, as_step_report *report)
{
    as_hmm *m = s->model;
    const as_hmm_options *o = s->options;
    AS_TRY(check_sum(s, sum));
    report->loss = -sum[AS_HMM_LOG_P] / s->weight;
    if (m->progress[AS_HMM_STAGE] == AS_HMM_BEGIN) {
        report->loss = 0;
        return finish_begin(s, sum);
    }
    const double *visits = sum + AS_HMM_HEAD + m->k + m->k * m->k;
    double all = 0;
    for (int64_t i = 0; i < m->k; i++) {
        all += visits[i];
    }
    for (int64_t i = 0; i < m->k; i++) {
        m->occupancy[i] = visits[i] / all;
    }
    const bool converged = m->progress[AS_HMM_STEPS] > 0 && sum[AS_HMM_LOG_P] - *m->bound < o->tol;
    *m->log_likelihood = *m->bound = sum[AS_HMM_LOG_P];
    if (converged || m->progress[AS_HMM_STEPS] >= o->max_iter) { /* the parameters stay those that were measured */
        end(s, converged);
        report->done = true;
        return AS_OK;
    }
    maximise(s, sum);
    *m->n_iter = ++m->progress[AS_HMM_STEPS];
    return AS_OK;
}

static const as_statistic_ops statistic = {
    .target = AS_TARGET_NONE,
    .model_bytes = sizeof(as_hmm),
    .plan = plan,
    .init = init,
    .clear = as_hmm_clear,
    .rows = as_hmm_rows,
    .merge = as_hmm_merge,
    .finish = finish,
    .ready = ready,
    .predict = as_hmm_predict,
    .score = as_hmm_score,
    .describe = as_hmm_describe,
};

const as_estimator_ops as_estimator_hmm = {
    .name = "hmm",
    .help = "Hidden Markov model of sequences, discrete or normal emissions, by Baum-Welch",
    .formula = "p(x) = sum_z p(z_0) prod_t p(z_t | z_t-1) p(x_t | z_t)",
    .fields = fields,
    .options_bytes = sizeof(as_hmm_options),
    .iterates = true,
    .statistic = &statistic,
    AS_STATISTIC_METHODS,
};
