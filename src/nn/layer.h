/* Layers. A layer kind is one file layer_<kind>.c and one row in layer.def; the file is compiled once per variant and
   ends with   const as_layer_ops AS_V(as_layer_<kind>) = { ... };   The simplest is layer_flatten.c: copy it for a new
   one.

   Contract of the passes: a thread calls forward for its own rows of a batch, layer after layer, then backward from the
   last layer to the first, for the same rows; no layer looks at another row. Sums over samples happen only in
   accumulate, after all rows are done, in lane order. Forward and backward of a row do not depend on which rows are
   beside it. */
#ifndef AS_NN_LAYER_H
#define AS_NN_LAYER_H

#include "base/fields.h"
#include "base/shape.h"
#include "base/tree.h"
#include "kernels/kernels.h"

enum { AS_LAYER_PARAMS_MAX = 4, AS_NAME_MAX = 64 };

/* How parameters start; see init.h. */
typedef enum as_init {
    AS_INIT_ZEROS,
    AS_INIT_ONES,
    AS_INIT_HE,
    AS_INIT_HE_UNIFORM,
    AS_INIT_GLOROT,
    AS_INIT_GLOROT_NORMAL,
    AS_INIT_LECUN,
    AS_INIT_NORMAL,
    AS_INIT_UNIFORM,
    AS_INIT_ORTHOGONAL
} as_init;

/* One parameter array of a layer. */
typedef struct as_param {
    char name[AS_NAME_MAX]; /* "weight", "bias" */
    as_shape shape;         /* row-major; a dense weight is (in, out) */
    int64_t count;
    int64_t offset; /* first element in the model's flat vector; set by the model */
    as_init init;
    double init_scale; /* 0: the kind's own; else see init.h */
    int64_t fan_in, fan_out;
    bool decay; /* weight decay and penalties apply (weights: yes, biases: no) */
} as_param;

typedef struct as_layer as_layer;
typedef struct as_layer_ops as_layer_ops;

/* What one call of forward or backward sees: rows [0, rows) of these arrays are the thread's own. Row-major, ld in
 * elements. */
typedef struct as_pass {
    const as_kernels *kernels;
    const void *const *param;  /* (layer->nparams) parameter arrays */
    const void *const *packed; /* (layer->nparams) packed forms, or NULL entries; see as_layer_ops.pack */
    int64_t rows;
    const void *x;
    int64_t ldx; /* input (rows, in) */
    void *y;
    int64_t ldy; /* output (rows, out): written by forward, read by backward */
    void *saved;
    int64_t lds;       /* (rows, layer->saved) kept from forward to backward; NULL if saved == 0 */
    void *dy;          /* backward: d loss / d y (rows, out), ld = ldy; may be overwritten in place */
    void *dx;          /* backward: d loss / d x (rows, in), ld = ldx, to be written; NULL: not wanted */
    const int64_t *id; /* (rows) global sample ids, for counter-based random numbers */
    uint64_t seed;
    int64_t step;
    bool train; /* false: dropout and the like are off */
} as_pass;

/* What accumulate sees: all rows of the rank's batch, after backward of all of them. */
typedef struct as_accumulate {
    const as_kernels *kernels;
    const void *x;
    int64_t ldx; /* input (rows, in) */
    const void *dy;
    int64_t ldy; /* what backward left in dy (dense: gradient before the activation) */
    const void *saved;
    int64_t lds;
    const as_tree_program *program;
    const int64_t *lane_row; /* (program->lanes + 1) */
    bool resume;             /* see as_kernels.outer_lanes */
    void *const *part;       /* (nparams * program->parts): part[q * parts + p] is parameter q's share of part p */
    int thread, threads;
} as_accumulate;

struct as_layer {
    const as_layer_ops *ops;
    char name[AS_NAME_MAX]; /* unique in the model: "dense_1", or the user's */
    void *options;          /* ops->options_bytes, parsed */
    as_shape in, out;       /* of one sample */
    int64_t in_size, out_size;
    int64_t saved; /* reals per row kept between forward and backward */
    int nparams;
    as_param param[AS_LAYER_PARAMS_MAX];
    int index;     /* position in the model: enters the random number counters */
    bool trains;   /* false when frozen */
    bool wants_dx; /* some layer below trains; set by the model after all layers are planned */
    double lr_scale;
    const as_node *node; /* for messages */
};

struct as_layer_ops {
    /* REQUIRED */
    const char *name;
    const char *help;       /* one sentence with the formula */
    const as_field *fields; /* own options; first one is the scalar shorthand. NULL: none */
    size_t options_bytes;
    /* Not collective. layer->in, in_size, options are set: checks them (and reads the AS_FIELD_NODE ones), sets out,
       saved, nparams and param[] (names, shapes, init, fans); the model sets out_size, counts and offsets. Errors:
       CONFIG naming layer->name, expected and found; NOMEM. */
    as_status (*plan)(as_layer *layer, as_document *document, const as_kernels *kernels);
    void (*forward)(const as_layer *layer, const as_pass *pass);
    /* Computes dx from dy (unless dx is NULL), and leaves in dy what accumulate needs. */
    void (*backward)(const as_layer *layer, const as_pass *pass);
    /* OPTIONAL: layers with parameters */
    void (*accumulate)(const as_layer *layer, const as_accumulate *a);
    /* Reals of the packed form of parameter q (0: none), and packing of elements [first, first + count) of it. */
    int64_t (*packed_reals)(const as_layer *layer, const as_kernels *kernels, int q);
    void (*pack)(const as_layer *layer, const as_kernels *kernels, int q, const void *param, int64_t first,
                 int64_t count, void *packed);
    double (*flops)(const as_layer *layer); /* of forward, per sample; 0 if NULL */
    const char *formula;                    /* "y = x W + b", for explain and docs */
};

/* Not collective. The rows of layer.def for a variant; NULL-terminated. */
const as_layer_ops *const *as_layers_get(const as_kernels *kernels);

#endif
