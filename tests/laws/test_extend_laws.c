/* Sequences position by position: whatever pieces they come in, each piece ends with the bits that forward gives the
   whole window there; and what cannot be continued says so. All six variants. */
#include "estimator/network.h"
#include "io/yaml.h"
#include "unit/kernel_cases.h"

enum { CONTEXT = 11, TOKENS = 7 };

static const char *const kinds[] = {
    "[{embedding: {vocabulary: 7, units: 6, init_scale: 1}}, {position: {init_scale: 1}}, {layer_norm: {name: n}}, "
    "{attention: {heads: 2, causal: true, name: look}}, {add: {from: [look, n]}}, {rms_norm: {}}, {dense: {units: 9, "
    "over: last, activation: gelu}}, {dropout: 0.5}, {dense: {units: 7, over: last}}]",
    "[{embedding: {vocabulary: 7, units: 8, init_scale: 1}}, {position: sinusoidal}, {attention: {heads: 4, kv_heads: "
    "2, causal: true, rotary: true, units: 6, bias: false}}, {affine: {name: a}}, {silu: {name: s}}, {mul: {from: [a, "
    "s]}}, {attention: {heads: 3, causal: true, rotary: true}}, {stochastic_depth: 0.5}, {dense: {units: 7, over: "
    "last}}]",
    "[{embedding: {vocabulary: 7, units: 5, init_scale: 1}}, {lstm: {units: 6, name: l}}, {gru: {units: 4, name: g}}, "
    "{concat: {from: [l, g]}}, {batch_norm: {}}, {scale: 2}, {slice: {start: 1, size: 6}}, {dense: {units: 7, over: "
    "last}}]",
    "[{embedding: {vocabulary: 7, units: 6, init_scale: 1}}, {attention: {heads: 2, causal: true, rotary: false, lora: "
    "2}}, {dense: {units: 9, over: last, activation: gelu, lora: {rank: 3, alpha: 2}}}, {dense: {units: 7, over: "
    "last}}]",
};

typedef struct sequence {
    as_document *document;
    as_network network;
    as_arena *arena;
    as_model_work work;
    void *params, *packed;
    as_dataset data;
} sequence;

/* B of an adapter starts at 0, where the adapter does nothing. */
static void move_adapters(const as_model *model, void *params)
{
    for (int i = 0; i < model->nlayers; i++) {
        for (int q = 0; q < model->layer[i].nparams; q++) {
            const as_param *const p = &model->layer[i].param[q];
            for (int64_t e = p->offset; p->adapter && e < p->offset + p->count; e++) {
                set_real(model->kernels, params, e, value_at(3, e));
            }
        }
    }
}

static void open_sequence(sequence *s, const as_kernels *kernels, const char *layers)
{
    as_node *root = NULL;
    char text[1000];
    *s = (sequence){.data = {.place = "test"}};
    snprintf(text, sizeof text, "model: {layers: %s, loss: cross_entropy}", layers);
    assert_int_equal(as_document_create(&s->document), AS_OK);
    assert_int_equal(as_yaml_parse(s->document, "test.yaml", text, &root), AS_OK);
    s->network.setup = (as_setup){.document = s->document, .kernels = kernels, .data = &s->data, .seed = 5};
    const as_model_data data = {
        .in = {1, {CONTEXT}}, .target = AS_TARGET_LABELS, .classes = TOKENS, .positions = CONTEXT};
    as_model *model = &s->network.model;
    if (as_model_parse(s->document, as_node_get(root, "model"), kernels, &data, model) != AS_OK) {
        fail_msg("%s: %s", layers, as_error_message());
    }
    assert_int_equal(as_arena_create(&s->arena), AS_OK);
    assert_int_equal(as_model_work_plan(model, 1, 1, 1, false, NULL, s->arena, &s->work), AS_OK);
    assert_int_equal(as_arena_reserve(s->arena, (size_t)model->nparams * kernels->real_bytes, &s->params), AS_OK);
    assert_int_equal(as_arena_reserve(s->arena, (size_t)model->packed_reals * kernels->real_bytes, &s->packed), AS_OK);
    assert_int_equal(as_arena_commit(s->arena), AS_OK);
    assert_int_equal(as_model_init(model, 3, s->params), AS_OK);
    move_adapters(model, s->params);
    as_model_pack(model, s->params, 0, model->nparams, s->packed);
    s->network.use_params = s->params;
    s->network.use_packed = s->packed;
}

static void close_sequence(sequence *s)
{
    network_sequence_destroy(&s->network);
    as_model_work_destroy(&s->work);
    as_model_destroy(&s->network.model);
    as_arena_destroy(&s->arena);
    as_document_destroy(&s->document);
}

/* Outputs (CONTEXT, TOKENS) of the whole window. */
static void forward_whole(sequence *s, const int32_t *token, double *out)
{
    const as_kernels *k = s->network.setup.kernels;
    const as_model *model = &s->network.model;
    const int64_t id[1] = {0};
    const as_model_rows rows = {.params = s->params, .packed = s->packed, .count = 1, .id = id};
    double x[CONTEXT];
    for (int t = 0; t < CONTEXT; t++) {
        x[t] = token[t];
    }
    k->from_double(CONTEXT, x, s->work.x[0]);
    as_model_forward(model, &s->work, &rows, false);
    k->to_double((int64_t)CONTEXT * TOKENS, s->work.x[model->nlayers], out);
}

static void check_pieces(sequence *s, const char *layers, const int32_t *token, const double *whole, const int *piece)
{
    double out[TOKENS];
    for (int at = 0, i = 0; at < CONTEXT; at += piece[i++]) {
        network_extend(&s->network.base, at == 0, piece[i], token + at, out);
        if (memcmp(out, whole + (at + piece[i] - 1) * TOKENS, sizeof out) != 0) {
            fail_msg("%s: positions %d to %d by themselves are not those of the whole", layers, at, at + piece[i] - 1);
        }
    }
}

static void check_network(const as_kernels *kernels, const char *layers, bool carries)
{
    static const int pieces[][CONTEXT] = {{1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1}, {CONTEXT}, {4, 1, 5, 1}, {7, 2, 2}};
    static const int32_t token[CONTEXT] = {3, 0, 6, 6, 1, 2, 5, 4, 0, 0, 3};
    double whole[CONTEXT * TOKENS];
    sequence s;
    as_sequence_facts facts;
    open_sequence(&s, kernels, layers);
    forward_whole(&s, token, whole);
    if (network_begin(&s.network.base, &facts) != AS_OK) {
        fail_msg("%s: %s", layers, as_error_message());
    }
    assert_int_equal(facts.context, CONTEXT);
    assert_int_equal(facts.carries, carries);
    for (size_t p = 0; p < sizeof pieces / sizeof pieces[0]; p++) {
        check_pieces(&s, layers, token, whole, pieces[p]);
    }
    close_sequence(&s);
}

static void check_networks(const as_kernels *kernels)
{
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
        check_network(kernels, kinds[i], i == 2);
    }
}

static void test_pieces_have_the_bits_of_the_whole(void **state)
{
    (void)state;
    for_each_variant(check_networks);
}

static bool stands(const char *kind)
{
    char item[AS_NAME_MAX + 3];
    snprintf(item, sizeof item, "{%s:", kind);
    bool found = false;
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
        found = found || strstr(kinds[i], item) != NULL;
    }
    return found;
}

/* Kinds that no network above has stand in one of their own, by their names alone. */
static void check_others(const as_kernels *kernels)
{
    char layers[300];
    for (const as_layer_ops *const *l = as_layers_get(kernels); *l != NULL; l++) {
        if (((*l)->each_position || (*l)->extend != NULL) && !stands((*l)->name)) {
            snprintf(layers, sizeof layers,
                     "[{embedding: {vocabulary: 7, units: 6, init_scale: 1}}, {%s: {}}, {dense: {units: 7, over: "
                     "last}}]",
                     (*l)->name);
            check_network(kernels, layers, (*l)->extend == NULL || (*l)->carries);
        }
    }
}

static void test_every_kind_that_goes_on_does(void **state)
{
    (void)state;
    for_each_variant(check_others);
}

/* Three windows of a recurrent network, in two ways of cutting: the state goes on, and it matters. */
static void test_states_go_on_beyond_the_context(void **state)
{
    (void)state;
    enum { LONG = 3 * CONTEXT + 2 };
    int32_t token[LONG];
    double one[TOKENS], other[TOKENS], fresh[TOKENS];
    for (int t = 0; t < LONG; t++) {
        token[t] = t * t % TOKENS;
    }
    sequence s;
    as_sequence_facts facts;
    open_sequence(&s, as_kernels_get(as_isa_detect(), AS_FLOAT32), kinds[2]);
    assert_int_equal(network_begin(&s.network.base, &facts), AS_OK);
    network_extend(&s.network.base, true, LONG, token, one);
    for (int t = 0; t < LONG; t++) {
        network_extend(&s.network.base, t == 0, 1, token + t, other);
    }
    assert_memory_equal(one, other, sizeof one);
    network_extend(&s.network.base, true, 2, token + LONG - 2, fresh);
    assert_memory_not_equal(one, fresh, sizeof one);
    close_sequence(&s);
}

static void test_what_cannot_be_continued(void **state)
{
    (void)state;
    static const char *const cases[][2] = {
        {"[{embedding: {vocabulary: 7, units: 6}}, {attention: {name: eye, heads: 2}}, {dense: {units: 7, over: "
         "last}}]",
         "layer eye (attention): its outputs depend on later positions"},
        {"[{embedding: {vocabulary: 7, units: 6}}, {conv1d: {name: c, channels: 7, kernel: 3, padding: same}}]",
         "layer c (conv1d): its outputs belong to no single position"},
        {"[{embedding: {vocabulary: 7, units: 6}}, {dense: {name: d, units: 77}}, {reshape: {name: r, shape: [11, "
         "7]}}]",
         "layer d (dense): its output has other positions than the data"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        sequence s;
        as_sequence_facts facts;
        open_sequence(&s, as_kernels_get(as_isa_detect(), AS_FLOAT32), cases[i][0]);
        assert_int_equal(network_begin(&s.network.base, &facts), AS_CONFIG);
        if (strstr(as_error_message(), cases[i][1]) == NULL) {
            fail_msg("expected \"%s\", found \"%s\"", cases[i][1], as_error_message());
        }
        close_sequence(&s);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_pieces_have_the_bits_of_the_whole),
        cmocka_unit_test(test_every_kind_that_goes_on_does),
        cmocka_unit_test(test_states_go_on_beyond_the_context),
        cmocka_unit_test(test_what_cannot_be_continued),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
