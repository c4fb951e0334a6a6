/* Optimizers: updates of a slice of the flat parameter vector. One file optimizer_<kind>.c (per variant), one row in
   optimizer.def. Formulas are those that PyTorch documents, or the paper that the file names.

   Most see every element by itself: step is all they have. Others need more of a tensor than a slice holds, and say so
   by their scope:
     NORMS   prepare on all pieces (tensor and block of AS_BLOCK elements of the flat vector: the same for every layout)
             gives two sums of each; added along one tree for each tensor they are what step sees.
     TENSOR  prepare leaves in u what is to become the direction; then solve sees whole tensors, each on one rank of
             every node; then step takes its piece of u. */
#ifndef AS_NN_OPTIMIZER_H
#define AS_NN_OPTIMIZER_H

#include "base/fields.h"
#include "comm/sum.h"
#include "kernels/kernels.h"
#include "kernels/team.h"
#include "nn/parameter_groups.h"

enum { AS_SLOTS_MAX = 4, AS_COEFFICIENTS_MAX = 12, AS_TENSOR_SUMS = 2, AS_TENSOR_STATES = 2 };

typedef enum as_optimizer_scope { AS_OPTIMIZER_ELEMENT, AS_OPTIMIZER_NORMS, AS_OPTIMIZER_TENSOR } as_optimizer_scope;

/* What a tensor is to the optimizer: one axis; several, of which the last are the columns and the others the rows; or
   such a one at an end of the network: a table that is looked up, or the weight that a loss reads the products of. */
typedef enum as_tensor_role { AS_TENSOR_VECTOR, AS_TENSOR_MATRIX, AS_TENSOR_END } as_tensor_role;

/* One state array: its name (the file name of the slot) and the value that every element starts with. */
typedef struct as_slot {
    const char *name;
    double initial;
    unsigned roles; /* 1u << role of the tensors that have it, then initial is 0; 0: all */
} as_slot;

/* One array of doubles beside the slots, for each tensor (scope TENSOR): zeros at first. */
typedef struct as_tensor_state {
    const char *name;
    int64_t count;
} as_tensor_state;

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
    as_tensor_role role;
    double *sums; /* (AS_TENSOR_SUMS) scope NORMS: prepare writes those of the piece, step reads those of the tensor */
    void *u;      /* (n) scope TENSOR: the direction */
} as_optimizer_pass;

/* A whole tensor of rows x columns elements, row-major; a vector has one row. */
typedef struct as_optimizer_tensor {
    const void *options;
    const as_kernels *kernels;
    as_tensor_role role;
    int64_t rows, columns;
    const void *w; /* parameters before the step */
    void *u;       /* what prepare left; solve makes the direction of it, in place */
    double *state[AS_TENSOR_STATES];
    double *sums; /* (AS_TENSOR_SUMS, blocks of the tensor) free to use */
    void *work;   /* (work_reals) free to use, on a cache line */
    const double *c;
    double lr;
    as_team *team;
    int thread, threads;
} as_optimizer_tensor;

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
    bool decoupled; /* weight decay is no part of the gradient */
    /* OPTIONAL: stability. On a quadratic with Hessian H, steps with a constant preconditioner P shrink in all
       directions while lr * lambda_max(P^-1 H) < c: returns c, and writes 1 / P of n elements from the state after t
       steps. NaN: not defined yet. NULL: not known for this kind. */
    double (*stability)(const void *options, int64_t t, int64_t n, void *const slot[AS_SLOTS_MAX], double *inverse);
    as_optimizer_scope scope; /* what follows is for the scopes NORMS and TENSOR */
    void (*prepare)(const as_optimizer_pass *pass);
    /* Scope TENSOR. Called by all threads of the team, of every tensor that trains. A function of the tensor alone:
       sums in a fixed order, products as chains. */
    void (*solve)(const as_optimizer_tensor *tensor);
    int64_t (*work_reals)(const as_kernels *kernels, as_tensor_role role, int64_t rows, int64_t columns); /* or NULL */
    /* Number of state arrays of a tensor, and what they are. NULL: none. */
    int (*states)(as_tensor_role role, int64_t rows, int64_t columns, as_tensor_state state[AS_TENSOR_STATES]);
} as_optimizer_ops;

const as_optimizer_ops *const *as_optimizers_get(const as_kernels *kernels);

/* An optimizer as configured: `optimizer: {type: adam, lr: 1e-3, weight_decay: 0, ...}`; the keys of the kind beside
   the common ones. */
typedef struct as_optimizer {
    const as_optimizer_ops *ops;
    void *options;
    double lr, weight_decay;
    const as_node *groups_node;
    as_groups groups;
} as_optimizer;

extern const as_field as_optimizer_fields[]; /* lr, weight_decay, groups; options struct as_optimizer */

/* Not collective. node NULL: sgd with its defaults. Errors: CONFIG (unknown type: did-you-mean), NOMEM. */
as_status as_optimizer_parse(as_document *document, const as_node *node, const as_kernels *kernels, as_optimizer *out);
/* Not collective. Appends the resolved keys, `type` first. */
struct as_text;
as_status as_optimizer_write(const as_optimizer *optimizer, int indent, struct as_text *text);

#endif
