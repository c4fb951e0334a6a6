/* Laws of every loss: PyTorch's values and gradients, gradients by finite differences, independence of the rows,
   linearity in the weight, the same bits for every instruction set, finite for huge outputs. References:
   tests/reference/make_nn.py. */
#include "nn/loss.h"

#include "laws/kinds.h"
#include "nn/metric.h"
#include "reference/nn.h"

enum { CASES = sizeof reference_losses / sizeof *reference_losses, ROWS = REFERENCE_ROWS, K = REFERENCE_K, LD = 17 };

typedef struct loss {
    as_document *document;
    const as_loss_ops *ops;
    void *z, *dz; /* (ROWS, LD) */
    double value[ROWS];
    as_loss_pass pass; /* of all reference rows */
} loss;

static loss open_case(const as_kernels *kernels, int c)
{
    loss l = {.ops = NULL};
    assert_int_equal(as_document_create(&l.document), AS_OK);
    const as_loss_ops *const *table = as_losses_get(kernels);
    while (*table != NULL && strcmp((*table)->name, reference_losses[c].name) != 0) {
        table++;
    }
    assert_non_null(*table);
    l.ops = *table;
    l.z = new_reals(kernels, ROWS * LD);
    l.dz = new_reals(kernels, ROWS * LD);
    const int64_t outputs = reference_losses[c].outputs;
    for (int64_t i = 0; i < ROWS; i++) {
        for (int64_t j = 0; j < outputs; j++) {
            set_real(kernels, l.z, i * LD + j, reference_z[i * 2 * K + j]);
        }
    }
    l.pass = (as_loss_pass){
        .options = kind_options(l.document, l.ops->fields, l.ops->options_bytes, reference_losses[c].options),
        .rows = ROWS,
        .outputs = outputs,
        .ldz = LD,
        .label = reference_losses[c].target == NULL ? reference_label : NULL,
        .target = reference_losses[c].target,
        .targets = reference_losses[c].target == NULL ? 0 : K,
        .weight = reference_weight,
    };
    return l;
}

/* Losses are doubles whatever the precision. */
static const as_kernels *doubles(void)
{
    return as_kernels_get(AS_PORTABLE, AS_FLOAT64);
}

static void run(loss *l)
{
    l->pass.z = l->z;
    l->pass.dz = l->dz;
    l->pass.loss = l->value;
    l->ops->rows(&l->pass);
}

static void close_case(const as_kernels *kernels, loss *l)
{
    free_reals(kernels, l->z, ROWS * LD);
    free_reals(kernels, l->dz, ROWS * LD);
    as_document_destroy(&l->document);
}

static void test_every_loss_has_a_reference(void **state)
{
    (void)state;
    const as_loss_ops *const *table = as_losses_get(as_kernels_get(AS_PORTABLE, AS_FLOAT64));
    for (; *table != NULL; table++) {
        int found = 0;
        for (int c = 0; c < CASES; c++) {
            found += strcmp(reference_losses[c].name, (*table)->name) == 0;
        }
        if (found == 0) {
            fail_msg("loss %s has no case in tests/reference/make_nn.py", (*table)->name);
        }
    }
}

/* Every name in a loss's list is a metric, and every metric is in some loss's list: otherwise nothing reports it. */
static void test_metrics_of_losses_are_metrics(void **state)
{
    (void)state;
    const as_kernels *kernels = as_kernels_get(AS_PORTABLE, AS_FLOAT64);
    const as_metric_ops *const *metrics = as_metrics_get(kernels);
    bool reported[64] = {false};
    for (const as_loss_ops *const *l = as_losses_get(kernels); *l != NULL; l++) {
        for (const char *const *name = (*l)->metrics; *name != NULL; name++) {
            int m = 0;
            while (metrics[m] != NULL && strcmp(metrics[m]->name, *name) != 0) {
                m++;
            }
            if (metrics[m] == NULL) {
                fail_msg("loss %s reports the metric \"%s\", which is no row of metric.def", (*l)->name, *name);
            }
            reported[m] = true;
        }
    }
    for (int m = 0; metrics[m] != NULL; m++) {
        if (!reported[m]) {
            fail_msg("metric %s is in no loss's .metrics: nothing reports it", metrics[m]->name);
        }
    }
}

/* Tolerance: sums of up to 14 terms of a few roundings each and a weight below 2, here and in PyTorch: 64 u times the
   size, at least 1. */
static void check_reference(const as_kernels *kernels)
{
    for (int c = 0; c < CASES; c++) {
        loss l = open_case(kernels, c);
        const int64_t outputs = l.pass.outputs;
        assert_int_equal(as_loss_outputs(l.ops, l.pass.options, l.pass.label == NULL ? 0 : K, l.pass.targets), outputs);
        run(&l);
        for (int64_t i = 0; i < ROWS; i++) {
            const double value = reference_losses[c].loss[i];
            if (!(fabs(l.value[i] - value) <= 64.0 * epsilon(kernels) * fmax(1.0, fabs(value)))) {
                fail_msg("%s %s: loss[%d] = %.17g, expected %.17g", l.ops->name, reference_losses[c].options, (int)i,
                         l.value[i], value);
            }
            for (int64_t j = 0; j < outputs; j++) {
                const double expected = reference_losses[c].dz[i * outputs + j],
                             got = get_real(kernels, l.dz, i * LD + j);
                if (!(fabs(got - expected) <= 64.0 * epsilon(kernels) * fmax(1.0, fabs(expected)))) {
                    fail_msg("%s %s: dz[%d][%d] = %.17g, expected %.17g", l.ops->name, reference_losses[c].options,
                             (int)i, (int)j, got, expected);
                }
            }
            for (int64_t j = outputs; j < LD; j++) {
                assert_true(get_real(kernels, l.dz, i * LD + j) == 0.0); /* between the rows nothing is written */
            }
        }
        close_case(kernels, &l);
    }
}

static void test_losses_and_gradients_are_pytorch_s(void **state)
{
    (void)state;
    for_each_variant(check_reference);
}

/* Relative to the largest slope of the row; no reference point is within 2 h of a kink of mae, huber or quantile. */
static void test_gradients_are_finite_differences(void **state)
{
    (void)state;
    const as_kernels *kernels = as_kernels_get(as_isa_detect(), AS_FLOAT64);
    for (int c = 0; c < CASES; c++) {
        loss l = open_case(kernels, c), moved = open_case(kernels, c);
        run(&l);
        for (int64_t j = 0; j < l.pass.outputs; j++) {
            double f[ROWS][4];
            for (int k = 0; k < 4; k++) {
                for (int64_t i = 0; i < ROWS; i++) {
                    set_real(kernels, moved.z, i * LD + j, get_real(kernels, l.z, i * LD + j) + slope_at[k]);
                }
                run(&moved);
                for (int64_t i = 0; i < ROWS; i++) {
                    f[i][k] = moved.value[i];
                }
            }
            for (int64_t i = 0; i < ROWS; i++) {
                double size = 1e-3;
                for (int64_t q = 0; q < l.pass.outputs; q++) {
                    size = fmax(size, fabs(get_real(kernels, l.dz, i * LD + q)));
                }
                const double found = get_real(kernels, l.dz, i * LD + j);
                if (!(fabs(slope(f[i]) - found) <= 1e-7 * size)) {
                    fail_msg("%s: dz[%d][%d] = %.17g, difference %.17g", l.ops->name, (int)i, (int)j, found,
                             slope(f[i]));
                }
                set_real(kernels, moved.z, i * LD + j, get_real(kernels, l.z, i * LD + j));
            }
        }
        close_case(kernels, &l);
        close_case(kernels, &moved);
    }
}

/* One row at a time, none at all, with dz in the place of z, and without dz: the same bits. */
static void check_rows(const as_kernels *kernels)
{
    for (int c = 0; c < CASES; c++) {
        loss all = open_case(kernels, c), one = open_case(kernels, c);
        run(&all);
        double without[ROWS];
        as_loss_pass pass = all.pass;
        pass.dz = NULL;
        pass.loss = without;
        all.ops->rows(&pass);
        assert_same_reals(doubles(), without, all.value, ROWS, all.ops->name);
        for (int64_t i = 0; i < ROWS; i++) {
            pass = one.pass;
            pass.z = pass.dz = at(kernels, one.z, i * LD);
            pass.rows = 1;
            pass.label = pass.label == NULL ? NULL : pass.label + i;
            pass.target = pass.target == NULL ? NULL : pass.target + i * K;
            pass.weight = pass.weight + i;
            pass.loss = &one.value[i];
            one.ops->rows(&pass);
            pass.rows = 0;
            pass.loss = NULL;
            one.ops->rows(&pass);
            assert_same_reals(kernels, at(kernels, one.z, i * LD), at(kernels, all.dz, i * LD), all.pass.outputs,
                              all.ops->name);
        }
        assert_same_reals(doubles(), one.value, all.value, ROWS, all.ops->name);
        close_case(kernels, &all);
        close_case(kernels, &one);
    }
}

static void test_rows_are_independent(void **state)
{
    (void)state;
    for_each_variant(check_rows);
}

/* Twice the weight (exact in binary): exactly twice the loss and gradient. Weight 0: neither. */
static void check_weight(const as_kernels *kernels)
{
    for (int c = 0; c < CASES; c++) {
        loss once = open_case(kernels, c), twice = open_case(kernels, c);
        double weight[ROWS];
        for (int i = 0; i < ROWS; i++) {
            weight[i] = i == 0 ? 0.0 : 2.0 * reference_weight[i];
        }
        twice.pass.weight = weight;
        run(&once);
        run(&twice);
        for (int64_t i = 0; i < ROWS; i++) {
            const double factor = i == 0 ? 0.0 : 2.0;
            bool linear = twice.value[i] == factor * once.value[i];
            for (int64_t j = 0; j < once.pass.outputs; j++) {
                linear &= get_real(kernels, twice.dz, i * LD + j) == factor * get_real(kernels, once.dz, i * LD + j);
            }
            if (!linear) {
                fail_msg("%s: row %d of %g times the weight has not %g times the loss %.17g, or gradient: %.17g",
                         once.ops->name, (int)i, factor, factor, once.value[i], twice.value[i]);
            }
        }
        close_case(kernels, &once);
        close_case(kernels, &twice);
    }
}

static void test_loss_is_linear_in_the_weight(void **state)
{
    (void)state;
    for_each_variant(check_weight);
}

static void test_all_variants_give_the_same_bits(void **state)
{
    (void)state;
    for (int p = 0; p < 2; p++) {
        for (int c = 0; c < CASES; c++) {
            const as_kernels *portable = as_kernels_get(AS_PORTABLE, p == 0 ? AS_FLOAT32 : AS_FLOAT64);
            loss expected = open_case(portable, c);
            run(&expected);
            for (as_isa isa = as_isa_detect(); isa < AS_PORTABLE; isa++) {
                const as_kernels *kernels = as_kernels_get(isa, portable->precision);
                loss l = open_case(kernels, c);
                run(&l);
                assert_same_reals(doubles(), l.value, expected.value, ROWS, l.ops->name);
                assert_same_reals(kernels, l.dz, expected.dz, ROWS * LD, l.ops->name);
                if (l.ops->predict != NULL) {
                    l.ops->predict(l.pass.options, ROWS, l.pass.outputs, l.z, LD);
                    loss other = open_case(portable, c);
                    other.ops->predict(other.pass.options, ROWS, other.pass.outputs, other.z, LD);
                    assert_same_reals(kernels, l.z, other.z, ROWS * LD, l.ops->name);
                    close_case(portable, &other);
                }
                close_case(kernels, &l);
            }
            close_case(portable, &expected);
        }
    }
}

/* Outputs of +-huge size: finite loss and gradient. Not poisson, whose loss there is no finite number; mse and
   gaussian_nll square the error, so theirs is the root of huge. NaN gives a NaN loss. */
static void check_extremes(const as_kernels *kernels)
{
    for (int c = 0; c < CASES; c++) {
        loss l = open_case(kernels, c);
        const bool squares = strcmp(l.ops->name, "mse") == 0 || strcmp(l.ops->name, "gaussian_nll") == 0;
        const double size = squares ? sqrt(huge(kernels)) * 1e-6 : huge(kernels);
        for (int64_t i = 0; i < ROWS; i++) {
            for (int64_t j = 0; j < l.pass.outputs; j++) {
                set_real(kernels, l.z, i * LD + j, (i + j) % 3 == 0 ? size : (i + j) % 3 == 1 ? -size : 0.0);
            }
        }
        run(&l);
        for (int64_t i = 0; i < ROWS && strcmp(l.ops->name, "poisson") != 0; i++) {
            bool finite = isfinite(l.value[i]);
            for (int64_t j = 0; j < l.pass.outputs; j++) {
                finite &= isfinite(get_real(kernels, l.dz, i * LD + j)) != 0;
            }
            if (!finite) {
                fail_msg("%s (%d bits): outputs of size %g give the loss %g, or a gradient that is not finite",
                         l.ops->name, (int)kernels->precision, size, l.value[i]);
            }
        }
        for (int64_t j = 0; j < l.pass.outputs; j++) {
            set_real(kernels, l.z, LD + j, j == 1 ? (double)NAN : 0.0);
        }
        run(&l);
        if (!isnan(l.value[1])) {
            fail_msg("%s: an output that is NaN gives the loss %g", l.ops->name, l.value[1]);
        }
        close_case(kernels, &l);
    }
}

static void test_huge_outputs_stay_finite_and_nan_stays_nan(void **state)
{
    (void)state;
    for_each_variant(check_extremes);
}

static void check_predictions(const as_kernels *kernels)
{
    for (int c = 0; c < CASES; c++) {
        loss l = open_case(kernels, c);
        const char *name = l.ops->name;
        if (l.ops->predict != NULL) {
            l.ops->predict(l.pass.options, ROWS, l.pass.outputs, l.z, LD);
        }
        for (int64_t i = 0; i < ROWS; i++) {
            double sum = 0.0;
            for (int64_t j = 0; j < l.pass.outputs; j++) {
                const double z = reference_z[i * 2 * K + j], y = get_real(kernels, l.z, i * LD + j);
                const double expected = strcmp(name, "bce") == 0                      ? 1.0 / (1.0 + exp(-z))
                                        : strcmp(name, "poisson") == 0                ? exp(z)
                                        : strcmp(name, "gaussian_nll") == 0 && j >= K ? log1p(exp(z)) + 1e-6
                                                                                      : z;
                sum += y;
                if (strcmp(name, "cross_entropy") != 0) {
                    assert_true(fabs(y - expected) <= 8.0 * epsilon(kernels) * fabs(expected));
                }
            }
            assert_true(strcmp(name, "cross_entropy") != 0 || fabs(sum - 1.0) <= 8.0 * epsilon(kernels));
        }
        close_case(kernels, &l);
    }
}

static void test_predictions_are_probabilities_rates_and_variances(void **state)
{
    (void)state;
    for_each_variant(check_predictions);
}

/* Two classes may have one output: label 1 is yes. */
static void test_bce_of_two_classes_has_one_output(void **state)
{
    (void)state;
    const as_kernels *kernels = as_kernels_get(as_isa_detect(), AS_FLOAT64);
    for (int c = 0; c < CASES; c++) {
        loss l = open_case(kernels, c);
        if (strcmp(l.ops->name, "bce") == 0) {
            const int32_t label[2] = {0, 1};
            const double z[2] = {0.75, 0.75}, weight[2] = {1, 1};
            assert_int_equal(as_loss_outputs(l.ops, l.pass.options, 2, 0), 1);
            const as_loss_pass pass = {.options = l.pass.options,
                                       .rows = 2,
                                       .outputs = 1,
                                       .z = z,
                                       .ldz = 1,
                                       .label = label,
                                       .weight = weight,
                                       .loss = l.value};
            l.ops->rows(&pass);
            assert_true(fabs(l.value[0] - log1p(exp(0.75))) < 1e-15 && fabs(l.value[1] - log1p(exp(-0.75))) < 1e-15);
        }
        close_case(kernels, &l);
    }
}

/* Up to 16 classes cross_entropy takes rows side by side, above one at a time. Classes of probability 0 (e^-huge, which
   adds 0 to the sums) change no bit of the others, so the two ways can be compared. 37 rows: not a multiple of 16. */
static void check_few_classes(const as_kernels *kernels)
{
    enum { FEW = 10, MANY = 20, COUNT = 37 };
    loss l = open_case(kernels, 0);
    assert_string_equal(l.ops->name, "cross_entropy");
    void *few = random_reals(kernels, COUNT * FEW, 4), *many = new_reals(kernels, COUNT * MANY);
    void *dfew = new_reals(kernels, COUNT * FEW), *dmany = new_reals(kernels, COUNT * MANY);
    double weight[COUNT], loss_few[COUNT], loss_many[COUNT];
    int32_t label[COUNT];
    for (int64_t i = 0; i < COUNT; i++) {
        label[i] = (int32_t)(i % FEW);
        weight[i] = 1.0 + (double)i / COUNT;
        for (int64_t j = 0; j < MANY; j++) {
            set_real(kernels, many, i * MANY + j, j < FEW ? get_real(kernels, few, i * FEW + j) : -huge(kernels));
        }
    }
    as_loss_pass pass = {.options = l.pass.options,
                         .rows = COUNT,
                         .outputs = FEW,
                         .z = few,
                         .ldz = FEW,
                         .label = label,
                         .weight = weight,
                         .loss = loss_few,
                         .dz = dfew};
    l.ops->rows(&pass);
    pass = (as_loss_pass){.options = l.pass.options,
                          .rows = COUNT,
                          .outputs = MANY,
                          .z = many,
                          .ldz = MANY,
                          .label = label,
                          .weight = weight,
                          .loss = loss_many,
                          .dz = dmany};
    l.ops->rows(&pass);
    assert_memory_equal(loss_few, loss_many, sizeof loss_few);
    for (int64_t i = 0; i < COUNT; i++) {
        assert_memory_equal(at(kernels, dfew, i * FEW), at(kernels, dmany, i * MANY), FEW * kernels->real_bytes);
        for (int64_t j = FEW; j < MANY; j++) {
            assert_true(get_real(kernels, dmany, i * MANY + j) == 0.0);
        }
    }
    free_reals(kernels, few, COUNT * FEW);
    free_reals(kernels, many, COUNT * MANY);
    free_reals(kernels, dfew, COUNT * FEW);
    free_reals(kernels, dmany, COUNT * MANY);
    close_case(kernels, &l);
}

static void test_few_classes_have_the_bits_of_many(void **state)
{
    (void)state;
    for_each_variant(check_few_classes);
}

/* bce takes answers 64 at a time, across rows: 37 rows of 5 in one call equal 37 calls. */
static void check_bce_pieces(const as_kernels *kernels)
{
    enum { COUNT = 37, WIDE = 5 };
    for (int c = 0; c < CASES; c++) {
        loss l = open_case(kernels, c);
        if (strcmp(l.ops->name, "bce") != 0 || l.pass.label == NULL) {
            close_case(kernels, &l);
            continue;
        }
        void *z = random_reals(kernels, COUNT * WIDE, 6), *dz = new_reals(kernels, COUNT * WIDE);
        double weight[COUNT], value[COUNT];
        int32_t label[COUNT];
        for (int i = 0; i < COUNT; i++) {
            label[i] = i % WIDE;
            weight[i] = 1.0 + (double)i / COUNT;
        }
        as_loss_pass pass = {.options = l.pass.options,
                             .rows = COUNT,
                             .outputs = WIDE,
                             .z = z,
                             .ldz = WIDE,
                             .label = label,
                             .weight = weight,
                             .loss = value,
                             .dz = dz};
        l.ops->rows(&pass);
        for (int64_t i = 0; i < COUNT; i++) {
            double one;
            pass = (as_loss_pass){.options = l.pass.options,
                                  .rows = 1,
                                  .outputs = WIDE,
                                  .z = at(kernels, z, i * WIDE),
                                  .ldz = WIDE,
                                  .label = label + i,
                                  .weight = weight + i,
                                  .loss = &one,
                                  .dz = at(kernels, z, i * WIDE)};
            l.ops->rows(&pass);
            assert_true(one == value[i]);
        }
        assert_memory_equal(z, dz, COUNT * WIDE * kernels->real_bytes);
        free_reals(kernels, z, COUNT * WIDE);
        free_reals(kernels, dz, COUNT * WIDE);
        close_case(kernels, &l);
    }
}

static void test_bce_takes_any_number_of_rows(void **state)
{
    (void)state;
    for_each_variant(check_bce_pieces);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_loss_has_a_reference),
        cmocka_unit_test(test_metrics_of_losses_are_metrics),
        cmocka_unit_test(test_losses_and_gradients_are_pytorch_s),
        cmocka_unit_test(test_gradients_are_finite_differences),
        cmocka_unit_test(test_rows_are_independent),
        cmocka_unit_test(test_loss_is_linear_in_the_weight),
        cmocka_unit_test(test_all_variants_give_the_same_bits),
        cmocka_unit_test(test_huge_outputs_stay_finite_and_nan_stays_nan),
        cmocka_unit_test(test_predictions_are_probabilities_rates_and_variances),
        cmocka_unit_test(test_few_classes_have_the_bits_of_many),
        cmocka_unit_test(test_bce_takes_any_number_of_rows),
        cmocka_unit_test(test_bce_of_two_classes_has_one_output),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
