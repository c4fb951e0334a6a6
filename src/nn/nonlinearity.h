/* An activation as configured: a row of the table with its options, and its application to rows. */
#ifndef AS_NN_NONLINEARITY_H
#define AS_NN_NONLINEARITY_H

#include "nn/activation.h"

typedef struct as_nonlinearity {
    const as_activation_ops *ops; /* NULL: none, the identity */
    void *options;
} as_nonlinearity;

/* Not collective. Reads `relu`, `none` or `{leaky_relu: {slope: 0.2}}`; node NULL: none. path is for messages.
   Errors: CONFIG, NOMEM. */
as_status as_nonlinearity_parse(as_document *document, const as_node *node, const as_kernels *kernels, const char *path,
                                as_nonlinearity *out);

/* Not collective. A row with its default options, in memory of the document. Errors: NOMEM. */
as_status as_nonlinearity_make(as_document *document, const as_activation_ops *ops, as_nonlinearity *out);

/* Not collective. y = f(z), (rows, n); may be in place. */
void as_nonlinearity_forward(const as_nonlinearity *f, const as_kernels *kernels, int64_t rows, int64_t n,
                             const void *z, int64_t ldz, void *y, int64_t ldy);

/* Not collective. y = f(z), (rows, n), and f'(z) in the place of z, for an f that needs its input; and dy *= that. */
void as_nonlinearity_forward_slope(const as_nonlinearity *f, const as_kernels *kernels, int64_t rows, int64_t n,
                                   void *z, int64_t ldz, void *y, int64_t ldy);
void as_nonlinearity_backward_slope(const as_kernels *kernels, int64_t rows, int64_t n, const void *slope, int64_t lds,
                                    void *dy, int64_t ldy);

/* Not collective. Operators of an ONNX model: y = f(z) (Identity where there is none). */
void as_nonlinearity_onnx(const as_nonlinearity *f, as_onnx *model, const char *z, const char *y);

/* Not collective. dy *= f'(z), (rows, n), ld of dy = ldy. z NULL unless f needs it. */
void as_nonlinearity_backward(const as_nonlinearity *f, const as_kernels *kernels, int64_t rows, int64_t n,
                              const void *z, int64_t ldz, const void *y, int64_t ldy, void *dy);

#endif
