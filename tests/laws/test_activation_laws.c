/* Laws of every activation: PyTorch's values, derivatives by finite differences, independence of the elements, the same
   bits for every instruction set, finite for huge inputs. References: tests/reference/make_nn.py. */
#include "nn/activation.h"

#include "laws/kinds.h"
#include "reference/nn.h"

enum { CASES = sizeof reference_activations / sizeof *reference_activations };

typedef struct activation {
    as_document *document;
    const as_activation_ops *ops;
    const void *options;
} activation;

static activation open_case(const as_kernels *kernels, int c)
{
    activation a = {.ops = NULL};
    assert_int_equal(as_document_create(&a.document), AS_OK);
    const as_activation_ops *const *table = as_activations_get(kernels);
    while (*table != NULL && strcmp((*table)->name, reference_activations[c].name) != 0) {
        table++;
    }
    assert_non_null(*table);
    a.ops = *table;
    a.options = kind_options(a.document, a.ops->fields, a.ops->options_bytes, reference_activations[c].options);
    return a;
}

/* y = f(z), dy *= f'(z); backward sees NaN for z where the table says that it does not read it. */
static void both(const as_kernels *kernels, const activation *a, int64_t n, const void *z, void *y, void *dy)
{
    void *seen = new_reals(kernels, n);
    for (int64_t i = 0; i < n; i++) {
        set_real(kernels, seen, i, a->ops->needs_input ? get_real(kernels, z, i) : (double)NAN);
    }
    a->ops->forward(a->options, n, z, y);
    a->ops->backward(a->options, n, seen, y, dy);
    free_reals(kernels, seen, n);
}

static void test_every_activation_has_a_reference(void **state)
{
    (void)state;
    const as_activation_ops *const *table = as_activations_get(as_kernels_get(AS_PORTABLE, AS_FLOAT64));
    for (; *table != NULL; table++) {
        int found = 0;
        for (int c = 0; c < CASES; c++) {
            found += strcmp(reference_activations[c].name, (*table)->name) == 0;
        }
        if (found == 0) {
            fail_msg("activation %s has no case in tests/reference/make_nn.py", (*table)->name);
        }
    }
}

/* Tolerance: |z| factors of functions good to 3 ulp and a handful of roundings, here and in PyTorch: 16 (1 + |z|) u. */
static void check_reference(const as_kernels *kernels)
{
    enum { N = REFERENCE_POINTS };
    for (int c = 0; c < CASES; c++) {
        activation a = open_case(kernels, c);
        void *z = new_reals(kernels, N), *y = new_reals(kernels, N), *dy = new_reals(kernels, N);
        for (int i = 0; i < N; i++) {
            set_real(kernels, z, i, reference_points[i]);
            set_real(kernels, dy, i, 1.0);
        }
        both(kernels, &a, N, z, y, dy);
        for (int i = 0; i < N; i++) {
            const double bound = 16.0 * (1.0 + fabs(reference_points[i])) * epsilon(kernels);
            if (!(fabs(get_real(kernels, y, i) - reference_activations[c].y[i]) <= bound) ||
                !(fabs(get_real(kernels, dy, i) - reference_activations[c].dy[i]) <= bound)) {
                fail_msg("%s %s at %g: %.17g, %.17g, expected %.17g, %.17g", a.ops->name,
                         reference_activations[c].options, reference_points[i], get_real(kernels, y, i),
                         get_real(kernels, dy, i), reference_activations[c].y[i], reference_activations[c].dy[i]);
            }
        }
        free_reals(kernels, z, N);
        free_reals(kernels, y, N);
        free_reals(kernels, dy, N);
        as_document_destroy(&a.document);
    }
}

static void test_values_are_pytorch_s(void **state)
{
    (void)state;
    for_each_variant(check_reference);
}

/* Points nearer than 2 h to the kink of relu at 0 do not occur in the reference points. */
static void test_derivatives_are_finite_differences(void **state)
{
    (void)state;
    const as_kernels *kernels = as_kernels_get(as_isa_detect(), AS_FLOAT64);
    for (int c = 0; c < CASES; c++) {
        activation a = open_case(kernels, c);
        for (int i = 0; i < REFERENCE_POINTS; i++) {
            double z = reference_points[i], y, dy = 1.0, f[4];
            if (fabs(z) > 10.0) {
                continue; /* flat or linear, seen above */
            }
            both(kernels, &a, 1, &z, &y, &dy);
            for (int k = 0; k < 4; k++) {
                const double moved = z + slope_at[k];
                a.ops->forward(a.options, 1, &moved, &f[k]);
            }
            if (!(fabs(slope(f) - dy) <= 1e-7 * fmax(fabs(dy), 1e-4))) {
                fail_msg("%s at %g: backward gives %.12g, difference %.12g", a.ops->name, z, dy, slope(f));
            }
        }
        as_document_destroy(&a.document);
    }
}

/* Any division of the elements among calls, and forward in place, give the same bits. */
static void check_independence(const as_kernels *kernels)
{
    enum { N = 53 };
    for (int c = 0; c < CASES; c++) {
        activation a = open_case(kernels, c);
        void *z = random_reals(kernels, N, 8), *y = new_reals(kernels, N), *dy = random_reals(kernels, N, 9);
        void *y2 = new_reals(kernels, N), *dy2 = random_reals(kernels, N, 9);
        both(kernels, &a, N, z, y, dy);
        for (int64_t first = 0, count = 0; first < N; first += count) {
            count = 1 + first % 7 < N - first ? 1 + first % 7 : N - first;
            both(kernels, &a, count, at(kernels, z, first), at(kernels, y2, first), at(kernels, dy2, first));
            both(kernels, &a, 0, z, y2, dy2);
        }
        assert_same_reals(kernels, y2, y, N, a.ops->name);
        assert_same_reals(kernels, dy2, dy, N, a.ops->name);
        a.ops->forward(a.options, N, z, z);
        assert_same_reals(kernels, z, y, N, a.ops->name);
        free_reals(kernels, z, N);
        free_reals(kernels, y, N);
        free_reals(kernels, dy, N);
        free_reals(kernels, y2, N);
        free_reals(kernels, dy2, N);
        as_document_destroy(&a.document);
    }
}

static void test_elements_are_independent(void **state)
{
    (void)state;
    for_each_variant(check_independence);
}

static void test_all_variants_give_the_same_bits(void **state)
{
    (void)state;
    enum { N = 1000 };
    for (int p = 0; p < 2; p++) {
        for (int c = 0; c < CASES; c++) {
            const as_kernels *portable = as_kernels_get(AS_PORTABLE, p == 0 ? AS_FLOAT32 : AS_FLOAT64);
            void *z = random_reals(portable, N, 8), *y[2], *dy[2];
            for (int64_t i = 0; i < N; i++) {
                set_real(portable, z, i, 12.0 * get_real(portable, z, i));
            }
            for (as_isa isa = AS_PORTABLE + 1; isa-- > as_isa_detect();) {
                const as_kernels *kernels = as_kernels_get(isa, portable->precision);
                const int which = isa != AS_PORTABLE;
                activation a = open_case(kernels, c);
                y[which] = new_reals(kernels, N);
                dy[which] = random_reals(kernels, N, 9);
                both(kernels, &a, N, z, y[which], dy[which]);
                if (which) {
                    assert_same_reals(kernels, y[1], y[0], N, a.ops->name);
                    assert_same_reals(kernels, dy[1], dy[0], N, a.ops->name);
                    free_reals(kernels, y[1], N);
                    free_reals(kernels, dy[1], N);
                }
                as_document_destroy(&a.document);
            }
            free_reals(portable, y[0], N);
            free_reals(portable, dy[0], N);
            free_reals(portable, z, N);
        }
    }
}

static void check_extremes(const as_kernels *kernels)
{
    for (int c = 0; c < CASES; c++) {
        activation a = open_case(kernels, c);
        const double input[] = {huge(kernels), -huge(kernels), 1e5, -1e5, 88.8, -88.8, 0.0, -0.0, (double)NAN};
        for (size_t i = 0; i < sizeof input / sizeof *input; i++) {
            void *z = new_reals(kernels, 1), *y = new_reals(kernels, 1), *dy = new_reals(kernels, 1);
            set_real(kernels, z, 0, input[i]);
            set_real(kernels, dy, 0, 1.0);
            both(kernels, &a, 1, z, y, dy);
            const double out = get_real(kernels, y, 0), d = get_real(kernels, dy, 0);
            if (isnan(input[i]) ? !isnan(out) : !isfinite(out) || !isfinite(d)) {
                fail_msg("%s (%d bits) at %g: y = %g, dy = %g", a.ops->name, (int)kernels->precision, input[i], out, d);
            }
            free_reals(kernels, z, 1);
            free_reals(kernels, y, 1);
            free_reals(kernels, dy, 1);
        }
        as_document_destroy(&a.document);
    }
}

static void test_huge_inputs_stay_finite_and_nan_stays_nan(void **state)
{
    (void)state;
    for_each_variant(check_extremes);
}

/* Rows with huge numbers and NaN among them, of any length. */
static void check_slopes(const as_kernels *kernels)
{
    for (int c = 0; c < CASES; c++) {
        activation a = open_case(kernels, c);
        assert_true((a.ops->forward_slope != NULL) == a.ops->needs_input);
        for (int64_t n = 0; n < 90 && a.ops->needs_input; n = 2 * n + 1) {
            void *z = random_reals(kernels, n, 8), *y = new_reals(kernels, n), *slope = new_reals(kernels, n);
            void *kept = new_reals(kernels, n), *again = new_reals(kernels, n);
            for (int64_t i = 0; i < n; i++) {
                const double far[] = {12.0, 1.0, huge(kernels), -0.0, (double)NAN, 31.0};
                set_real(kernels, z, i, far[i % 6] * get_real(kernels, z, i));
                set_real(kernels, kept, i, get_real(kernels, z, i));
                set_real(kernels, slope, i, 1.0);
            }
            a.ops->forward(a.options, n, z, y);
            a.ops->backward(a.options, n, z, y, slope);
            a.ops->forward_slope(a.options, n, kept, again);
            assert_same_reals(kernels, again, y, n, a.ops->name);
            assert_same_reals(kernels, kept, slope, n, a.ops->name);
            free_reals(kernels, z, n);
            free_reals(kernels, y, n);
            free_reals(kernels, slope, n);
            free_reals(kernels, kept, n);
            free_reals(kernels, again, n);
        }
        as_document_destroy(&a.document);
    }
}

static void test_kept_slopes_are_what_backward_makes_of_ones(void **state)
{
    (void)state;
    for_each_variant(check_slopes);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_activation_has_a_reference),
        cmocka_unit_test(test_values_are_pytorch_s),
        cmocka_unit_test(test_derivatives_are_finite_differences),
        cmocka_unit_test(test_elements_are_independent),
        cmocka_unit_test(test_all_variants_give_the_same_bits),
        cmocka_unit_test(test_kept_slopes_are_what_backward_makes_of_ones),
        cmocka_unit_test(test_huge_inputs_stay_finite_and_nan_stays_nan),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
