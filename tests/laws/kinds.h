/* Options of one kind from a text, and sizes of error, for the laws of activations, losses and metrics. */
#ifndef TESTS_LAWS_KINDS_H
#define TESTS_LAWS_KINDS_H

#include "base/fields.h"
#include "io/yaml.h"
#include "unit/kernel_cases.h"

/* Options that "a: 1, b: 2" gives by the kind's table; owned by document. */
static inline void *kind_options(as_document *document, const as_field *fields, size_t bytes, const char *options)
{
    char text[4096];
    as_node *root = NULL;
    void *parsed = as_document_alloc(document, bytes + 1);
    assert_non_null(parsed);
    if (fields == NULL) {
        assert_string_equal(options, "");
        return parsed;
    }
    snprintf(text, sizeof text, "kind: {%s}", options);
    assert_int_equal(as_yaml_parse(document, "test.yaml", text, &root), AS_OK);
    const as_fields_part part = {fields, parsed};
    if (as_fields_parse(&part, 1, document, as_node_get(root, "kind"), "kind") != AS_OK) {
        fail_msg("%s: %s", text, as_error_message());
    }
    return parsed;
}

/* Unit of rounding. */
static inline double epsilon(const as_kernels *kernels)
{
    return kernels->precision == AS_FLOAT32 ? 0x1p-24 : 0x1p-53;
}

static inline double huge(const as_kernels *kernels)
{
    return kernels->precision == AS_FLOAT32 ? 1e37 : 1e300;
}

/* Slope at 0 of a function by the central difference of fourth order: error h^4 f'''''/30 and 1.5 u |f| / h, which are
   3e-14 f''''' and 2e-13 |f| for h = 1e-3. */
static const double slope_step = 1e-3;
static inline double slope(const double f[4]) /* at -2h, -h, h, 2h */
{
    return (8.0 * (f[2] - f[1]) - (f[3] - f[0])) / (12.0 * slope_step);
}
static const double slope_at[4] = {-2e-3, -1e-3, 1e-3, 2e-3};

#endif
