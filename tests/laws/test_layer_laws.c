/* Laws of every layer and activation: gradients by finite differences, sums that split over lanes, rows that do not see
   each other, the same bits for every instruction set and number of threads. */
#include "laws/network.h"

#include "nn/activation.h"

typedef void (*law)(const char *text);

/* Layers of one input as they stand in the networks; a kind that is not listed stands there by its name alone. */
static const char *const items[] = {
    "dense: {units: 5}",
    "dense: {units: 5, over: last, activation: tanh}",
    "dense: {units: 5, over: last, activation: gelu}",
    "dense: {units: 20, over: last, bias: false}",
    "dense: {units: 5, lora: 2}",
    "dense: {units: 18, over: last, activation: relu, lora: {rank: 3, alpha: 6}}",
    "dense: {units: 5, over: last, activation: gelu, bias: false, lora: {rank: 2, alpha: 1}}",
    "affine: {bias: false}",
    "attention: {heads: 1}",
    "attention: {heads: 1, causal: true, head_width: 6, units: 3, rotary: true, bias: false}",
    "attention: {heads: 1, head_width: 4, lora: 2}",
    "attention: {heads: 1, causal: true, head_width: 6, units: 3, rotary: true, bias: false, lora: {rank: 3, alpha: "
    "2}}",
    "batch_norm: {momentum: 0.2}",
    "group_norm: 1",
    "layer_norm: {bias: false}",
    "position: sinusoidal",
    "fourier: {features: 5, sigma: 0.1}",
    "fourier: {features: 4, sigma: 0.1, learn: true}",
    "reshape: {shape: [3, -1, 1]}",
    "scale: -0.5",
    "slice: {start: 1}",
    "slice: {start: 1, size: 1, axis: 0}",
};

/* Layers that want two axes. */
static const char *const sequences[] = {
    "lstm: 5",
    "lstm: {units: 5, output: last}",
    "gru: 5",
    "gru: {units: 5, output: last}",
};

/* Layers of several inputs, values with several readers, and layers that need more than one axis or tokens. */
static const char *const graphs[] = {
    "embedding: {vocabulary: 9, units: 4}, reshape: {shape: [6, 4]}, position: {context: 8}, attention: {heads: 2, "
    "kv_heads: 1, causal: true}, flatten, dense: 3",
    "dense: {units: 20, name: a}, reshape: {shape: [5, 4]}, slice: {from: a, size: 5, name: s}, relu: {name: m}, "
    "attention: {heads: 2, from: [reshape_1, m]}, flatten, dense: 3",
    "dense: {units: 24}, reshape: {shape: [2, 2, 6]}, group_norm: 3, batch_norm, layer_norm, flatten, dense: 3",
    "dense: {units: 6, name: a}, dense: {units: 6, name: b}, batch_norm: {from: [b, a], relu: true}, dense: 3",
    "dense: {units: 12}, reshape: {shape: [3, 4]}, dropout_channel: 0.5, stochastic_depth: 0.5, flatten, dense: 3",
    "dense: {units: 7, name: a}, tanh, dense: {units: 7, name: b}, add: {from: [a, b]}, dense: 3",
    "dense: {units: 7, name: a}, add: {from: [a, a, a]}, dense: 3",
    "dense: {units: 4, name: a, freeze: true}, dense: {units: 4, from: input, name: b}, dense: {units: 4, from: b, "
    "name: "
    "c}, add: {from: [a, b, c]}, dense: 3",
    "dense: {units: 7, name: a, activation: tanh}, dense: {units: 7, name: b}, sigmoid: {name: g}, mul: {from: [b, g, "
    "a]}, dense: 3",
    "dense: {units: 7, name: a}, mul: {from: [a, a]}, dense: 3",
    "mul: {from: [input, input]}, dense: {units: 4, over: last}, dense: 3",
    "dense: {units: 2, over: last, name: a}, tanh: {name: b}, concat: {from: [a, input, b]}, dense: {units: 4, over: "
    "last}, dense: 3",
    "dense: {units: 3, over: last, name: a}, concat: {from: [input, a], axis: 0}, dense: {units: 4, over: last}, "
    "dense: 3",
    "dense: {units: 3, over: last, name: a}, slice: {from: input, axis: 0, size: 1}, flatten: {name: s}, flatten: "
    "{from: "
    "a}, concat: {from: [flatten_1, s]}, dense: 3",
    /* One weight in three layers, once turned over; a shared layer between its owner and the head. */
    "dense: {units: 4, over: last, name: a}, tanh, dense: {units: 3, over: last, share: a, bias: false}, tanh, dense: "
    "{units: 4, over: last, share: a}, dense: 3",
    "dense: {units: 5, name: a}, tanh, dense: {units: 5, name: b, activation: tanh}, dense: {units: 5, share: b, bias: "
    "false}, dense: {units: 5, share: b, activation: tanh}, dense: 3",
    "affine: {name: a}, dense: {units: 3, over: last}, affine: {share: a}, dense: 3",
    "conv1d: {channels: 5, activation: tanh}, conv1d: {channels: 4, kernel: 2, stride: 2, activation: gelu}, flatten, "
    "dense: 3",
    "dense: {units: 60}, reshape: {shape: [5, 4, 3]}, conv2d: {channels: 4, groups: 1, activation: relu, name: a}, "
    "conv2d: {channels: 4, groups: 4, kernel: [3, 2], dilation: [1, 2]}, add: {from: [a, conv2d_1]}, conv2d: "
    "{channels: "
    "17, kernel: 1, stride: 2, bias: false}, conv2d: {channels: 2, padding: 1}, flatten, dense: 3",
    "dense: {units: 48}, reshape: {shape: [2, 3, 4, 2]}, conv3d: {channels: 4, kernel: [2, 3, 1], groups: 2}, sigmoid, "
    "conv3d: {channels: 1, padding: valid, kernel: [1, 2, 3]}, flatten, dense: 3",
    "dense: {units: 12}, reshape: {shape: [2, 2, 3]}, conv_transpose: {channels: 4, kernel: 4, stride: 2, padding: 1, "
    "activation: tanh}, conv_transpose: {channels: 2, kernel: 3, stride: [2, 1], padding: valid, extra: [1, 0], "
    "groups: "
    "2, bias: false}, flatten, dense: 3",
    "dense: {units: 70}, reshape: {shape: [5, 7, 2]}, max_pool: {size: 3, stride: 2, padding: 1}, conv2d: 3, max_pool: "
    "2, flatten, dense: 3",
    "dense: {units: 70}, reshape: {shape: [5, 7, 2]}, avg_pool: {size: [2, 3], stride: 1}, conv2d: 3, avg_pool: {size: "
    "3, stride: 2, padding: same}, flatten, dense: 3",
    "dense: {units: 24}, reshape: {shape: [3, 4, 2]}, conv2d: 4, global_pool: {name: a}, global_pool: {kind: max, "
    "from: "
    "conv2d_1, name: b}, concat: {from: [a, b]}, dense: 3",
    "dense: {units: 8}, reshape: {shape: [2, 2, 2]}, upsample: {factor: [2, 3]}, conv2d: 3, flatten, dense: 3",
    "dense: {units: 6, name: a}, tanh, dense: {units: 6}, add: {from: [a, dense_1], name: b}, tanh, dense: {units: 6}, "
    "add: {from: [b, dense_2]}, dense: 3",
};

static bool named(const char *const *list, size_t n, const char *kind)
{
    const size_t length = strlen(kind);
    for (size_t i = 0; i < n; i++) {
        if (strncmp(list[i], kind, length) == 0 && list[i][length] == ':') {
            return true;
        }
    }
    char item[AS_NAME_MAX + 2];
    snprintf(item, sizeof item, "%s:", kind);
    for (size_t i = 0; i < sizeof graphs / sizeof *graphs; i++) {
        if (strstr(graphs[i], item) != NULL) {
            return true;
        }
    }
    return false;
}

static bool listed(const char *kind)
{
    return named(items, sizeof items / sizeof *items, kind) ||
           named(sequences, sizeof sequences / sizeof *sequences, kind);
}

/* The layer under test between two others, so that its input gradient is checked through them, after a shape of two
   axes, and as the first, where none is wanted. */
static void check_item(const char *item, law check)
{
    static const char *const around[] = {
        "dense: {units: 7}, %s, flatten, dense: {units: 3}",
        "dense: {units: 12}, reshape: {shape: [3, 4]}, %s, flatten, dense: {units: 3}",
        "%s, dense: {units: 3}",
    };
    for (size_t i = 0; i < sizeof around / sizeof *around; i++) {
        if (i == 0 && strstr(item, "axis: 0") != NULL) {
            continue; /* the item needs two axes */
        }
        char layers[320], text[512];
        snprintf(layers, sizeof layers, around[i], item);
        if (i == 0 && strncmp(item, "reshape", 7) == 0) {
            layers[15] = '6'; /* a number of units that the shape divides */
        }
        snprintf(text, sizeof text, "model: {layers: [%s], loss: mse}", layers);
        check(text);
    }
}

static void for_each_network(const as_kernels *kernels, law check)
{
    char text[512];
    for (size_t i = 0; i < sizeof items / sizeof *items; i++) {
        check_item(items[i], check);
    }
    for (size_t i = 0; i < sizeof sequences / sizeof *sequences; i++) {
        snprintf(
            text, sizeof text,
            "model: {layers: [dense: {units: 12}, reshape: {shape: [4, 3]}, %s, tanh, flatten, dense: 3], loss: mse}",
            sequences[i]);
        check(text);
        snprintf(text, sizeof text, "model: {layers: [%s, dense: 3], loss: mse}", sequences[i]);
        check(text);
    }
    for (size_t i = 0; i < sizeof graphs / sizeof *graphs; i++) {
        snprintf(text, sizeof text, "model: {layers: [%s], loss: mse}", graphs[i]);
        check(text);
    }
    for (const as_layer_ops *const *l = as_layers_get(kernels); *l != NULL; l++) {
        const bool tokens = strcmp((*l)->name, "embedding") == 0; /* wants them: stands among the graphs */
        if ((*l)->min_inputs < 2 && !tokens && !listed((*l)->name)) {
            check_item((*l)->name, check);
        }
    }
    for (const as_activation_ops *const *a = as_activations_get(kernels); *a != NULL; a++) {
        snprintf(text, sizeof text,
                 "model: {layers: [dense: {units: 7, activation: %s}, %s, dense: {units: 33, bias: false, activation: "
                 "%s}, dense: {units: 3}], loss: mse}",
                 (*a)->name, (*a)->name, (*a)->name);
        check(text);
    }
}

/* fail_msg names the network: the laws go through all of them. */
static void assert_same(const as_kernels *kernels, const void *found, const void *expected, int64_t n, const char *text,
                        const char *what)
{
    char both[640];
    snprintf(both, sizeof both, "%s: %s", text, what);
    assert_same_reals(kernels, found, expected, n, both);
}

static const as_kernels *f64(void)
{
    return as_kernels_get(as_isa_detect(), AS_FLOAT64);
}

/* Central differences of fourth order with h = 1e-4: the method errs by h^4 f5 / 30, about 1e-17 of the gradient's size
   here, rounding by eps |loss| / h, about 1e-11. The bound 1e-7 of the largest component leaves room for curvature. A
   kink within 2h of some z would break it: the fixed seed has none. */
static void check_differences(const char *text)
{
    network net;
    network_open(&net, f64(), text);
    for (int i = 0; i < net.model.nlayers; i++) {
        const as_layer *layer = &net.model.layer[i];
        if (layer->nparams > 0 && layer->ops->accumulate == NULL) {
            fail_msg("layer %s has parameters, but no .accumulate", layer->ops->name);
        }
    }
    network_gradient(&net, ROWS, 1);
    const double *g = net.gradient[0], *w = net.params;
    double largest = 0;
    for (int64_t i = 0; i < net.model.nparams; i++) {
        largest = network_trains(&net, i) ? fmax(largest, fabs(g[i])) : largest;
    }
    assert_true(largest > 1e-3);
    const double h = 1e-4;
    for (int64_t i = 0; i < net.model.nparams; i++) {
        if (!network_trains(&net, i)) {
            continue;
        }
        const double w0 = w[i];
        double loss[4];
        for (int k = 0; k < 4; k++) {
            network_set_param(&net, i, w0 + h * (double)(k < 2 ? k - 2 : k - 1));
            loss[k] = network_loss(&net, ROWS, true);
        }
        network_set_param(&net, i, w0);
        const double difference = (loss[0] - 8 * loss[1] + 8 * loss[2] - loss[3]) / (12 * h);
        if (!(fabs(difference - g[i]) <= 1e-7 * largest)) {
            fail_msg("%s: parameter %lld: gradient %.12g, difference %.12g", text, (long long)i, g[i], difference);
        }
    }
    network_close(&net);
}

/* A kind of several inputs, or of tokens, stands in none of the networks that are made by its name alone. */
static void test_every_kind_stands_in_a_network(void **state)
{
    (void)state;
    for (const as_layer_ops *const *l = as_layers_get(f64()); *l != NULL; l++) {
        if ((*l)->min_inputs >= 2 && !listed((*l)->name)) {
            fail_msg("layer %s has several inputs, but no network of it is among `graphs`", (*l)->name);
        }
    }
}

static void test_gradients_are_differences(void **state)
{
    (void)state;
    for_each_network(f64(), check_differences);
}

/* f(A + B) = f(A) + f(B): ranks that own the lanes in two intervals give parts whose tree sum is the whole, bit for
 * bit. */
static void check_split(const char *text)
{
    network net;
    network_open(&net, f64(), text);
    network_gradient(&net, ROWS, 1);
    const int64_t n = net.model.nparams;
    for (int cut = 1; cut < LANES; cut++) {
        as_tree_program own[2], merge;
        void *part[2 * LANES];
        int16_t first[2 * LANES], lanes[2 * LANES];
        int total = 0;
        for (int rank = 0; rank < 2; rank++) {
            const int a = rank == 0 ? 0 : cut, count = rank == 0 ? cut : LANES - cut;
            assert_int_equal(as_tree_program_make(&net.tree, a, count, &own[rank]), AS_OK);
            for (int p = 0; p < own[rank].parts; p++) {
                part[total + p] = calloc((size_t)n, sizeof(double));
                first[total + p] = own[rank].part_first[p];
                lanes[total + p] = own[rank].part_lanes[p];
            }
            total += network_accumulate(&net, a, count, part + total, 1);
            as_tree_program_destroy(&own[rank]);
        }
        assert_int_equal(as_tree_merge_make(&net.tree, total, first, lanes, &merge), AS_OK);
        void *stack[2 * LANES];
        int level = 0;
        for (int s = 0; s < merge.steps; s++) {
            if (merge.step[s] >= 0) {
                stack[level++] = part[merge.step[s]];
            } else if (merge.step[s] == AS_TREE_MERGE) {
                level--;
                net.model.kernels->add(n, stack[level - 1], stack[level], stack[level - 1]);
            }
        }
        assert_same(f64(), stack[0], net.gradient[0], n, text, "gradient of the lanes in two parts");
        as_tree_program_destroy(&merge);
        for (int p = 0; p < total; p++) {
            free(part[p]);
        }
    }
    network_close(&net);
}

static void test_sums_split_over_lanes(void **state)
{
    (void)state;
    for_each_network(f64(), check_split);
}

/* A lane that comes in two pieces, the second with resume, has the sums of the whole lane. */
static void check_resume(const char *text)
{
    network net;
    network_open(&net, f64(), text);
    network_passes(&net, ROWS);
    const int64_t n = net.model.nparams, whole[2] = {4, 9}, piece[2][2] = {{4, 6}, {6, 9}};
    as_tree_program lane;
    assert_int_equal(as_tree_program_make(&net.tree, 2, 1, &lane), AS_OK);
    as_model_accumulate(&net.model, &net.work, &lane, whole, false, &net.gradient[0], NULL, 0, 1);
    as_model_accumulate(&net.model, &net.work, &lane, piece[0], false, &net.gradient[1], NULL, 0, 1);
    as_model_accumulate(&net.model, &net.work, &lane, piece[1], true, &net.gradient[1], NULL, 0, 1);
    assert_same(f64(), net.gradient[1], net.gradient[0], n, text, "gradient of a lane in two pieces");
    as_tree_program_destroy(&lane);
    network_close(&net);
}

static void test_lanes_resume(void **state)
{
    (void)state;
    for_each_network(f64(), check_resume);
}

/* Losses and gradients do not depend on how rows are divided among calls, nor tiles among threads. */
static void check_rows(const char *text)
{
    network net;
    network_open(&net, f64(), text);
    network_gradient(&net, ROWS, 1);
    const size_t bytes = (size_t)net.model.nparams * sizeof(double);
    double loss[ROWS], *whole = malloc(bytes);
    assert_non_null(whole);
    memcpy(loss, net.work.loss, sizeof loss);
    memcpy(whole, net.gradient[0], bytes);
    for (int64_t rows = 1; rows < ROWS; rows += 2) {
        memset(net.gradient[0], 0, bytes);
        network_gradient(&net, rows, rows == 1 ? 2 : 4);
        assert_same(f64(), net.work.loss, loss, ROWS, text, "losses with other rows in a call");
        assert_same(f64(), net.gradient[0], whole, net.model.nparams, text, "gradient with other rows in a call");
    }
    free(whole);
    network_close(&net);
}

static void test_rows_are_independent(void **state)
{
    (void)state;
    for_each_network(f64(), check_rows);
}

/* Rows of a value in the work space. */
static size_t bytes_of_value(const network *net, int v)
{
    return (size_t)(ROWS * net->work.ld[v]) * sizeof(double);
}

/* Puts NaN in the place of a value, or puts it back. */
static void hide(network *net, int v, bool hidden, void *kept[])
{
    const size_t bytes = bytes_of_value(net, v);
    if (!hidden) {
        memcpy(net->work.x[v], kept[v], bytes);
        free(kept[v]);
        return;
    }
    kept[v] = malloc(bytes);
    assert_non_null(kept[v]);
    memcpy(kept[v], net->work.x[v], bytes);
    for (size_t i = 0; i < bytes / sizeof(double); i++) {
        ((double *)net->work.x[v])[i] = NAN;
    }
}

/* What layer i says that it forgets: its inputs, its output. */
static void hide_of_layer(network *net, int i, bool hidden, void *kept[])
{
    const as_layer *layer = &net->model.layer[i];
    for (int k = 0; k < layer->ninputs && layer->forgets_x; k++) {
        bool first = true; /* it may read a value twice */
        for (int j = 0; j < k; j++) {
            first = first && layer->from[j] != layer->from[k];
        }
        if (first) {
            hide(net, layer->from[k], hidden, kept);
        }
    }
    if (layer->forgets_y) {
        hide(net, i + 1, hidden, kept);
    }
}

/* Backward and sums of a layer do not look at what its plan says that they do not (forgets_x, forgets_y), and leave dy
   as it is where it says so (keeps_dy): the memory of such values is used for others. */
static void check_forgotten(const char *text)
{
    network net;
    network_open(&net, f64(), text);
    network_gradient(&net, ROWS, 1);
    const size_t bytes = (size_t)net.model.nparams * sizeof(double);
    double *whole = malloc(bytes);
    void **kept = calloc((size_t)net.model.nlayers + 1, sizeof *kept);
    assert_true(whole != NULL && kept != NULL);
    memcpy(whole, net.gradient[0], bytes);
    memset(net.gradient[0], 0, bytes);
    as_tree_program program;
    assert_int_equal(as_tree_program_make(&net.tree, 0, LANES, &program), AS_OK);
    const as_model_sums sums = {.program = &program, .lane_row = lane_row, .part = net.gradient, .threads = 1};
    as_model_rows rows = network_piece(&net, 0, ROWS);
    as_model_forward(&net.model, &net.work, &rows, true);
    as_model_loss(&net.model, &net.work, &rows, true);
    rows.sums = &sums;
    for (int i = net.model.nlayers - 1; i >= 0 && !net.model.ties; i--) {
        const bool keeps = net.model.layer[i].keeps_dy && net.model.wants[i + 1];
        const size_t dy_bytes = keeps ? bytes_of_value(&net, i + 1) : 0;
        void *dy = malloc(dy_bytes + 1);
        assert_non_null(dy);
        if (keeps) {
            memcpy(dy, net.work.dy[i + 1], dy_bytes);
        }
        hide_of_layer(&net, i, true, kept);
        as_model_backward_layers(&net.model, &net.work, &rows, i, i + 1);
        hide_of_layer(&net, i, false, kept);
        if (keeps && memcmp(dy, net.work.dy[i + 1], dy_bytes) != 0) {
            fail_msg("%s: layer %s sets keeps_dy, and changes dy", text, net.model.layer[i].name);
        }
        free(dy);
    }
    if (!net.model.ties) {
        assert_same(f64(), net.gradient[0], whole, net.model.nparams, text, "gradient without what layers forget");
    }
    as_tree_program_destroy(&program);
    free(kept);
    free(whole);
    network_close(&net);
}

static void test_what_is_forgotten_is_not_looked_at(void **state)
{
    (void)state;
    for_each_network(f64(), check_forgotten);
}

/* One set of bits for all instruction sets, in both precisions. */
static void check_bits(const char *text)
{
    for (int precision = AS_FLOAT32; precision <= AS_FLOAT64; precision += 32) {
        network best;
        network_open(&best, as_kernels_get(as_isa_detect(), (as_precision)precision), text);
        network_gradient(&best, ROWS, 1);
        const as_kernels *kernels = best.model.kernels;
        for (as_isa isa = as_isa_detect() + 1; isa <= AS_PORTABLE; isa++) {
            network other;
            network_open(&other, as_kernels_get(isa, (as_precision)precision), text);
            network_gradient(&other, ROWS, 2);
            assert_same(kernels, other.params, best.params, best.model.nparams, text, as_isa_name(isa));
            assert_same(f64(), other.work.loss, best.work.loss, ROWS, text, as_isa_name(isa));
            assert_same(kernels, other.gradient[0], best.gradient[0], best.model.nparams, text, as_isa_name(isa));
            network_close(&other);
        }
        network_close(&best);
    }
}

static void test_bits_do_not_depend_on_the_instruction_set(void **state)
{
    (void)state;
    for_each_network(f64(), check_bits);
}

static const char dropout_text[] = "model: {layers: [dropout: 0.3, dense: {units: 3}], loss: mse}";

/* The mask of a row: 1 where the output of the dropout layer differs from 0. */
static void masks(network *net, unsigned mask[ROWS])
{
    network_loss(net, ROWS, true);
    for (int r = 0; r < ROWS; r++) {
        mask[r] = 0;
        for (int j = 0; j < IN; j++) {
            const double y = get_real(net->model.kernels, net->work.x[1], r * net->work.ld[1] + j);
            mask[r] |= (unsigned)(y != 0) << j;
        }
    }
}

static void test_dropout_belongs_to_the_sample_and_the_step(void **state)
{
    (void)state;
    network net;
    unsigned before[ROWS], after[ROWS], later[ROWS];
    network_open(&net, f64(), dropout_text);
    for (int r = 0; r < ROWS; r++) {
        for (int j = 0; j < IN; j++) {
            set_real(f64(), net.work.x[0], r * net.work.ld[0] + j, 1);
        }
    }
    masks(&net, before);
    for (int r = 0; r < ROWS; r++) {
        net.id[r] = 1000 + 7 * (ROWS - 1 - r);
    }
    masks(&net, after);
    net.step++;
    masks(&net, later);
    int moved = 0;
    for (int r = 0; r < ROWS; r++) {
        assert_int_equal(after[r], before[ROWS - 1 - r]);
        moved += later[r] != after[r];
    }
    assert_true(moved > ROWS / 2);
    network_close(&net);
}

static void test_dropout_is_off_in_evaluation(void **state)
{
    (void)state;
    network net;
    network_open(&net, f64(), dropout_text);
    network_loss(&net, ROWS, false);
    for (int r = 0; r < ROWS; r++) {
        for (int j = 0; j < IN; j++) {
            assert_true(get_real(f64(), net.work.x[1], r * net.work.ld[1] + j) ==
                        get_real(f64(), net.work.x[0], r * net.work.ld[0] + j));
        }
    }
    network_close(&net);
}

/* Each of 1031 elements (three chunks of random bits, the last ragged) is 0.5 before the layer. Its mean over 50 steps
   of 13 rows is 0.5 share / 0.7 with share = 0.7 +- sqrt(0.21 / 650) = 0.018: bound at five deviations, as there are
   1031; for the mean of all at four deviations of sqrt(0.21 / 670,150) = 0.00056. */
static void test_dropout_keeps_the_mean(void **state)
{
    (void)state;
    enum { WIDTH = 1031, STEPS = 50 };
    network net;
    network_open(&net, f64(),
                 "model: {layers: [dense: {units: 1031, init: zeros, activation: sigmoid}, dropout: 0.3, dense: 3], "
                 "loss: mse}");
    memset(net.params, 0, (size_t)net.model.nparams * sizeof(double));
    as_model_pack(&net.model, net.params, 0, net.model.nparams, net.packed);
    double *sum = calloc(WIDTH, sizeof *sum), all = 0;
    for (net.step = 0; net.step < STEPS; net.step++) {
        network_loss(&net, ROWS, true);
        for (int r = 0; r < ROWS; r++) {
            for (int j = 0; j < WIDTH; j++) {
                sum[j] += get_real(f64(), net.work.x[2], r * net.work.ld[2] + j) * 0.7 / 0.5;
            }
        }
    }
    for (int j = 0; j < WIDTH; j++) {
        const double share = sum[j] / (STEPS * ROWS);
        assert_true(fabs(share - 0.7) < 5 * 0.018);
        all += share / WIDTH;
    }
    assert_true(fabs(all - 0.7) < 4 * 0.00056);
    free(sum);
    network_close(&net);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_kind_stands_in_a_network),
        cmocka_unit_test(test_gradients_are_differences),
        cmocka_unit_test(test_sums_split_over_lanes),
        cmocka_unit_test(test_lanes_resume),
        cmocka_unit_test(test_rows_are_independent),
        cmocka_unit_test(test_what_is_forgotten_is_not_looked_at),
        cmocka_unit_test(test_bits_do_not_depend_on_the_instruction_set),
        cmocka_unit_test(test_dropout_belongs_to_the_sample_and_the_step),
        cmocka_unit_test(test_dropout_is_off_in_evaluation),
        cmocka_unit_test(test_dropout_keeps_the_mean),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
