/* Activations: elementwise functions. A kind is one file activation_<kind>.c (compiled per variant) and one row in
   activation.def. Usable as `activation:` of a layer and as a layer of its own name. */
#ifndef AS_NN_ACTIVATION_H
#define AS_NN_ACTIVATION_H

#include "base/fields.h"
#include "io/onnx.h"
#include "kernels/kernels.h"

typedef struct as_activation_ops {
    const char *name, *help, *formula;
    const as_field *fields; /* NULL: no options */
    size_t options_bytes;
    bool needs_input; /* backward reads z; otherwise it works from y alone */
    double steepest;  /* largest derivative of a kind that is flat at both ends; 0: of other kinds, it is about 1 */
    bool kinked;      /* backward looks at whether y > 0, and at nothing else of it */
    bool halves;      /* passes about half of the variance: weights before it start with `he` (He et al. 2015) */
    void (*forward)(const void *options, int64_t n, const void *z, void *y);                  /* may be in place */
    void (*backward)(const void *options, int64_t n, const void *z, const void *y, void *dy); /* dy *= f'(z) */
    /* Where needs_input: y = f(z), and f'(z), as backward gives it for ones, in the place of z. Layers keep that. */
    void (*forward_slope)(const void *options, int64_t n, void *z, void *y);
    void (*onnx)(const void *options, as_onnx *model, const char *z, const char *y); /* operators of an ONNX model */
} as_activation_ops;

const as_activation_ops *const *as_activations_get(const as_kernels *kernels);

#endif
