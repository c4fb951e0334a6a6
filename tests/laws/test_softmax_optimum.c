/* A softmax regression trained to the end by the library's own parts (dense layer, cross entropy, sgd) arrives at
   scikit-learn's optimum. References: tests/reference/make_softmax.py. */
#include "base/arena.h"
#include "io/yaml.h"
#include "nn/model.h"
#include "nn/optimizer.h"
#include "reference/softmax.h"
#include "unit/kernel_cases.h"

typedef struct regression {
    as_document *document;
    as_model model;
    as_optimizer optimizer;
    as_arena *arena;
    as_model_work work;
    void *params, *packed, *gradient, *momentum;
    as_tree tree;
    as_tree_program program;
    int64_t lane_row[5];
} regression;

static void open_regression(regression *r, const as_kernels *kernels)
{
    as_node *root = NULL;
    *r = (regression){.lane_row = {0, 11, 30, 45, SOFTMAX_N}};
    assert_int_equal(as_document_create(&r->document), AS_OK);
    assert_int_equal(as_yaml_parse(r->document, "test.yaml",
                                   "model: {layers: [dense: {units: 3, init: zeros}], loss: cross_entropy}\n"
                                   "optimizer: {type: sgd, lr: 0.5, momentum: 0.9, nesterov: true}\n",
                                   &root),
                     AS_OK);
    const as_model_data data = {
        .in = {1, {SOFTMAX_D}}, .target = AS_TARGET_LABELS, .classes = SOFTMAX_K, .positions = 1};
    assert_int_equal(as_model_parse(r->document, as_node_get(root, "model"), kernels, &data, &r->model), AS_OK);
    assert_int_equal(as_optimizer_parse(r->document, as_node_get(root, "optimizer"), kernels, &r->optimizer), AS_OK);
    const size_t vector = (size_t)r->model.nparams * kernels->real_bytes;
    assert_int_equal(as_arena_create(&r->arena), AS_OK);
    assert_int_equal(as_model_work_plan(&r->model, SOFTMAX_N, 1, 1, true, NULL, r->arena, &r->work), AS_OK);
    assert_int_equal(as_arena_reserve(r->arena, vector, &r->params), AS_OK);
    assert_int_equal(as_arena_reserve(r->arena, vector, &r->gradient), AS_OK);
    assert_int_equal(as_arena_reserve(r->arena, vector, &r->momentum), AS_OK);
    assert_int_equal(as_arena_reserve(r->arena, (size_t)r->model.packed_reals * kernels->real_bytes, &r->packed),
                     AS_OK);
    assert_int_equal(as_arena_commit(r->arena), AS_OK);
    assert_int_equal(as_tree_plan(4, &r->tree), AS_OK);
    assert_int_equal(as_tree_program_make(&r->tree, 0, 4, &r->program), AS_OK);
    assert_int_equal(as_model_init(&r->model, 1, r->params), AS_OK);
    for (int64_t i = 0; i < SOFTMAX_N; i++) {
        for (int64_t j = 0; j < SOFTMAX_D; j++) {
            set_real(kernels, r->work.x[0], i * r->work.ld[0] + j, softmax_x[i * SOFTMAX_D + j]);
        }
    }
}

static void close_regression(regression *r)
{
    as_tree_program_destroy(&r->program);
    as_tree_destroy(&r->tree);
    as_arena_destroy(&r->arena);
    as_model_work_destroy(&r->work);
    as_model_destroy(&r->model);
    as_document_destroy(&r->document);
}

/* One step on all samples: mean gradient, decay 1 / N on the weights alone. */
static void descend(regression *r, int64_t t)
{
    const as_kernels *kernels = r->model.kernels;
    double ones[SOFTMAX_N];
    for (int i = 0; i < SOFTMAX_N; i++) {
        ones[i] = 1;
    }
    const as_model_rows rows = {
        .params = r->params, .packed = r->packed, .count = SOFTMAX_N, .label = softmax_y, .weight = ones, .step = t};
    as_model_pack(&r->model, r->params, 0, r->model.nparams, r->packed);
    as_model_forward(&r->model, &r->work, &rows, true);
    as_model_loss(&r->model, &r->work, &rows, true);
    as_model_backward(&r->model, &r->work, &rows);
    as_model_accumulate(&r->model, &r->work, &r->program, r->lane_row, false, &r->gradient, NULL, 0, 1);
    for (int64_t i = 0; i < r->model.nparams; i++) {
        set_real(kernels, r->gradient, i, get_real(kernels, r->gradient, i) / SOFTMAX_N);
    }
    double c[AS_COEFFICIENTS_MAX];
    r->optimizer.ops->begin(r->optimizer.options, t, c);
    for (int q = 0; q < 2; q++) {
        const as_param *param = &r->model.layer[0].param[q];
        const as_optimizer_pass pass = {.options = r->optimizer.options,
                                        .n = param->count,
                                        .w = at(kernels, r->params, param->offset),
                                        .g = at(kernels, r->gradient, param->offset),
                                        .scale = 1,
                                        .slot = {at(kernels, r->momentum, param->offset)},
                                        .c = c,
                                        .lr = r->optimizer.lr,
                                        .weight_decay = param->decay ? 1.0 / SOFTMAX_N : 0};
        r->optimizer.ops->step(&pass);
    }
}

/* The penalty makes the problem strongly convex with constant 1 / N in the weights; momentum 0.9 then gains a factor of
   about 0.95 a step, so 2000 steps leave only rounding: N eps times the largest weight, 60 * 1.1e-16 * 2 = 1e-14
   (float64) and 60 * 6e-8 * 2 = 7e-6 (float32). scikit-learn's gradient at its optimum is 1.3e-15. */
static void check_optimum(const as_kernels *kernels)
{
    regression r;
    open_regression(&r, kernels);
    for (int t = 1; t <= 2000; t++) {
        descend(&r, t);
    }
    const double tolerance = kernels->precision == AS_FLOAT64 ? 1e-12 : 1e-5;
    for (int i = 0; i < SOFTMAX_D * SOFTMAX_K + SOFTMAX_K; i++) {
        const double expected = i < SOFTMAX_D * SOFTMAX_K ? softmax_weight[i] : softmax_bias[i - SOFTMAX_D * SOFTMAX_K];
        const double found = get_real(kernels, r.params, i);
        if (!(fabs(found - expected) <= tolerance)) {
            fail_msg("%s, %d bits: parameter %d is %.15g, scikit-learn has %.15g", kernels->isa,
                     (int)kernels->precision, i, found, expected);
        }
    }
    close_regression(&r);
}

static void test_softmax_regression_reaches_the_optimum(void **unused)
{
    (void)unused;
    for_each_variant(check_optimum);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_softmax_regression_reaches_the_optimum)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
