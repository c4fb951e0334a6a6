/* Samples that are mixed in pairs: loss and gradient are those of two plain passes, weighted by the shares; for labels,
   labels of positions with ignored ones, and real targets of several heads. */
#include "io/yaml.h"
#include "nn/model.h"
#include "unit/kernel_cases.h"

enum { N = 21, D = 4, K = 3, P = 2, WIDE = P * K };

typedef struct mixture {
    as_document *document;
    as_model model;
    as_arena *arena;
    as_model_work work;
    double *params, *packed;
} mixture;

static void open_mixture(mixture *m, const char *text, as_model_data data)
{
    const as_kernels *kernels = as_kernels_get(as_isa_detect(), AS_FLOAT64);
    as_node *root = NULL;
    *m = (mixture){.document = NULL};
    data.mixes = true;
    assert_int_equal(as_document_create(&m->document), AS_OK);
    assert_int_equal(as_yaml_parse(m->document, "test.yaml", text, &root), AS_OK);
    if (as_model_parse(m->document, as_node_get(root, "model"), kernels, &data, &m->model) != AS_OK) {
        fail_msg("%s", as_error_message());
    }
    assert_int_equal(as_arena_create(&m->arena), AS_OK);
    assert_int_equal(as_model_work_plan(&m->model, N, 1, 1, true, NULL, m->arena, &m->work), AS_OK);
    assert_int_equal(as_arena_reserve(m->arena, (size_t)m->model.nparams * 8, (void **)&m->params), AS_OK);
    assert_int_equal(as_arena_reserve(m->arena, (size_t)m->model.packed_reals * 8, (void **)&m->packed), AS_OK);
    assert_int_equal(as_arena_commit(m->arena), AS_OK);
    assert_int_equal(as_model_init(&m->model, 5, m->params), AS_OK);
    as_model_pack(&m->model, m->params, 0, m->model.nparams, m->packed);
}

static void close_mixture(mixture *m)
{
    as_model_work_destroy(&m->work);
    as_model_destroy(&m->model);
    as_arena_destroy(&m->arena);
    as_document_destroy(&m->document);
}

/* Loss and counts, and the gradient at value v, (N, width). */
static void judge(mixture *m, const as_model_rows *rows, int v, int64_t width, double *loss, double *counted,
                  double *dz)
{
    as_model_loss(&m->model, &m->work, rows, true);
    for (int r = 0; r < N; r++) {
        loss[r] = m->work.loss[r];
        counted[r] = m->work.counted[r];
        memcpy(dz + r * width, (const double *)m->work.dy[v] + r * m->work.ld[v], (size_t)width * sizeof *dz);
    }
}

static void check(const char *text, const as_model_data *data, int v, int64_t width, const int32_t *label,
                  const double *target)
{
    static double loss[3][N], counted[3][N], dz[3][N * WIDE];
    static int32_t other_label[N * P];
    static double other_target[N * P], weight[N], own_weight[N], other_weight[N], share[N];
    static int64_t id[N], partner[N];
    mixture m;
    open_mixture(&m, text, *data);
    for (int64_t i = 0; i < N; i++) {
        partner[i] = i + 1 < N ? 1 : -i;
        share[i] = (double)(i % 5) / 4; /* with 0 and 1 */
        weight[i] = 0.5 + (double)(i % 3);
        for (int j = 0; j < D; j++) {
            ((double *)m.work.x[0])[i * m.work.ld[0] + j] = sin((double)(i * D + j));
        }
    }
    for (int64_t i = 0; i < N; i++) {
        const int64_t o = i + partner[i];
        own_weight[i] = share[i] * weight[i];
        other_weight[i] = (1 - share[i]) * weight[o];
        for (int64_t p = 0; label != NULL && p < data->positions; p++) {
            other_label[i * data->positions + p] = label[o * data->positions + p];
        }
        for (int64_t p = 0; target != NULL && p < data->targets; p++) {
            other_target[i * data->targets + p] = target[o * data->targets + p];
        }
    }
    as_model_rows rows = {
        .params = m.params, .packed = m.packed, .count = N, .id = id, .label = label, .target = target};
    as_model_forward(&m.model, &m.work, &rows, true);
    rows.weight = own_weight;
    judge(&m, &rows, v, width, loss[1], counted[1], dz[1]);
    rows.weight = other_weight;
    rows.label = label == NULL ? NULL : other_label;
    rows.target = target == NULL ? NULL : other_target;
    judge(&m, &rows, v, width, loss[2], counted[2], dz[2]);
    rows.weight = weight;
    rows.label = label;
    rows.target = target;
    rows.partner = partner;
    rows.share = share;
    judge(&m, &rows, v, width, loss[0], counted[0], dz[0]);
    for (int i = 0; i < N; i++) { /* sums of a few terms below 10 */
        assert_true(fabs(loss[0][i] - loss[1][i] - loss[2][i]) <= 1e-14 * (1 + fabs(loss[0][i])));
        assert_true(fabs(counted[0][i] - counted[1][i] - counted[2][i]) <= 1e-14);
    }
    for (int64_t i = 0; i < N * width; i++) {
        assert_true(fabs(dz[0][i] - dz[1][i] - dz[2][i]) <= 1e-14 * (1 + fabs(dz[0][i])));
    }
    close_mixture(&m);
}

static void test_a_mixture_is_the_sum_of_two_passes(void **state)
{
    (void)state;
    static int32_t label[N], several[N * P];
    static double target[N * P];
    for (int i = 0; i < N * P; i++) {
        label[i / P] = i / P % K;
        several[i] = i % 4 == 3 ? AS_LABEL_IGNORED : i % K;
        target[i] = cos((double)i);
    }
    const as_model_data classes = {.in = {1, {D}}, .target = AS_TARGET_LABELS, .classes = K, .positions = 1};
    check("model: {layers: [dense: 3], loss: {cross_entropy: {label_smoothing: 0.1}}}", &classes, 1, K, label, NULL);
    as_model_data pixels = classes;
    pixels.positions = P;
    check("model: {layers: [dense: 6, reshape: {shape: [2, 3]}], loss: cross_entropy}", &pixels, 2, WIDE, several,
          NULL);
    const as_model_data reals = {.in = {1, {D}}, .target = AS_TARGET_REALS, .targets = P, .positions = 1};
    check("model: {layers: [dense: 2], loss: huber}", &reals, 1, P, NULL, target);
    check(
        "model: {layers: [dense: 1], losses: [{loss: mse, columns: [0, 0]}, {loss: mae, columns: [1, 1], weight: 2}]}",
        &reals, 1, 1, NULL, target);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_mixture_is_the_sum_of_two_passes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
