/* k-means: centres that halve space so that the squares of the distances are least (S. Lloyd 1957, 1982). Seeding,
   iteration, ties and empty clusters: clusters.h. Names follow scikit-learn: cluster_centers_, inertia_ (of these
   centres), n_iter_. Outputs are the distances to the centres; the class is the nearest one. */
#include <math.h>

#include "base/error.h"
#include "estimator/clusters.h"
#include "kernels/statistics.h"

typedef struct options {
    int64_t n_clusters, n_init, max_iter;
    double tol;
    as_reals init;
} options;

/* s->model */
typedef struct kmeans {
    as_clusters clusters;
    double *unit; /* (D) ones */
} kmeans;

static const as_field fields[] = {
    {.name = "n_clusters",
     .type = AS_FIELD_INT,
     .offset = offsetof(options, n_clusters),
     .standard = "8",
     .min = 1,
     .max = 1 << 20,
     .help = "Number of clusters."},
    {.name = "n_init",
     .type = AS_FIELD_INT,
     .offset = offsetof(options, n_init),
     .standard = "1",
     .min = 1,
     .max = 10000,
     .help = "Starts with other first centres; the one with the least inertia is kept."},
    {.name = "max_iter",
     .type = AS_FIELD_INT,
     .offset = offsetof(options, max_iter),
     .standard = "300",
     .min = 1,
     .max = 1e9,
     .help = "Most moves of the centres in a start."},
    {.name = "tol",
     .type = AS_FIELD_REAL,
     .offset = offsetof(options, tol),
     .standard = "1e-4",
     .max = 1e300,
     .help = "A start ends where the squared moves of all centres are below it times the mean variance of a column."},
    {.name = "init",
     .type = AS_FIELD_REALS,
     .offset = offsetof(options, init),
     .standard = "",
     .help = "First centres, row by row (n_clusters x columns numbers), instead of k-means||."},
    AS_FIELDS_END};

static as_status plan(as_statistic *s)
{
    kmeans *m = s->model;
    const options *o = s->options;
    const int64_t dim[2] = {o->n_clusters, s->width};
    m->clusters = (as_clusters){.k = o->n_clusters,
                                .n_init = o->n_init,
                                .max_iter = o->max_iter,
                                .tol = o->tol,
                                .given = o->init,
                                .key = "init"};
    s->outputs = o->n_clusters;
    s->flops = 3.0 * (double)(o->n_clusters * s->width);
    AS_TRY(as_statistic_array(s, "/params/cluster_centers_", 2, dim, &m->clusters.best));
    AS_TRY(as_statistic_array(s, "/params/inertia_", 0, NULL, &m->clusters.inertia));
    AS_TRY(as_statistic_integers(s, "/params/n_iter_", 0, NULL, 0, AS_STATISTIC_COUNT_MOST, &m->clusters.n_iter));
    AS_TRY(as_arena_reserve(s->arena, (size_t)s->width * sizeof(double), (void **)&m->unit));
    return as_clusters_plan(s, &m->clusters);
}

static as_status init(as_statistic *s)
{
    as_clusters_init(&((kmeans *)s->model)->clusters, 0);
    return AS_OK;
}

static const as_clusters *clusters_of(const as_statistic *s)
{
    return &((const kmeans *)s->model)->clusters;
}

static int64_t size(const as_statistic *s)
{
    return as_clusters_size(s, clusters_of(s));
}

static void clear(const as_statistic *s, double *sum)
{
    as_clusters_clear(s, clusters_of(s), sum);
}

static void rows(const as_statistic *s, const as_rows *r, double *sum)
{
    as_clusters_rows(s, clusters_of(s), r, sum);
}

static void merge(const as_statistic *s, double *left, const double *right)
{
    as_clusters_merge(s, clusters_of(s), left, right);
}

static as_status finish(as_statistic *s, double *sum, as_step_report *report)
{
    kmeans *m = s->model;
    AS_TRY(as_clusters_finish(s, &m->clusters, sum, report));
    report->done = !as_clusters_running(&m->clusters);
    return AS_OK;
}

static as_status ready(as_statistic *s)
{
    kmeans *m = s->model;
    for (int64_t j = 0; j < s->width; j++) {
        m->unit[j] = 1;
    }
    return as_clusters_check(&m->clusters);
}

/* Distances to all centres; scratch keeps the squares to the nearest, behind the columns. */
static void predict(const as_statistic *s, const as_rows *r, double *out)
{
    const kmeans *m = s->model;
    const int64_t d = s->width, k = s->outputs;
    const as_statistic_kernels *kernels = as_statistic_kernels_get(s->kernels->set);
    double *const nearest = r->scratch + AS_COLUMNS * d, *const square = nearest + AS_COLUMNS;
    kernels->columns(r->count, d, r->x, r->scratch);
    for (int64_t c = 0; c < k; c++) {
        kernels->diagonal(r->count, d, r->scratch, m->clusters.best + c * d, m->unit, square);
        for (int64_t i = 0; i < r->count; i++) {
            out[i * k + c] = sqrt(square[i]);
            nearest[i] = c == 0 || square[i] < nearest[i] ? square[i] : nearest[i];
        }
    }
}

static void score(const as_statistic *s, const as_rows *r, const double *out, double *loss)
{
    (void)out;
    for (int64_t i = 0; i < r->count; i++) {
        loss[i] = r->scratch[AS_COLUMNS * s->width + i];
    }
}

static void describe(const as_statistic *s, bool json, as_text *out)
{
    enum { SHOWN = 5 }; /* columns */
    const as_clusters *c = clusters_of(s);
    const int64_t d = s->width, shown = d < SHOWN ? d : SHOWN;
    if (json) {
        as_json_int(out, "n_clusters", c->k);
        as_json_real(out, "inertia_", *c->inertia);
        as_json_int(out, "n_iter_", *c->n_iter);
        as_json_open(out, "cluster_centers_", '[');
        for (int64_t k = 0; k < c->k; k++) {
            as_json_reals(out, NULL, d, c->best + k * d);
        }
        as_json_close(out, ']');
        return;
    }
    as_text_add(out, "k-means: %lld clusters, %lld columns, inertia %.8g after %lld iterations\n", (long long)c->k,
                (long long)d, *c->inertia, (long long)*c->n_iter);
    as_text_add(out, "%8s", "cluster");
    for (int64_t j = 0; j < shown; j++) {
        char name[64];
        as_text_add(out, " %12.12s", as_statistic_column(s, j, name));
    }
    as_text_add(out, "%s\n", shown < d ? " ..." : "");
    for (int64_t k = 0; k < c->k; k++) {
        as_text_add(out, "%8lld", (long long)k);
        for (int64_t j = 0; j < shown; j++) {
            as_text_add(out, " %12.6g", c->best[k * d + j]);
        }
        as_text_add(out, "%s\n", shown < d ? " ..." : "");
    }
}

static const as_statistic_ops statistic = {
    .target = AS_TARGET_NONE,
    .model_bytes = sizeof(kmeans),
    .classes = AS_CLASS_SMALLEST,
    .plan = plan,
    .init = init,
    .size = size,
    .clear = clear,
    .rows = rows,
    .merge = merge,
    .finish = finish,
    .ready = ready,
    .predict = predict,
    .score = score,
    .describe = describe,
};

const as_estimator_ops as_estimator_kmeans = {
    .name = "kmeans",
    .help = "k-means: clusters about centres, by k-means|| and Lloyd's iteration",
    .formula = "min over c of sum_i w_i min_k |x_i - c_k|^2",
    .fields = fields,
    .options_bytes = sizeof(options),
    .statistic = &statistic,
    .iterates = true,
    AS_STATISTIC_METHODS,
};
