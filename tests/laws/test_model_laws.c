/* Laws of a network as a whole: configuration in and out, names, shapes, initial parameters, packing in pieces, frozen
   layers, and a gradient of its head computed by hand. */
#include "laws/network.h"

#include "base/text.h"
#include "nn/init.h"
#include "run/config_sections.h"

#define HEAD "model: {layers: [dense: {units: 4, activation: relu}, "

static const as_kernels *f64(void)
{
    return as_kernels_get(as_isa_detect(), AS_FLOAT64);
}

/* One line, place and what was expected, for every wrong configuration. */
static void test_wrong_configurations_are_refused(void **unused)
{
    (void)unused;
    static const struct {
        const char *text, *says;
    } wrong[] = {
        {HEAD "dens: 3], loss: mse}", "\"dense\""},
        {HEAD "relo, dense: 3], loss: mse}", "\"relu\""},
        {HEAD "dense: {unit: 3}], loss: mse}", "units"},
        {HEAD "dense: {units: 0}], loss: mse}", "units"},
        {HEAD "dense: {activation: relu}], loss: mse}", "units"},
        {HEAD "dense: {units: 3, activation: rely}], loss: mse}", "\"relu\""},
        {HEAD "dense: {units: 3, activation: {relu: {slope: 1}}}], loss: mse}", "slope"},
        {HEAD "dense: {units: 3, init: xavier}], loss: mse}", "init"},
        {HEAD "dense: 3, dense: 2], loss: mse}", "expects 3 outputs, found 2"},
        {HEAD "dropout: 1, dense: 3], loss: mse}", "dropout_1"},
        {HEAD "dropout: -0.5, dense: 3], loss: mse}", "rate"},
        {HEAD "dense: 3], loss: mze}", "\"mse\""},
        {HEAD "dense: 3], loss: cross_entropy}", "class labels"},
        {HEAD "dense: 3], loss: mse, l3: 1}", "l3"},
        {HEAD "dense: {units: 3, name: a/b}], loss: mse}", "a/b"},
        {HEAD "dense: {units: 3, name: dense_1}, dense: {units: 3, name: dense_1}], loss: mse}", "twice"},
        {HEAD "{dense: {units: 3}, name: a}], loss: mse}", "own map"},
        {HEAD "[dense], dense: 3], loss: mse}", "layer"},
        {"model: {layers: [], loss: mse}", "layers"},
        {"model: {loss: mse}", "layers"},
        {"model: {layers: [dense]}", "units"},
        {"model: 3", "map"},
        {"model: {layers: dense, loss: mse}", "list"},
        {"model: {layers: [slice: {size: 1, axis: 0}], loss: mse}", "train"},
        {"model: {layers: [dense: {units: 3, freeze: true}], loss: mse}", "train"},
        {"model: {layers: [dense: {units: 1000000000}, dense: {units: 1000000000}], loss: mse}", "2^40"},
        {HEAD "dense: {units: 3, from: dens_1}], loss: mse}",
         "dense_2: from: \"dens_1\" is no earlier layer; did you mean"},
        {HEAD "dense: {units: 3, from: zebra}], loss: mse}", "expected input or the name of one"},
        {HEAD "dense: {units: 3, from: dense_2}], loss: mse}", "cannot read itself"},
        {HEAD "dense: {units: 4, from: late}, dense: {units: 3, name: late}], loss: mse}", "comes later"},
        {HEAD "dense: {units: 3, from: [dense_1, input]}], loss: mse}", "dense reads 1 input, found 2"},
        {HEAD "add, dense: 3], loss: mse}", "add reads 2 to 8 inputs, found 1"},
        {HEAD "add: {from: [dense_1, input]}, dense: 3], loss: mse}", "input 2 has shape 2x3, expected 4 as"},
        {HEAD "concat: {from: [dense_1, input]}, dense: 3], loss: mse}",
         "input 2 has shape 2x3, expected 4 but for axis 0"},
        {HEAD "concat: {from: [dense_1, dense_1], axis: 1}, dense: 3], loss: mse}", "axis 1"},
        {HEAD "slice: {start: 2, size: 3}, dense: 3], loss: mse}", "axis 0 of 4"},
        {HEAD "reshape: {shape: [3, -1]}, dense: 3], loss: mse}", "do not fill the shape 3x1"},
        {HEAD "reshape: {shape: [-1, -1]}, dense: 3], loss: mse}", "at most one -1"},
        {HEAD "dense: {units: 3, from: input}], loss: mse}", "dense_1: no layer reads its output"},
        {HEAD "dense: {units: 3, name: input}], loss: mse}", "name of the data"},
        {"model: {type: forest, layers: [dense: 3], loss: mse}", "forest"},
    };
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        network net;
        const as_status status = network_parse(&net, f64(), wrong[i].text);
        if (status != AS_CONFIG || strstr(as_error_message(), wrong[i].says) == NULL ||
            strstr(as_error_message(), "test.yaml:1:") == NULL) {
            fail_msg("%s: status %d, message \"%s\", expected \"%s\"", wrong[i].text, (int)status, as_error_message(),
                     wrong[i].says);
        }
    }
}

static void test_names_are_unique(void **unused)
{
    (void)unused;
    static const char *const expected[] = {"relu_1", "first", "dense_1", "dense_3", "relu_2", "dense_2"};
    network net;
    network_open(&net, f64(),
                 "model: {layers: [relu, dense: {units: 5, name: first}, dense: {units: 4, name: \"\"}, dense: 3, "
                 "relu, dense: {units: 3, "
                 "name: dense_2}], loss: mse}");
    for (int i = 0; i < net.model.nlayers; i++) {
        assert_string_equal(net.model.layer[i].name, expected[i]);
    }
    network_close(&net);
}

/* The resolved `model:` section of a network's configuration. */
static void write_model(const char *given, as_text *out)
{
    as_document *document = NULL;
    as_node *root = NULL;
    assert_int_equal(as_document_create(&document), AS_OK);
    assert_int_equal(as_yaml_parse(document, "test.yaml", given, &root), AS_OK);
    as_text_add(out, "model:\n");
    assert_int_equal(as_config_model_write(document, as_node_get(root, "model"), 2, out), AS_OK);
    as_document_destroy(&document);
}

/* As many layers as a model may have: a search for every name among all others would take minutes. */
static void test_many_layers_are_named_at_once(void **unused)
{
    (void)unused;
    enum { LAYERS = 4096, GAP = 1000 };
    as_text text = {0};
    as_text_add(&text, "model: {layers: [flatten, dense: {units: 3, name: dense_%d}", GAP);
    for (int i = 2; i < LAYERS; i++) {
        as_text_add(&text, ", dense: 3");
    }
    as_text_add(&text, "], loss: mse}");
    assert_false(text.failed);
    network net;
    assert_int_equal(network_parse(&net, as_kernels_get(as_isa_detect(), AS_FLOAT32), text.data), AS_OK);
    assert_int_equal(net.model.nlayers, LAYERS);
    for (int i = 2; i < LAYERS; i++) {
        char expected[AS_NAME_MAX];
        snprintf(expected, sizeof expected, "dense_%d", i - 1 < GAP ? i - 1 : i);
        assert_string_equal(net.model.layer[i].name, expected);
    }
    as_model_destroy(&net.model);
    as_document_destroy(&net.document);
    as_text_free(&text);
}

/* The resolved text gives the same network and the same text again. */
static void test_written_models_read_back(void **unused)
{
    (void)unused;
    static const char *const text[] = {
        "model: {layers: [flatten, dense: {units: 5, activation: {leaky_relu: 0.2}, init: orthogonal, bias: false, lr: "
        "0.5}, dropout: 0.25, relu, dense: {units: 3, freeze: true}], loss: {huber: {}}, l1: 0.1, l2: 1e-4}",
        "model: {layers: [dense: {units: 3, init: normal, init_scale: 0.3, name: only}]}"};
    for (size_t i = 0; i < sizeof text / sizeof *text; i++) {
        network one, two;
        as_text first = {0}, second = {0};
        network_open(&one, f64(), text[i]);
        write_model(text[i], &first);
        network_open(&two, f64(), first.data);
        write_model(first.data, &second);
        assert_string_equal(first.data, second.data);
        assert_int_equal(one.model.nparams, two.model.nparams);
        assert_memory_equal(one.params, two.params, (size_t)one.model.nparams * sizeof(double));
        assert_true(one.model.l1 == two.model.l1 && one.model.l2 == two.model.l2);
        network_gradient(&one, ROWS, 1);
        network_gradient(&two, ROWS, 1);
        assert_memory_equal(one.gradient[0], two.gradient[0], (size_t)one.model.nparams * sizeof(double));
        as_text_free(&first);
        as_text_free(&second);
        network_close(&one);
        network_close(&two);
    }
}

/* Shapes, places, penalties' marks and costs of 6 -> 4 -> 3. */
static void test_shapes_and_places(void **unused)
{
    (void)unused;
    network net;
    network_open(&net, f64(), HEAD "dropout: 0.1, dense: {units: 3, lr: 0.5}], loss: mse}");
    const as_model *model = &net.model;
    assert_int_equal(model->nparams, 6 * 4 + 4 + 4 * 3 + 3);
    assert_int_equal(model->layer[0].param[1].offset, 24);
    assert_int_equal(model->layer[2].param[0].offset, 28);
    assert_int_equal(model->layer[2].param[1].offset, 40);
    assert_true(model->layer[2].param[0].decay && !model->layer[2].param[1].decay);
    assert_true(model->layer[2].lr_scale == 0.5 && model->layer[0].lr_scale == 1);
    assert_true(as_model_flops(model, false) == 2 * (6 * 4 + 4 * 3));
    /* The first layer has no input gradient. */
    assert_true(as_model_flops(model, true) == 2 * (2 * 6 * 4 + 3 * 4 * 3));
    assert_int_equal(model->outputs, 3);
    assert_null(net.work.dy[0]);
    network_close(&net);
}

/* Rows never lie a multiple of 512 bytes apart, and start on a cache line. */
static void test_strides_avoid_one_set(void **unused)
{
    (void)unused;
    network net;
    network_open(&net, f64(), HEAD "dense: {units: 3}], loss: mse}");
    for (int64_t width = 1; width < 2000; width++) {
        const int64_t stride = as_model_stride(&net.model, width);
        assert_true(stride >= width && stride < width + 16 && stride * 8 % 64 == 0 && stride * 8 % 512 != 0);
    }
    network_close(&net);
}

/* Any order and division of ranges packs to the same bytes. */
static void check_pack(const as_kernels *kernels)
{
    network net;
    network_open(&net, kernels,
                 "model: {layers: [dense: {units: 37, activation: relu}, dense: {units: 3}], loss: mse}");
    const size_t bytes = (size_t)net.model.packed_reals * kernels->real_bytes;
    void *pieces = calloc(bytes, 1);
    for (int64_t end = net.model.nparams; end > 0; end -= 29) {
        const int64_t first = end > 29 ? end - 29 : 0;
        as_model_pack(&net.model, net.params, first, end - first, pieces);
    }
    assert_memory_equal(pieces, net.packed, bytes);
    free(pieces);
    network_close(&net);
}

static void test_packing_in_pieces(void **unused)
{
    (void)unused;
    for_each_variant(check_pack);
}

/* A frozen layer's elements of the parts stay as they were; the others' gradients are those without the freeze. */
static void test_frozen_layers_are_not_summed(void **unused)
{
    (void)unused;
    static const char *const text[] = {
        "model: {layers: [dense: {units: 5, activation: tanh}, dense: {units: 4, freeze: %s}, dense: {units: 3}]}",
        "model: {layers: [dense: {units: 5, activation: tanh, freeze: %s}, dense: {units: 4}, dense: {units: 3}]}",
        "model: {layers: [dense: {units: 5, activation: tanh}, dense: {units: 4}, dense: {units: 3, freeze: %s}]}"};
    static const int frozen[] = {1, 0, 2};
    for (size_t i = 0; i < sizeof text / sizeof *text; i++) {
        char off[256], on[256];
        snprintf(off, sizeof off, text[i], "false");
        snprintf(on, sizeof on, text[i], "true");
        network free_net, net;
        network_open(&free_net, f64(), off);
        network_open(&net, f64(), on);
        network_gradient(&free_net, ROWS, 1);
        double *g = net.gradient[0];
        const double *expected = free_net.gradient[0];
        for (int64_t k = 0; k < net.model.nparams; k++) {
            g[k] = 77;
        }
        network_gradient(&net, ROWS, 1);
        const as_layer *layer = &net.model.layer[frozen[i]];
        const int64_t first = layer->param[0].offset, end = layer->param[1].offset + layer->param[1].count;
        for (int64_t k = 0; k < net.model.nparams; k++) {
            assert_true(g[k] == (k >= first && k < end ? 77 : expected[k]));
        }
        network_close(&free_net);
        network_close(&net);
    }
}

/* What the model says is summed, is written by accumulate, and nothing else: frozen layers, weights under adapters,
   what layers share, statistics that move and that stand. */
static void test_what_is_summed_is_what_is_written(void **unused)
{
    (void)unused;
    static const char *const text[] = {
        HEAD "dense: {units: 3}], loss: mse}",
        "model: {layers: [dense: {units: 5, freeze: true}, dense: {units: 4, lora: 2}, dense: 3]}",
        "model: {layers: [dense: {units: 6, lora: {rank: 1}, freeze: true}, batch_norm, dense: 3]}",
        "model: {layers: [dense: 6, batch_norm: {freeze: true}, dense: {units: 6, name: a}, dense: {units: 6, share: "
        "a}, "
        "dense: 3]}"};
    for (size_t i = 0; i < sizeof text / sizeof *text; i++) {
        network net;
        as_spans summed = {0};
        network_open(&net, f64(), text[i]);
        assert_int_equal(as_model_summed(&net.model, 1, &summed), AS_OK);
        double *g = net.gradient[0];
        for (int64_t k = 0; k < net.model.nparams; k++) {
            g[k] = 77;
        }
        network_gradient(&net, ROWS, 1);
        for (int64_t k = 0; k < net.model.nparams; k++) {
            assert_int_equal(g[k] != 77, as_spans_have(&summed, k));
        }
        as_spans_free(&summed);
        network_close(&net);
    }
}

/* With one sample a lane-less sum is an outer product: dW = x' d, db = d, with d the loss's gradient. */
static void test_gradient_of_the_head_by_hand(void **unused)
{
    (void)unused;
    network net;
    network_open(&net, f64(), "model: {layers: [dense: {units: 3}], loss: mse}");
    network_gradient(&net, ROWS, 1);
    const double *g = net.gradient[0], *x = net.work.x[0], *d = net.work.dy[1];
    const int64_t ldx = net.work.ld[0], ldd = net.work.ld[1];
    for (int j = 0; j < OUT; j++) {
        for (int i = 0; i <= IN; i++) {
            double sum = 0, size = 0;
            for (int r = 0; r < ROWS; r++) {
                const double term = (i < IN ? x[r * ldx + i] : 1) * d[r * ldd + j];
                sum += term;
                size += fabs(term);
            }
            /* 13 terms, two orders: at most 2 * 13 roundings of 1.1e-16 of the sum of sizes. */
            assert_true(fabs(g[i * OUT + j] - sum) <= 3e-15 * size);
        }
    }
    network_close(&net);
}

/* Mean, variance and fourth moment of n deviates of a kind, against the theory. For n = 40,000 the standard errors are
   sqrt(v / n) = 0.005 sqrt(v) of the mean and v sqrt((k - 1) / n) of the variance, k = 3 (normal: 0.0071 v) or 1.8
   (uniform: 0.0045 v); of the kurtosis sqrt(24 / n) = 0.024. Bounds at four errors. */
static void check_moments(as_init kind, double init_scale, double variance, bool uniform)
{
    enum { N = 40000 };
    const as_param param = {.name = "w",
                            .shape = {2, {200, 200}},
                            .count = N,
                            .init = kind,
                            .init_scale = init_scale,
                            .fan_in = 200,
                            .fan_out = 50};
    double *x = malloc(N * sizeof *x), mean = 0, two = 0, four = 0;
    assert_int_equal(as_init_fill(f64(), &param, 5, 1, 0, x), AS_OK);
    for (int i = 0; i < N; i++) {
        mean += x[i] / N;
    }
    for (int i = 0; i < N; i++) {
        const double square = (x[i] - mean) * (x[i] - mean);
        two += square / N;
        four += square * square / N;
    }
    assert_true(fabs(mean) < 4 * 0.005 * sqrt(variance));
    assert_true(fabs(two - variance) < 4 * (uniform ? 0.0045 : 0.0071) * variance);
    assert_true(fabs(four / (two * two) - (uniform ? 1.8 : 3)) < 4 * 0.024);
    free(x);
}

static void test_initial_moments(void **unused)
{
    (void)unused;
    check_moments(AS_INIT_HE, 0, 2.0 / 200, false);
    check_moments(AS_INIT_HE, 3, 9 * 2.0 / 200, false);
    check_moments(AS_INIT_HE_UNIFORM, 0, 2.0 / 200, true);
    check_moments(AS_INIT_GLOROT, 0, 2.0 / 250, true);
    check_moments(AS_INIT_GLOROT_NORMAL, 0, 2.0 / 250, false);
    check_moments(AS_INIT_LECUN, 0, 1.0 / 200, false);
    check_moments(AS_INIT_NORMAL, 0.3, 0.09, false);
    check_moments(AS_INIT_NORMAL, 0, 0.0025, false);
    check_moments(AS_INIT_UNIFORM, 0.3, 0.03, true);
}

/* W W' = I (or W' W) to some roundings of sums of 40 terms. */
static void test_orthogonal_start(void **unused)
{
    (void)unused;
    static const int64_t size[][2] = {{40, 12}, {12, 40}, {20, 20}, {1, 1}};
    for (size_t s = 0; s < sizeof size / sizeof *size; s++) {
        const int64_t rows = size[s][0], columns = size[s][1], fewer = rows < columns ? rows : columns;
        double w[480];
        const as_param param = {.name = "w",
                                .shape = {2, {rows, columns}},
                                .count = rows * columns,
                                .init = AS_INIT_ORTHOGONAL,
                                .init_scale = 2};
        assert_int_equal(as_init_fill(f64(), &param, 5, 1, 0, w), AS_OK);
        for (int64_t a = 0; a < fewer; a++) {
            for (int64_t b = 0; b < fewer; b++) {
                double dot = 0;
                for (int64_t i = 0; i < (rows < columns ? columns : rows); i++) {
                    dot += rows < columns ? w[a * columns + i] * w[b * columns + i]
                                          : w[i * columns + a] * w[i * columns + b];
                }
                assert_true(fabs(dot - (a == b ? 4 : 0)) < 1e-14);
            }
        }
    }
}

/* Every kind of start has the same bits for every instruction set. */
static void test_starts_do_not_depend_on_the_instruction_set(void **unused)
{
    (void)unused;
    enum { ROWS_OF_W = 37, COLUMNS = 29, N = ROWS_OF_W * COLUMNS };
    for (int kind = AS_INIT_ZEROS; kind <= AS_INIT_ORTHOGONAL; kind++) {
        const as_param param = {.name = "w",
                                .shape = {2, {ROWS_OF_W, COLUMNS}},
                                .count = N,
                                .init = (as_init)kind,
                                .fan_in = ROWS_OF_W,
                                .fan_out = COLUMNS};
        double expected[N], found[N];
        assert_int_equal(as_init_fill(f64(), &param, 5, 1, 0, expected), AS_OK);
        for (as_isa isa = as_isa_detect() + 1; isa <= AS_PORTABLE; isa++) {
            assert_int_equal(as_init_fill(as_kernels_get(isa, AS_FLOAT64), &param, 5, 1, 0, found), AS_OK);
            assert_memory_equal(found, expected, sizeof found);
        }
    }
}

/* Starts are a function of seed, layer and parameter; float32 starts are the rounded float64 ones. */
static void test_initial_values_follow_the_seed(void **unused)
{
    (void)unused;
    enum { N = 1001 };
    const as_param param = {
        .name = "w", .shape = {2, {77, 13}}, .count = N, .init = AS_INIT_HE, .fan_in = 77, .fan_out = 13};
    double *x = malloc(N * sizeof *x), *y = malloc(N * sizeof *y);
    float *z = malloc(N * sizeof *z);
    assert_int_equal(as_init_fill(f64(), &param, 5, 1, 0, x), AS_OK);
    static const int key[][3] = {{5, 1, 0}, {6, 1, 0}, {5, 2, 0}, {5, 1, 1}};
    for (int k = 0; k < 4; k++) {
        int same = 0;
        assert_int_equal(as_init_fill(f64(), &param, (uint64_t)key[k][0], key[k][1], key[k][2], y), AS_OK);
        for (int i = 0; i < N; i++) {
            same += x[i] == y[i];
        }
        assert_int_equal(same, k == 0 ? N : 0);
    }
    assert_int_equal(as_init_fill(as_kernels_get(AS_PORTABLE, AS_FLOAT32), &param, 5, 1, 0, z), AS_OK);
    for (int i = 0; i < N; i++) {
        assert_true(z[i] == (float)x[i]);
    }
    free(x);
    free(y);
    free(z);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_wrong_configurations_are_refused),
        cmocka_unit_test(test_names_are_unique),
        cmocka_unit_test(test_many_layers_are_named_at_once),
        cmocka_unit_test(test_written_models_read_back),
        cmocka_unit_test(test_shapes_and_places),
        cmocka_unit_test(test_strides_avoid_one_set),
        cmocka_unit_test(test_packing_in_pieces),
        cmocka_unit_test(test_frozen_layers_are_not_summed),
        cmocka_unit_test(test_what_is_summed_is_what_is_written),
        cmocka_unit_test(test_gradient_of_the_head_by_hand),
        cmocka_unit_test(test_initial_moments),
        cmocka_unit_test(test_orthogonal_start),
        cmocka_unit_test(test_starts_do_not_depend_on_the_instruction_set),
        cmocka_unit_test(test_initial_values_follow_the_seed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
