/* Laws of networks as graphs: blocks and repetitions are what they stand for, shared parameters, several losses, labels
   for each position, and every wrong graph is refused with one line. */
#include "laws/network.h"

static const as_kernels *f64(void)
{
    return as_kernels_get(as_isa_detect(), AS_FLOAT64);
}

#define BLOCKS "model: {blocks: {res: [dense: {units: 6, activation: tanh}, add: {from: [dense_1, input]}]}, layers: "

static void test_blocks_stand_for_their_layers(void **unused)
{
    (void)unused;
    static const char *const text[][2] = {
        {BLOCKS "[flatten, block: res, block: {use: res, name: r}, dense: 3], loss: mse}",
         "model: {layers: [flatten, dense: {units: 6, activation: tanh, name: a}, add: {from: [a, flatten_1], name: "
         "b}, "
         "dense: {units: 6, activation: tanh, name: c}, add: {from: [c, b]}, dense: 3], loss: mse}"},
        {BLOCKS
         "[flatten, tanh, block: {use: res, from: flatten_1}, add: {from: [res_1, tanh_1]}, dense: 3], loss: mse}",
         "model: {layers: [flatten, tanh, dense: {units: 6, activation: tanh, from: flatten_1, name: a}, add: {from: "
         "[a, "
         "flatten_1], name: b}, add: {from: [b, tanh_1]}, dense: 3], loss: mse}"},
        {BLOCKS
         "[flatten, repeat: {times: 2, layers: [tanh: {name: t}, block: res, add: {from: [res_1, t, flatten_1]}]}, "
         "dense: 3], loss: mse}",
         "model: {layers: [flatten, tanh: {name: t}, dense: {units: 6, activation: tanh, name: a}, add: {from: [a, t], "
         "name: b}, add: {from: [b, t, flatten_1], name: c}, tanh: {name: u}, dense: {units: 6, activation: tanh, "
         "name: "
         "d}, add: {from: [d, u], name: e}, add: {from: [e, u, flatten_1]}, dense: 3], loss: mse}"},
    };
    for (size_t i = 0; i < sizeof text / sizeof *text; i++) {
        network short_form, long_form;
        network_open(&short_form, f64(), text[i][0]);
        network_open(&long_form, f64(), text[i][1]);
        const int64_t n = long_form.model.nparams;
        assert_int_equal(short_form.model.nlayers, long_form.model.nlayers);
        assert_int_equal(short_form.model.nparams, n);
        network_gradient(&short_form, ROWS, 1);
        network_gradient(&long_form, ROWS, 1);
        assert_same_reals(f64(), short_form.params, long_form.params, n, text[i][0]);
        assert_same_reals(f64(), short_form.gradient[0], long_form.gradient[0], n, text[i][0]);
        network_close(&short_form);
        network_close(&long_form);
    }
}

static void test_names_inside_blocks_have_their_prefix(void **unused)
{
    (void)unused;
    static const char *const expected[] = {
        "flatten_1",          "res_1.dense_1", "res_1.add_1",          "deep.1.tanh_1",      "deep.1.res_1.dense_1",
        "deep.1.res_1.add_1", "deep.2.tanh_1", "deep.2.res_1.dense_1", "deep.2.res_1.add_1", "dense_1"};
    network net;
    network_open(&net, f64(),
                 BLOCKS "[flatten, block: res, repeat: {times: 2, name: deep, layers: [tanh, block: res]}, dense: 3], "
                        "loss: mse}");
    assert_int_equal(net.model.nlayers, (int)(sizeof expected / sizeof *expected));
    for (int i = 0; i < net.model.nlayers; i++) {
        assert_string_equal(net.model.layer[i].name, expected[i]);
    }
    network_close(&net);
}

static void test_wrong_graphs_are_refused(void **unused)
{
    (void)unused;
    static const struct {
        const char *text, *says;
    } wrong[] = {
        {BLOCKS "[block: rez, dense: 3], loss: mse}", "did you mean \"res\""},
        {BLOCKS "[block: {name: a}, dense: 3], loss: mse}", "use"},
        {BLOCKS "[flatten, block: {use: res, from: [flatten_1, input]}, dense: 3], loss: mse}",
         "reads 1 input, found 2"},
        {BLOCKS "[flatten, block: {use: res, from: elsewhere}, dense: 3], loss: mse}", "elsewhere"},
        {BLOCKS "[block: res, dense: 3], loss: mse}", "res_1.add_1: input 2 has shape 2x3, expected 6"},
        {BLOCKS "[repeat: {times: 0, layers: [tanh]}, dense: 3], loss: mse}", "times"},
        {BLOCKS "[repeat: {times: 2}, dense: 3], loss: mse}", "repeat.layers: expected a list"},
        {BLOCKS "[repeat: {times: 4000, layers: [tanh, tanh]}, dense: 3], loss: mse}", "more than 4096 layers"},
        {"model: {blocks: {a: [tanh, block: b], b: [block: a]}, layers: [block: a, dense: 3]}", "contains itself"},
        {"model: {blocks: [tanh], layers: [dense: 3]}", "model.blocks: expected a map"},
        {"model: {blocks: {a: tanh}, layers: [block: a, dense: 3]}", "expected a list"},
        {"model: {layers: [dense: 4, dense: {units: 3, share: dense_1}]}",
         "share: weight of layer dense_1 has shape 6x4"},
        {"model: {layers: [dense: 4, tanh, dense: {units: 3, share: tanh_1}]}", "no parameter of the same name"},
        {"model: {layers: [dense: 4, dense: {units: 3, share: dens_1}]}", "did you mean \"dense_1\""},
        {"model: {layers: [dense: {units: 6, freeze: true}, dense: {units: 6, share: dense_1}, dense: 3]}", "frozen"},
        {"model: {layers: [dense: {units: 6, share: input}, dense: 3]}", "the data have no parameters"},
        {"model: {layers: [attention: {heads: 2}, dense: 3]}",
         "heads: expected a divisor of the input's width 3, found 2"},
        {"model: {layers: [attention: {heads: 3, kv_heads: 2}, dense: 3]}",
         "kv_heads: expected a divisor of the 3 heads"},
        {"model: {layers: [attention: {heads: 1, rotary: true}, dense: 3]}",
         "expected an even width of a head, found 3"},
        {"model: {layers: [attention: {heads: 1, from: [input, input]}, dense: 3]}",
         "mask: expected one number for each"},
        {"model: {layers: [position: {context: 1}, dense: 3]}", "2 positions, more than the context of 1"},
        {"model: {layers: [dense: {units: 3, lora: 0}]}", "lora.rank: expected a whole number from 1"},
        {"model: {layers: [dense: {units: 3, lora: {alpha: 2}}]}", "lora: missing key 'rank'"},
        {"model: {layers: [dense: {units: 6, name: a, lora: 2}, dense: {units: 6, share: a}, dense: 3]}",
         "a weight with adapters (lora) belongs to one layer"},
        {"model: {layers: [dense: 3], loss: mse, losses: [loss: mse]}", "found both"},
        {"model: {layers: [dense: 3], losses: []}", "expected a list of 1 to 8 losses"},
        {"model: {layers: [dense: 3], losses: [{loss: mse, from: dense_2}]}", "\"dense_2\" is no layer"},
        {"model: {layers: [dense: 3], losses: [{loss: mse, columns: [1, 3]}]}", "of the 3 real targets"},
        {"model: {layers: [dense: 3], losses: [{loss: mse, columns: [1, 2]}]}", "expects 2 outputs, found 3"},
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

/* A shared weight counts once, and packs for both layers when it is set. */
static void test_shared_parameters_are_one(void **unused)
{
    (void)unused;
    network net;
    network_open(&net, f64(),
                 "model: {layers: [dense: {units: 4, over: last, name: a, bias: false}, dense: {units: 3, over: last, "
                 "share: a, bias: false}, dense: 3], loss: mse}");
    assert_int_equal(net.model.nparams, 3 * 4 + 6 * 3 + 3);
    assert_true(net.model.layer[1].param[0].transposed && net.model.layer[1].param[0].offset == 0);
    /* y = x A A' with A = 0 but A[1][2] = 2: y_1 = 4 x_1 and nothing else. */
    for (int64_t i = 0; i < 12; i++) {
        network_set_param(&net, i, i == 1 * 4 + 2 ? 2 : 0);
    }
    network_loss(&net, ROWS, true);
    const double *x = net.work.x[0], *y = net.work.x[2];
    for (int64_t i = 0; i < ROWS * IN; i++) {
        assert_true(y[i] == (i % 3 == 1 ? 4 * x[i] : 0));
    }
    network_close(&net);
}

/* A weighted sum of losses has the weighted sum of the gradients: to rounding, since the backward passes are joined. */
static void test_several_losses_add(void **unused)
{
    (void)unused;
#define TWO_HEADS                                                                                                      \
    "model: {layers: [dense: {units: 5, activation: tanh, name: t}, dense: {units: 2, name: a}, dense: "               \
    "{units: 1, from: t, name: b}], losses: [{loss: mse, from: a, columns: [0, 1], weight: %s}, {loss: "               \
    "huber, from: b, columns: [2, 2], weight: %s}]}"
    static const char *const weight[][2] = {{"1", "0"}, {"0", "1"}, {"0.5", "3"}};
    double loss[3] = {0}, *gradient[3];
    int64_t n = 0;
    for (int i = 0; i < 3; i++) {
        network net;
        char text[400];
        snprintf(text, sizeof text, TWO_HEADS, weight[i][0], weight[i][1]);
        network_open(&net, f64(), text);
        network_gradient(&net, i + 1, 1);
        n = net.model.nparams;
        gradient[i] = malloc((size_t)n * sizeof(double));
        memcpy(gradient[i], net.gradient[0], (size_t)n * sizeof(double));
        for (int r = 0; r < ROWS; r++) {
            loss[i] += net.work.loss[r];
            assert_true(net.work.counted[r] == net.weight[r]);
        }
        assert_int_equal(net.model.outputs, 2);
        network_close(&net);
    }
    assert_true(fabs(loss[2] - (0.5 * loss[0] + 3 * loss[1])) < 1e-13 * loss[2]);
    for (int64_t i = 0; i < n; i++) { /* some tens of roundings of terms below 10 */
        assert_true(fabs(gradient[2][i] - (0.5 * gradient[0][i] + 3 * gradient[1][i])) < 1e-13);
    }
    for (int i = 0; i < 3; i++) {
        free(gradient[i]);
    }
}

/* Two losses on one output: the second gradient is added to the first. */
static void test_losses_may_share_an_output(void **unused)
{
    (void)unused;
    network one, two;
    network_open(&one, f64(), "model: {layers: [dense: 3], losses: [{loss: mse, weight: 2}]}");
    network_open(&two, f64(), "model: {layers: [dense: 3], losses: [loss: mse, loss: mse]}");
    network_gradient(&one, ROWS, 1);
    network_gradient(&two, ROWS, 1);
    assert_same_reals(f64(), two.gradient[0], one.gradient[0], one.model.nparams, "twice the loss");
    network_close(&one);
    network_close(&two);
}

enum { T = 5, CLASSES = 4, D = 3 };

/* A network on labels: `rows` samples of shape (T, D) and T labels each, or of D and one label. */
typedef struct labelled {
    network net;
    int32_t label[ROWS * T];
    double weight[ROWS * T], *gradient;
    int64_t lane_row[LANES + 1];
} labelled;

/* The same numbers as tokens of samples (positions T), or as samples of their own (positions 1). An ignored token is a
   sample of weight 0. */
static void run_labelled(labelled *l, int64_t positions, const char *layers)
{
    const int64_t each = T / positions, rows = ROWS * each;
    const as_model_data data = {.in = positions == 1 ? (as_shape){1, {D}} : (as_shape){2, {T, D}},
                                .target = AS_TARGET_LABELS,
                                .classes = CLASSES,
                                .positions = positions};
    network *net = &l->net;
    as_node *root = NULL;
    as_tree_program program;
    *net = (network){.step = 3};
    assert_int_equal(as_document_create(&net->document), AS_OK);
    assert_int_equal(as_yaml_parse(net->document, "test.yaml", layers, &root), AS_OK);
    if (as_model_parse(net->document, as_node_get(root, "model"), f64(), &data, &net->model) != AS_OK) {
        fail_msg("%s", as_error_message());
    }
    const as_model *model = &net->model;
    const size_t vector = (size_t)model->nparams * sizeof(double);
    assert_int_equal(as_arena_create(&net->arena), AS_OK);
    assert_int_equal(as_model_work_plan(model, rows, 1, AS_TREE_DEPTH_MAX, true, NULL, net->arena, &net->work), AS_OK);
    assert_int_equal(as_arena_reserve(net->arena, vector, &net->params), AS_OK);
    assert_int_equal(as_arena_reserve(net->arena, vector, (void **)&l->gradient), AS_OK);
    assert_int_equal(as_arena_reserve(net->arena, (size_t)model->packed_reals * 8, &net->packed), AS_OK);
    assert_int_equal(as_arena_commit(net->arena), AS_OK);
    assert_int_equal(as_model_init(model, 42, net->params), AS_OK);
    as_model_pack(model, net->params, 0, model->nparams, net->packed);
    for (int64_t i = 0; i < ROWS * T; i++) {
        const bool ignored = i % 7 == 3;
        l->label[i] = ignored ? (positions == 1 ? 0 : AS_LABEL_IGNORED) : (int32_t)(i * i % CLASSES);
        l->weight[i / positions] = positions == 1 && ignored ? 0 : 0.5 + (double)(i / T % 3);
        for (int64_t j = 0; j < D; j++) {
            const int64_t row = i / positions, column = i % positions * D + j;
            set_real(f64(), net->work.x[0], row * net->work.ld[0] + column, value_at(2, i * D + j));
        }
    }
    for (int i = 0; i <= LANES; i++) {
        l->lane_row[i] = lane_row[i] * each;
    }
    const as_model_rows all = {
        .params = net->params, .packed = net->packed, .count = rows, .label = l->label, .weight = l->weight};
    as_model_forward(model, &net->work, &all, true);
    as_model_loss(model, &net->work, &all, true);
    as_model_backward(model, &net->work, &all);
    assert_int_equal(as_tree_plan(LANES, &net->tree), AS_OK);
    assert_int_equal(as_tree_program_make(&net->tree, 0, LANES, &program), AS_OK);
    void *part = l->gradient;
    as_model_accumulate(model, &net->work, &program, l->lane_row, false, &part, NULL, 0, 1);
    as_tree_program_destroy(&program);
}

/* Tokens of samples are what samples of one token are: the same gradient bit for bit, sums of losses and counts. */
static void test_positions_are_samples(void **unused)
{
    (void)unused;
    static labelled tokens, samples;
    run_labelled(&tokens, T,
                 "model: {layers: [dense: {units: 7, over: last, activation: gelu}, dense: {units: 4, over: last}]}");
    run_labelled(&samples, 1, "model: {layers: [dense: {units: 7, activation: gelu}, dense: {units: 4}]}");
    const as_model *model = &tokens.net.model;
    assert_same_reals(f64(), tokens.gradient, samples.gradient, model->nparams, "gradient of tokens and of samples");
    for (int64_t r = 0; r < ROWS; r++) {
        double loss = 0, counted = 0;
        for (int64_t t = 0; t < T; t++) {
            loss += samples.net.work.loss[r * T + t];
            counted += samples.net.work.counted[r * T + t];
        }
        assert_true(tokens.net.work.loss[r] == loss && tokens.net.work.counted[r] == counted && counted > 0);
    }
    assert_int_equal(model->outputs, T * CLASSES);
    assert_int_equal(model->head[0].outputs, CLASSES);
    network_close(&tokens.net);
    network_close(&samples.net);
}

/* Threads are in different layers at one time: what the passes over some rows write must never be what those over
   others write, also where layers of different widths use one array after the other. */
static void mark_writes(network *net, int64_t first, int64_t count, int input, char *written)
{
    const size_t bytes = (size_t)(ROWS * net->work.ldmore[input]) * net->model.kernels->real_bytes;
    char *const more = net->work.more[input];
    const as_model_rows rows = network_rows(net, first, count);
    memset(more, 0x5a, bytes);
    as_model_forward(&net->model, &net->work, &rows, true);
    as_model_loss(&net->model, &net->work, &rows, true);
    as_model_backward(&net->model, &net->work, &rows);
    for (size_t b = 0; b < bytes; b++) {
        written[b] = (char)(more[b] != 0x5a);
    }
}

static void rows_stay_apart(const as_kernels *K)
{
    network net;
    network_open(
        &net, K,
        "{model: {layers: [{dense: {name: a, units: 67}}, {dense: {name: b, units: 67}}, {add: {from: [a, b]}}, "
        "{dense: {name: c, units: 3}}, {dense: {name: d, units: 3}}, {add: {from: [c, d]}}], loss: mse}}");
    int arrays = 0;
    for (int k = 0; k < AS_INPUTS_MAX; k++) {
        const size_t bytes = (size_t)(ROWS * net.work.ldmore[k]) * K->real_bytes;
        size_t some = 0;
        if (net.work.more[k] == NULL) {
            continue;
        }
        char *const low = malloc(bytes), *const high = malloc(bytes);
        assert_non_null(low);
        assert_non_null(high);
        mark_writes(&net, 0, 7, k, low);
        mark_writes(&net, 7, ROWS - 7, k, high);
        for (size_t b = 0; b < bytes; b++) {
            assert_false(low[b] && high[b]);
            some += (size_t)(low[b] || high[b]);
        }
        arrays += some > 0;
        free(low);
        free(high);
    }
    assert_int_not_equal(arrays, 0);
    network_close(&net);
}

static void test_rows_of_threads_stay_apart(void **unused)
{
    (void)unused;
    for_each_variant(rows_stay_apart);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_blocks_stand_for_their_layers),
        cmocka_unit_test(test_names_inside_blocks_have_their_prefix),
        cmocka_unit_test(test_wrong_graphs_are_refused),
        cmocka_unit_test(test_shared_parameters_are_one),
        cmocka_unit_test(test_several_losses_add),
        cmocka_unit_test(test_losses_may_share_an_output),
        cmocka_unit_test(test_positions_are_samples),
        cmocka_unit_test(test_rows_of_threads_stay_apart),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
