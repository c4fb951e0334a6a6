/* Curvature and noise of small networks against PyTorch in double (tests/reference/make_curvature.py), the stability
   limit against training on either side of it, saddles and what only looks like one. */
#include "data_setup.h"

#include <math.h>

#include "estimator/estimator.h"
#include "math/lanczos.h"
#include "probe/curvature.h"
#include "probe/lanes.h"
#include "reference/curvature.h"

enum { ROWS = 12, INPUTS = 3, OUTPUTS = 2, N = 26 };

typedef struct bench {
    data_setup *setup;
    as_team *team;
    as_lanes lanes;
    as_data_options options;
    as_dataset data;
    as_estimator *estimator;
    as_probe_setup probe;
    as_surface *surface;
} bench;

static void write_rows(const char *path)
{
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    fprintf(file, "a,b,c,y,z\n");
    for (int i = 0; i < ROWS; i++) {
        for (int j = 0; j < INPUTS; j++) {
            fprintf(file, "%.17g,", sin(1.0 + 3 * i + j));
        }
        fprintf(file, "%.17g,%.17g\n", cos(2.0 + i), cos(2.0 + i * 2));
    }
    fclose(file);
}

/* A network over the rows (or other data), in float32 or float64, with a surface over all or some of them. */
static void open_bench(data_setup *setup, const char *data, const char *model, const char *optimizer, int lanes,
                       as_precision precision, int threads, int64_t rows, bench *b)
{
    as_node *node[2] = {NULL, NULL};
    *b = (bench){.setup = setup};
    assert_ok(as_yaml_parse(setup->document, "test", model, &node[0]));
    assert_ok(as_yaml_parse(setup->document, "test", optimizer, &node[1]));
    assert_ok(parse_data(setup, data, &b->options));
    assert_ok(as_lanes_create(lanes, setup->world, &b->lanes));
    assert_ok(as_team_create(threads, &b->team));
    assert_ok(as_dataset_open(&b->options, AS_TRAIN, setup->world, &b->lanes, 1, NULL, &b->data));
    const as_setup made = {.document = setup->document,
                           .model = node[0],
                           .optimizer = node[1],
                           .kernels = as_kernels_get(as_isa_detect(), precision),
                           .world = setup->world,
                           .team = b->team,
                           .lanes = &b->lanes,
                           .data = &b->data,
                           .seed = 1,
                           .capacity = b->data.rows,
                           .total_steps = 1000,
                           .steps_per_epoch = 1};
    assert_ok(as_estimator_create(&made, &b->estimator));
    assert_ok(b->estimator->ops->init(b->estimator));
    b->probe = (as_probe_setup){.estimator = b->estimator,
                                .world = setup->world,
                                .team = b->team,
                                .lanes = &b->lanes,
                                .data = &b->data,
                                .seed = 5};
    assert_ok(as_surface_create(&b->probe, rows, true, &b->surface));
}

static void close_bench(bench *b)
{
    as_surface_destroy(&b->surface);
    b->estimator->ops->destroy(&b->estimator);
    as_dataset_close(&b->data);
    as_lanes_destroy(&b->lanes);
    as_team_destroy(&b->team);
}

static const char rows_of_sines[] =
    "{train: {format: csv, file: " SCRATCH("curvature.csv") ", target: [y, z]}, normalize: none}";

static void reference_point(double *w)
{
    for (int i = 0; i < N; i++) {
        w[i] = 0.7 * sin(0.5 + 1.3 * i);
    }
}

/* Relative: 1e-6 of the largest. Central differences give about 1e-9. */
static void assert_near(int64_t n, const double *found, const double *expected, double tolerance)
{
    double most = 0;
    for (int64_t i = 0; i < n; i++) {
        most = fabs(expected[i]) > most ? fabs(expected[i]) : most;
    }
    for (int64_t i = 0; i < n; i++) {
        if (!(fabs(found[i] - expected[i]) <= tolerance * most)) {
            print_error("element %d: found %.17g, expected %.17g\n", (int)i, found[i], expected[i]);
            fail();
        }
    }
}

static void dense_hessian(as_surface *surface, as_product product, int64_t n, double *h)
{
    double *e = calloc((size_t)n, sizeof *e);
    for (int64_t i = 0; i < n; i++) {
        e[i] = 1;
        assert_ok(product(surface, n, e, h + i * n));
        e[i] = 0;
    }
    free(e);
}

static void check_against_torch(data_setup *setup, const char *activation, const double *loss, const double *gradient,
                                const double *hessian, const double *values, const double *noise,
                                const double *gauss_newton, int threads)
{
    char model[256];
    double w[N], h[N * N], trace, square, se;
    bench b;
    snprintf(model, sizeof model, "{layers: [{dense: {units: 4, activation: %s}}, {dense: {units: 2}}], loss: mse}",
             activation);
    write_rows(SCRATCH("curvature.csv"));
    open_bench(setup, rows_of_sines, model, "{type: sgd, lr: 0.1, momentum: 0.9}", ROWS, AS_FLOAT32, threads, 0, &b);
    assert_int_equal(as_surface_count(b.surface), N);
    assert_true(as_surface_whole(b.surface));
    reference_point(w);
    assert_ok(as_surface_move(b.surface, w));
    assert_near(1, &(double){as_surface_loss(b.surface)}, loss, 1e-13);
    assert_near(N, as_surface_slope(b.surface), gradient, 1e-13);
    dense_hessian(b.surface, as_surface_product, N, h);
    assert_near(N * N, h, hessian, 1e-8);
    dense_hessian(b.surface, as_surface_gauss_newton, N, h);
    assert_near(N * N, h, gauss_newton, 1e-8);

    as_curvature c;
    assert_ok(as_curvature_measure(b.surface, N, 0, 3, true, &c));
    assert_near(1, &c.lambda_max, &values[N - 1], 1e-8);
    assert_near(1, &c.lambda_min, &values[0], 1e-8);
    assert_true(fabs(c.lambda_max - values[N - 1]) <= c.lambda_max_error + 1e-8);
    assert_near(1, &c.lr_limit, &(double){2 * 1.9 / values[N - 1]}, 1e-8);
    free(c.lowest);

    as_spectrum s; /* exact moments of the start vectors; their mean over many is that of the spectrum */
    double mean[3] = {0}, exact = 0;
    for (int i = 0; i < N; i++) {
        mean[0] += values[i] / N;
        mean[1] += values[i] * values[i] / N;
        exact += values[i];
    }
    assert_ok(as_curvature_spectrum(b.surface, 40, N, 3, &s));
    assert_int_equal(s.n, N);
    assert_true(fabs(s.moment[0] - mean[0]) < 4 * s.moment_se[0]);
    assert_true(fabs(s.moment[1] - mean[1]) < 4 * s.moment_se[1]);
    assert_true(fabs(as_spectrum_share(&s, -100, 100) - 1) < 1e-12);
    as_spectrum_free(&s);
    assert_ok(as_curvature_trace(b.surface, 60, 3, &trace, &se));
    assert_true(se > 0 && fabs(trace - exact) < 4 * se);

    assert_ok(as_surface_noise(b.surface, &trace, &square)); /* a lane is a sample */
    assert_near(1, &trace, noise, 1e-12);
    close_bench(&b);
}

static void test_hessian_equals_that_of_pytorch(void **state)
{
    for (int threads = 1; threads <= 2; threads++) {
        check_against_torch(*state, "tanh", tanh_loss, tanh_gradient, tanh_hessian, tanh_values, tanh_noise,
                            tanh_gauss_newton, threads);
        check_against_torch(*state, "relu", relu_loss, relu_gradient, relu_hessian, relu_values, relu_noise,
                            relu_gauss_newton, threads);
    }
}

/* sum_i |g_i - g|^2 over samples is what is between lanes and inside of them, whatever the lanes are. */
static void test_variance_splits_between_and_inside_of_lanes(void **state)
{
    write_rows(SCRATCH("curvature.csv"));
    for (int lanes = 6; lanes <= 12; lanes += 6) {
        bench b;
        double w[N], trace, square, sum = 0;
        as_gradients_spread_result spread;
        open_bench(*state, rows_of_sines,
                   "{layers: [{dense: {units: 4, activation: tanh}}, {dense: {units: 2}}], loss: mse}", "{type: sgd}",
                   lanes, AS_FLOAT64, 2, 0, &b);
        reference_point(w);
        assert_ok(as_surface_move(b.surface, w));
        assert_ok(as_surface_noise(b.surface, &trace, &square));
        assert_ok(as_gradients_spread(as_surface_gradients(b.surface), &spread));
        const int layers = as_surface_model(b.surface)->nlayers;
        for (int r = 0; r < lanes; r++) {
            sum += spread.between[layers * lanes + r] + spread.within[layers * lanes + r];
            assert_true(spread.weight[r] == 12 / lanes && spread.halves[r] == (lanes == 6));
        }
        assert_near(1, &sum, &(double){tanh_noise[0] * (ROWS - 1)}, 1e-12);
        close_bench(&b);
    }
}

/* The preconditioned operator is sqrt(S) (H + decay) sqrt(S), S and decay as the optimizer has them. */
static void test_scaled_product(void **state)
{
    bench b;
    double w[N], h[N * N], scaled[N * N], scale[N], decay[N];
    as_gradients_optimizer optimizer;
    write_rows(SCRATCH("curvature.csv"));
    open_bench(*state, rows_of_sines,
               "{layers: [{dense: {units: 4, activation: tanh}}, {dense: {units: 2, lr: 0.5}}], loss: mse, l2: 0.1}",
               "{type: adam, lr: 0.01, beta1: 0.8, weight_decay: 0.25}", 4, AS_FLOAT64, 1, 0, &b);
    as_sampler *sampler;
    as_batch batch;
    assert_ok(as_sampler_create(&b.data, ROWS, false, 1, &sampler));
    assert_ok(as_sampler_batch_create(sampler, &batch));
    for (int t = 0; t < 3; t++) {
        as_step_report report;
        as_sampler_fill(sampler, t, 0, &batch);
        assert_ok(b.estimator->ops->accumulate(b.estimator, &batch, t));
        assert_ok(b.estimator->ops->update(b.estimator, t, &report));
    }
    assert_ok(as_surface_move(b.surface, NULL));
    memcpy(w, as_surface_point(b.surface), sizeof w);
    assert_ok(as_gradients_stability(as_surface_gradients(b.surface), 3, scale, decay, &optimizer));
    assert_string_equal(optimizer.name, "adam");
    assert_true(fabs(optimizer.factor - 2 * 1.8 / 0.2) < 1e-12); /* 38 for the usual 0.9 */
    assert_false(as_surface_is_plain(b.surface, &optimizer));
    assert_ok(as_surface_scale(b.surface, 3, &optimizer));
    dense_hessian(b.surface, as_surface_product, N, h);
    dense_hessian(b.surface, as_surface_scaled_product, N, scaled);
    int n;
    as_state_item *item;
    const double *v = NULL;
    assert_ok(b.estimator->ops->state(b.estimator, &n, &item));
    for (int i = 0; i < n; i++) {
        v = strcmp(item[i].name, "/optimizer/v/dense_1/weight") == 0 ? item[i].data : v;
    }
    assert_non_null(v);
    for (int i = 0; i < N; i++) {
        const double rest = 1 - 0.999 * 0.999 * 0.999, lr = i < 16 ? 1 : 0.5;
        const bool weight = i < 12 || (i >= 16 && i < 24);
        assert_near(1, &scale[i], &(double){lr / (sqrt(v[i] / rest) + 1e-8)}, 1e-12);
        assert_true(fabs(decay[i] - (weight ? 0.35 : 0)) < 1e-15);
        for (int j = 0; j < N; j++) { /* h has l2 already */
            const double added = i == j && weight ? 0.25 : 0, want = sqrt(scale[i] * scale[j]) * (h[i * N + j] + added);
            h[i * N + j] = want;
        }
    }
    assert_near(N * N, scaled, h, 1e-7);
    as_sampler_batch_destroy(&batch);
    as_sampler_destroy(&sampler);
    close_bench(&b);
}

/* Trains a linear regression at a share of the limit; returns the last loss over the first. */
static double train_at(data_setup *setup, const char *optimizer, double share, double *limit)
{
    bench b;
    as_curvature c;
    char text[160];
    as_sampler *sampler;
    as_batch batch;
    double first = 0, last = 0;
    snprintf(text, sizeof text, optimizer, share > 0 ? share * *limit : 1e-3);
    open_bench(setup, rows_of_sines, "{layers: [{dense: {units: 2}}], loss: mse}", text, 3, AS_FLOAT64, 1, 0, &b);
    assert_ok(as_surface_move(b.surface, NULL));
    assert_ok(as_curvature_measure(b.surface, 8, 0, 3, false, &c));
    assert_true(c.lambda_min > 0);
    if (share == 0) {
        *limit = c.lr_limit;
        close_bench(&b);
        return 0;
    }
    assert_ok(as_sampler_create(&b.data, ROWS, false, 1, &sampler));
    assert_ok(as_sampler_batch_create(sampler, &batch));
    for (int t = 0; t < 3000; t++) {
        as_step_report report;
        as_sampler_fill(sampler, 0, 0, &batch);
        assert_ok(b.estimator->ops->accumulate(b.estimator, &batch, t));
        assert_ok(b.estimator->ops->update(b.estimator, t, &report));
        first = t == 0 ? report.loss : first;
        last = report.loss;
    }
    as_sampler_batch_destroy(&batch);
    as_sampler_destroy(&sampler);
    close_bench(&b);
    return last / first;
}

static void test_limit_of_the_rate_is_where_training_breaks(void **state)
{
    static const char *const optimizers[] = {"{type: sgd, lr: %.17g}", "{type: sgd, lr: %.17g, momentum: 0.9}",
                                             "{type: sgd, lr: %.17g, momentum: 0.9, nesterov: true}",
                                             "{type: sgd, lr: %.17g, momentum: 0.5, dampening: 0.25}",
                                             "{type: sgd, lr: %.17g, momentum: 0.5, dampening: 0.25, nesterov: true}"};
    write_rows(SCRATCH("curvature.csv"));
    for (size_t i = 0; i < sizeof optimizers / sizeof *optimizers; i++) {
        double limit = 0;
        train_at(*state, optimizers[i], 0, &limit);
        assert_true(limit > 0 && isfinite(limit));
        assert_true(train_at(*state, optimizers[i], 0.995, &limit) < 1);
        assert_true(train_at(*state, optimizers[i], 1.005, &limit) > 100);
    }
}

static void test_saddle_at_zero(void **state)
{
    bench b;
    as_curvature c;
    as_saddle saddle;
    double zero[N] = {0}, h[N * N];
    write_rows(SCRATCH("curvature.csv"));
    open_bench(*state, rows_of_sines,
               "{layers: [{dense: {units: 4, activation: tanh, bias: false}}, {dense: {units: 2, bias: false}}], loss: "
               "mse}",
               "{type: sgd}", 4, AS_FLOAT32, 1, 0, &b);
    const int64_t n = as_surface_count(b.surface); /* 20 */
    assert_ok(as_surface_move(b.surface, zero));
    for (int64_t i = 0; i < n; i++) {
        assert_true(as_surface_slope(b.surface)[i] == 0);
    }
    dense_hessian(b.surface, as_surface_product, n, h);
    /* f = tanh(x W) V: only d2/dW dV is not 0 there, -mean over outputs of x_i y_k: the same for each of the 4 units.
     */
    double cross[INPUTS][OUTPUTS] = {{0}};
    for (int i = 0; i < ROWS; i++) {
        for (int j = 0; j < INPUTS; j++) {
            cross[j][0] -= sin(1.0 + 3 * i + j) * cos(2.0 + i) / ROWS;
            cross[j][1] -= sin(1.0 + 3 * i + j) * cos(2.0 + i * 2) / ROWS;
        }
    }
    for (int j = 0; j < INPUTS; j++) {
        for (int unit = 0; unit < 4; unit++) {
            assert_near(2, h + (j * 4 + unit) * n + 12 + unit * 2, cross[j], 1e-9);
        }
    }
    assert_ok(as_curvature_measure(b.surface, n, 0, 3, true, &c));
    assert_near(1, &c.lambda_min, &(double){-c.lambda_max}, 1e-7); /* the spectrum is symmetric */
    assert_ok(as_curvature_saddle(b.surface, &c, &saddle));
    assert_true(saddle.flat && saddle.curves_down && saddle.confirmed && saddle.after < saddle.loss);
    free(c.lowest);

    double w[N]; /* the control: a point with a slope is no saddle, whatever its curvature */
    reference_point(w);
    assert_ok(as_surface_move(b.surface, w));
    assert_ok(as_curvature_measure(b.surface, n, 0, 3, true, &c));
    assert_ok(as_curvature_saddle(b.surface, &c, &saddle));
    assert_false(saddle.flat);
    free(c.lowest);
    close_bench(&b);
}

/* A minimum: linear regression at its solution has no slope and curves up. */
static void test_a_minimum_is_no_saddle(void **state)
{
    bench b;
    as_curvature c;
    as_saddle saddle;
    double w[8] = {0}, g[8], h[64];
    write_rows(SCRATCH("curvature.csv"));
    open_bench(*state, rows_of_sines, "{layers: [{dense: {units: 2}}], loss: mse}", "{type: sgd}", 4, AS_FLOAT32, 1, 0,
               &b);
    assert_ok(as_surface_move(b.surface, w));
    memcpy(g, as_surface_slope(b.surface), sizeof g);
    dense_hessian(b.surface, as_surface_product, 8, h);
    for (int turn = 0; turn < 2000; turn++) { /* gradient descent on what was just measured */
        for (int i = 0; i < 8; i++) {
            double slope = g[i];
            for (int j = 0; j < 8; j++) {
                slope += h[i * 8 + j] * w[j];
            }
            w[i] -= 0.4 * slope;
        }
    }
    assert_ok(as_surface_move(b.surface, w));
    assert_ok(as_curvature_measure(b.surface, 8, 0, 3, true, &c));
    assert_ok(as_curvature_saddle(b.surface, &c, &saddle));
    assert_true(saddle.flat && !saddle.curves_down && !saddle.confirmed);
    free(c.lowest);
    close_bench(&b);
}

static void test_bad_points_are_refused(void **state)
{
    bench b;
    double w[N], y[N];
    write_rows(SCRATCH("curvature.csv"));
    open_bench(*state, rows_of_sines,
               "{layers: [{dense: {units: 4, activation: tanh}}, {dense: {units: 2}}], loss: mse}", "{type: sgd}", 4,
               AS_FLOAT32, 1, 0, &b);
    reference_point(w);
    w[3] = (double)NAN;
    assert_fails(AS_DIVERGED, "a parameter is not finite", as_surface_move(b.surface, w));
    w[3] = 1e200;
    w[17] = 1e200;
    assert_fails(AS_DIVERGED, "is not finite", as_surface_move(b.surface, w));
    reference_point(w);
    assert_ok(as_surface_move(b.surface, w));
    assert_ok(as_surface_product(b.surface, N, (double[N]){0}, y));
    assert_true(y[0] == 0);
    assert_fails(AS_DIVERGED, "length", as_surface_product(b.surface, N, (double[N]){(double)INFINITY}, y));
    close_bench(&b);
}

/* An optimizer whose second moments are no numbers: an error, and no direction is left behind. */
static void test_a_limit_that_fails_leaves_nothing(void **state)
{
    bench b;
    double w[N];
    int n = 0;
    as_state_item *items = NULL;
    as_curvature c;
    write_rows(SCRATCH("curvature.csv"));
    open_bench(*state, rows_of_sines,
               "{layers: [{dense: {units: 4, activation: tanh}}, {dense: {units: 2}}], loss: mse}", "{type: adam}", 4,
               AS_FLOAT64, 1, 0, &b);
    assert_ok(b.estimator->ops->state(b.estimator, &n, &items));
    int spoilt = 0;
    for (int i = 0; i < n; i++) {
        if (strncmp(items[i].name, "/optimizer/v/", 13) == 0) {
            ((double *)items[i].data)[0] = (double)NAN;
            spoilt++;
        }
    }
    assert_true(spoilt > 0);
    reference_point(w);
    assert_ok(as_surface_move(b.surface, w));
    assert_fails(AS_DIVERGED, "", as_curvature_measure(b.surface, 8, 5, 3, true, &c));
    assert_null(c.lowest);
    close_bench(&b);
}

/* Brute force over gradients of lanes: S, G2 and the jackknife. */
static double direct(int lanes, const double *b, double g[][3], int without, bool trace)
{
    double mean[3] = {0}, weight = 0, sum = 0, square = 0;
    int count = 0;
    for (int r = 0; r < lanes; r++) {
        for (int k = 0; k < 3 && r != without; k++) {
            mean[k] += b[r] * g[r][k];
        }
        weight += r != without ? b[r] : 0;
        count += r != without && b[r] > 0;
    }
    for (int k = 0; k < 3; k++) {
        mean[k] /= weight;
        square += mean[k] * mean[k];
        for (int r = 0; r < lanes; r++) {
            sum += r != without ? b[r] * (g[r][k] - mean[k]) * (g[r][k] - mean[k]) : 0;
        }
    }
    return trace ? sum / (count - 1) : square - sum / (count - 1) / weight;
}

static void test_noise_of_lanes(void **state)
{
    (void)state;
    enum { LANES = 6 };
    double b[LANES] = {3, 1, 4, 0, 5, 2}, g[LANES][3], mean[3] = {0}, q[LANES], d[LANES], gg = 0;
    for (int r = 0; r < LANES; r++) {
        for (int k = 0; k < 3; k++) {
            g[r][k] = 1 + sin(1.0 + 7 * r + 3 * k);
            mean[k] += b[r] * g[r][k] / 15;
        }
    }
    for (int k = 0; k < 3; k++) {
        gg += mean[k] * mean[k];
    }
    for (int r = 0; r < LANES; r++) {
        q[r] = d[r] = 0;
        for (int k = 0; k < 3; k++) {
            q[r] += b[r] * (g[r][k] - mean[k]) * (g[r][k] - mean[k]);
            d[r] += (g[r][k] - mean[k]) * mean[k];
        }
    }
    const as_lane_noise noise = as_lane_noise_of(LANES, b, q, d, gg);
    assert_int_equal(noise.lanes, 5);
    assert_near(1, &noise.trace, &(double){direct(LANES, b, g, -1, true)}, 1e-13);
    assert_near(1, &noise.gradient, &(double){direct(LANES, b, g, -1, false)}, 1e-13);
    for (int what = 0; what < 2; what++) {
        double sum = 0, squares = 0;
        for (int r = 0; r < LANES; r++) {
            const double x = b[r] > 0 ? direct(LANES, b, g, r, what == 0) : 0;
            sum += x;
            squares += x * x;
        }
        const double se = sqrt(4.0 / 5 * (squares - sum * sum / 5));
        assert_near(1, what == 0 ? &noise.trace_se : &noise.gradient_se, &se, 1e-9);
    }
    assert_true(isnan(as_lane_noise_of(1, b, q, d, gg).trace));
    assert_true(isnan(as_lane_ratio_of(1, b, b, q, q).ratio));
    assert_true(isnan(as_lane_ratio_of(LANES, b, (double[LANES]){0}, q, q).ratio));
    const as_lane_ratio same = as_lane_ratio_of(LANES, b, b, (double[LANES]){0}, (double[LANES]){1, 1, 1, 0, 1, 1});
    assert_true(same.ratio == 0); /* lanes that read the same rows */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_hessian_equals_that_of_pytorch, setup_begin, setup_end),
        cmocka_unit_test_setup_teardown(test_variance_splits_between_and_inside_of_lanes, setup_begin, setup_end),
        cmocka_unit_test_setup_teardown(test_scaled_product, setup_begin, setup_end),
        cmocka_unit_test_setup_teardown(test_limit_of_the_rate_is_where_training_breaks, setup_begin, setup_end),
        cmocka_unit_test_setup_teardown(test_saddle_at_zero, setup_begin, setup_end),
        cmocka_unit_test_setup_teardown(test_a_minimum_is_no_saddle, setup_begin, setup_end),
        cmocka_unit_test_setup_teardown(test_bad_points_are_refused, setup_begin, setup_end),
        cmocka_unit_test_setup_teardown(test_a_limit_that_fails_leaves_nothing, setup_begin, setup_end),
        cmocka_unit_test(test_noise_of_lanes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
