/* kernels/math.h: every function within 1 ulp of the long double of the C library (64 bits of mantissa: it errs by less
   than 0.001 ulp of a double) on 10^6 points a precision, in all special cases equal to C's Annex F, and the same bits
   from every instruction set. Points: arbitrary bit patterns, and a wide and a narrow interval around 0. */
#include "unit/kernel_cases.h"

#include "kernels/scalar_math.h"
#include "unit/math_probe.h"

enum { POINTS = 1000000 };

typedef struct function {
    const char *name;
    int index;
    long double (*reference)(long double);
    double wide[2], narrow; /* wide: half-width for float and double */
} function;

static const function functions[] = {
    {"exp", PROBE_exp, expl, {106, 750}, 1},         {"expm1", PROBE_expm1, expm1l, {90, 711}, 1},
    {"log", PROBE_log, logl, {1e10, 1e10}, 2},       {"log1p", PROBE_log1p, log1pl, {1e5, 1e5}, 1},
    {"tanh", PROBE_tanh, tanhl, {11, 23}, 1},        {"erf", PROBE_erf, erfl, {4.5, 6.5}, 1.5},
    {"sin", PROBE_sin, sinl, {0x1p19, 0x1p48}, 1e2}, {"cos", PROBE_cos, cosl, {0x1p19, 0x1p48}, 1e2},
};
enum { FUNCTIONS = sizeof functions / sizeof functions[0] };

static bool is_single(const as_kernels *kernels)
{
    return kernels->precision == AS_FLOAT32;
}

/* A pattern of bits as a number of the precision. */
static double pattern(const as_kernels *kernels, uint32_t high, uint32_t low)
{
    if (is_single(kernels)) {
        float f;
        memcpy(&f, &high, sizeof f);
        return (double)f;
    }
    const uint64_t bits = (uint64_t)high << 32 | low;
    double d;
    memcpy(&d, &bits, sizeof d);
    return d;
}

static double point(const as_kernels *kernels, const function *f, int64_t i)
{
    uint32_t w[4];
    as_rng_words(11, AS_RNG_TEST, (uint32_t)f->index, 0, (uint64_t)i, w);
    const double u = 2.0 * as_rng_uniform_f64(w[2], w[3]) - 1.0;
    return i % 3 == 0 ? pattern(kernels, w[0], w[1]) : u * (i % 3 == 1 ? f->wide[!is_single(kernels)] : f->narrow);
}

/* |got - reference| in units of the last place of the reference rounded to the precision; 0 when both are the same
   infinity or both NaN; huge when only one is finite. */
static double ulps(const as_kernels *kernels, double got, long double reference)
{
    const double rounded = is_single(kernels) ? (double)(float)reference : (double)reference;
    if (isnan(got) || isnan(rounded)) {
        return isnan(got) && isnan(rounded) ? 0.0 : 1e30;
    }
    if (isinf(got) || isinf(rounded)) {
        return got == rounded ? 0.0 : 1e30;
    }
    int exponent;
    frexp(rounded, &exponent);
    const int digits = is_single(kernels) ? 24 : 53, least = is_single(kernels) ? -125 : -1021;
    exponent = rounded == 0.0 || exponent < least ? least : exponent;
    return (double)(fabsl((long double)got - reference) / ldexpl(1.0L, exponent - digits));
}

static bool in_domain(const as_kernels *kernels, const function *f, double x)
{
    const bool trigonometric = f->index == PROBE_sin || f->index == PROBE_cos;
    return !trigonometric || fabs(x) <= (is_single(kernels) ? 0x1p19 : 0x1p48);
}

static void check_unary(const as_kernels *kernels)
{
    void *x = new_reals(kernels, POINTS), *y = new_reals(kernels, POINTS);
    for (int k = 0; k < FUNCTIONS; k++) {
        const function *f = &functions[k];
        for (int64_t i = 0; i < POINTS; i++) {
            set_real(kernels, x, i, point(kernels, f, i));
        }
        math_probe_get(kernels)->unary[f->index](POINTS, x, y);
        double worst = 0.0, where = 0.0;
        for (int64_t i = 0; i < POINTS; i++) {
            const double at = get_real(kernels, x, i);
            const long double reference = in_domain(kernels, f, at) ? f->reference((long double)at) : (long double)NAN;
            const double error = ulps(kernels, get_real(kernels, y, i), reference);
            where = error > worst ? at : where;
            worst = error > worst ? error : worst;
        }
        print_message("float%d %-5s %.3f ulp at %a\n", (int)kernels->precision, f->name, worst, where);
        assert_true(worst <= 1.0);
    }
    free_reals(kernels, x, POINTS);
    free_reals(kernels, y, POINTS);
}

/* The instruction set does not matter here: that all give the same bits is shown below. */
static void test_functions_are_within_one_ulp(void **state)
{
    (void)state;
    check_unary(as_kernels_get(as_isa_detect(), AS_FLOAT32));
    check_unary(as_kernels_get(as_isa_detect(), AS_FLOAT64));
}

static void pow_point(const as_kernels *kernels, int64_t i, double *x, double *y)
{
    uint32_t w[4];
    as_rng_words(13, AS_RNG_TEST, 0, 0, (uint64_t)i, w);
    const double u = as_rng_uniform_f64(w[0], w[1]), v = 2.0 * as_rng_uniform_f64(w[2], w[3]) - 1.0;
    const double reach = is_single(kernels) ? 110.0 : 760.0; /* of |y log x|, past overflow */
    switch (i % 4) {
    case 0: /* anything to anything */
        *x = pattern(kernels, w[0], w[1]);
        *y = pattern(kernels, w[2], w[3]);
        break;
    case 1: /* powers of a decay rate near 1 */
        *x = 1.0 - 0.1 * u;
        *y = (double)(w[2] % 100000);
        break;
    case 2: /* negative base, whole exponent */
        *x = -4.0 * u;
        *y = (double)(int32_t)(w[2] % 200) - 100.0;
        break;
    default: /* the whole range of results */
        *x = u * 1e6;
        *y = v * reach / fabs(as_log_f64(*x));
    }
}

static void check_pow(const as_kernels *kernels)
{
    void *x = new_reals(kernels, POINTS), *y = new_reals(kernels, POINTS), *z = new_reals(kernels, POINTS);
    for (int64_t i = 0; i < POINTS; i++) {
        double base, exponent;
        pow_point(kernels, i, &base, &exponent);
        set_real(kernels, x, i, base);
        set_real(kernels, y, i, exponent);
    }
    math_probe_get(kernels)->pow(POINTS, x, y, z);
    double worst = 0.0;
    for (int64_t i = 0; i < POINTS; i++) {
        const double base = get_real(kernels, x, i), exponent = get_real(kernels, y, i);
        const double error = ulps(kernels, get_real(kernels, z, i), powl((long double)base, (long double)exponent));
        if (error > 1.0) {
            fail_msg("float%d pow(%a, %a) = %a: %g ulp", (int)kernels->precision, base, exponent,
                     get_real(kernels, z, i), error);
        }
        worst = error > worst ? error : worst;
    }
    print_message("float%d pow   %.3f ulp\n", (int)kernels->precision, worst);
    free_reals(kernels, x, POINTS);
    free_reals(kernels, y, POINTS);
    free_reals(kernels, z, POINTS);
}

static void test_pow_is_within_one_ulp(void **state)
{
    (void)state;
    check_pow(as_kernels_get(as_isa_detect(), AS_FLOAT32));
    check_pow(as_kernels_get(as_isa_detect(), AS_FLOAT64));
}

static const double special[] = {
    0.0,
    -0.0,
    1.0,
    -1.0,
    2.0,
    -2.0,
    3.0,
    -3.0,
    0.5,
    -0.5,
    1.5,
    (double)INFINITY,
    (double)-INFINITY,
    (double)NAN,
    1e30,
    -1e30,
    0x1p-126,
    0x1p-130,
    -0x1p-130,
    0x1p-149,
    -0x1p-149,
    88.72,
    88.73,
    -87.4,
    -103.9,
    -104.1,
    0x1p23,
    0x1.fffffep23,
    -0x1.fffffep23,
    0x1p60,
};
enum { SPECIALS = sizeof special / sizeof special[0] };

/* Where the reference rounds to a zero or an infinity, the same with its sign; else within 1 ulp. */
static void check_special(const as_kernels *kernels, const char *name, double x, double y, double got,
                          long double reference)
{
    const double rounded = is_single(kernels) ? (double)(float)reference : (double)reference;
    const bool sign = rounded != 0.0 || isnan(rounded) || signbit(got) == signbit(rounded);
    if (ulps(kernels, got, reference) > 1.0 || !sign) {
        fail_msg("float%d %s(%a, %a) = %a, expected %a", (int)kernels->precision, name, x, y, got, rounded);
    }
}

static void check_specials(const as_kernels *kernels)
{
    char x[8], y[8], z[8];
    for (int i = 0; i < SPECIALS; i++) {
        set_real(kernels, x, 0, special[i]);
        const double at = get_real(kernels, x, 0);
        for (int k = 0; k < FUNCTIONS; k++) {
            math_probe_get(kernels)->unary[functions[k].index](1, x, z);
            const bool inside = in_domain(kernels, &functions[k], at);
            check_special(kernels, functions[k].name, at, 0, get_real(kernels, z, 0),
                          inside ? functions[k].reference((long double)at) : (long double)NAN);
        }
        for (int j = 0; j < SPECIALS; j++) {
            set_real(kernels, y, 0, special[j]);
            math_probe_get(kernels)->pow(1, x, y, z);
            const double exponent = get_real(kernels, y, 0);
            check_special(kernels, "pow", at, exponent, get_real(kernels, z, 0),
                          powl((long double)at, (long double)exponent));
        }
    }
}

static void test_special_cases_are_those_of_c(void **state)
{
    (void)state;
    for_each_variant(check_specials);
}

static long double sigmoid_reference(long double x)
{
    return 1.0L / (1.0L + expl(-x));
}

static long double softplus_reference(long double x)
{
    return x > 0 ? x + log1pl(expl(-x)) : log1pl(expl(x));
}

/* sigmoid: errors of exp, a sum, a quotient and a product, 0.98 + 3 * 0.5 at the most, and twice that below a power of
   two. softplus: log1p and a sum, and the error of exp, which log1p does not enlarge. */
static void test_compositions_are_within_their_bounds(void **state)
{
    (void)state;
    static const function compositions[] = {
        {"sigmoid", PROBE_sigmoid, sigmoid_reference, {80, 700}, 3},
        {"softplus", PROBE_softplus, softplus_reference, {80, 700}, 3},
    };
    static const double bound[] = {3.0, 2.0};
    for (int p = 0; p < 2; p++) {
        const as_kernels *kernels = as_kernels_get(as_isa_detect(), p == 0 ? AS_FLOAT32 : AS_FLOAT64);
        for (int k = 0; k < 2; k++) {
            for (int64_t i = 0; i < POINTS / 5; i++) {
                char x[8], y[8];
                set_real(kernels, x, 0, point(kernels, &compositions[k], 3 * (i / 2) + 1 + i % 2));
                math_probe_get(kernels)->unary[compositions[k].index](1, x, y);
                const long double reference = compositions[k].reference((long double)get_real(kernels, x, 0));
                assert_true(ulps(kernels, get_real(kernels, y, 0), reference) <= bound[k]);
            }
        }
    }
}

/* FNV-1a over the results of all functions on all points (a NaN counts as one value: its payload is no number). */
static uint64_t all_bits(const as_kernels *kernels)
{
    void *x = new_reals(kernels, POINTS), *y = new_reals(kernels, POINTS), *z = new_reals(kernels, POINTS);
    uint64_t hash = 0xcbf29ce484222325u;
    for (int k = 0; k <= PROBE_UNARY; k++) {
        const function *f = &functions[k < FUNCTIONS ? k : 0];
        for (int64_t i = 0; i < POINTS; i++) {
            double base, exponent;
            pow_point(kernels, i, &base, &exponent);
            set_real(kernels, x, i, k < PROBE_UNARY ? point(kernels, f, i) : base);
            set_real(kernels, y, i, exponent);
        }
        if (k < PROBE_UNARY) {
            math_probe_get(kernels)->unary[k](POINTS, x, z);
        } else {
            math_probe_get(kernels)->pow(POINTS, x, y, z);
        }
        for (int64_t i = 0; i < POINTS; i++) {
            const double value = get_real(kernels, z, i);
            uint64_t bits = 0;
            memcpy(&bits, &value, isnan(value) ? 0 : sizeof bits);
            hash = (hash ^ bits) * 0x100000001b3u;
        }
    }
    free_reals(kernels, x, POINTS);
    free_reals(kernels, y, POINTS);
    free_reals(kernels, z, POINTS);
    return hash;
}

/* Beside each other here, and against recorded values, so that another compiler or optimisation level cannot differ
   unnoticed. A change of a function changes them: numerics_version must then be raised. */
static void test_all_variants_and_builds_give_the_same_bits(void **state)
{
    (void)state;
    const struct {
        as_precision precision;
        uint64_t bits;
    } expected[] = {{AS_FLOAT32, 0x821c690c2222b225}, {AS_FLOAT64, 0x8c3fe316ace1c21f}};
    for (int p = 0; p < 2; p++) {
        for (as_isa isa = as_isa_detect(); isa <= AS_PORTABLE; isa++) {
            const uint64_t bits = all_bits(as_kernels_get(isa, expected[p].precision));
            if (bits != expected[p].bits) {
                fail_msg("float%d %s: expected 0x%016llx, found 0x%016llx", (int)expected[p].precision,
                         as_isa_name(isa), (unsigned long long)expected[p].bits, (unsigned long long)bits);
            }
        }
    }
}

static void test_scalar_functions_equal_the_double_variant(void **state)
{
    (void)state;
    double (*const scalar[PROBE_UNARY])(double) = {
        [PROBE_exp] = as_exp_f64, [PROBE_expm1] = as_expm1_f64, [PROBE_log] = as_log_f64, [PROBE_log1p] = as_log1p_f64,
        [PROBE_erf] = as_erf_f64, [PROBE_sin] = as_sin_f64,     [PROBE_cos] = as_cos_f64}; /* tanh has none */
    const as_kernels *kernels = as_kernels_get(as_isa_detect(), AS_FLOAT64);
    for (int k = 0; k < FUNCTIONS; k++) {
        double (*const f)(double) = scalar[functions[k].index];
        for (int64_t i = 0; i < 10000 && f != NULL; i++) {
            const double x = point(kernels, &functions[k], i), got = f(x);
            double y;
            math_probe_get(kernels)->unary[functions[k].index](1, &x, &y);
            assert_true(isnan(y) ? isnan(got) : memcmp(&y, &got, sizeof y) == 0);
        }
    }
    for (int64_t i = 0; i < 10000; i++) {
        double x, y, z;
        pow_point(kernels, i, &x, &y);
        const double got = as_pow_f64(x, y);
        math_probe_get(kernels)->pow(1, &x, &y, &z);
        assert_true(isnan(z) ? isnan(got) : memcmp(&z, &got, sizeof z) == 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_functions_are_within_one_ulp),
        cmocka_unit_test(test_pow_is_within_one_ulp),
        cmocka_unit_test(test_special_cases_are_those_of_c),
        cmocka_unit_test(test_compositions_are_within_their_bounds),
        cmocka_unit_test(test_all_variants_and_builds_give_the_same_bits),
        cmocka_unit_test(test_scalar_functions_equal_the_double_variant),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
