/* Optimizers: elementwise updates on a slice of the flat parameter vector. One file optimizer_<kind>.c (per variant),
   one row in optimizer.def. Formulas are those that PyTorch documents. */
#ifndef AS_NN_OPTIMIZER_H
#define AS_NN_OPTIMIZER_H

#include "base/fields.h"
#include "kernels/kernels.h"

enum { AS_SLOTS_MAX = 4, AS_COEFFICIENTS_MAX = 12 };

/* One state array: its name (the file name of the slot) and the value that every element starts with. */
typedef struct as_slot {
    const char *name;
    double initial;
} as_slot;

typedef struct as_optimizer_pass {
    const void *options;
    int64_t n;                /* <= AS_BLOCK elements */
    void *w;                  /* parameters, updated in place */
    const void *g;            /* sums of gradients: the gradient is g * scale, cut to [-clip, clip]; see gradient.h */
    double scale, clip;       /* clip 0: not cut */
    void *slot[AS_SLOTS_MAX]; /* state arrays */
    const double *c;          /* (AS_COEFFICIENTS_MAX) from begin */
    double lr;                /* learning rate of this layer at this step */
    double weight_decay;      /* 0 where decay does not apply */
} as_optimizer_pass;

typedef struct as_optimizer_ops {
    const char *name, *help, *formula;
    const as_field *fields;
    size_t options_bytes;
    /* Number of state arrays for these options, and what they are. */
    int (*slots)(const void *options, as_slot slot[AS_SLOTS_MAX]);
    /* Step-dependent scalars in double (bias corrections) for step t = 1, 2, ...; NULL: none. They do not depend on the
       learning rate, so that one call serves all layers of a step; nadam's momentum product is a function of t alone.
     */
    void (*begin)(const void *options, int64_t t, double c[AS_COEFFICIENTS_MAX]);
    void (*step)(const as_optimizer_pass *pass);
} as_optimizer_ops;

const as_optimizer_ops *const *as_optimizers_get(const as_kernels *kernels);

/* An optimizer as configured: `optimizer: {type: adam, lr: 1e-3, weight_decay: 0, ...}`; the keys of the kind beside
   the common ones. */
typedef struct as_optimizer {
    const as_optimizer_ops *ops;
    void *options;
    double lr, weight_decay;
} as_optimizer;

extern const as_field as_optimizer_fields[]; /* lr, weight_decay; options struct as_optimizer */

/* Not collective. node NULL: sgd with its defaults. Errors: CONFIG (unknown type: did-you-mean), NOMEM. */
as_status as_optimizer_parse(as_document *document, const as_node *node, const as_kernels *kernels, as_optimizer *out);
/* Not collective. Appends the resolved keys, `type` first. */
struct as_text;
as_status as_optimizer_write(const as_optimizer *optimizer, int indent, struct as_text *text);

#endif
