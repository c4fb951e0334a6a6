/* An activation as configured: reading it, and applying it to the rows of a matrix. */
#include "nn/nonlinearity.h"

#include "base/error.h"
#include "nn/kind.h"

as_status as_nonlinearity_make(as_document *document, const as_activation_ops *ops, as_nonlinearity *out)
{
    *out = (as_nonlinearity){.ops = ops, .options = as_document_alloc(document, ops->options_bytes + 1)};
    if (out->options == NULL) {
        AS_FAIL(AS_NOMEM, "out of memory for the options of activation %s", ops->name);
    }
    return as_fields_default(ops->fields, document, out->options);
}

as_status as_nonlinearity_parse(as_document *document, const as_node *node, const as_kernels *kernels, const char *path,
                                as_nonlinearity *out)
{
    *out = (as_nonlinearity){.ops = NULL};
    if (node == NULL || node->kind == AS_NODE_NULL) {
        return AS_OK;
    }
    const char *name = NULL;
    const as_node *options = NULL;
    AS_TRY(as_kind_read(node, "activation", &name, &options));
    const as_activation_ops *const *table = as_activations_get(kernels);
    const char *names[AS_KINDS_MAX] = {"none"};
    for (int i = 0; table[i] != NULL && i + 2 < AS_KINDS_MAX; i++) {
        names[i + 1] = table[i]->name;
    }
    int index = 0;
    AS_TRY(as_kind_find(node, "activation", name, names, &index));
    if (index == 0) {
        return AS_OK;
    }
    AS_TRY(as_nonlinearity_make(document, table[index - 1], out));
    const as_fields_part part = {out->ops->fields, out->options};
    return as_fields_parse(&part, 1, document, options, path);
}

static const void *at(const as_kernels *kernels, const void *base, int64_t element)
{
    return base == NULL ? NULL : (const char *)base + (size_t)element * kernels->real_bytes;
}

void as_nonlinearity_forward(const as_nonlinearity *f, const as_kernels *kernels, int64_t rows, int64_t n,
                             const void *z, int64_t ldz, void *y, int64_t ldy)
{
    if (ldz == n && ldy == n) {
        f->ops->forward(f->options, rows * n, z, y);
        return;
    }
    for (int64_t r = 0; r < rows; r++) {
        f->ops->forward(f->options, n, at(kernels, z, r * ldz), (char *)y + (size_t)(r * ldy) * kernels->real_bytes);
    }
}

void as_nonlinearity_backward(const as_nonlinearity *f, const as_kernels *kernels, int64_t rows, int64_t n,
                              const void *z, int64_t ldz, const void *y, int64_t ldy, void *dy)
{
    if ((z == NULL || ldz == n) && ldy == n) {
        f->ops->backward(f->options, rows * n, z, y, dy);
        return;
    }
    for (int64_t r = 0; r < rows; r++) {
        f->ops->backward(f->options, n, at(kernels, z, r * ldz), at(kernels, y, r * ldy),
                         (char *)dy + (size_t)(r * ldy) * kernels->real_bytes);
    }
}

static void *to(const as_kernels *kernels, void *base, int64_t element)
{
    return (char *)base + (size_t)element * kernels->real_bytes;
}

void as_nonlinearity_forward_slope(const as_nonlinearity *f, const as_kernels *kernels, int64_t rows, int64_t n,
                                   void *z, int64_t ldz, void *y, int64_t ldy)
{
    const int64_t runs = ldz == n && ldy == n ? 1 : rows, count = runs == 1 ? rows * n : n;
    for (int64_t r = 0; r < runs; r++) {
        f->ops->forward_slope(f->options, count, to(kernels, z, r * ldz), to(kernels, y, r * ldy));
    }
}

void as_nonlinearity_backward_slope(const as_kernels *kernels, int64_t rows, int64_t n, const void *slope, int64_t lds,
                                    void *dy, int64_t ldy)
{
    const int64_t runs = lds == n && ldy == n ? 1 : rows, count = runs == 1 ? rows * n : n;
    for (int64_t r = 0; r < runs; r++) {
        void *const d = to(kernels, dy, r * ldy);
        kernels->multiply(count, d, at(kernels, slope, r * lds), d);
    }
}

void as_nonlinearity_onnx(const as_nonlinearity *f, as_onnx *model, const char *z, const char *y)
{
    if (f->ops == NULL) {
        as_onnx_node(model, "Identity", (const char *const[]){z, NULL}, y, NULL);
    } else {
        f->ops->onnx(f->options, model, z, y);
    }
}
