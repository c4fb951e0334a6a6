/* lstm and gru against PyTorch: outputs and gradients of a small batch in float64. */
#include "laws/network.h"
#include "reference/recurrent.h"

typedef struct reference {
    const char *layer;
    const double *params, *x, *y, *target, *gradient;
    int64_t nparams, outputs;
} reference;

#define REFERENCE(kind, output)                                                                                        \
    {                                                                                                                  \
        .layer = #kind ": {units: 5, output: " #output "}", .params = kind##_##output##_params,                        \
        .x = kind##_##output##_x, .y = kind##_##output##_y, .target = kind##_##output##_target,                        \
        .gradient = kind##_##output##_gradient, .nparams = sizeof kind##_##output##_params / sizeof(double),           \
        .outputs = sizeof kind##_##output##_y / sizeof(double) / REFERENCE_ROWS                                        \
    }

/* A few hundred operations on numbers of size 1, each within an ulp of 2.2e-16 or so; ours are fused and PyTorch's
   transcendental functions are not ours: 1e-13 leaves some hundred ulps. */
static void assert_near(const char *what, const double *found, const double *expected, int64_t n)
{
    for (int64_t i = 0; i < n; i++) {
        if (!(fabs(found[i] - expected[i]) <= 1e-13)) {
            fail_msg("%s[%lld]: found %.17g, expected %.17g", what, (long long)i, found[i], expected[i]);
        }
    }
}

static void check(const reference *ref)
{
    const as_model_data data = {.in = {2, {REFERENCE_STEPS, REFERENCE_INPUTS}},
                                .target = AS_TARGET_REALS,
                                .targets = ref->outputs,
                                .positions = 1};
    const as_kernels *kernels = as_kernels_get(as_isa_detect(), AS_FLOAT64);
    network net = {.step = 0};
    char text[200];
    as_node *root = NULL;
    as_tree_program program;
    double *gradient = NULL;
    snprintf(text, sizeof text, "model: {layers: [%s], loss: mse}", ref->layer);
    assert_int_equal(as_document_create(&net.document), AS_OK);
    assert_int_equal(as_yaml_parse(net.document, "test.yaml", text, &root), AS_OK);
    if (as_model_parse(net.document, as_node_get(root, "model"), kernels, &data, &net.model) != AS_OK) {
        fail_msg("%s", as_error_message());
    }
    const size_t vector = (size_t)net.model.nparams * sizeof(double);
    assert_int_equal(net.model.nparams, ref->nparams);
    assert_int_equal(as_arena_create(&net.arena), AS_OK);
    assert_int_equal(as_model_work_plan(&net.model, REFERENCE_ROWS, 1, 1, true, NULL, net.arena, &net.work), AS_OK);
    assert_int_equal(as_arena_reserve(net.arena, vector, &net.params), AS_OK);
    assert_int_equal(as_arena_reserve(net.arena, vector, (void **)&gradient), AS_OK);
    assert_int_equal(as_arena_reserve(net.arena, (size_t)net.model.packed_reals * 8, &net.packed), AS_OK);
    assert_int_equal(as_arena_commit(net.arena), AS_OK);
    memcpy(net.params, ref->params, vector);
    as_model_pack(&net.model, net.params, 0, net.model.nparams, net.packed);
    memcpy(net.work.x[0], ref->x, sizeof(double) * REFERENCE_ROWS * REFERENCE_STEPS * REFERENCE_INPUTS);
    const double weight[REFERENCE_ROWS] = {1, 1, 1};
    const as_model_rows rows = {
        .params = net.params, .packed = net.packed, .count = REFERENCE_ROWS, .target = ref->target, .weight = weight};
    as_model_forward(&net.model, &net.work, &rows, true);
    as_model_loss(&net.model, &net.work, &rows, true);
    as_model_backward(&net.model, &net.work, &rows);
    assert_int_equal(as_tree_plan(1, &net.tree), AS_OK);
    assert_int_equal(as_tree_program_make(&net.tree, 0, 1, &program), AS_OK);
    void *part = gradient;
    const int64_t lanes[2] = {0, REFERENCE_ROWS};
    as_model_accumulate(&net.model, &net.work, &program, lanes, false, &part, NULL, 0, 1);
    for (int64_t r = 0; r < REFERENCE_ROWS; r++) {
        assert_near(ref->layer, (const double *)net.work.x[1] + r * net.work.ld[1], ref->y + r * ref->outputs,
                    ref->outputs);
    }
    assert_near(ref->layer, gradient, ref->gradient, ref->nparams);
    as_tree_program_destroy(&program);
    network_close(&net);
}

static void test_recurrent_layers_match_pytorch(void **unused)
{
    (void)unused;
    static const reference cases[] = {REFERENCE(lstm, all), REFERENCE(lstm, last), REFERENCE(gru, all),
                                      REFERENCE(gru, last)};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        check(&cases[i]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_recurrent_layers_match_pytorch)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
