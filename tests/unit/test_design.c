/* Columns made of stored ones: indicators, powers, products; their names, and the levels that are kept for other files.
 */
#include <math.h>

#include "base/text.h"
#include "data/design.h"
#include "data_setup.h"

#define TABLE SCRATCH("design.csv")
#define OTHER SCRATCH("design_other.csv")

static const char table[] = "age,region,grade,y\n"
                            "1,west,3,0\n2,east,1,1\n4, west ,2,0\n3,\"north\",1,1\n";

static as_status open_with(data_setup *s, const char *columns, as_data_options *options, const as_lanes *lanes,
                           as_dataset *data)
{
    char text[600];
    write_file(TABLE, table, strlen(table));
    snprintf(text, sizeof text,
             "train: {format: csv, file: " TABLE ", target: y}\ntest: {format: csv, file: " OTHER
             ", target: y}\nassign: contiguous\n%s\n",
             columns);
    assert_ok(parse_data(s, text, options));
    return as_dataset_open(options, AS_TRAIN, s->world, lanes, 1, NULL, data);
}

static void assert_row(const as_dataset *data, int64_t row, int64_t n, const double *expected)
{
    for (int64_t r = 0; r < data->local_rows; r++) {
        for (int64_t j = 0; data->id[r] == row && j < n; j++) {
            const double found = ((const double *)data->x)[r * data->width + j];
            assert_true(found == expected[j] || (isnan(found) && isnan(expected[j])));
        }
    }
}

static void test_columns_by_hand(void **state)
{
    data_setup *s = *state;
    as_lanes lanes;
    as_data_options options;
    as_dataset data;
    char name[AS_PART_NAME_MAX];
    assert_ok(as_lanes_create(2, s->world, &lanes));
    assert_ok(
        open_with(s,
                  "columns: {use: [region, age, grade], one_hot: [region, grade], drop_first: true, polynomial: 3, "
                  "interactions: [[age, region], [region, grade]]}",
                  &options, &lanes, &data));
    static const char *const names[] = {"region=north",
                                        "region=west",
                                        "age",
                                        "grade=2",
                                        "grade=3",
                                        "age^2",
                                        "age^3",
                                        "age:region=north",
                                        "age:region=west",
                                        "region=north:grade=2",
                                        "region=north:grade=3",
                                        "region=west:grade=2",
                                        "region=west:grade=3"};
    assert_int_equal(data.width, 13);
    for (int64_t j = 0; j < 13; j++) {
        assert_string_equal(as_parts_name(&data.inputs, j, "x", name), names[j]);
    }
    assert_row(&data, 0, 13, (const double[]){0, 1, 1, 0, 1, 1, 1, 0, 1, 0, 0, 0, 1});
    assert_row(&data, 1, 13, (const double[]){0, 0, 2, 0, 0, 4, 8, 0, 0, 0, 0, 0, 0});
    assert_row(&data, 2, 13, (const double[]){0, 1, 4, 1, 0, 16, 64, 0, 4, 0, 0, 1, 0});
    assert_row(&data, 3, 13, (const double[]){1, 0, 3, 0, 0, 9, 27, 3, 0, 0, 0, 0, 0});

    /* other files: other order and more columns; a level of the training data may be absent */
    static const char other[] = "grade,y,more,age,region\n2,1,x,5,west\n";
    as_dataset test;
    write_file(OTHER, other, strlen(other));
    assert_ok(as_dataset_open(&options, AS_TEST, s->world, &lanes, 1, &data, &test));
    assert_row(&test, 0, 13, (const double[]){0, 1, 5, 1, 0, 25, 125, 0, 5, 0, 0, 1, 0});
    as_dataset_close(&test);

    /* the same from the text of a checkpoint */
    as_text text = {0};
    as_design *read = NULL;
    as_design_write(data.design, &text);
    assert_string_equal(text.data, "region\ttexts\teast\tnorth\twest\nage\tvalue\ngrade\tnumbers\t1\t2\t3\n");
    assert_ok(as_design_read(text.data, &options.columns, &read));
    assert_int_equal(read->columns, 13);
    assert_string_equal(read->names.part[12].name, "region=west:grade=3");
    as_dataset facts = {.width = 13, .classes = 2, .design = read, .target = AS_TARGET_LABELS, .positions = 1};
    assert_ok(as_dataset_open(&options, AS_TEST, s->world, &lanes, 1, &facts, &test));
    assert_row(&test, 0, 13, (const double[]){0, 1, 5, 1, 0, 25, 125, 0, 5, 0, 0, 1, 0});
    as_dataset_close(&test);
    as_design_destroy(&read);
    as_text_free(&text);
    as_dataset_close(&data);
    as_lanes_destroy(&lanes);
}

static void test_levels_that_training_does_not_have(void **state)
{
    data_setup *s = *state;
    as_lanes lanes;
    as_data_options options;
    as_dataset data, test;
    assert_ok(as_lanes_create(2, s->world, &lanes));
    static const char other[] = "age,region,grade,y\n5,south,1,1\n6,west,9,1\n";
    write_file(OTHER, other, strlen(other));
    assert_ok(open_with(s, "columns: {one_hot: [region, grade]}", &options, &lanes, &data));
    assert_fails(AS_DATA,
                 "line 2 (row 0), column \"region\": \"south\" is none of the 3 known there: east, north, west",
                 as_dataset_open(&options, AS_TEST, s->world, &lanes, 1, &data, &test));
    as_dataset_close(&data);
    assert_ok(open_with(s, "columns: {use: [grade, age], one_hot: [grade]}", &options, &lanes, &data));
    assert_fails(AS_DATA, "row 1, column \"grade\": level 9 is none of the 3",
                 as_dataset_open(&options, AS_TEST, s->world, &lanes, 1, &data, &test));
    as_dataset_close(&data);
    assert_ok(open_with(s, "columns: {one_hot: [region, grade], unseen: zero}", &options, &lanes, &data));
    assert_ok(as_dataset_open(&options, AS_TEST, s->world, &lanes, 1, &data, &test));
    assert_row(&test, 0, 7, (const double[]){5, 0, 0, 0, 1, 0, 0});
    assert_row(&test, 1, 7, (const double[]){6, 0, 0, 1, 0, 0, 0});
    as_dataset_close(&test);
    as_dataset_close(&data);
    as_lanes_destroy(&lanes);
}

/* Places of levels, for models of categories: the name stays, and so do the levels. */
static void test_codes(void **state)
{
    data_setup *s = *state;
    as_lanes lanes;
    as_data_options options;
    as_dataset data;
    assert_ok(as_lanes_create(2, s->world, &lanes));
    assert_ok(open_with(s, "columns: {use: [age, region, grade], code: [region, grade]}", &options, &lanes, &data));
    assert_int_equal(data.width, 3);
    assert_row(&data, 0, 3, (const double[]){1, 2, 2});
    assert_row(&data, 3, 3, (const double[]){3, 1, 0});
    assert_null(as_design_levels(data.design, 0));
    assert_string_equal(as_design_levels(data.design, 1)->name[2], "west");
    assert_true(as_design_indicates(data.design, 1) && !as_design_indicates(data.design, 0));
    as_text text = {0};
    as_design *read = NULL;
    as_design_write(data.design, &text);
    assert_ok(as_design_read(text.data, &options.columns, &read));
    assert_string_equal(as_design_levels(read, 2)->name[1], "2");
    as_design_destroy(&read);
    as_text_free(&text);
    as_dataset_close(&data);
    assert_ok(open_with(s, "columns: {code: all}", &options, &lanes, &data));
    assert_non_null(as_design_levels(data.design, 0));
    as_dataset_close(&data);
    assert_fails(AS_CONFIG, "stands under one_hot too",
                 open_with(s, "columns: {code: [grade], one_hot: [grade]}", &options, &lanes, &data));
    as_lanes_destroy(&lanes);
}

/* Powers and products are standardised after they were made; indicators stay. */
static void test_standardised_columns(void **state)
{
    data_setup *s = *state;
    as_lanes lanes;
    as_data_options options;
    as_dataset data;
    as_normalization n;
    assert_ok(as_lanes_create(2, s->world, &lanes));
    assert_ok(open_with(s, "columns: {use: [age, region], one_hot: [region], polynomial: 2, standardize: true}",
                        &options, &lanes, &data));
    assert_ok(as_normalization_fit(&options, &data, s->world, as_kernels_get(AS_PORTABLE, AS_FLOAT64), &n));
    /* ages 1, 2, 4, 3: mean 5/2, variance 5/4; squares 1, 4, 16, 9: mean 15/2, variance 129/4 */
    assert_true(fabs(n.scale[0] - 1 / sqrt(1.25)) < 1e-15 && fabs(n.shift[0] + 2.5 / sqrt(1.25)) < 1e-14);
    assert_true(fabs(n.scale[4] - 1 / sqrt(32.25)) < 1e-15 && fabs(n.shift[4] + 7.5 / sqrt(32.25)) < 1e-14);
    for (int64_t j = 1; j < 4; j++) {
        assert_true(n.scale[j] == 1 && n.shift[j] == 0);
    }
    as_normalization_destroy(&n);
    as_dataset_close(&data);
    as_lanes_destroy(&lanes);
}

static void test_bad_options_and_data(void **state)
{
    data_setup *s = *state;
    as_lanes lanes;
    as_data_options options;
    as_dataset data;
    assert_ok(as_lanes_create(2, s->world, &lanes));
    static const struct {
        const char *columns, *message;
        as_status status;
    } wrong[] = {
        {"columns: {use: [agee]}", "no column is named \"agee\"; the header has age, region, grade, y", AS_DATA},
        {"columns: {use: [age, age]}", "\"age\" is used twice", AS_CONFIG},
        {"columns: {use: [age], one_hot: [region]}", "one_hot: \"region\" is none of the 1 columns in use", AS_CONFIG},
        {"columns: {use: [age], interactions: [[age, grade]]}", "interactions: \"grade\" is none", AS_CONFIG},
        {"columns: {use: [age, region]}", "line 2 (row 0), column \"region\": expected a number, found \"west\"",
         AS_DATA},
    };
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        assert_fails(wrong[i].status, wrong[i].message, open_with(s, wrong[i].columns, &options, &lanes, &data));
    }
    static const char *const broken[] = {"columns: [age]", "columns: {interactions: [age]}", "columns: {polynomial: 0}",
                                         "columns: {standardize: true}\nnormalize: mean_std", "columns: {onehot: [a]}"};
    for (size_t i = 0; i < sizeof broken / sizeof broken[0]; i++) {
        char text[300];
        snprintf(text, sizeof text, "train: {format: csv, file: " TABLE ", target: y}\n%s\n", broken[i]);
        assert_int_equal(parse_data(s, text, &options), AS_CONFIG);
    }
    as_lanes_destroy(&lanes);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_columns_by_hand),
        cmocka_unit_test(test_levels_that_training_does_not_have),
        cmocka_unit_test(test_codes),
        cmocka_unit_test(test_standardised_columns),
        cmocka_unit_test(test_bad_options_and_data),
    };
    return cmocka_run_group_tests(tests, setup_begin, setup_end);
}
