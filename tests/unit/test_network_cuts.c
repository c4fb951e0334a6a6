/* How the rows of a rank are cut: each cut where it pays and where it cannot be. What follows for results, namely
   nothing, is tested by test_network_tuning.c. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/error.h"
#include "estimator/network_cuts.h"
#include "io/yaml.h"

/* Images of 28 x 28, or sequences of 64 tokens. */
static network_cuts cut(const char *layers, network_shard shard)
{
    const bool tokens = strstr(layers, "embedding") != NULL;
    const as_model_data data = {.in = tokens ? (as_shape){1, {64}} : (as_shape){3, {28, 28, 1}},
                                .target = AS_TARGET_LABELS,
                                .classes = 10,
                                .positions = tokens ? 64 : 1};
    char text[1024];
    as_document *document = NULL;
    as_node *root = NULL;
    as_model model = {0};
    snprintf(text, sizeof text, "model: {layers: [%s], loss: cross_entropy}", layers);
    assert_int_equal(as_document_create(&document), AS_OK);
    assert_int_equal(as_yaml_parse(document, "test.yaml", text, &root), AS_OK);
    const as_kernels *kernels = as_kernels_get(AS_PORTABLE, AS_FLOAT32);
    if (as_model_parse(document, as_node_get(root, "model"), kernels, &data, &model) != AS_OK) {
        fail_msg("%s: %s", layers, as_error_message());
    }
    const network_cuts cuts = network_cuts_make(&model, &shard);
    as_model_destroy(&model);
    as_document_destroy(&document);
    return cuts;
}

/* 7,850 weights, and 13 KB of values and gradients a row. */
static const char small[] = "flatten, dense: 10";
/* 2.4 million weights beside 33 KB a row. */
static const char wide[] = "flatten, dense: {units: 1024, activation: relu}, dense: {units: 1024, activation: relu}, "
                           "dense: {units: 512, activation: relu}, dense: 10";
/* 2,650 weights, and 207 KB a row; the same before a wide layer. */
static const char images[] = "conv2d: {channels: 16, activation: relu}, conv2d: {channels: 16, activation: relu}, "
                             "global_pool, dense: 10";
static const char lenet[] = "conv2d: {channels: 16, activation: relu}, conv2d: {channels: 16, activation: relu}, "
                            "max_pool: 2, flatten, dense: {units: 256, activation: relu}, dense: 10";
/* 0.8 million weights, and more than 1 MB a sequence. */
static const char gpt[] =
    "embedding: {vocabulary: 10, units: 256, name: in}, layer_norm, attention: {heads: 4, causal: "
    "true}, dense: {units: 1024, over: last, activation: gelu}, dense: {units: 256, over: last}, "
    "dense: {units: 10, over: last}";

static void test_all_rows_are_one_tile_where_a_vector_is_long(void **state)
{
    (void)state;
    const network_cuts c = cut(wide, (network_shard){.rows = 4096, .lanes = 24, .threads = 1});
    assert_int_equal(c.owners, 1);
    assert_int_equal(c.tile_rows, 4096);
    assert_int_equal(c.owner_rows, 4096);
    assert_int_equal(c.portion_lanes, 0); /* flatten alone has no sums */
}

static void test_tiles_fit_the_cache_where_a_vector_is_short(void **state)
{
    (void)state;
    const network_cuts c = cut(small, (network_shard){.rows = 4096, .lanes = 64, .threads = 1});
    assert_int_equal(c.tile_rows % 64, 0); /* whole lanes of 64 rows */
    assert_in_range(c.tile_rows, 64, 1 << 8);
    assert_int_equal(c.tile_lanes, c.tile_rows / 64);
    assert_false(c.early);
    /* Lanes that are longer are taken in parts, as many rows as fit. */
    const network_cuts long_lane = cut(small, (network_shard){.rows = 4096, .lanes = 1, .threads = 1});
    assert_int_equal(long_lane.tile_lanes, 1);
    assert_in_range(long_lane.tile_rows, 64, 1 << 8);
    /* Few rows are not cut. */
    assert_int_equal(cut(small, (network_shard){.rows = 64, .lanes = 4, .threads = 1}).tile_rows, 64);
}

static void test_threads_own_lanes_where_a_vector_is_short_and_lanes_divide(void **state)
{
    (void)state;
    const network_shard even = {.rows = 4096, .lanes = 24, .threads = 2},
                        odd = {.rows = 4096, .lanes = 3, .threads = 2};
    network_shard micro = even, asked = odd;
    micro.micro_batch = 512;
    asked.tuning.owners = 2;
    assert_int_equal(cut(small, even).owners, 2);
    assert_int_equal(cut(small, even).owner_rows, 12 * 171);
    assert_int_equal(cut(small, odd).owners, 1);
    assert_int_equal(cut(small, micro).owners, 1);
    assert_int_equal(cut(small, micro).tile_lanes, 2); /* of 171 rows: 512 is nearly three lanes */
    assert_int_equal(cut(small, asked).owners, 2);
    assert_int_equal(cut(wide, (network_shard){.rows = 128, .lanes = 24, .threads = 2}).owners, 1);
}

static void test_images_go_in_small_tiles_with_early_sums(void **state)
{
    (void)state;
    const network_cuts c = cut(images, (network_shard){.rows = 128, .lanes = 16, .threads = 1});
    assert_int_equal(c.tile_lanes, 1);
    assert_int_equal(c.tile_rows, 8);
    assert_true(c.early);
    assert_int_equal(c.passing.backward_layers, 4);
    assert_int_equal(c.passing.backward_rows, 8);
    assert_int_equal(c.passing.forward_layers, 4);
    /* Two threads share lanes out between them, and do the same. */
    const network_cuts two = cut(images, (network_shard){.rows = 256, .lanes = 16, .threads = 2});
    assert_int_equal(two.owners, 2);
    assert_true(two.early);
    /* With half as many rows each has so few that they are not far from the cache. */
    assert_false(cut(images, (network_shard){.rows = 128, .lanes = 16, .threads = 2}).early);
    assert_false(two.passing.together);
    /* Not early where a test forbids it. */
    assert_false(
        cut(images, (network_shard){.rows = 128, .lanes = 16, .threads = 1, .tuning = {.early = AS_NEVER}}).early);
}

static void test_convolutions_before_wide_layers_go_in_portions(void **state)
{
    (void)state;
    const network_cuts c = cut(lenet, (network_shard){.rows = 128, .lanes = 16, .threads = 1});
    assert_int_equal(c.tile_rows, 128);
    assert_int_equal(c.chunk_layers, 4); /* as far as weights are few: the dense layer has 800,000 */
    assert_int_equal(c.chunk_rows, 14);
    assert_int_equal(c.portion_lanes, 1);
    assert_int_equal(c.passing.backward_layers, 4);
    assert_int_equal(c.passing.backward_rows, 8);
    assert_false(c.early);
    /* Threads that share all rows take chunks, and no portions. */
    const network_cuts two = cut(lenet, (network_shard){.rows = 128, .lanes = 3, .threads = 2});
    assert_int_equal(two.owners, 1);
    assert_int_equal(two.chunk_layers, 4);
    assert_int_equal(two.portion_lanes, 0);
    assert_int_equal(two.passing.backward_layers, 0);
}

static void test_sequences_go_in_tiles_of_some_hundred_positions(void **state)
{
    (void)state;
    const network_cuts c = cut(gpt, (network_shard){.rows = 64, .lanes = 16, .threads = 1});
    assert_int_equal(c.tile_rows, 8); /* of 64 positions each */
    assert_int_equal(c.chunk_layers, 0);
    assert_int_equal(cut(gpt, (network_shard){.rows = 8, .lanes = 4, .threads = 1}).tile_rows, 8);
}

static void test_layers_that_need_others_rule_cuts_out(void **state)
{
    (void)state;
    const network_shard shard = {.rows = 128, .lanes = 16, .threads = 2};
    /* A batch that meets is one tile, whatever micro_batch or lanes there are. */
    const network_cuts met = cut("conv2d: 16, {batch_norm: {over: batch}}, relu, global_pool, dense: 10", shard);
    assert_true(met.owners == 1 && met.tile_rows == 128 && !met.early && met.portion_lanes == 0);
    /* Shared weights have one place for their sums. */
    const network_cuts tied =
        cut("conv2d: {channels: 16, name: a}, conv2d: {channels: 16, name: b}, conv2d: {channels: "
            "16, share: b}, global_pool, dense: 10",
            shard);
    assert_true(tied.owners == 1 && !tied.early && tied.passing.backward_layers == 0);
    /* Layers that see lanes get whole ones. */
    const network_cuts lanes = cut("conv2d: 16, batch_norm, relu, global_pool, dense: 10",
                                   (network_shard){.rows = 128, .lanes = 4, .threads = 1, .tuning = {.tile_rows = 5}});
    assert_true(lanes.tile_rows == 32 && lanes.tile_lanes == 1 && lanes.passing.forward_layers == 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_all_rows_are_one_tile_where_a_vector_is_long),
        cmocka_unit_test(test_tiles_fit_the_cache_where_a_vector_is_short),
        cmocka_unit_test(test_threads_own_lanes_where_a_vector_is_short_and_lanes_divide),
        cmocka_unit_test(test_images_go_in_small_tiles_with_early_sums),
        cmocka_unit_test(test_convolutions_before_wide_layers_go_in_portions),
        cmocka_unit_test(test_sequences_go_in_tiles_of_some_hundred_positions),
        cmocka_unit_test(test_layers_that_need_others_rule_cuts_out),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
