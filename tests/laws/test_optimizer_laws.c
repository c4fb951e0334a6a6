/* Laws of every optimizer: PyTorch's trajectories, no move without gradient and decay, slices that equal the whole,
   descent of a quadratic, the same bits for every instruction set and number of threads. References:
   tests/reference/make_optimizers.py. */
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

/* Parameters and slots of a tensor of n elements, and what its optimizer keeps beside them. */
typedef struct state {
    int64_t n, rows, columns;
    as_tensor_role role;
    int slots, states;
    void *w, *u, *work, *slot[AS_SLOTS_MAX];
    as_tensor_state kind[AS_TENSOR_STATES];
    double *more[AS_TENSOR_STATES], *sums;
    int64_t work_reals;
    as_team *team; /* solves */
} state;

/* rows 0: a vector. */
static state open_state(const as_kernels *kernels, const as_optimizer *optimizer, int64_t rows, int64_t columns)
{
    const as_optimizer_ops *ops = optimizer->ops;
    const int64_t n = rows > 0 ? rows * columns : columns, blocks = (n + AS_BLOCK - 1) / AS_BLOCK;
    as_slot slot[AS_SLOTS_MAX] = {{.name = NULL}};
    state s = {.n = n,
               .rows = rows > 0 ? rows : 1,
               .columns = columns,
               .role = rows > 0 ? AS_TENSOR_MATRIX : AS_TENSOR_VECTOR,
               .slots = ops->slots(optimizer->options, slot),
               .w = new_reals(kernels, n),
               .u = new_reals(kernels, n),
               .sums = calloc((size_t)(blocks * AS_TENSOR_SUMS), sizeof(double))};
    assert_int_equal(as_team_create(1, &s.team), AS_OK);
    s.states = ops->states != NULL ? ops->states(s.role, s.rows, s.columns, s.kind) : 0;
    for (int k = 0; k < s.states; k++) {
        s.more[k] = calloc((size_t)s.kind[k].count, sizeof(double));
        assert_non_null(s.more[k]);
    }
    s.work_reals = ops->work_reals != NULL ? ops->work_reals(kernels, s.role, s.rows, s.columns) : 0;
    s.work = new_reals(kernels, s.work_reals);
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
    for (int k = 0; k < s->states; k++) {
        free(s->more[k]);
    }
    free_reals(kernels, s->u, s->n);
    free_reals(kernels, s->work, s->work_reals);
    free(s->sums);
    as_team_destroy(&s->team);
}

typedef struct solving {
    const as_kernels *kernels;
    const as_optimizer *optimizer;
    state *s;
    const double *c;
    double lr;
} solving;

static void solve_body(void *argument, int thread)
{
    const solving *job = argument;
    const state *s = job->s;
    as_optimizer_tensor tensor = {.options = job->optimizer->options,
                                  .kernels = job->kernels,
                                  .role = s->role,
                                  .rows = s->rows,
                                  .columns = s->columns,
                                  .w = s->w,
                                  .u = s->u,
                                  .sums = s->sums,
                                  .work = s->work,
                                  .c = job->c,
                                  .lr = job->lr,
                                  .team = s->team,
                                  .thread = thread,
                                  .threads = as_team_size(s->team)};
    memcpy(tensor.state, s->more, sizeof tensor.state);
    job->optimizer->ops->solve(&tensor);
}

/* Points a pass at elements from `first` on. */
static void move_to(const as_kernels *kernels, const state *s, as_optimizer_pass *pass, const void *g, int64_t first,
                    int64_t most)
{
    pass->n = s->n - first < most ? s->n - first : most;
    pass->w = at(kernels, s->w, first);
    pass->g = (const char *)g + (size_t)first * kernels->real_bytes;
    pass->u = at(kernels, s->u, first);
    for (int k = 0; k < s->slots; k++) {
        pass->slot[k] = at(kernels, s->slot[k], first);
    }
}

static void add_norms(const double *block, int64_t blocks, double sums[AS_TENSOR_SUMS])
{
    double *const column = calloc((size_t)blocks, sizeof *column);
    assert_non_null(column);
    for (int k = 0; k < AS_TENSOR_SUMS; k++) {
        for (int64_t b = 0; b < blocks; b++) {
            column[b] = block[b * AS_TENSOR_SUMS + k];
        }
        sums[k] = as_block_sum(column, blocks);
    }
    free(column);
}

/* Step t with gradients g, in pieces; norms are always measured in blocks. */
static void step_scaled(const as_kernels *kernels, const as_optimizer *optimizer, state *s, int64_t t, int64_t piece,
                        const void *g, double lr, double weight_decay, double scale, double clip)
{
    const as_optimizer_ops *ops = optimizer->ops;
    double sums[AS_TENSOR_SUMS] = {0};
    const int64_t blocks = (s->n + AS_BLOCK - 1) / AS_BLOCK;
    double c[AS_COEFFICIENTS_MAX] = {0};
    if (optimizer->ops->begin != NULL) {
        optimizer->ops->begin(optimizer->options, t, c);
    }
    as_optimizer_pass pass = {.options = optimizer->options,
                              .scale = scale,
                              .clip = clip,
                              .c = c,
                              .lr = lr,
                              .weight_decay = weight_decay,
                              .role = s->role};
    const int64_t measured = ops->scope == AS_OPTIMIZER_NORMS ? AS_BLOCK : piece;
    for (int64_t first = 0; first < s->n && ops->prepare != NULL; first += measured) {
        move_to(kernels, s, &pass, g, first, measured);
        pass.sums = s->sums + first / AS_BLOCK * AS_TENSOR_SUMS;
        ops->prepare(&pass);
    }
    if (ops->scope == AS_OPTIMIZER_NORMS) {
        add_norms(s->sums, blocks, sums);
    }
    if (ops->solve != NULL) {
        as_team_run(s->team, solve_body,
                    &(solving){.kernels = kernels, .optimizer = optimizer, .s = s, .c = c, .lr = lr});
    }
    pass.sums = sums;
    for (int64_t first = 0; first < s->n; first += piece) {
        move_to(kernels, s, &pass, g, first, piece);
        ops->step(&pass);
    }
}

static void step_whole(const as_kernels *kernels, const as_optimizer *optimizer, state *s, int64_t t, const void *g,
                       double lr, double weight_decay)
{
    step_scaled(kernels, optimizer, s, t, AS_BLOCK, g, lr, weight_decay, 1, 0);
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
    state s = open_state(kernels, &optimizer, reference_case[index].rows, reference_case[index].columns);
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
        step_whole(kernels, &optimizer, &s, t + 1, g, reference_lr, reference_case[index].weight_decay);
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

/* Fills w and five gradients of a case's kind of tensor of n = 47 x 33 or 33 x 47 elements, steps through them in
   pieces with a team, and returns the state. */
static state walk(const as_kernels *kernels, const as_optimizer *optimizer, int index, int64_t piece, int threads)
{
    enum { ROWS = 47, COLUMNS = 33 };
    const int64_t n = ROWS * COLUMNS, rows = reference_case[index].rows > 1 ? ROWS : COLUMNS;
    state s = reference_case[index].rows > 0 ? open_state(kernels, optimizer, rows, n / rows)
                                             : open_state(kernels, optimizer, 0, n);
    as_team_destroy(&s.team);
    assert_int_equal(as_team_create(threads, &s.team), AS_OK);
    for (int64_t i = 0; i < n; i++) {
        set_real(kernels, s.w, i, value_at(1, i));
    }
    for (int t = 1; t <= 5; t++) {
        void *g = random_reals(kernels, n, (uint64_t)(10 + t));
        step_scaled(kernels, optimizer, &s, t, piece, g, 0.01, 0.1, 1, 0);
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
    for (int k = 0; k < a->states; k++) {
        assert_memory_equal(a->more[k], b->more[k], (size_t)a->kind[k].count * sizeof(double));
    }
}

/* Slices equal the whole, and a team equals one thread. */
static void check_slices(const as_kernels *kernels)
{
    for (int i = 0; i < (int)CASES; i++) {
        as_document *document = NULL;
        assert_int_equal(as_document_create(&document), AS_OK);
        const as_optimizer optimizer = parse(document, kernels, reference_case[i].config);
        state whole = walk(kernels, &optimizer, i, AS_BLOCK, 1), pieces = walk(kernels, &optimizer, i, 37, 3);
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
            state expected = walk(best, &optimizer, i, AS_BLOCK, 1);
            for (as_isa isa = as_isa_detect() + 1; isa <= AS_PORTABLE; isa++) {
                const as_kernels *kernels = as_kernels_get(isa, (as_precision)precision);
                const as_optimizer other = parse(document, kernels, reference_case[i].config);
                state found = walk(kernels, &other, i, AS_BLOCK, 1);
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
        const int64_t rows = reference_case[i].rows > 0 ? 11 : 0, columns = rows > 0 ? N / rows : N;
        state found = open_state(kernels, &optimizer, rows, columns);
        state expected = open_state(kernels, &optimizer, rows, columns);
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
            step_scaled(kernels, &optimizer, &found, t, N, sums, 0.01, 0.1, scale, clip);
            step_whole(kernels, &optimizer, &expected, t, g, 0.01, 0.1);
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
        state s =
            open_state(kernels, &optimizer, reference_case[i].rows > 0 ? 3 : 0, reference_case[i].rows > 0 ? 11 : 33);
        void *g = new_reals(kernels, 33), *start = random_reals(kernels, 33, 3);
        memcpy(s.w, start, 33 * kernels->real_bytes);
        for (int t = 1; t <= 3; t++) {
            step_whole(kernels, &optimizer, &s, t, g, 0.1, 0);
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

/* Factors of 0.9 a step: 2^-120 after some 800 steps, 2^-1000 after some 6600. */
static void check_fading(const as_kernels *kernels)
{
    static const char *const config[] = {"{type: sgd, momentum: 0.9}", "{type: sgd, momentum: 0.9, nesterov: true}",
                                         "{type: adam, beta2: 0.9}",   "{type: adam, beta2: 0.9, amsgrad: true}",
                                         "{type: adamw, beta2: 0.9}",  "{type: nadam}"};
    const double least = kernels->real_bytes == sizeof(float) ? 0x1p-120 : 0x1p-1000;
    for (size_t c = 0; c < sizeof config / sizeof *config; c++) {
        as_document *document = NULL;
        assert_int_equal(as_document_create(&document), AS_OK);
        const as_optimizer optimizer = parse(document, kernels, config[c]);
        const int fading = optimizer.ops->name[0] == 'a' ? 2 : 1; /* nadam's v takes ten times as long */
        state s = open_state(kernels, &optimizer, 0, 37);
        void *g = random_reals(kernels, 37, 7);
        for (int64_t t = 1; t < 8000; t++) {
            step_whole(kernels, &optimizer, &s, t, g, 1e-3, 0);
            memset(g, 0, 37 * kernels->real_bytes);
            for (int64_t i = 0; i < fading * 37; i++) {
                const double x = get_real(kernels, s.slot[i / 37], i % 37);
                if (x != 0 && (fabs(x) < least || t > 7900)) {
                    fail_msg("%s, %s: step %lld leaves %g", kernels->isa, config[c], (long long)t, x);
                }
            }
        }
        free_reals(kernels, g, 37);
        close_state(kernels, &s);
        as_document_destroy(&document);
    }
}

static void test_moments_that_fade_become_zero(void **unused)
{
    (void)unused;
    for_each_variant(check_fading);
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
        state s = open_state(kernels, &optimizer, 0, 2);
        double *w = s.w, g[2], first = 0, last = 0;
        w[0] = 0.7;
        w[1] = -0.6;
        for (int t = 1; t <= 400; t++) {
            g[0] = 0.5 * w[0];
            g[1] = w[1];
            last = (g[0] * w[0] + g[1] * w[1]) / 2;
            first = t == 1 ? last : first;
            step_whole(kernels, &optimizer, &s, t, g, 0.01, 0);
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
        cmocka_unit_test(test_moments_that_fade_become_zero),
        cmocka_unit_test(test_a_quadratic_falls),
        cmocka_unit_test(test_wrong_configurations_are_refused),
        cmocka_unit_test(test_written_configurations_read_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
