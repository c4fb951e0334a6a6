/* Every choice that is made for speed alone (who owns lanes, rows of a tile, rows of a chunk, threads) leaves every bit
   of the state and of the messages as it was. */
#include "data_setup.h"

#include "estimator/network.h"
#include "nn/convolution.h"

enum { BATCH = 150, STEPS = 3, THREADS_MAX = 3 };

static const char config[] =
    "{model: {layers: [{dense: {units: 33, activation: tanh}}, {dropout: 0.2}, {dense: {units: 20, activation: relu}}, "
    "{dense: {units: 17, activation: gelu, freeze: true}}, {dense: {units: 10}}], loss: cross_entropy, l2: 0.01}, "
    "optimizer: {type: adam, lr: 1.0e-2}}";

/* Two convolutions and pools before dense layers. */
static const char lenet[] =
    "{model: {layers: [{conv2d: {channels: 6, kernel: 5, activation: relu}}, {max_pool: {size: 2}}, {dropout: 0.1}, "
    "{conv2d: {channels: 9}}, {max_pool: {size: 2}}, flatten, {dense: {units: 24, activation: relu}}, {dense: {units: "
    "10}}], loss: cross_entropy}, optimizer: {type: adam, lr: 1.0e-2}}";

/* The second convolution of inputs of 1e32 overflows. */
static const char huge[] =
    "{model: {layers: [{conv2d: {channels: 6, kernel: 5, activation: relu}}, {max_pool: {size: 2}}, "
    "{conv2d: {channels: 9, init: normal, init_scale: 1.0e+6}}, {max_pool: {size: 2}}, flatten, {dense: {units: 10}}], "
    "loss: cross_entropy}, optimizer: {type: adam, lr: 1.0e-2}}";

/* Residual blocks over the rows of the images, shared weights among them; `again` is whether they are computed again.
 */
#define GRAPH(again)                                                                                                   \
    "{model: {layers: [{dense: {units: 12, over: last}}, {repeat: {times: 3, recompute: " again                        \
    ", layers: [{dense: {units: 12, over: last, activation: gelu}}, {dropout: 0.1}, {add: {from: [dropout_1, "         \
    "input]}}]}}, {dense: {units: 12, over: last, name: shared, recompute: " again "}}, {tanh: {recompute: " again     \
    "}}, {affine: {recompute: " again "}}, {dense: {units: 12, over: last, share: "                                    \
    "shared}}, {add: {from: [shared, dense_2]}}, {gru: {units: 9, output: last, recompute: " again                     \
    "}}, {dense: {units: 10}}], loss: cross_entropy}, optimizer: {type: adam, lr: 1.0e-2}}"

/* Convolutions of a residual network over the images, their joins, pools and normalisations. */
static const char images[] =
    "{model: {layers: [{conv2d: {channels: 6, kernel: 5, activation: relu}}, {max_pool: {size: 2, name: stem}}, "
    "{conv2d: {channels: 9, bias: false, activation: relu}}, batch_norm, {conv2d: {channels: 9, kernel: 1, from: stem, "
    "name: short}}, {batch_norm: {from: [batch_norm_1, short], relu: true}}, {conv2d: {channels: 5, stride: 2, "
    "activation: relu, name: low}}, {conv2d: {channels: 5, kernel: 1, stride: 2, from: short}}, {concat: {from: [low, "
    "conv2d_3]}}, {avg_pool: {size: 2, padding: same, stride: 1}}, {conv2d: {channels: 10, groups: 10}}, {add: {from: "
    "[conv2d_4, concat_1]}}, {max_pool: {size: 2, stride: 1, padding: same}}, flatten, {dense: {units: 24, activation: "
    "relu}}, {dense: {units: 10}}], loss: cross_entropy}, optimizer: {type: adam, lr: 1.0e-2}}";

/* A transformer over the rows of the images. */
static const char sequences[] =
    "{model: {layers: [{dense: {units: 12, over: last, name: z}}, layer_norm, {attention: {heads: 3, causal: true, "
    "name: "
    "look}}, {add: {from: [look, z], name: seen}}, layer_norm, {dense: {units: 40, over: last, activation: gelu}}, "
    "{dense: {units: 12, over: last, name: think}}, {add: {from: [think, seen]}}, flatten, {dense: {units: 10}}], "
    "loss: "
    "cross_entropy}, optimizer: {type: adam, lr: 1.0e-2}}";

typedef struct fixture {
    data_setup *setup;
    as_lanes lanes;
    as_data_options options;
    as_dataset data;
    as_normalization normalization;
    as_sampler *sampler;
    const as_node *root;
    const as_kernels *kernels;
} fixture;

static void open_fixture(data_setup *setup, const char *text, int lanes, fixture *f)
{
    as_node *root = NULL;
    *f = (fixture){.setup = setup, .kernels = as_kernels_get(as_isa_detect(), AS_FLOAT32)};
    assert_ok(as_yaml_parse(setup->document, "test", text, &root));
    f->root = root;
    assert_ok(parse_data(setup, "{train: {format: builtin, name: digits}, normalize: mean_std}", &f->options));
    assert_ok(as_lanes_create(lanes, setup->world, &f->lanes));
    assert_ok(as_dataset_open(&f->options, AS_TRAIN, setup->world, &f->lanes, 1, NULL, &f->data));
    assert_ok(as_normalization_fit(&f->options, &f->data, setup->world, f->kernels, &f->normalization));
    assert_ok(as_sampler_create(&f->data, BATCH, true, 1, &f->sampler));
}

static void close_fixture(fixture *f)
{
    as_sampler_destroy(&f->sampler);
    as_normalization_destroy(&f->normalization);
    as_dataset_close(&f->data);
    as_lanes_destroy(&f->lanes);
}

/* What a few steps leave: state and last loss, or the message of the step that failed. */
typedef struct outcome {
    char *bytes;
    size_t size;
    char message[512];
} outcome;

static void keep(outcome *out, const void *data, size_t bytes)
{
    out->bytes = realloc(out->bytes, out->size + bytes + 1);
    assert_non_null(out->bytes);
    memcpy(out->bytes + out->size, data, bytes);
    out->size += bytes;
}

static void keep_state(as_estimator *estimator, outcome *out)
{
    int n;
    as_state_item *item;
    assert_ok(estimator->ops->state(estimator, &n, &item));
    for (int i = 0; i < n; i++) {
        const size_t size = (size_t)as_shape_size(&item[i].shape) * as_dtype_bytes(item[i].type);
        const size_t skip = item[i].sliced ? (size_t)item[i].flat_first * as_dtype_bytes(item[i].type) : 0;
        keep(out, (const char *)item[i].data + skip, size);
    }
}

/* What is forced besides as_tuning. */
typedef struct forced {
    as_conv_walk walk; /* of all convolutions */
    as_conv_sums sums;
    bool relus; /* every layer takes the derivative of its own relu */
} forced;

static void force(as_estimator *estimator, const forced *how)
{
    as_model *model = &((as_network *)estimator)->model;
    int held = 0;
    for (int i = 0; i < model->nlayers; i++) {
        as_layer *layer = &model->layer[i];
        if (strcmp(layer->ops->name, "conv2d") == 0) {
            ((as_convolution *)layer->options)->geometry.walk = how->walk;
            ((as_convolution *)layer->options)->geometry.sums = how->sums;
        }
        if (how->relus) {
            held += layer->relu_held;
            layer->relu_held = layer->holds_relu = false;
        }
    }
    assert_true(!how->relus || held > 0);
    if (how->relus) { /* they look at values that would have been forgotten */
        ((as_network *)estimator)->cuts.passing.forward_layers = 0;
    }
}

static as_setup setup_of(const fixture *f, as_team *team, as_tuning tuning)
{
    return (as_setup){.document = f->setup->document,
                      .model = as_node_get(f->root, "model"),
                      .optimizer = as_node_get(f->root, "optimizer"),
                      .kernels = f->kernels,
                      .world = f->setup->world,
                      .team = team,
                      .lanes = &f->lanes,
                      .data = &f->data,
                      .normalization = &f->normalization,
                      .seed = 1,
                      .capacity = as_sampler_capacity(f->sampler),
                      .total_steps = 100,
                      .steps_per_epoch = as_sampler_batches(f->sampler),
                      .tuning = tuning};
}

/* Gradients that are done with make room for others, where sums come early. */
static void assert_passing_is_small(const as_estimator *estimator)
{
    const as_network *network = (const as_network *)estimator;
    const as_model *model = &network->model;
    size_t all = 0, most = 0;
    for (int v = 1; v <= model->nlayers; v++) {
        const size_t bytes = (size_t)(network->cuts.tile_rows * network->work.ld[v]) * model->kernels->real_bytes;
        all += network->work.passes[v] ? bytes : 0;
        most = network->work.passes[v] && bytes > most ? bytes : most;
    }
    assert_true(!network->cuts.early || network->work.passing_bytes > 0);
    assert_true(network->work.passing_bytes >= most * (network->cuts.early ? 1 : 0));
    assert_true(network->work.passing_bytes <= all + (size_t)model->nlayers * 128);
}

static outcome train_forced(const fixture *f, int threads, as_tuning tuning, const forced *how)
{
    outcome out = {0};
    as_team *team;
    as_batch batch;
    as_estimator *estimator;
    assert_ok(as_team_create(threads, &team));
    assert_ok(as_sampler_batch_create(f->sampler, &batch));
    const as_setup setup = setup_of(f, team, tuning);
    assert_ok(as_estimator_create(&setup, &estimator));
    force(estimator, how);
    assert_passing_is_small(estimator);
    assert_ok(estimator->ops->init(estimator));
    as_status status = AS_OK;
    for (int64_t t = 0; t < STEPS && status == AS_OK; t++) {
        as_step_report report;
        /* The last batch of an epoch is a smaller one. */
        as_sampler_fill(f->sampler, 0, as_sampler_batches(f->sampler) - STEPS + t, &batch);
        assert_ok(estimator->ops->accumulate(estimator, &batch, t));
        status = estimator->ops->update(estimator, t, &report);
        keep(&out, &report.loss, sizeof report.loss);
        keep(&out, &report.grad_norm, sizeof report.grad_norm);
    }
    if (status == AS_OK) {
        keep_state(estimator, &out);
    } else {
        assert_int_equal(status, AS_DIVERGED);
        snprintf(out.message, sizeof out.message, "%s", as_error_message());
    }
    estimator->ops->destroy(&estimator);
    as_sampler_batch_destroy(&batch);
    as_team_destroy(&team);
    return out;
}

static outcome train(const fixture *f, int threads, as_tuning tuning)
{
    return train_forced(f, threads, tuning, &(forced){.relus = false});
}

/* All ways to run f, against one way to run `like`. */
static void compare_all(const fixture *like, const fixture *f)
{
    static const int64_t tiles[] = {0, 1, 20, 64}, chunks[] = {0, 1, 5, 1000};
    outcome first = train(like, 1, (as_tuning){.owners = 1});
    for (int threads = 1; threads <= THREADS_MAX; threads++) {
        for (int owners = 0; owners <= threads; owners++) {
            for (size_t t = 0; t < sizeof tiles / sizeof *tiles; t++) {
                const as_tuning tuning = {.owners = owners,
                                          .tile_rows = tiles[t],
                                          .chunk_rows = chunks[(t + (size_t)owners) % 4],
                                          .chunk_layers = (int)(t + (size_t)threads) % 5,
                                          .early = t + (size_t)owners >= 3 || t == 0 ? AS_ALWAYS : (as_force)(t % 2)};
                outcome found = train(f, threads, tuning);
                if (found.size != first.size || memcmp(found.bytes, first.bytes, first.size) != 0 ||
                    strcmp(found.message, first.message) != 0) {
                    fail_msg("%d lanes, %d threads, %d owners, tiles of %lld rows, chunks of %lld through %d layers: "
                             "another result (%s)",
                             f->lanes.lanes, threads, owners, (long long)tuning.tile_rows, (long long)tuning.chunk_rows,
                             tuning.chunk_layers, found.message);
                }
                free(found.bytes);
            }
        }
    }
    free(first.bytes);
}

static void test_speed_never_changes_a_bit(void **state)
{
    static const int lanes[] = {1, 5, 8, 24};
    for (size_t l = 0; l < sizeof lanes / sizeof *lanes; l++) {
        fixture f;
        open_fixture(*state, config, lanes[l], &f);
        compare_all(&f, &f);
        close_fixture(&f);
    }
}

static void test_sequences_keep_every_bit(void **state)
{
    static const int lanes[] = {1, 5};
    for (size_t l = 0; l < sizeof lanes / sizeof *lanes; l++) {
        fixture f;
        open_fixture(*state, sequences, lanes[l], &f);
        compare_all(&f, &f);
        close_fixture(&f);
    }
}

/* Each choice of convolutions, pools and chunks by itself. */
static void test_images_keep_every_bit_whatever_is_forced(void **state)
{
    static const int lanes[] = {1, 8};
    for (size_t l = 0; l < sizeof lanes / sizeof *lanes; l++) {
        fixture f;
        open_fixture(*state, images, lanes[l], &f);
        compare_all(&f, &f);
        outcome first = train(&f, 1, (as_tuning){.owners = 1});
        for (int threads = 1; threads <= 2; threads++) {
            for (int i = 0; i < 20; i++) {
                const forced how = {.walk = (as_conv_walk)(i % 4), .sums = (as_conv_sums)(i % 3), .relus = i % 2 == 0};
                outcome found = train_forced(&f, threads, (as_tuning){.chunk_layers = i}, &how);
                if (found.size != first.size || memcmp(found.bytes, first.bytes, first.size) != 0) {
                    fail_msg(
                        "%d lanes, %d threads: walk %d, sums %d, %s relus, chunks through %d layers: another result",
                        lanes[l], threads, (int)how.walk, (int)how.sums, how.relus ? "own" : "joined", i);
                }
                free(found.bytes);
            }
        }
        free(first.bytes);
        close_fixture(&f);
    }
}

static void test_portions_keep_every_bit(void **state)
{
    static const int lanes[] = {1, 5, 24};
    for (size_t l = 0; l < sizeof lanes / sizeof *lanes; l++) {
        fixture f;
        open_fixture(*state, lenet, lanes[l], &f);
        compare_all(&f, &f);
        close_fixture(&f);
    }
}

/* The layer that is named first gave what is not finite, also where its values were not kept. */
static void test_portions_name_the_layer(void **state)
{
    fixture f;
    open_fixture(*state, huge, 5, &f);
    for (int64_t j = 0; j < f.data.width; j++) {
        ((float *)f.normalization.scale_real)[j] = 1e32F;
    }
    outcome first = train(&f, 1, (as_tuning){.owners = 1});
    assert_non_null(strstr(first.message, "conv2d_2"));
    free(first.bytes);
    compare_all(&f, &f);
    close_fixture(&f);
}

/* What is computed again has the bits of what was kept, and shared weights have one sum. */
static void test_recomputing_never_changes_a_bit(void **state)
{
    fixture kept, again;
    open_fixture(*state, GRAPH("false"), 5, &kept);
    open_fixture(*state, GRAPH("true"), 5, &again);
    compare_all(&kept, &kept);
    compare_all(&kept, &again);
    close_fixture(&kept);
    close_fixture(&again);
}

/* Samples with an infinite weight have no finite loss: all are named, in the order of the lanes. */
static void test_speed_never_changes_a_message(void **state)
{
    fixture f;
    open_fixture(*state, config, 8, &f);
    for (int64_t r = 0; r < f.data.local_rows; r += 41) {
        f.data.weight[r] = 1.0 / 0.0;
    }
    outcome first = train(&f, 1, (as_tuning){.owners = 1});
    assert_non_null(strstr(first.message, "samples"));
    free(first.bytes);
    compare_all(&f, &f);
    close_fixture(&f);
}

/* Predictions of a few rows and of all, and an evaluation, after a step. */
static outcome predict(const fixture *f, int threads, as_force together)
{
    static const int64_t few[] = {1, 2, 3, 5, 17, BATCH};
    outcome out = {0};
    as_team *team;
    as_batch batch;
    as_estimator *estimator;
    as_step_report report;
    as_text json = {0};
    double loss;
    assert_ok(as_team_create(threads, &team));
    assert_ok(as_sampler_batch_create(f->sampler, &batch));
    const as_setup setup = setup_of(f, team, (as_tuning){.together = together});
    assert_ok(as_estimator_create(&setup, &estimator));
    assert_ok(estimator->ops->init(estimator));
    as_sampler_fill(f->sampler, 0, 0, &batch);
    assert_ok(estimator->ops->accumulate(estimator, &batch, 0));
    assert_ok(estimator->ops->update(estimator, 0, &report));
    const int64_t rows = batch.rows;
    for (size_t i = 0; i < sizeof few / sizeof *few; i++) {
        double y[BATCH * 10];
        batch.rows = few[i] < rows ? few[i] : rows;
        assert_ok(estimator->ops->predict(estimator, &batch, y));
        keep(&out, y, (size_t)batch.rows * 10 * sizeof *y);
    }
    batch.rows = rows;
    assert_ok(estimator->ops->evaluate(estimator, f->sampler, &batch, &json, &loss));
    keep(&out, &loss, sizeof loss);
    keep(&out, json.data, json.size);
    as_text_free(&json);
    estimator->ops->destroy(&estimator);
    as_sampler_batch_destroy(&batch);
    as_team_destroy(&team);
    return out;
}

/* Wide enough that outputs are divided, beside what is not. */
static const char wide[] =
    "{model: {layers: [{dense: {units: 100, activation: tanh}}, {dropout: 0.2}, {dense: {units: 129, activation: "
    "relu}}, "
    "layer_norm, {dense: {units: 64, activation: gelu}}, {dense: {units: 96, lora: 2}}, {dense: {units: 10}}], loss: "
    "cross_entropy}, optimizer: {type: adam, lr: 1.0e-2}}";

static void test_sharing_layers_never_changes_a_prediction(void **state)
{
    static const char *const texts[] = {wide, sequences, images, GRAPH("true")};
    for (size_t c = 0; c < sizeof texts / sizeof *texts; c++) {
        fixture f;
        open_fixture(*state, texts[c], 5, &f);
        outcome first = predict(&f, 1, AS_AUTO);
        for (int run = 0; run < 3 * THREADS_MAX; run++) {
            outcome found = predict(&f, 1 + run / 3, (as_force)(run % 3));
            if (found.size != first.size || memcmp(found.bytes, first.bytes, first.size) != 0) {
                fail_msg("%s: %d threads, together %d: another prediction", texts[c], 1 + run / 3, run % 3);
            }
            free(found.bytes);
        }
        free(first.bytes);
        close_fixture(&f);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_speed_never_changes_a_bit),
        cmocka_unit_test(test_sequences_keep_every_bit),
        cmocka_unit_test(test_images_keep_every_bit_whatever_is_forced),
        cmocka_unit_test(test_portions_keep_every_bit),
        cmocka_unit_test(test_portions_name_the_layer),
        cmocka_unit_test(test_recomputing_never_changes_a_bit),
        cmocka_unit_test(test_speed_never_changes_a_message),
        cmocka_unit_test(test_sharing_layers_never_changes_a_prediction),
    };
    return cmocka_run_group_tests(tests, setup_begin, setup_end);
}
