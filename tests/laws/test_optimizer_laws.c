/* Laws of every optimizer: PyTorch's trajectories, no move without gradient and decay, slices that equal the whole,
   descent of a quadratic, the same bits for every instruction set. References: tests/reference/make_optimizers.py. */
#include "nn/optimizer.h"

#include "base/text.h"
#include "io/yaml.h"
#include "reference/optimizers.h"
#include "unit/kernel_cases.h"

enum { CASES = sizeof reference_case / sizeof *reference_case };

static as_optimizer parse(as_document *document, const as_kernels *kernels, const char *config)
{
    as_node *root = NULL;
    as_optimizer optimizer;
    char text[256];
    snprintf(text, sizeof text, "optimizer: %s", config);
    assert_int_equal(as_yaml_parse(document, "test.yaml", text, &root), AS_OK);
    if (as_optimizer_parse(document, as_node_get(root, "optimizer"), kernels, &optimizer) != AS_OK) {
        fail_msg("%s: %s", config, as_error_message());
    }
    return optimizer;
}

/* Parameters and slots of n elements. */
typedef struct state {
    int64_t n;
    int slots;
    void *w, *slot[AS_SLOTS_MAX];
} state;

static state open_state(const as_kernels *kernels, const as_optimizer *optimizer, int64_t n)
{
    as_slot slot[AS_SLOTS_MAX];
    state s = {.n = n, .slots = optimizer->ops->slots(optimizer->options, slot), .w = new_reals(kernels, n)};
    assert_in_range(s.slots, 0, AS_SLOTS_MAX);
    for (int k = 0; k < s.slots; k++) {
        s.slot[k] = new_reals(kernels, n);
        assert_true(slot[k].name != NULL && strlen(slot[k].name) > 0);
        for (int64_t i = 0; i < n; i++) {
            set_real(kernels, s.slot[k], i, slot[k].initial);
        }
    }
    return s;
}

static void close_state(const as_kernels *kernels, state *s)
{
    free_reals(kernels, s->w, s->n);
    for (int k = 0; k < s->slots; k++) {
        free_reals(kernels, s->slot[k], s->n);
    }
}

/* Step t on elements [first, first + n) of the state, with gradients g of these elements. */
static void step_scaled(const as_kernels *kernels, const as_optimizer *optimizer, state *s, int64_t t, int64_t first,
                        int64_t n, const void *g, double lr, double weight_decay, double scale, double clip)
{
    double c[AS_COEFFICIENTS_MAX] = {0};
    if (optimizer->ops->begin != NULL) {
        optimizer->ops->begin(optimizer->options, t, c);
    }
    as_optimizer_pass pass = {.options = optimizer->options,
                              .n = n,
                              .w = at(kernels, s->w, first),
                              .g = g,
                              .scale = scale,
                              .clip = clip,
                              .c = c,
                              .lr = lr,
                              .weight_decay = weight_decay};
    for (int k = 0; k < s->slots; k++) {
        pass.slot[k] = at(kernels, s->slot[k], first);
    }
    optimizer->ops->step(&pass);
}

static void step_range(const as_kernels *kernels, const as_optimizer *optimizer, state *s, int64_t t, int64_t first,
                       int64_t n, const void *g, double lr, double weight_decay)
{
    step_scaled(kernels, optimizer, s, t, first, n, g, lr, weight_decay, 1, 0);
}

/* In float64 every step rounds a handful of times, each 1.1e-16 relative to w or to the step; the centred variance
   loses up to three digits by cancellation: 1e-12 of the largest value holds with room. In float32 a step errs by half
   an ulp of w (2^-25 |w|) and by some 8 roundings of a step no longer than 2.5 `reach`, where reach is the longest step
   of the case; over 20 steps that is 20 (2^-25 |w| + 20 * 2^-24 reach), and centred variances lose a factor 100. */
static void check_trajectory(const as_kernels *kernels, int index)
{
    as_document *document = NULL;
    assert_int_equal(as_document_create(&document), AS_OK);
    const as_optimizer optimizer = parse(document, kernels, reference_case[index].config);
    state s = open_state(kernels, &optimizer, REFERENCE_N);
    void *g = new_reals(kernels, REFERENCE_N);
    for (int i = 0; i < REFERENCE_N; i++) {
        set_real(kernels, s.w, i, reference_start[i]);
    }
    const bool centered = strstr(reference_case[index].config, "centered: true") != NULL;
    const double *before = reference_start;
    double size = 0, reach = 0;
    for (int t = 0; t < REFERENCE_STEPS; t++) {
        const double *expected = reference_case[index].w + t * REFERENCE_N;
        for (int i = 0; i < REFERENCE_N; i++) {
            set_real(kernels, g, i, reference_gradient[t * REFERENCE_N + i]);
            size = fmax(size, fabs(expected[i]));
            reach = fmax(reach, fabs(expected[i] - before[i]));
        }
        before = expected;
        step_range(kernels, &optimizer, &s, t + 1, 0, REFERENCE_N, g, reference_lr, reference_case[index].weight_decay);
        const double narrow = 20 * (0x1p-25 * size + 20 * 0x1p-24 * reach) * (centered ? 100 : 1);
        const double tolerance = kernels->precision == AS_FLOAT64 ? 1e-12 * fmax(1, size) : narrow;
        for (int i = 0; i < REFERENCE_N; i++) {
            const double w = get_real(kernels, s.w, i);
            if (!(fabs(w - expected[i]) <= tolerance)) {
                fail_msg("%s (%d bits): step %d element %d is %.17g, PyTorch has %.17g, tolerance %g",
                         reference_case[index].name, (int)kernels->precision, t + 1, i, w, expected[i], tolerance);
            }
        }
    }
    free_reals(kernels, g, REFERENCE_N);
    close_state(kernels, &s);
    as_document_destroy(&document);
}

static void check_trajectories(const as_kernels *kernels)
{
    for (int i = 0; i < (int)CASES; i++) {
        check_trajectory(kernels, i);
    }
}

static void test_trajectories_are_pytorchs(void **unused)
{
    (void)unused;
    for_each_variant(check_trajectories);
}

static void test_every_optimizer_has_a_reference(void **unused)
{
    (void)unused;
    const as_optimizer_ops *const *table = as_optimizers_get(as_kernels_get(AS_PORTABLE, AS_FLOAT64));
    for (int k = 0; table[k] != NULL; k++) {
        char type[64];
        bool found = false;
        for (int i = 0; i < (int)CASES; i++) {
            found = found || (sscanf(reference_case[i].config, "{type: %63[a-z0-9_]", type) == 1 &&
                              strcmp(type, table[k]->name) == 0);
        }
        if (!found) {
            fail_msg("optimizer %s has no case in tests/reference/make_optimizers.py", table[k]->name);
        }
    }
}

/* Fills n elements of w and of five gradients, steps through them in pieces of `piece`, and returns the state. */
static state walk(const as_kernels *kernels, const as_optimizer *optimizer, int64_t n, int64_t piece)
{
    state s = open_state(kernels, optimizer, n);
    for (int64_t i = 0; i < n; i++) {
        set_real(kernels, s.w, i, value_at(1, i));
    }
    for (int t = 1; t <= 5; t++) {
        void *g = random_reals(kernels, n, (uint64_t)(10 + t));
        for (int64_t first = 0; first < n; first += piece) {
            const int64_t count = n - first < piece ? n - first : piece;
            step_range(kernels, optimizer, &s, t, first, count, at(kernels, g, first), 0.01, 0.1);
        }
        free_reals(kernels, g, n);
    }
    return s;
}

static void assert_same_state(const as_kernels *kernels, const state *a, const state *b, const char *what)
{
    assert_same_reals(kernels, a->w, b->w, a->n, what);
    for (int k = 0; k < a->slots; k++) {
        assert_same_reals(kernels, a->slot[k], b->slot[k], a->n, what);
    }
}

/* Slices equal the whole: the update is elementwise. */
static void check_slices(const as_kernels *kernels)
{
    for (int i = 0; i < (int)CASES; i++) {
        as_document *document = NULL;
        assert_int_equal(as_document_create(&document), AS_OK);
        const as_optimizer optimizer = parse(document, kernels, reference_case[i].config);
        state whole = walk(kernels, &optimizer, 1000, 1000), pieces = walk(kernels, &optimizer, 1000, 37);
        assert_same_state(kernels, &pieces, &whole, reference_case[i].name);
        close_state(kernels, &whole);
        close_state(kernels, &pieces);
        as_document_destroy(&document);
    }
}

static void test_slices_equal_the_whole(void **unused)
{
    (void)unused;
    for_each_variant(check_slices);
}

static void test_bits_do_not_depend_on_the_instruction_set(void **unused)
{
    (void)unused;
    for (int i = 0; i < (int)CASES; i++) {
        for (int precision = AS_FLOAT32; precision <= AS_FLOAT64; precision += 32) {
            as_document *document = NULL;
            assert_int_equal(as_document_create(&document), AS_OK);
            const as_kernels *best = as_kernels_get(as_isa_detect(), (as_precision)precision);
            const as_optimizer optimizer = parse(document, best, reference_case[i].config);
            state expected = walk(best, &optimizer, 517, 517);
            for (as_isa isa = as_isa_detect() + 1; isa <= AS_PORTABLE; isa++) {
                const as_kernels *kernels = as_kernels_get(isa, (as_precision)precision);
                const as_optimizer other = parse(document, kernels, reference_case[i].config);
                state found = walk(kernels, &other, 517, 517);
                assert_same_state(kernels, &found, &expected, reference_case[i].name);
                close_state(kernels, &found);
            }
            close_state(best, &expected);
            as_document_destroy(&document);
        }
    }
}

/* Sums with a scale and a clip are the gradients that one gets by scaling and cutting first. The product of two floats
   is exact in double, so that set_real rounds it once. */
static void check_scale(const as_kernels *kernels)
{
    enum { N = 77 };
    const double scale = 1.0 / 3, clip = 0.2;
    for (int i = 0; i < (int)CASES; i++) {
        as_document *document = NULL;
        assert_int_equal(as_document_create(&document), AS_OK);
        const as_optimizer optimizer = parse(document, kernels, reference_case[i].config);
        state found = open_state(kernels, &optimizer, N), expected = open_state(kernels, &optimizer, N);
        void *const g = new_reals(kernels, N), *const one = new_reals(kernels, 1);
        set_real(kernels, one, 0, scale);
        const double rounded = get_real(kernels, one, 0);
        set_real(kernels, one, 0, clip);
        const double limit = get_real(kernels, one, 0);
        for (int t = 1; t <= 3; t++) {
            void *const sums = random_reals(kernels, N, (uint64_t)t);
            for (int64_t e = 0; e < N; e++) {
                const double v = rounded * get_real(kernels, sums, e);
                set_real(kernels, g, e, v > limit ? limit : v < -limit ? -limit : v);
            }
            step_scaled(kernels, &optimizer, &found, t, 0, N, sums, 0.01, 0.1, scale, clip);
            step_range(kernels, &optimizer, &expected, t, 0, N, g, 0.01, 0.1);
            free_reals(kernels, sums, N);
        }
        assert_same_state(kernels, &found, &expected, reference_case[i].name);
        free_reals(kernels, g, N);
        free_reals(kernels, one, 1);
        close_state(kernels, &found);
        close_state(kernels, &expected);
        as_document_destroy(&document);
    }
}

static void test_scale_and_clip_come_first(void **unused)
{
    (void)unused;
    for_each_variant(check_scale);
}

/* A zero gradient without decay moves nothing, from the first step on. */
static void check_rest(const as_kernels *kernels)
{
    for (int i = 0; i < (int)CASES; i++) {
        as_document *document = NULL;
        assert_int_equal(as_document_create(&document), AS_OK);
        const as_optimizer optimizer = parse(document, kernels, reference_case[i].config);
        state s = open_state(kernels, &optimizer, 33);
        void *g = new_reals(kernels, 33), *start = random_reals(kernels, 33, 3);
        memcpy(s.w, start, 33 * kernels->real_bytes);
        for (int t = 1; t <= 3; t++) {
            step_range(kernels, &optimizer, &s, t, 0, 33, g, 0.1, 0);
        }
        assert_same_reals(kernels, s.w, start, 33, reference_case[i].name);
        free_reals(kernels, g, 33);
        free_reals(kernels, start, 33);
        close_state(kernels, &s);
        as_document_destroy(&document);
    }
}

static void test_nothing_moves_without_gradient_and_decay(void **unused)
{
    (void)unused;
    for_each_variant(check_rest);
}

/* f(w) = sum a_i w_i^2 / 2 with curvatures 0.5 and 1, gradients exact: 400 steps of lr 0.01 bring it below a half of
   its start for the slowest (adagrad moves by at most lr / sqrt(t), 0.4 in all). */
static void test_a_quadratic_falls(void **unused)
{
    (void)unused;
    const as_kernels *kernels = as_kernels_get(as_isa_detect(), AS_FLOAT64);
    const as_optimizer_ops *const *table = as_optimizers_get(kernels);
    for (int k = 0; table[k] != NULL; k++) {
        as_document *document = NULL;
        char config[64];
        snprintf(config, sizeof config, "{type: %.40s}", table[k]->name);
        assert_int_equal(as_document_create(&document), AS_OK);
        const as_optimizer optimizer = parse(document, kernels, config);
        state s = open_state(kernels, &optimizer, 2);
        double *w = s.w, g[2], first = 0, last = 0;
        w[0] = 0.7;
        w[1] = -0.6;
        for (int t = 1; t <= 400; t++) {
            g[0] = 0.5 * w[0];
            g[1] = w[1];
            last = (g[0] * w[0] + g[1] * w[1]) / 2;
            first = t == 1 ? last : first;
            step_range(kernels, &optimizer, &s, t, 0, 2, g, 0.01, 0);
        }
        if (!(last < first / 2)) {
            fail_msg("%s: the quadratic went from %g to %g", table[k]->name, first, last);
        }
        close_state(kernels, &s);
        as_document_destroy(&document);
    }
}

static void test_wrong_configurations_are_refused(void **unused)
{
    (void)unused;
    static const struct {
        const char *config, *says;
    } wrong[] = {{"{type: adm}", "adam"},        {"{type: adam, beta3: 1}", "beta"},
                 {"{type: adam, lr: -1}", "lr"}, {"{type: sgd, beta1: 0.9}", "beta1"},
                 {"[adam]", "optimizer"},        {"{type: {adam: 1}}", "type"}};
    const as_kernels *kernels = as_kernels_get(AS_PORTABLE, AS_FLOAT32);
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        as_document *document = NULL;
        as_node *root = NULL;
        as_optimizer optimizer;
        char text[256];
        snprintf(text, sizeof text, "optimizer: %s", wrong[i].config);
        assert_int_equal(as_document_create(&document), AS_OK);
        assert_int_equal(as_yaml_parse(document, "test.yaml", text, &root), AS_OK);
        assert_int_equal(as_optimizer_parse(document, as_node_get(root, "optimizer"), kernels, &optimizer), AS_CONFIG);
        if (strstr(as_error_message(), wrong[i].says) == NULL || strstr(as_error_message(), "test.yaml:1:") == NULL) {
            fail_msg("%s: message \"%s\"", wrong[i].config, as_error_message());
        }
        as_document_destroy(&document);
    }
}

/* What is written reads back to the same options, for the defaults and for a name alone. */
static void test_written_configurations_read_back(void **unused)
{
    (void)unused;
    const as_kernels *kernels = as_kernels_get(AS_PORTABLE, AS_FLOAT32);
    for (int i = 0; i < (int)CASES; i++) {
        as_document *document = NULL;
        as_node *root = NULL;
        as_text one = {0}, two = {0};
        assert_int_equal(as_document_create(&document), AS_OK);
        as_optimizer optimizer = parse(document, kernels, reference_case[i].config);
        assert_int_equal(as_optimizer_write(&optimizer, 0, &one), AS_OK);
        assert_int_equal(as_yaml_parse(document, "written.yaml", one.data, &root), AS_OK);
        assert_int_equal(as_optimizer_parse(document, root, kernels, &optimizer), AS_OK);
        assert_int_equal(as_optimizer_write(&optimizer, 0, &two), AS_OK);
        assert_string_equal(one.data, two.data);
        as_text_free(&one);
        as_text_free(&two);
        optimizer = parse(document, kernels, "adam");
        assert_string_equal(optimizer.ops->name, "adam");
        assert_true(optimizer.lr == 0.001);
        as_document_destroy(&document);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_trajectories_are_pytorchs),
        cmocka_unit_test(test_every_optimizer_has_a_reference),
        cmocka_unit_test(test_slices_equal_the_whole),
        cmocka_unit_test(test_scale_and_clip_come_first),
        cmocka_unit_test(test_bits_do_not_depend_on_the_instruction_set),
        cmocka_unit_test(test_nothing_moves_without_gradient_and_decay),
        cmocka_unit_test(test_a_quadratic_falls),
        cmocka_unit_test(test_wrong_configurations_are_refused),
        cmocka_unit_test(test_written_configurations_read_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
