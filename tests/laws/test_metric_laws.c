/* Laws of every metric: scikit-learn's values, sums over samples that do not depend on how the samples are divided, the
   same bits for every instruction set, NaN and no samples at all. References: tests/reference/make_nn.py. */
#include "nn/metric.h"

#include "laws/kinds.h"
#include "reference/nn.h"

enum { N = REFERENCE_SAMPLES, C = REFERENCE_CLASSES, T = REFERENCE_TARGETS, STATE_MAX = 256, LABEL_BYTES = 3 };

typedef struct metric {
    const as_metric_ops *ops;
    void *z;
    int64_t outputs, classes, targets;
    as_metric_pass pass;
} metric;

/* The state counts samples: exactly, where weights are 1. */
static bool counts(const as_metric_ops *ops)
{
    return ops->target != AS_TARGET_REALS && strcmp(ops->name, "likelihood") != 0;
}

static metric open_metric(const as_kernels *kernels, const char *name)
{
    metric m = {.ops = NULL};
    const as_metric_ops *const *table = as_metrics_get(kernels);
    while (*table != NULL && strcmp((*table)->name, name) != 0) {
        table++;
    }
    assert_non_null(*table);
    m.ops = *table;
    const bool reals = m.ops->target == AS_TARGET_REALS;
    m.outputs = reals ? T : C;
    m.classes = reals ? 0 : C;
    m.targets = reals ? T : 0;
    assert_in_range(as_metric_size(m.ops, m.outputs, m.classes, m.targets), 1, STATE_MAX);
    m.z = new_reals(kernels, N * m.outputs);
    for (int64_t i = 0; i < N * m.outputs; i++) {
        set_real(kernels, m.z, i, reals ? reference_guess[i] : reference_scores[i]);
    }
    m.pass = (as_metric_pass){.rows = N,
                              .outputs = m.outputs,
                              .z = m.z,
                              .ldz = m.outputs,
                              .label = reals ? NULL : reference_labels,
                              .target = reals ? reference_truth : NULL,
                              .targets = m.targets,
                              .weight = reference_weights,
                              .loss = reals ? "mse" : "cross_entropy"};
    return m;
}

static void close_metric(const as_kernels *kernels, metric *m)
{
    free_reals(kernels, m->z, N * m->outputs);
}

/* States are doubles whatever the precision. */
static const as_kernels *doubles(void)
{
    return as_kernels_get(AS_PORTABLE, AS_FLOAT64);
}

/* Rows [first, first + count) of a pass. */
static void add_rows(const as_kernels *kernels, const metric *m, int64_t first, int64_t count, double *state)
{
    as_metric_pass pass = m->pass;
    pass.rows = count;
    pass.z = at(kernels, m->z, first * m->outputs);
    pass.label = pass.label == NULL ? NULL : pass.label + first;
    pass.target = pass.target == NULL ? NULL : pass.target + first * m->targets;
    pass.weight = pass.weight + first;
    m->ops->rows(&pass, m->classes, state);
}

/* The index-th number behind a key of the JSON members. */
static double number_after(const as_text *text, const char *key, int index)
{
    char quoted[64];
    snprintf(quoted, sizeof quoted, "\"%s\":", key);
    const char *p = strstr(text->data, quoted);
    if (p == NULL) {
        fail_msg("no %s in %s", key, text->data);
    }
    p += strlen(quoted);
    while (*p == '[' || *p == ' ') {
        p++;
    }
    for (; index > 0; index--) {
        p += strcspn(p, ",");
        p += strspn(p, ",[ ");
    }
    return strtod(p, NULL);
}

static void finish(const metric *m, const double *state, as_text *text)
{
    as_text_clear(text);
    as_json_open(text, NULL, '{');
    const as_metric_facts facts = {
        .outputs = m->outputs, .classes = m->classes, .targets = m->targets, .label_bytes = LABEL_BYTES};
    m->ops->finish(&facts, state, text);
    as_json_close(text, '}');
    assert_false(text->failed);
}

/* The first number that the metric writes; NaN for null. */
static double first_number(const metric *m, const double *state)
{
    as_text text = {0};
    finish(m, state, &text);
    const char *colon = strchr(text.data, ':');
    if (colon == NULL) {
        fail_msg("%s writes \"%s\": no number", m->ops->name, text.data);
    }
    colon += 1 + strspn(colon + 1, " [");
    const double value = strncmp(colon, "null", 4) == 0 ? (double)NAN : strtod(colon, NULL);
    as_text_free(&text);
    return value;
}

/* Sums of 200 weights below 2, here in another order than numpy's: 200 u relative; r2 of targets as far as 100 sd from
   0 loses their square. */
static const double count_error = 200 * 0x1p-53, spread_error = 1e4 * 200 * 0x1p-53;

static void check_close(const as_text *text, const char *key, int index, double expected, double error)
{
    const double found = number_after(text, key, index);
    if (!(fabs(found - expected) <= error * fmax(1.0, fabs(expected)))) {
        fail_msg("%s[%d] = %.17g, expected %.17g", key, index, found, expected);
    }
}

static const struct {
    const char *metric, *key;
    int n;
    const double *expected;
    bool spread; /* spread_error holds, else count_error */
} reference_values[] = {
    {"accuracy", "accuracy", 1, &reference_accuracy, false},
    {"top_k", "top_5_accuracy", 1, &reference_top_5, false},
    {"likelihood", "perplexity", 1, &reference_perplexity, false},
    {"confusion", "precision", C, reference_precision, false},
    {"confusion", "recall", C, reference_recall, false},
    {"confusion", "f1", C, reference_f1, false},
    {"confusion", "confusion", C *C, reference_confusion, false},
    {"regression", "rmse", 1, &reference_rmse, false},
    {"regression", "mae", 1, &reference_mae, false},
    {"regression", "r2", 1, &reference_r2, true},
    {"coverage", "coverage", 1, &reference_coverage, false},
};

/* The mean of reference_f1 over the classes. */
static double reference_macro_f1(void)
{
    double sum = 0.0;
    for (int c = 0; c < C; c++) {
        sum += reference_f1[c] / C;
    }
    return sum;
}

static double reference_support(int c)
{
    double sum = 0.0;
    for (int i = 0; i < N; i++) {
        sum += reference_labels[i] == c ? reference_weights[i] : 0.0;
    }
    return sum;
}

/* log sum e^z errs by 8 u for the sum of exponentials of one ulp each, and 4 u for a logarithm below 4, with u of the
   model's precision. */
static double error_of(const as_kernels *kernels, const as_metric_ops *ops, bool spread)
{
    const double u = kernels->precision == AS_FLOAT64 ? 0x1p-53 : 0x1p-24;
    return spread ? spread_error : count_error + (counts(ops) ? 0 : 12 * u);
}

static void check_reference(const as_kernels *kernels)
{
    as_text text = {0};
    for (const as_metric_ops *const *k = as_metrics_get(kernels); *k != NULL; k++) {
        double state[STATE_MAX] = {0};
        int found = 0;
        metric m = open_metric(kernels, (*k)->name);
        add_rows(kernels, &m, 0, N, state);
        finish(&m, state, &text);
        for (size_t v = 0; v < sizeof reference_values / sizeof *reference_values; v++) {
            const bool mine = strcmp(reference_values[v].metric, (*k)->name) == 0;
            for (int j = 0; mine && j < reference_values[v].n; j++, found++) {
                check_close(&text, reference_values[v].key, j, reference_values[v].expected[j],
                            error_of(kernels, *k, reference_values[v].spread));
            }
        }
        if (strcmp((*k)->name, "confusion") == 0) {
            check_close(&text, "macro_f1", 0, reference_macro_f1(), count_error);
            for (int c = 0; c < C; c++) {
                check_close(&text, "support", c, reference_support(c), count_error);
            }
        }
        if (strcmp((*k)->name, "likelihood") == 0) {
            check_close(&text, "bits_per_byte", 0, reference_nats / log(2) / LABEL_BYTES, error_of(kernels, *k, false));
        }
        if (found == 0) {
            fail_msg("metric %s has no row in reference_values (numbers from tests/reference/make_nn.py)", (*k)->name);
        }
        close_metric(kernels, &m);
    }
    as_text_free(&text);
}

static void test_values_are_scikit_learn_s(void **state)
{
    (void)state;
    for_each_variant(check_reference);
}

/* Calls on pieces of the rows, one after the other: the same bits. Sums of parts from zero: the same up to rounding,
   and exactly the same where all weights are 1 and the state counts. */
static void check_division(const as_kernels *kernels)
{
    static const double ones[N] = {[0 ... N - 1] = 1.0};
    const as_metric_ops *const *table = as_metrics_get(kernels);
    for (; *table != NULL; table++) {
        metric m = open_metric(kernels, (*table)->name);
        const int64_t size = as_metric_size(m.ops, m.outputs, m.classes, m.targets);
        double whole[STATE_MAX] = {0}, pieces[STATE_MAX] = {0}, part[STATE_MAX] = {0};
        add_rows(kernels, &m, 0, N, whole);
        for (int64_t first = 0, count = 0; first < N; first += count) {
            count = first % 37 + 1 < N - first ? first % 37 + 1 : N - first;
            add_rows(kernels, &m, first, count, pieces);
            add_rows(kernels, &m, first, 0, pieces);
        }
        assert_same_reals(doubles(), pieces, whole, STATE_MAX, (*table)->name);
        m.pass.weight = ones;
        memset(whole, 0, sizeof whole);
        memset(pieces, 0, sizeof pieces);
        add_rows(kernels, &m, 0, N, whole);
        add_rows(kernels, &m, 0, 61, pieces);
        add_rows(kernels, &m, 61, N - 61, part);
        for (int64_t k = 0; k < size; k++) {
            const double sum = pieces[k] + part[k], bound = !counts(m.ops) ? 1e-12 * fabs(whole[k]) + 1e-6 : 0.0;
            if (!(fabs(sum - whole[k]) <= bound)) { /* 1e-6: the error terms beside the sums */
                fail_msg("%s: state[%d] of two parts is %.17g + %.17g, of the whole %.17g: a state is a vector of sums",
                         (*table)->name, (int)k, pieces[k], part[k], whole[k]);
            }
            pieces[k] = sum;
        }
        const double one = first_number(&m, whole);
        const double two = first_number(&m, pieces);
        /* Plain sums of 600 terms w e with a mean |e| below 10 err by 600 u 10 = 7e-13 after division by sum w;
           regression keeps its rounding errors. */
        const double plain = strcmp((*table)->name, "regression") == 0 ? 0x1p-50 * one : 1e-12 * fmax(1.0, fabs(one));
        if (!(fabs(one - two) <= (!counts(m.ops) ? plain : 0.0))) {
            fail_msg("%s: of two parts it is %.17g, of the whole %.17g", (*table)->name, two, one);
        }
        close_metric(kernels, &m);
    }
}

static void test_states_are_sums_over_samples(void **state)
{
    (void)state;
    for_each_variant(check_division);
}

/* A sample counts as often as its weight says: not at all for 0, and twice all weights change no result. */
static void check_weights(const as_kernels *kernels)
{
    static const double none[N] = {0};
    double twice[N];
    for (int i = 0; i < N; i++) {
        twice[i] = 2 * reference_weights[i];
    }
    const as_metric_ops *const *table = as_metrics_get(kernels);
    for (; *table != NULL; table++) {
        double zero[STATE_MAX] = {0}, once[STATE_MAX] = {0}, two[STATE_MAX] = {0};
        metric m = open_metric(kernels, (*table)->name);
        add_rows(kernels, &m, 0, N, once);
        m.pass.weight = twice;
        add_rows(kernels, &m, 0, N, two);
        m.pass.weight = none;
        add_rows(kernels, &m, 0, N, zero);
        for (int k = 0; k < STATE_MAX; k++) {
            if (zero[k] != 0) {
                fail_msg("%s: samples of weight 0 make state[%d] %g", (*table)->name, k, zero[k]);
            }
        }
        const double a = first_number(&m, once);
        const double b = first_number(&m, two);
        if (a != b) { /* doubling is exact in binary */
            fail_msg("%s: twice the weights change %.17g to %.17g", (*table)->name, a, b);
        }
        close_metric(kernels, &m);
    }
}

static void test_weights_count(void **state)
{
    (void)state;
    for_each_variant(check_weights);
}

static void test_all_variants_give_the_same_bits(void **state)
{
    (void)state;
    for (int p = 0; p < 2; p++) {
        const as_kernels *portable = as_kernels_get(AS_PORTABLE, p == 0 ? AS_FLOAT32 : AS_FLOAT64);
        const as_metric_ops *const *table = as_metrics_get(portable);
        for (; *table != NULL; table++) {
            double expected[STATE_MAX] = {0};
            metric m = open_metric(portable, (*table)->name);
            add_rows(portable, &m, 0, N, expected);
            for (as_isa isa = as_isa_detect(); isa < AS_PORTABLE; isa++) {
                const as_kernels *kernels = as_kernels_get(isa, portable->precision);
                double found[STATE_MAX] = {0};
                metric other = open_metric(kernels, (*table)->name);
                add_rows(kernels, &other, 0, N, found);
                assert_same_reals(doubles(), found, expected, STATE_MAX, (*table)->name);
                close_metric(kernels, &other);
            }
            close_metric(portable, &m);
        }
    }
}

/* A row with NaN is counted and never right; a metric of no samples writes null and does not trap. */
static void check_nothing_and_nan(const as_kernels *kernels)
{
    as_text text = {0};
    const as_metric_ops *const *table = as_metrics_get(kernels);
    for (; *table != NULL; table++) {
        double state[STATE_MAX] = {0};
        metric m = open_metric(kernels, (*table)->name);
        finish(&m, state, &text);
        set_real(kernels, m.z, 0, (double)NAN);
        add_rows(kernels, &m, 0, 1, state);
        const double value = first_number(&m, state);
        if (!counts(m.ops) ? !isnan(value) : value != 0.0) {
            fail_msg("%s: an output that is NaN gives %g, expected %s", (*table)->name, value,
                     !counts(m.ops) ? "NaN" : "0: it is never right");
        }
        close_metric(kernels, &m);
    }
    as_text_free(&text);
}

static void test_nan_is_never_right(void **state)
{
    (void)state;
    for_each_variant(check_nothing_and_nan);
}

/* bce: the sign of each output answers; labels of two classes have one output, real targets above 1/2 mean yes. */
static void test_answers_of_bce_are_signs(void **state)
{
    (void)state;
    const as_kernels *kernels = as_kernels_get(as_isa_detect(), AS_FLOAT64);
    const double z[] = {0.5, -0.5, 2.0, -1.0}, weight[] = {1, 1, 1, 3}, target[] = {1, 0, 0, 0.75};
    const int32_t label[] = {1, 0, 0, 0};
    double count[STATE_MAX] = {0};
    metric m = open_metric(kernels, "accuracy");
    as_metric_pass pass = {.rows = 4, .outputs = 1, .z = z, .ldz = 1, .label = label, .weight = weight, .loss = "bce"};
    m.ops->rows(&pass, 2, count);
    assert_true(count[0] == 5.0 && count[1] == 6.0);
    pass = (as_metric_pass){
        .rows = 2, .outputs = 2, .z = z, .ldz = 2, .target = target, .targets = 2, .weight = weight, .loss = "bce"};
    memset(count, 0, sizeof count);
    m.ops->rows(&pass, 0, count);
    assert_true(count[0] == 2.0 && count[1] == 4.0);
    close_metric(kernels, &m);

    m = open_metric(kernels, "confusion");
    memset(count, 0, sizeof count);
    pass = (as_metric_pass){.rows = 4, .outputs = 1, .z = z, .ldz = 1, .label = label, .weight = weight, .loss = "bce"};
    m.ops->rows(&pass, 2, count);
    as_text text = {0};
    m.outputs = 1;
    m.classes = 2;
    finish(&m, count, &text);
    const double expected[] = {4, 1, 0, 1};
    for (int k = 0; k < 4; k++) {
        assert_true(number_after(&text, "confusion", k) == expected[k]);
    }
    as_text_free(&text);
    m.outputs = C;
    close_metric(kernels, &m);
}

/* r2 of targets 10^6 standard deviations from 0: the sums keep their rounding errors, so about 4 digits are left of 16.
 */
static void test_r2_far_from_zero(void **state)
{
    (void)state;
    const as_kernels *kernels = as_kernels_get(as_isa_detect(), AS_FLOAT64);
    enum { MANY = 100000 };
    metric m = open_metric(kernels, "regression");
    double *z = calloc(MANY, sizeof *z), *t = calloc(MANY, sizeof *t), *w = calloc(MANY, sizeof *w);
    assert_true(z != NULL && t != NULL && w != NULL);
    for (int i = 0; i < MANY; i++) {
        t[i] = 1e6 + (i % 2 == 0 ? 1.0 : -1.0); /* variance 1, exactly */
        z[i] = t[i] + 0.5;                      /* r2 = 1 - 1/4 */
        w[i] = 1.0;
    }
    double sums[STATE_MAX] = {0};
    const as_metric_pass pass = {
        .rows = MANY, .outputs = 1, .z = z, .ldz = 1, .target = t, .targets = 1, .weight = w, .loss = "mse"};
    m.ops->rows(&pass, 0, sums);
    as_text text = {0};
    as_json_open(&text, NULL, '{');
    m.ops->finish(&(as_metric_facts){.outputs = 1, .targets = 1}, sums, &text);
    as_json_close(&text, '}');
    assert_true(fabs(number_after(&text, "r2", 0) - 0.75) <= 1e-3);
    assert_true(fabs(number_after(&text, "rmse", 0) - 0.5) <= 1e-9);
    as_text_free(&text);
    free(z);
    free(t);
    free(w);
    close_metric(kernels, &m);
}

static void test_top_5_of_5_is_not_told(void **state)
{
    (void)state;
    const as_kernels *kernels = as_kernels_get(as_isa_detect(), AS_FLOAT64);
    metric m = open_metric(kernels, "top_k");
    for (int outputs = 5; outputs <= 6; outputs++) {
        const double sums[STATE_MAX] = {3, 4};
        as_text text = {0};
        as_json_open(&text, NULL, '{');
        m.ops->finish(&(as_metric_facts){.outputs = outputs, .classes = outputs}, sums, &text);
        as_json_close(&text, '}');
        assert_int_equal(strstr(text.data, "top_5_accuracy") != NULL, outputs > 5);
        as_text_free(&text);
    }
    close_metric(kernels, &m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_top_5_of_5_is_not_told),          cmocka_unit_test(test_values_are_scikit_learn_s),
        cmocka_unit_test(test_states_are_sums_over_samples),    cmocka_unit_test(test_weights_count),
        cmocka_unit_test(test_all_variants_give_the_same_bits), cmocka_unit_test(test_nan_is_never_right),
        cmocka_unit_test(test_answers_of_bce_are_signs),        cmocka_unit_test(test_r2_far_from_zero),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
