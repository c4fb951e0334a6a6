/* Convolution and pooling layers against PyTorch: outputs and all gradients, in both precisions; and what they refuse.

   An element is a sum of at most 128 products here (dW: 2 rows of 36 positions; y: 36 products) of size about 1, then
   an activation: float64 errs by some 128 * 2^-53 * 10, within 1e-10 of the largest element with room; float32 by 2^29
   times that, within 1e-5; the bound there is 1e-6 times the square root of the terms, 4e-6 of the largest element. */
#include "base/error.h"
#include "base/fields.h"
#include "io/yaml.h"
#include "nn/layer.h"
#include "reference/convolutions.h"
#include "unit/kernel_cases.h"

enum { ROWS = REFERENCE_CONVOLUTION_ROWS, CASES = sizeof reference_convolutions / sizeof *reference_convolutions };

/* The layer that `text` ("kind" or "kind: options") describes, planned for one input of shape `in`. */
static as_status make_layer(as_document *document, const as_kernels *K, const char *text, const as_shape *in,
                            as_layer *layer)
{
    char kind[32] = "", yaml[256];
    as_node *root = NULL;
    snprintf(kind, sizeof kind, "%.*s", (int)strcspn(text, ":"), text);
    snprintf(yaml, sizeof yaml, "%s%s", text, strchr(text, ':') == NULL ? ":" : "");
    assert_int_equal(as_yaml_parse(document, "test.yaml", yaml, &root), AS_OK);
    *layer = (as_layer){.name = "layer", .ninputs = 1, .trains = true, .wants_dx = true};
    layer->in[0] = *in;
    layer->in_size[0] = as_shape_size(in);
    for (const as_layer_ops *const *l = as_layers_get(K); *l != NULL; l++) {
        layer->ops = strcmp((*l)->name, kind) == 0 ? *l : layer->ops;
    }
    assert_non_null(layer->ops);
    layer->options = as_document_alloc(document, layer->ops->options_bytes);
    layer->node = root;
    const as_fields_part part = {layer->ops->fields, layer->options};
    AS_TRY(as_fields_parse(&part, 1, document, as_node_get(root, kind), kind));
    AS_TRY(layer->ops->plan(layer, document, K));
    layer->out_size = as_shape_size(&layer->out);
    return AS_OK;
}

/* n reals with the given values (NULL: zeros). */
static void *reals_of(const as_kernels *K, int64_t n, const double *value)
{
    void *const p = new_reals(K, n);
    for (int64_t i = 0; value != NULL && i < n; i++) {
        set_real(K, p, i, value[i]);
    }
    return p;
}

static void assert_near(const as_kernels *K, const void *found, const double *expected, int64_t n, const char *text,
                        const char *what)
{
    double largest = 0;
    for (int64_t i = 0; i < n; i++) {
        largest = fmax(largest, fabs(expected[i]));
    }
    const double bound = (K->precision == AS_FLOAT64 ? 1e-10 : 4e-6) * largest;
    for (int64_t i = 0; i < n; i++) {
        if (!(fabs(get_real(K, found, i) - expected[i]) <= bound)) {
            fail_msg("%s (%s, %d bits): %s: element %lld is %.9g, expected %.9g", text, K->isa, (int)K->precision, what,
                     (long long)i, get_real(K, found, i), expected[i]);
        }
    }
}

static void check_case(const as_kernels *K, int number)
{
    const char *text = reference_convolutions[number].layer;
    as_document *document;
    as_layer layer;
    assert_int_equal(as_document_create(&document), AS_OK);
    if (make_layer(document, K, text, &reference_convolutions[number].in, &layer) != AS_OK) {
        fail_msg("%s: %s", text, as_error_message());
    }
    char found[64], expected[64];
    assert_string_equal(as_shape_text(&layer.out, found, sizeof found),
                        as_shape_text(&reference_convolutions[number].out, expected, sizeof expected));
    const int64_t in = layer.in_size[0], out = layer.out_size;
    const int64_t weights = layer.nparams > 0 ? as_shape_size(&layer.param[0].shape) : 0;
    const int64_t biases = layer.nparams > 1 ? as_shape_size(&layer.param[1].shape) : 0;
    void *const x = reals_of(K, ROWS * in, reference_convolutions[number].x), *const y = new_reals(K, ROWS * out);
    void *const dy = reals_of(K, ROWS * out, reference_convolutions[number].dy), *const dx = new_reals(K, ROWS * in);
    void *const w = reals_of(K, weights, reference_convolutions[number].weight), *const dw = new_reals(K, weights);
    void *const b = reals_of(K, biases, reference_convolutions[number].bias), *const db = new_reals(K, biases);
    void *const saved = new_reals(K, ROWS * layer.saved + 1);
    const int64_t reals = weights > 0 ? layer.ops->packed_reals(&layer, K, 0) : 0;
    void *const packed = new_reals(K, reals);
    if (weights > 0) {
        layer.ops->pack(&layer, K, 0, w, 0, weights, packed);
    }
    const as_pass pass = {.kernels = K,
                          .param = (const void *const[]){w, b},
                          .packed = (const void *const[]){packed, NULL},
                          .rows = ROWS,
                          .x = {x},
                          .ldx = {in},
                          .y = y,
                          .ldy = out,
                          .saved = saved,
                          .lds = layer.saved,
                          .dy = dy,
                          .dx = {dx},
                          .train = true};
    layer.ops->forward(&layer, &pass);
    assert_near(K, y, reference_convolutions[number].y, ROWS * out, text, "y");
    layer.ops->backward(&layer, &pass);
    assert_near(K, dx, reference_convolutions[number].dx, ROWS * in, text, "dx");
    if (weights > 0) {
        int16_t step[] = {0, AS_TREE_EMIT};
        const as_tree_program program = {.lanes = 1, .steps = 2, .parts = 1, .depth = 1, .step = step};
        const as_accumulate a = {.kernels = K,
                                 .x = {x},
                                 .ldx = {in},
                                 .dy = dy,
                                 .ldy = out,
                                 .saved = saved,
                                 .lds = layer.saved,
                                 .program = &program,
                                 .lane_row = (const int64_t[]){0, ROWS},
                                 .part = (void *const[]){dw, db},
                                 .threads = 1};
        layer.ops->accumulate(&layer, &a);
        assert_near(K, dw, reference_convolutions[number].dweight, weights, text, "dW");
        assert_near(K, db, reference_convolutions[number].dbias, biases, text, "db");
    }
    free_reals(K, x, ROWS * in), free_reals(K, y, ROWS * out), free_reals(K, dy, ROWS * out);
    free_reals(K, dx, ROWS * in), free_reals(K, w, weights), free_reals(K, dw, weights), free_reals(K, b, biases);
    free_reals(K, db, biases), free_reals(K, saved, ROWS * layer.saved + 1), free_reals(K, packed, reals);
    as_document_destroy(&document);
}

static void all_cases(const as_kernels *K)
{
    for (int i = 0; i < CASES; i++) {
        check_case(K, i);
    }
}

static void test_layers_equal_pytorch(void **state)
{
    (void)state;
    for_each_variant(all_cases);
}

/* Each with the words that its message must hold. */
static const struct {
    const char *layer;
    as_shape in;
    const char *message;
} refused[] = {
    {"conv2d: 3", {1, {7}}, "2 spatial axes"},
    {"conv2d: 3", {4, {2, 3, 4, 5}}, "found 2x3x4x5"},
    {"conv1d: {channels: 3, kernel: 8, padding: valid}", {2, {7, 2}}, "spans 8 over 7"},
    {"conv2d: {channels: 3, kernel: [3, 3, 3]}", {3, {7, 7, 2}}, "expected one number or 2, found 3"},
    {"conv2d: {channels: 3, padding: some}", {3, {7, 7, 2}}, "found some"},
    {"conv2d: {channels: 3, padding: [1, 1, 1]}", {3, {7, 7, 2}}, "one entry or 2"},
    {"conv2d: {channels: 3, padding: -1}", {3, {7, 7, 2}}, "found -1"},
    {"conv2d: {channels: 3, groups: 2}", {3, {7, 7, 4}}, "4 input and 3 output channels, found 2"},
    {"conv2d: {channels: 0}", {3, {7, 7, 4}}, "channels"},
    {"conv2d: {channels: 1e7, kernel: 1e6}", {3, {7, 7, 4}}, "2^40"},
    {"conv_transpose: {channels: 2, kernel: 2, padding: 4}", {2, {3, 4}}, "found 4"},
    {"conv_transpose: {channels: 2, stride: 2, padding: valid, extra: 2}", {2, {3, 4}}, "extra below"},
    {"conv_transpose: 2", {1, {3}}, "1 to 3 spatial axes"},
    {"max_pool: 9", {3, {8, 8, 1}}, "spans 9 over 8"},
    {"max_pool: {size: 2, padding: 2}", {3, {8, 8, 1}}, "less than the size 2"},
    {"avg_pool: [2, 2]", {2, {8, 1}}, "expected one number or 1, found 2"},
    {"global_pool", {1, {8}}, "1 to 3 spatial axes"},
    {"upsample: 1e6", {4, {1000, 1000, 1000, 8}}, "2^40"},
};

static void test_what_does_not_fit_is_refused(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof refused / sizeof *refused; i++) {
        as_document *document;
        as_layer layer;
        assert_int_equal(as_document_create(&document), AS_OK);
        const as_kernels *K = as_kernels_get(AS_PORTABLE, AS_FLOAT32);
        assert_int_equal(make_layer(document, K, refused[i].layer, &refused[i].in, &layer), AS_CONFIG);
        if (strstr(as_error_message(), refused[i].message) == NULL) {
            fail_msg("%s: expected a message with \"%s\", found \"%s\"", refused[i].layer, refused[i].message,
                     as_error_message());
        }
        as_document_destroy(&document);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_layers_equal_pytorch),
        cmocka_unit_test(test_what_does_not_fit_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
