/* Curvature from products with the Hessian. */
#include "probe/curvature.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "math/lanczos.h"

static const double rough = 1e-9;        /* of the largest value: what products by differences leave open */
static const double known = 1e-7;        /* residual at which Lanczos stops, relative to the largest value */
static const double slope_limit = 0.01;  /* of the mean square of a sample's gradient */
static const double saddle_share = 0.05; /* of lambda_max */

enum {
    STREAM_EXTREMES = 1,
    STREAM_SCALED,
    STREAM_GAUSS_NEWTON,
    STREAM_TRACE = 1000,
    STREAM_SPECTRUM = 1000000,
    WALKS = 24
};

static double dot(int64_t n, const double *a, const double *b)
{
    double sum = 0;
    for (int64_t i = 0; i < n; i++) {
        sum += a[i] * b[i];
    }
    return sum;
}

/* Memory that all ranks have, or none. */
static as_status vectors(const as_surface *s, int64_t count, double **out)
{
    const int64_t n = as_surface_count(s);
    *out = calloc((size_t)(count * n) + 1, sizeof **out);
    if (*out == NULL) {
        AS_FAIL(AS_NOMEM, "out of memory for %lld directions of %lld parameters", (long long)count, (long long)n);
    }
    return AS_OK;
}

static as_status lanczos(as_surface *s, as_product product, int64_t products, uint64_t seed, uint32_t stream,
                         bool signs, int64_t wanted, bool directions, as_lanczos *out)
{
    double *start = NULL;
    *out = (as_lanczos){0};
    AS_TRY(vectors(s, 1, &start));
    as_surface_draw(s, seed, stream, signs, start);
    const as_lanczos_options options = {.n = as_surface_count(s),
                                        .steps = products,
                                        .start = start,
                                        .wanted = wanted,
                                        .tolerance = known,
                                        .vectors = directions};
    const as_status status = as_lanczos_run(&options, product, s, out);
    free(start);
    return status;
}

/* The limit, where there is a scale or decay of the optimizer's own by a second run. */
static as_status find_limit(as_surface *s, int64_t products, int64_t t, uint64_t seed, as_curvature *out)
{
    as_gradients_optimizer optimizer;
    as_lanczos run;
    AS_TRY(as_surface_scale(s, t, &optimizer));
    out->optimizer = optimizer.name;
    out->factor = optimizer.factor;
    if (isnan(optimizer.factor)) {
        return AS_OK;
    }
    if (as_surface_is_plain(s, &optimizer)) {
        out->sharpness = out->lambda_max;
        out->sharpness_error = out->lambda_max_error;
    } else {
        const as_status status =
            lanczos(s, as_surface_scaled_product, products, seed, STREAM_SCALED, false, 1, false, &run);
        if (status == AS_OK) {
            out->products += run.steps;
            out->sharpness = run.value[run.steps - 1];
            out->sharpness_error = run.residual[run.steps - 1] + rough * fabs(out->sharpness);
        }
        as_lanczos_destroy(&run);
        AS_TRY(status);
    }
    out->lr_limit = out->sharpness > 0 ? out->factor / out->sharpness : (double)INFINITY;
    return AS_OK;
}

as_status as_curvature_measure(as_surface *s, int64_t products, int64_t t, uint64_t seed, bool direction,
                               as_curvature *out)
{
    as_lanczos run;
    *out = (as_curvature){
        .sharpness = (double)NAN, .sharpness_error = (double)NAN, .factor = (double)NAN, .lr_limit = (double)NAN};
    as_status status = lanczos(s, as_surface_product, products, seed, STREAM_EXTREMES, false, 1, direction, &run);
    if (status == AS_OK) {
        const int64_t top = run.steps - 1;
        out->products = run.steps;
        out->exhausted = run.exhausted;
        out->lambda_max = run.value[top];
        out->lambda_min = run.value[0];
        const double open = rough * fmax(fabs(out->lambda_max), fabs(out->lambda_min));
        out->lambda_max_error = run.residual[top] + open;
        out->lambda_min_error = run.residual[0] + open;
    }
    if (status == AS_OK && direction) {
        status = vectors(s, 1, &out->lowest);
        if (status == AS_OK) {
            memcpy(out->lowest, run.vector, (size_t)as_surface_count(s) * sizeof *out->lowest);
        }
    }
    as_lanczos_destroy(&run);
    if (status == AS_OK) {
        status = find_limit(s, products, t, seed, out);
    }
    if (status != AS_OK) {
        free(out->lowest);
        out->lowest = NULL;
    }
    return status;
}

as_status as_curvature_gauss_newton(as_surface *s, int64_t products, uint64_t seed, double *largest, double *error)
{
    as_lanczos run;
    const as_status status =
        lanczos(s, as_surface_gauss_newton, products, seed, STREAM_GAUSS_NEWTON, false, 1, false, &run);
    if (status == AS_OK) {
        *largest = run.value[run.steps - 1];
        *error = run.residual[run.steps - 1] + rough * fabs(*largest);
    }
    as_lanczos_destroy(&run);
    return status;
}

/* Mean of n numbers and its standard error. */
static double mean_of(int64_t n, const double *x, double *se)
{
    double sum = 0, squares = 0;
    for (int64_t i = 0; i < n; i++) {
        sum += x[i];
    }
    const double mean = n > 0 ? sum / (double)n : (double)NAN;
    for (int64_t i = 0; i < n; i++) {
        squares += (x[i] - mean) * (x[i] - mean);
    }
    *se = n > 1 ? sqrt(squares / ((double)n * (double)(n - 1))) : (double)NAN;
    return mean;
}

as_status as_curvature_trace(as_surface *s, int64_t probes, uint64_t seed, double *trace, double *se)
{
    const int64_t n = as_surface_count(s);
    double *memory = NULL;
    AS_TRY(vectors(s, 2, &memory));
    double *z = memory, *hz = memory + n, *x = calloc((size_t)probes + 1, sizeof *x);
    as_status status = x == NULL ? as_error_set(AS_NOMEM, "out of memory for a trace") : AS_OK;
    for (int64_t i = 0; i < probes && status == AS_OK; i++) {
        as_surface_draw(s, seed, STREAM_TRACE + (uint32_t)i, true, z);
        status = as_surface_product(s, n, z, hz);
        x[i] = dot(n, z, hz);
    }
    if (status == AS_OK) {
        *trace = mean_of(probes, x, se);
    }
    free(x);
    free(memory);
    return status;
}

typedef struct node {
    double value, weight;
} node;

static int by_value(const void *a, const void *b)
{
    const double x = ((const node *)a)->value, y = ((const node *)b)->value;
    return x < y ? -1 : x > y;
}

static as_status gather_nodes(as_surface *s, int64_t probes, int64_t products, uint64_t seed, node *all, double *moment,
                              as_spectrum *out)
{
    for (int64_t p = 0; p < probes; p++) {
        as_lanczos run;
        const as_status status =
            lanczos(s, as_surface_product, products, seed, STREAM_SPECTRUM + (uint32_t)p, true, 0, false, &run);
        for (int64_t i = 0; status == AS_OK && i < run.steps; i++) {
            const double x = run.value[i], w = run.weight[i];
            all[out->nodes++] = (node){x, w / (double)probes};
            moment[p] += w * x;
            moment[probes + p] += w * x * x;
            moment[2 * probes + p] += w * x * x * x;
        }
        as_lanczos_destroy(&run);
        AS_TRY(status);
    }
    qsort(all, (size_t)out->nodes, sizeof *all, by_value);
    return AS_OK;
}

as_status as_curvature_spectrum(as_surface *s, int64_t probes, int64_t products, uint64_t seed, as_spectrum *out)
{
    const size_t most = (size_t)(probes * products);
    node *all = calloc(most + 1, sizeof *all);
    double *moment = calloc((size_t)(3 * probes) + 1, sizeof *moment);
    *out = (as_spectrum){.n = as_surface_trained(s),
                         .value = calloc(most + 1, sizeof(double)),
                         .weight = calloc(most + 1, sizeof(double))};
    as_status status = AS_OK;
    if (all == NULL || moment == NULL || out->value == NULL || out->weight == NULL) {
        status = as_error_set(AS_NOMEM, "out of memory for a spectrum of %zu nodes", most);
    }
    if (status == AS_OK) {
        status = gather_nodes(s, probes, products, seed, all, moment, out);
    }
    for (int i = 0; status == AS_OK && i < out->nodes; i++) {
        out->value[i] = all[i].value;
        out->weight[i] = all[i].weight;
    }
    for (int k = 0; status == AS_OK && k < 3; k++) {
        out->moment[k] = mean_of(probes, moment + k * probes, &out->moment_se[k]);
    }
    free(all);
    free(moment);
    return status;
}

void as_spectrum_free(as_spectrum *spectrum)
{
    free(spectrum->value);
    free(spectrum->weight);
    *spectrum = (as_spectrum){0};
}

double as_spectrum_share(const as_spectrum *spectrum, double low, double high)
{
    double share = 0;
    for (int i = 0; i < spectrum->nodes; i++) {
        share += spectrum->value[i] >= low && spectrum->value[i] < high ? spectrum->weight[i] : 0;
    }
    return share;
}

/* Loss at w + distance * direction. */
static as_status look_along(as_surface *s, const double *direction, double distance, double *at, double *loss)
{
    const double *w = as_surface_point(s);
    for (int64_t i = 0; i < as_surface_count(s); i++) {
        at[i] = w[i] + distance * direction[i];
    }
    return as_surface_look(s, at, loss);
}

/* Both ways, in halving distances; keeps the lowest loss. */
static as_status walk(as_surface *s, const as_curvature *curvature, double *at, as_saddle *out)
{
    const int64_t n = as_surface_count(s);
    const double *w = as_surface_point(s);
    const double size = 1 + sqrt(dot(n, w, w) / (double)n);
    for (int k = 0; k < WALKS; k++) {
        const double distance = (k % 2 == 0 ? 1 : -1) * size * ldexp(1, -(k / 2));
        double loss;
        AS_TRY(look_along(s, curvature->lowest, distance, at, &loss));
        if (loss < out->after) {
            out->after = loss;
            out->distance = distance;
        }
    }
    out->confirmed = out->loss - out->after > 1e-9 * (1 + fabs(out->loss));
    return AS_OK;
}

as_status as_curvature_saddle(as_surface *s, const as_curvature *curvature, as_saddle *out)
{
    const int64_t n = as_surface_count(s);
    double trace, square, *at = NULL;
    *out = (as_saddle){.loss = as_surface_loss(s), .after = as_surface_loss(s), .slope_share = (double)NAN};
    AS_TRY(as_surface_noise(s, &trace, &square));
    const double gg = dot(n, as_surface_slope(s), as_surface_slope(s));
    if (isfinite(square)) {
        out->slope_share = square > 0 ? gg / square : 0;
        out->flat = out->slope_share < slope_limit;
    }
    out->curves_down = curvature->lambda_min < -saddle_share * fmax(curvature->lambda_max, 0) &&
                       curvature->lambda_min + curvature->lambda_min_error < 0;
    AS_TRY(vectors(s, 1, &at));
    const as_status status = out->curves_down ? walk(s, curvature, at, out) : AS_OK;
    free(at);
    return status;
}

as_status as_curvature_batches(as_surface *s, const double *w, int64_t batches, double *mean, double *se,
                               int64_t *counted)
{
    const int64_t n = as_surface_count(s), most = as_surface_batches(s) < batches ? as_surface_batches(s) : batches;
    double *memory = NULL;
    *counted = 0;
    AS_TRY(vectors(s, 3, &memory));
    double *point = memory, *g = memory + n, *hg = memory + 2 * n, *x = calloc((size_t)most + 1, sizeof *x);
    as_status status = x == NULL ? as_error_set(AS_NOMEM, "out of memory for batches") : AS_OK;
    if (status == AS_OK) {
        memcpy(point, w, (size_t)n * sizeof *point);
    }
    for (int64_t i = 0; i < most && status == AS_OK; i++) {
        as_surface_turn(s, i);
        status = as_surface_move(s, point);
        const double gg = dot(n, as_surface_slope(s), as_surface_slope(s));
        if (status == AS_OK && gg > 0) {
            memcpy(g, as_surface_slope(s), (size_t)n * sizeof *g);
            status = as_surface_product(s, n, g, hg);
            x[(*counted)++] = dot(n, g, hg) / gg;
        }
    }
    if (status == AS_OK) {
        *mean = mean_of(*counted, x, se);
    }
    free(x);
    free(memory);
    return status;
}
