/* Principal components: directions of largest variance of the centred columns, by one of three ways.

   gram        the scatter matrix, one pass; what is smaller than eps of the largest variance is lost
   qr          the triangle of [1 X] and its singular values by Jacobi, one pass of twice the work
   randomized  a few components of very many columns, n_iter + 1 passes; the error of each is bounded
   auto        gram, and qr after it where a component that is kept is below 1e-5 of the first; randomized for more than
               2000 columns when no more than a quarter of them are asked for

   Signs: the element of largest magnitude of each component is positive. Names follow scikit-learn; the divisor is the
   weight of all rows less 1. Predictions are scores (x - mean)'components, divided by their standard deviations where
   `whiten` is set (0 where that is 0). */
#include <math.h>

#include "base/error.h"
#include "estimator/comoment.h"
#include "estimator/pca.h"
#include "kernels/vectors.h"

static const char *const solvers[] = {"auto", "gram", "qr", "randomized", NULL};
static const as_field fields[] = {
    {.name = "n_components",
     .type = AS_FIELD_REAL,
     .offset = offsetof(as_pca_options, n_components),
     .standard = "0",
     .min = 0,
     .max = 1e9,
     .help = "How many; a share below 1: as many as explain so much of the variance; 0: all."},
    {.name = "solver",
     .type = AS_FIELD_CHOICE,
     .offset = offsetof(as_pca_options, solver),
     .standard = "auto",
     .choices = solvers,
     .help =
         "gram: scatter matrix; qr: tall-skinny QR and Jacobi; randomized; auto: gram, then qr where it is needed."},
    {.name = "whiten",
     .type = AS_FIELD_BOOL,
     .offset = offsetof(as_pca_options, whiten),
     .standard = "false",
     .help = "Predict scores of variance 1."},
    {.name = "oversample",
     .type = AS_FIELD_INT,
     .offset = offsetof(as_pca_options, oversample),
     .standard = "10",
     .min = 0,
     .max = 1e6,
     .help = "Random directions beyond the components, for randomized."},
    {.name = "n_iter",
     .type = AS_FIELD_INT,
     .offset = offsetof(as_pca_options, n_iter),
     .standard = "4",
     .min = 1,
     .max = 1000,
     .unit = "passes",
     .help = "Passes that turn the directions towards the components, for randomized; one more finds them."},
    AS_FIELDS_END};

enum { MANY_COLUMNS = 2000 };

static as_status check(as_statistic *s)
{
    const as_pca_options *const o = s->options;
    const double n = o->n_components;
    if (n > (double)s->width) {
        AS_FAIL(AS_CONFIG, "model.n_components: expected at most the %lld columns, found %.15g", (long long)s->width,
                n);
    }
    if (n > 1 && n != floor(n)) {
        AS_FAIL(AS_CONFIG, "model.n_components: expected a whole number, or a share below 1, found %g", n);
    }
    if (o->solver == AS_PCA_RANDOMIZED && n < 1) {
        AS_FAIL(AS_CONFIG, "model.n_components: the solver randomized needs a number of components, found %g", n);
    }
    return AS_OK;
}

static as_status plan(as_statistic *s)
{
    as_pca *const m = s->model;
    const as_pca_options *const o = s->options;
    const int64_t d = s->width;
    AS_TRY(check(s));
    m->most = o->n_components >= 1 ? (int64_t)o->n_components : d;
    const bool random = o->solver == AS_PCA_RANDOMIZED ||
                        (o->solver == AS_PCA_AUTO && d > MANY_COLUMNS && o->n_components >= 1 && m->most <= d / 4);
    m->tries = !random ? 0 : m->most + o->oversample < d ? m->most + o->oversample : d;
    if (random) {
        s->chunk = as_comoment_chunk(d);
        s->most = as_pca_random_size(s);
        s->scratch = as_pca_random_scratch(s);
        s->flops = 4.0 * (double)(d * m->tries) * (double)(o->n_iter + 1);
    } else {
        AS_TRY(as_linear_prepare(s, true, 0));
        s->chunk = as_comoment_chunk(d);
        const int64_t scratch = as_comoment_scratch(d), size = as_comoment_size(d);
        s->most = size > s->most ? size : s->most;
        s->scratch = scratch > s->scratch ? scratch : s->scratch;
        s->flops = (o->solver == AS_PCA_QR ? 2.0 : 1.0) * (double)(d * d);
    }
    s->outputs = m->most;
    const int64_t dim[2] = {m->most, d}, basis[2] = {d, m->tries};
    AS_TRY(as_statistic_array(s, "/params/mean_", 1, &d, &m->mean));
    AS_TRY(as_statistic_array(s, "/params/components_", 2, dim, &m->components));
    AS_TRY(as_statistic_array(s, "/params/explained_variance_", 1, dim, &m->variance));
    AS_TRY(as_statistic_array(s, "/params/explained_variance_ratio_", 1, dim, &m->ratio));
    AS_TRY(as_statistic_array(s, "/params/singular_values_", 1, dim, &m->singular));
    AS_TRY(as_statistic_array(s, "/params/noise_variance_", 0, NULL, &m->noise));
    AS_TRY(as_statistic_integers(s, "/params/n_components_", 0, NULL, 0, m->most, &m->kept));
    AS_TRY(as_statistic_array(s, "/inference/total_variance", 0, NULL, &m->total));
    AS_TRY(as_statistic_array(s, "/inference/error_bound", 1, dim, &m->bound));
    AS_TRY(as_statistic_array(s, "/inference/nobs", 0, NULL, &m->linear.rows));
    AS_TRY(as_statistic_integers(s, "/state/solver", 0, NULL, AS_PCA_AUTO, AS_PCA_RANDOMIZED, &m->solver));
    if (!random) {
        return AS_OK;
    }
    AS_TRY(as_statistic_array(s, "/state/basis", 2, basis, &m->basis));
    return as_arena_reserve(s->arena, (size_t)s->kernels->pack_reals(d, m->tries) * sizeof(double),
                            (void **)&m->packed);
}

static as_status init(as_statistic *s)
{
    return as_pca_pass(s) == AS_PCA_RANDOMIZED ? as_pca_random_init(s) : AS_OK;
}

static int64_t size(const as_statistic *s)
{
    const as_pca *const m = s->model;
    const int way = as_pca_pass(s);
    return way == AS_PCA_GRAM ? as_comoment_size(s->width)
           : way == AS_PCA_QR ? as_linear_size(&m->linear)
                              : as_pca_random_size(s);
}

static void rows(const as_statistic *s, const as_rows *r, double *sum)
{
    const int way = as_pca_pass(s);
    (way == AS_PCA_GRAM ? as_comoment_rows : way == AS_PCA_QR ? as_linear_rows : as_pca_random_rows)(s, r, sum);
}

static void merge(const as_statistic *s, double *left, const double *right)
{
    const int way = as_pca_pass(s);
    (way == AS_PCA_GRAM ? as_comoment_merge : way == AS_PCA_QR ? as_linear_merge : as_pca_random_merge)(s, left, right);
}

static as_status finish(as_statistic *s, double *sum, as_step_report *report)
{
    const as_pca *const m = s->model;
    report->done = true;
    switch (as_pca_pass(s)) {
    case AS_PCA_GRAM:
        AS_TRY(as_pca_gram_finish(s, sum, &report->done));
        break;
    case AS_PCA_QR:
        AS_TRY(as_pca_qr_finish(s, sum));
        break;
    default:
        AS_TRY(as_pca_random_finish(s, sum, &report->done));
    }
    double explained = 0;
    for (int64_t i = 0; i < m->most; i++) {
        explained += m->variance[i];
    }
    /* What is left of a row, as evaluation measures it: variances are divided by the weight less 1. */
    report->loss = *m->total > explained ? (*m->total - explained) * ((s->weight - 1) / s->weight) : 0;
    return AS_OK;
}

static as_status ready(as_statistic *s)
{
    as_pca *const m = s->model;
    if (m->packed != NULL) {
        s->kernels->pack(s->width, m->tries, m->basis, 0, s->width * m->tries, m->packed, NULL);
    }
    s->outputs = *m->kept > 0 ? *m->kept : m->most;
    return AS_OK;
}

static void predict(const as_statistic *s, const as_rows *r, double *out)
{
    const as_pca *const m = s->model;
    const as_vectors *const V = as_vectors_get(s->kernels->set);
    const bool whiten = ((const as_pca_options *)s->options)->whiten;
    const int64_t d = s->width;
    double *const x = r->scratch;
    for (int64_t i = 0; i < r->count; i++) {
        for (int64_t j = 0; j < d; j++) {
            x[j] = r->x[i * d + j] - m->mean[j];
        }
        for (int64_t k = 0; k < s->outputs; k++) {
            const double z = V->dot(d, m->components + k * d, x);
            out[i * s->outputs + k] = !whiten ? z : m->variance[k] > 0 ? z / sqrt(m->variance[k]) : 0;
        }
    }
}

/* What the components leave of a row: squared distance from the space that they span. */
static void score(const as_statistic *s, const as_rows *r, const double *out, double *loss)
{
    const as_pca *const m = s->model;
    const bool whiten = ((const as_pca_options *)s->options)->whiten;
    for (int64_t i = 0; i < r->count; i++) {
        double square = 0;
        for (int64_t j = 0; j < s->width; j++) {
            const double x = r->x[i * s->width + j] - m->mean[j];
            square += x * x;
        }
        for (int64_t k = 0; k < s->outputs; k++) {
            const double z = out[i * s->outputs + k];
            square -= z * z * (whiten ? m->variance[k] : 1);
        }
        loss[i] = square > 0 ? square : 0;
    }
}

static void describe(const as_statistic *s, bool json, as_text *out)
{
    enum { SHOWN = 50 };
    const as_pca *const m = s->model;
    const int64_t k = *m->kept;
    if (json) {
        as_json_text(out, "solver", solvers[*m->solver]);
        as_json_int(out, "n_components_", k);
        as_json_reals(out, "mean_", s->width, m->mean);
        as_json_reals(out, "explained_variance_", k, m->variance);
        as_json_reals(out, "explained_variance_ratio_", k, m->ratio);
        as_json_reals(out, "singular_values_", k, m->singular);
        as_json_real(out, "noise_variance_", *m->noise);
        as_json_reals(out, "error_bound", k, m->bound);
        as_json_reals(out, "components_", k * s->width, m->components);
        return;
    }
    as_text_add(out, "Principal components: %lld of %lld columns, %.0f rows, found by %s\n", (long long)k,
                (long long)s->width, *m->linear.rows, solvers[*m->solver]);
    as_text_add(out, "%5s %14s %9s %9s %14s %10s  %s\n", "", "variance", "share", "sum", "singular value", "error <",
                "largest");
    double sum = 0;
    for (int64_t i = 0; i < k && i < SHOWN; i++) {
        int64_t largest = 0;
        for (int64_t j = 1; j < s->width; j++) {
            const double *const c = m->components + i * s->width;
            largest = fabs(c[j]) > fabs(c[largest]) ? j : largest;
        }
        char name[64];
        sum += m->ratio[i];
        as_text_add(out, "%5lld %14.7g %9.5f %9.5f %14.7g %10.2g  %.10s\n", (long long)i, m->variance[i], m->ratio[i],
                    sum, m->singular[i], m->bound[i], as_statistic_column(s, largest, name));
    }
    if (k > SHOWN) {
        as_text_add(out, "  ... and %lld more\n", (long long)(k - SHOWN));
    }
    as_text_add(out, "mean variance of what is left out: %.6g\n", *m->noise);
}

static const as_statistic_ops statistic = {
    .target = AS_TARGET_NONE,
    .model_bytes = sizeof(as_pca),
    .plan = plan,
    .init = init,
    .size = size,
    .rows = rows,
    .merge = merge,
    .finish = finish,
    .ready = ready,
    .predict = predict,
    .score = score,
    .release = as_linear_release,
    .describe = describe,
};

const as_estimator_ops as_estimator_pca = {
    .name = "pca",
    .help = "Principal components, exact or by random directions with bounded error; predicts scores",
    .formula = "X - mean = U S V';  components V', variances S^2 / (W - 1), scores (x - mean)'V",
    .fields = fields,
    .options_bytes = sizeof(as_pca_options),
    .statistic = &statistic,
    AS_STATISTIC_METHODS,
};
