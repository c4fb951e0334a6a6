/* CSV tables: quoted fields, missing values, exact numbers, and errors that name line, row and column. */
#include <math.h>

#include "data_setup.h"
#include "io/csv.h"

static const char path[] = SCRATCH("table.csv");

static void write_text(const char *text)
{
    write_file(path, text, strlen(text));
}

static as_status read_column(const char *text, double *out, int64_t rows)
{
    as_csv *csv = NULL;
    const int slot[3] = {0, -1, -1};
    write_text(text);
    AS_TRY(as_csv_open(path, ',', &csv));
    assert_int_equal(as_csv_rows(csv), rows);
    const as_status status = as_csv_read(csv, 0, rows, slot, 1, out);
    as_csv_close(&csv);
    return status;
}

static void test_numbers_are_read_to_the_nearest_double(void **state)
{
    (void)state;
    static const char *const words[] = {"0",
                                        "-0",
                                        "1",
                                        "-17.25",
                                        "0.1",
                                        "3.14159265358979",
                                        "1e22",
                                        "1e-300",
                                        "+5",
                                        ".5",
                                        "5.",
                                        "1E5",
                                        "123456789012345678901",
                                        "4.9e-324",
                                        "0.30000000000000004",
                                        "  7 ",
                                        "\"8\"",
                                        "\"9.5\"",
                                        "179769313486231570000e288"};
    enum { WORDS = sizeof words / sizeof words[0] };
    char text[1024] = "v\n";
    double value[WORDS];
    for (int i = 0; i < WORDS; i++) {
        strcat(strcat(text, words[i]), i % 2 ? "\n" : "\r\n");
    }
    assert_ok(read_column(text, value, WORDS));
    for (int i = 0; i < WORDS; i++) {
        const char *word = words[i] + (words[i][0] == '"');
        assert_true(value[i] == strtod(word, NULL));
        assert_int_equal(signbit(value[i]) != 0, word[0] == '-');
    }
}

/* Numbers of 16 to 19 digits against the C library, among them those half way between two doubles, and just beside. */
static void test_long_numbers_are_read_to_the_nearest_double(void **state)
{
    (void)state;
    enum { ROWS = 4000, WIDE = 32 };
    char *const text = calloc(ROWS + 1, WIDE);
    double *const value = calloc(ROWS, sizeof *value);
    char(*const word)[WIDE] = calloc(ROWS, WIDE);
    uint64_t number = UINT64_C(88172645463325252);
    size_t at = (size_t)sprintf(text, "v\n");
    for (int i = 0; i < ROWS; i++) {
        number ^= number << 13, number ^= number >> 7, number ^= number << 17;
        /* Odd numbers of 54 bits over 2^j are such ties, m 5^j their digits: 16 to 19 for j <= 3. */
        const int j = i % 4, digits = 15 + i % 5, after = i % 2 == 0 ? j : i / 4 % (digits + 1);
        uint64_t m = i % 2 == 0 ? (UINT64_C(1) << 53) + (number >> 12) * 2 + 1 : number;
        for (int k = 0; i % 2 == 0 && k < j; k++) {
            m *= 5;
        }
        m = i % 2 == 0 ? m + (uint64_t)(i / 2 % 3) - 1 : m;
        char whole[WIDE];
        const int length = snprintf(whole, sizeof whole, "%020llu", (unsigned long long)m);
        snprintf(word[i], WIDE, "%s%.*s.%s", i % 3 == 0 ? "-" : "", length - after, whole, whole + length - after);
        at += (size_t)sprintf(text + at, "%s\n", word[i]);
    }
    assert_ok(read_column(text, value, ROWS));
    for (int i = 0; i < ROWS; i++) {
        if (value[i] != strtod(word[i], NULL)) {
            fail_msg("%s: expected %.17g, found %.17g", word[i], strtod(word[i], NULL), value[i]);
        }
    }
    free(text);
    free(value);
    free(word);
}

static void test_quotes_and_line_ends(void **state)
{
    (void)state;
    as_csv *csv = NULL;
    double value[4];
    int column = -1;
    const int slot[3] = {1, -1, 0};
    write_text("\xEF\xBB\xBF\"a \"\"b\"\"\", \"c\" ,d\r\n\n1,\"x,\ny\",2\r\n\r\n3,,4");
    assert_ok(as_csv_open(path, ',', &csv));
    assert_int_equal(as_csv_columns(csv), 3);
    assert_ok(as_csv_find(csv, "a \"b\"", &column));
    assert_int_equal(column, 0);
    assert_int_equal(as_csv_rows(csv), 2);
    assert_ok(as_csv_read(csv, 0, 2, slot, 2, value));
    assert_true(value[0] == 2 && value[1] == 1 && value[2] == 4 && value[3] == 3);
    assert_ok(as_csv_read(csv, 1, 1, slot, 2, value));
    assert_true(value[0] == 4 && value[1] == 3);
    as_csv_close(&csv);
}

static void test_missing_fields_are_nan(void **state)
{
    (void)state;
    double value[7];
    assert_ok(read_column("a,b\n,1\nNA,1\nnan,1\nnull,1\nN/A,1\n<NA>,1\n\"\",1\n", value, 7));
    for (int i = 0; i < 7; i++) {
        assert_true(isnan(value[i]));
    }
}

static void test_bad_rows_are_named(void **state)
{
    (void)state;
    double v[8];
    assert_fails(AS_DATA, "line 3 (row 1): expected 2 fields as in the header, found 3",
                 read_column("a,b\n1,2\n1,2,3\n", v, 2));
    assert_fails(AS_DATA, "line 3 (row 1): expected 2 fields as in the header, found 1",
                 read_column("a,b\n1,2\n1\n", v, 2));
    assert_fails(AS_DATA,
                 "line 3 (row 1), column \"a\": expected a number, found \"x1\" (data.columns.one_hot takes texts",
                 read_column("a,b\n1,2\nx1,2\n", v, 2));
    assert_fails(AS_DATA, "line 2", read_column("a,b\n\"1,2\n", v, 1));
    assert_fails(AS_DATA, "line 2", read_column("a,b\n\"1\"2,2\n", v, 1));
    assert_fails(AS_DATA, "found numbers", read_column("1,2\n3,4\n", v, 1));
    assert_fails(AS_DATA, "no rows", read_column("a,b\n", v, 0));
    assert_fails(AS_DATA, "no rows; if its lines end with CR alone", read_column("a,b\r1,2\r", v, 0));
    assert_fails(AS_DATA, "found UTF-16; iconv",
                 read_column("\xFF\xFE"
                             "a",
                             v, 0));
    assert_fails(AS_DATA, "content", read_column("", v, 0));
    assert_fails(AS_DATA, "empty lines", read_column("\n\r\n", v, 0));
    assert_fails(AS_DATA, "gzip", read_column("\x1F\x8B\x08", v, 0));
    as_csv *csv = NULL;
    assert_fails(AS_NOINPUT, "nowhere.csv", as_csv_open(SCRATCH("nowhere.csv"), ',', &csv));
}

/* Spreadsheets write other signs between fields where the comma stands before the fraction. */
static void test_other_delimiters_and_decimal_commas(void **state)
{
    (void)state;
    static const char *const tables[] = {"a;\"b, c\"\n1,5;2\n-3;0,25\n", "a\t\"b, c\"\n1,5\t2\n-3\t0,25\n",
                                         "a|\"b, c\"\n1,5|2\n-3|0,25\n"};
    const int slot[2] = {0, 1};
    double value[4];
    for (int i = 0; i < 3; i++) {
        as_csv *csv = NULL;
        write_text(tables[i]);
        assert_ok(as_csv_open(path, ',', &csv));
        assert_int_equal(as_csv_columns(csv), 2);
        assert_fails(AS_DATA, "found \"1,5\" (decimal: comma of the source reads that)",
                     as_csv_read(csv, 0, 2, slot, 2, value));
        assert_ok(as_csv_set_decimal(csv, ','));
        assert_ok(as_csv_read(csv, 0, 2, slot, 2, value));
        assert_true(value[0] == 1.5 && value[1] == 2 && value[2] == -3 && value[3] == 0.25);
        as_csv_close(&csv);
    }
    as_csv *csv = NULL;
    write_text("a,b;c\n1,2\n"); /* the comma is there, so it counts */
    assert_ok(as_csv_open(path, ',', &csv));
    assert_fails(AS_CONFIG, "stands between fields", as_csv_set_decimal(csv, ','));
    as_csv_close(&csv);
    write_text("a;b\n1.234,5;2\n");
    assert_ok(as_csv_open(path, ',', &csv));
    assert_ok(as_csv_set_decimal(csv, ','));
    assert_fails(AS_DATA, "found \"1.234,5\" (data.columns", as_csv_read(csv, 0, 1, slot, 2, value));
    as_csv_close(&csv);
}

/* A name with a comma that is not quoted does not make the comma the delimiter of a table of semicolons. */
static void test_a_delimiter_cuts_all_lines_alike(void **state)
{
    (void)state;
    const int slot[3] = {0, 1, 2};
    double value[6];
    as_csv *csv = NULL;
    write_text("a;b, kg;c\n1;2.5;3\n4;5.5;6\n");
    assert_ok(as_csv_open(path, ',', &csv));
    assert_int_equal(as_csv_columns(csv), 3);
    assert_string_equal(as_csv_name(csv, 1), "b, kg");
    assert_ok(as_csv_read(csv, 0, 2, slot, 3, value));
    assert_true(value[1] == 2.5 && value[5] == 6);
    as_csv_close(&csv);
    write_text("a,b;c,d\n1,2,3\n1,2\n"); /* neither does: the comma, and the line that differs */
    assert_fails(AS_DATA, "line 3 (row 1): expected 3 fields as in the header, found 2 (delimiter ,)",
                 as_csv_open(path, ',', &csv));
}

/* Columns of dates are texts until someone says that they are read. */
static void test_dates_are_days(void **state)
{
    (void)state;
    const int slot[4] = {0, 1, 2, 3};
    double value[12];
    as_csv *csv = NULL;
    as_names texts = {0};
    write_text("day,at,mixed,n\n1970-01-02, 06:00 ,2020-01-01,1\n\"1970-01-03 12:00\",NA,12:00,2\n,18:00,x,3\n");
    assert_ok(as_csv_open(path, ',', &csv));
    assert_int_equal(as_csv_dates(csv, 0), AS_DATE_DAY);
    assert_int_equal(as_csv_dates(csv, 1), AS_DATE_TIME);
    assert_int_equal(as_csv_dates(csv, 2), AS_DATE_NONE);
    assert_int_equal(as_csv_dates(csv, 3), AS_DATE_NONE);
    assert_true(as_csv_whole(csv, 3) && !as_csv_whole(csv, 0));
    assert_ok(as_csv_texts(csv, 0, 10, &texts));
    assert_int_equal(texts.n, 2);
    as_names_free(&texts);
    assert_fails(AS_DATA, "column \"day\": expected a number, found \"1970-01-02\" (dates: [\"day\"] of the source",
                 as_csv_read(csv, 0, 3, slot, 4, value));
    assert_ok(as_csv_date(csv, 0));
    assert_ok(as_csv_date(csv, 1));
    assert_ok(as_csv_texts(csv, 0, 10, &texts)); /* numbers now */
    assert_int_equal(texts.n, 0);
    const int two[4] = {0, 1, -1, -1};
    assert_ok(as_csv_read(csv, 0, 3, two, 2, value));
    assert_true(value[0] == 1 && value[2] == 2.5 && isnan(value[4]));
    assert_true(value[1] == 0.25 && isnan(value[3]) && value[5] == 0.75);
    assert_fails(AS_DATA, "line 3 (row 1), column \"mixed\": expected a date such as", as_csv_date(csv, 2));
    assert_fails(AS_DATA, "line 2 (row 0), column \"n\": expected a date such as 2026-11-23", as_csv_date(csv, 3));
    as_csv_close(&csv);
}

/* Rows far apart and backwards give what a whole read gives. */
static void test_any_order_of_rows(void **state)
{
    (void)state;
    as_text text = {0};
    as_csv *csv = NULL;
    const int slot[2] = {0, 1};
    double value[2];
    as_text_add(&text, "a;b\n");
    for (int i = 0; i < 1000; i++) {
        as_text_add(&text, "%d;%d.5\n%s", i, i, i % 7 == 0 ? "\n" : "");
    }
    write_text(text.data);
    as_text_free(&text);
    assert_ok(as_csv_open(path, ';', &csv));
    assert_int_equal(as_csv_rows(csv), 1000);
    for (int i = 0; i < 1000; i++) {
        const int row = i * 387 % 1000;
        assert_ok(as_csv_read(csv, row, 1, slot, 2, value));
        assert_true(value[0] == row && value[1] == row + 0.5);
    }
    assert_true(as_csv_whole(csv, 0) && !as_csv_whole(csv, 1));
    as_csv_close(&csv);
}

static void test_a_data_set_from_a_table(void **state)
{
    data_setup *s = *state;
    as_data_options options;
    as_lanes lanes = lanes_of(2, 1, 0);
    as_dataset data;
    write_text("id,age,income,class,w\n0,10,1.5,1,1\n1,20,2.5,0,2\n2,,3.5,2,3\n");
    assert_ok(
        parse_data(s,
                   "train: {format: csv, file: " SCRATCH("table.csv") ", target: class, features: [income, age], "
                                                                      "weight: w}\nassign: contiguous\nmissing: drop\n",
                   &options));
    assert_ok(as_dataset_open(&options, AS_TRAIN, s->world, &lanes, 1, NULL, &data));
    assert_int_equal(data.rows, 2);
    assert_true(data.stored == 3 && data.dropped == 1);
    assert_int_equal(data.target, AS_TARGET_LABELS);
    assert_int_equal(data.classes, 2);
    const double *x = data.x;
    assert_true(x[0] == 1.5 && x[1] == 10 && x[2] == 2.5 && x[3] == 20);
    assert_true(data.weight[1] == 2 && data.label[0] == 1);
    as_dataset_close(&data);
    assert_ok(parse_data(s, "train: {format: csv, file: " SCRATCH("table.csv") ", target: class}\n", &options));
    assert_fails(AS_DATA, "row 2, age: missing value nan",
                 as_dataset_open(&options, AS_TRAIN, s->world, &lanes, 1, NULL, &data));
    assert_ok(parse_data(s, "train: {format: csv, file: " SCRATCH("table.csv") ", target: klass}\n", &options));
    assert_fails(AS_DATA, "no column is named \"klass\"",
                 as_dataset_open(&options, AS_TRAIN, s->world, &lanes, 1, NULL, &data));
    assert_ok(parse_data(s, "train: {format: csv, file: " SCRATCH("table.csv") ", target: w, weight: w}\n", &options));
    assert_fails(AS_CONFIG, "used twice", as_dataset_open(&options, AS_TRAIN, s->world, &lanes, 1, NULL, &data));
    assert_ok(parse_data(s, "train: {format: csv, file: " SCRATCH("table.csv") ", delimiter: \",,\"}\n", &options));
    assert_fails(AS_CONFIG, "delimiter", as_dataset_open(&options, AS_TRAIN, s->world, &lanes, 1, NULL, &data));
    write_text(",x,w\n0,5,1\n1,6,2\n"); /* row numbers, as pandas and R write them */
    assert_ok(parse_data(s, "train: {format: csv, file: " SCRATCH("table.csv") "}\n", &options));
    assert_ok(as_dataset_open(&options, AS_TRAIN, s->world, &lanes, 1, NULL, &data));
    assert_true(data.width == 2 && data.stored == 2 && data.dropped == 0);
    as_dataset_close(&data);
    write_text("x,x,class\n1,2,0\n2,3,1\n");
    assert_ok(parse_data(s, "train: {format: csv, file: " SCRATCH("table.csv") ", target: class}\n", &options));
    assert_fails(AS_DATA, "two columns are named \"x\"",
                 as_dataset_open(&options, AS_TRAIN, s->world, &lanes, 1, NULL, &data));
    write_text("x,class\n1,0\n2,-1\n");
    assert_ok(parse_data(s, "train: {format: csv, file: " SCRATCH("table.csv") ", target: class}\n", &options));
    assert_fails(AS_DATA, "row 1: expected a label",
                 as_dataset_open(&options, AS_TRAIN, s->world, &lanes, 1, NULL, &data));
}

static void test_truncation_at_every_byte_never_reads_beyond(void **state)
{
    (void)state;
    const char text[] = "a,\"b\"\"\",c\r\n1,\"2\",3\r\n\"4\",5,6\r\n";
    double v[8];
    for (size_t n = 0; n < sizeof text; n++) {
        as_csv *csv = NULL;
        const int slot[3] = {0, 1, 2};
        write_file(path, text, n);
        const as_status status = as_csv_open(path, ',', &csv);
        assert_true(status == AS_OK || status == AS_DATA);
        if (status == AS_OK) {
            assert_in_range(as_csv_rows(csv), 1, 2);
            assert_int_equal(as_csv_columns(csv), 3);
            const as_status read = as_csv_read(csv, 0, as_csv_rows(csv), slot, 3, v);
            assert_true(read == AS_OK || read == AS_DATA);
        }
        as_csv_close(&csv);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_numbers_are_read_to_the_nearest_double),
        cmocka_unit_test(test_long_numbers_are_read_to_the_nearest_double),
        cmocka_unit_test(test_quotes_and_line_ends),
        cmocka_unit_test(test_missing_fields_are_nan),
        cmocka_unit_test(test_bad_rows_are_named),
        cmocka_unit_test(test_other_delimiters_and_decimal_commas),
        cmocka_unit_test(test_a_delimiter_cuts_all_lines_alike),
        cmocka_unit_test(test_dates_are_days),
        cmocka_unit_test(test_any_order_of_rows),
        cmocka_unit_test(test_a_data_set_from_a_table),
        cmocka_unit_test(test_truncation_at_every_byte_never_reads_beyond),
    };
    return cmocka_run_group_tests(tests, setup_begin, setup_end);
}
