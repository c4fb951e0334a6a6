/* Layers. A layer kind is one file layer_<kind>.c and one row in layer.def; the file is compiled once per variant and
   ends with   const as_layer_ops AS_V(as_layer_<kind>) = { ... };   The simplest is layer_scale.c: copy it for a new
   one.

   A model is a straight-line program over values: value 0 is the data, value i + 1 the output of layer i. A layer reads
   one or more earlier values. A value has one shape for every sample; a row of it is one sample. Rows of values of rank
   0 and 1 are padded to cache lines; rows of values of two or more axes, (T, D) or (H, W, C), have exactly `size`
   reals, so that (rows, T, D) is one dense array: its positions are rows x T rows of D reals, ld = D.

   Contract of the passes: a thread calls forward for its own rows of a batch, layer after layer, then backward from the
   last layer to the first, for the same rows; no layer looks at another row, unless its scope says so. Sums over
   samples happen only in accumulate, in lane order, after backward of the rows that it sees: all of the batch, those
   of a tile or a portion of it, or some of a long lane (docs/step.md). Forward and backward of a row do not depend on
   which rows are beside it. Forward may be called a second time before backward, with the same result. */
#ifndef AS_NN_LAYER_H
#define AS_NN_LAYER_H

#include "base/fields.h"
#include "base/shape.h"
#include "base/tree.h"
#include "io/onnx.h"
#include "kernels/kernels.h"

enum { AS_LAYER_PARAMS_MAX = 8, AS_INPUTS_MAX = 8, AS_NAME_MAX = 96 };

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
    bool table; /* its rows are looked up by sample or position, not multiplied */
    /* A running statistic, such as the mean of batch_norm: not trained, not in the gradient's norm. Accumulate puts the
       sum over lanes of (rows of the lane) * (value of the lane) in its span; the update is
         w += momentum * (span / samples of the batch - w). */
    bool statistic;
    double momentum; /* of a statistic, in [0, 1] */
    bool adapted;    /* kept as it is though the layer trains: adapters learn in its place. Accumulate leaves it out */
    bool adapter;    /* learnt beside an adapted weight: a file that a run starts from need not have it */
    /* Set by the model where the layer shares a parameter of an earlier one: its elements are those of parameter
       owner_param of layer owner_layer; transposed: stored (columns, rows), in packing, products and sums. */
    bool tied, transposed;
    int owner_layer, owner_param;
    /* For files of weights in PyTorch's layout: its name ("running_mean") and the order in which it keeps the axes
       ("10" for a transposed matrix); NULL: as here. */
    const char *torch_name, *torch_axes;
} as_param;

/* Which rows a layer looks at. */
typedef enum as_scope {
    AS_SCOPE_ROW,  /* each by itself */
    AS_SCOPE_LANE, /* while training, those of a lane: forward and backward get whole lanes (as_pass.lane_row), which
                      are never divided among threads or tiles */
    AS_SCOPE_BATCH /* the same, and sums over all lanes of all ranks (as_pass.meeting): every thread gets all its lanes
                      in one call, or none, and all of a batch goes through a layer before the next one */
} as_scope;

/* Where lanes meet in the middle of a pass: a row of doubles for each own lane, and their sum along the lane tree. */
typedef struct as_meeting as_meeting;
struct as_meeting {
    double *lane; /* (own lanes, width of the call): each is written by the thread that has the lane */
    double *sum;  /* (width): the same on all ranks; to be read before the next meeting */
    /* Collective; all threads of a rank, in the same order of calls. */
    void (*meet)(as_meeting *meeting, int thread, int64_t width);
};

struct as_nonlinearity;

/* Which way backward goes where forward has kinks: by the sign of y, or by what forward saved (choices). */
typedef enum as_branches { AS_BRANCHES_NONE, AS_BRANCHES_SIGN, AS_BRANCHES_SAVED } as_branches;

typedef struct as_layer as_layer;
typedef struct as_layer_ops as_layer_ops;

/* What one call of forward or backward sees: rows [0, rows) of these arrays are the thread's own. Row-major, ld in
   elements; entry k of x, ldx and dx belongs to input k of the layer. */
typedef struct as_pass {
    const as_kernels *kernels;
    const void *const *param;  /* (layer->nparams) parameter arrays */
    const void *const *packed; /* (layer->nparams) packed forms, or NULL entries; see as_layer_ops.pack */
    int64_t rows;
    const void *x[AS_INPUTS_MAX]; /* input (rows, in_size[k]) */
    int64_t ldx[AS_INPUTS_MAX];
    void *y;
    int64_t ldy; /* output (rows, out): written by forward, read by backward */
    void *saved;
    int64_t lds; /* (rows, layer->saved), kept from forward to backward; padded where x and y have one axis; or NULL */
    void *dy;    /* backward: d loss / d y (rows, out), ld = ldy; may be overwritten in place */
    void *dx[AS_INPUTS_MAX]; /* backward: d loss / d x[k] (rows, in), ld = ldx[k], to be written; NULL: not wanted.
                                Never the same memory as dy or as each other, but where ops->passes_dy. */
    bool add_dx;             /* backward, where ops->adds_dx: dx[0] is to be added to what is there */
    void *scratch;           /* (layer->scratch) reals of the calling thread, on a cache line; content is not kept */
    int lanes;               /* lanes among the rows; 0 where they are not known (evaluation, or scope row) */
    const int64_t *lane_row; /* (lanes + 1) first row of each, from 0 */
    int first_lane;          /* of the rank's own lanes: the one that lane_row[0] begins */
    int thread;              /* of the caller */
    as_meeting *meeting;     /* while training, for layers of scope batch; else NULL */
    const int64_t *id;       /* (rows) global sample ids, for counter-based random numbers */
    uint64_t seed;
    int64_t step;
    bool train; /* false: dropout and the like are off */
    /* Forward of a layer that divides: the caller is one of `shares` threads with the same rows, and does its part of
       the outputs. Fewer than 2: all. */
    int share, shares;
} as_pass;

/* What accumulate sees: the rows of some consecutive lanes, after backward of all of them; or more rows of a lane whose
   first ones it has seen (resume). */
typedef struct as_accumulate {
    const as_kernels *kernels;
    const void *x[AS_INPUTS_MAX]; /* input (rows, in_size[k]) */
    int64_t ldx[AS_INPUTS_MAX];
    const void *dy;
    int64_t ldy; /* what backward left in dy (dense: gradient before the activation) */
    const void *saved;
    int64_t lds;
    void *scratch; /* (layer->scratch + rows * layer->scratch_row) reals of the calling thread; rows: most of a work
                      space */
    const as_tree_program *program;
    const int64_t *lane_row; /* (program->lanes + 1) rows of x, dy and saved; not always from 0 */
    bool resume;             /* see as_kernels.outer_lanes */
    void *const *part;       /* (nparams * program->parts): part[q * parts + p] is parameter q's share of part p */
    int thread, threads;
} as_accumulate;

struct as_layer {
    const as_layer_ops *ops;
    char name[AS_NAME_MAX]; /* unique in the model: "dense_1", or the user's */
    void *options;          /* ops->options_bytes, parsed */
    int ninputs;
    int from[AS_INPUTS_MAX];         /* values that it reads: 0 the data, i + 1 the output of layer i */
    as_shape in[AS_INPUTS_MAX], out; /* of one sample */
    int64_t in_size[AS_INPUTS_MAX], out_size;
    int64_t saved;       /* reals per row kept between forward and backward */
    int64_t scratch;     /* reals per thread that are free during a call, and in accumulate ... */
    int64_t scratch_row; /* ... so many more for each row of the work space */
    as_scope scope;
    int64_t meets; /* of scope batch: the widest meeting, in doubles */
    int nparams;
    as_param param[AS_LAYER_PARAMS_MAX];
    int index;   /* position in the model: enters the random number counters */
    bool trains; /* false when frozen */
    bool
        looks_ahead; /* an output at a position depends on inputs at later ones; set by plan where extend is not NULL */
    bool divides;    /* heeds as_pass.shares; set by plan */
    bool keeps_dy;   /* backward leaves dy as it is; set by plan */
    bool wants_dx;   /* some layer below trains; set by the model after all layers are planned */
    /* Set by the model: backward of input k gives a gradient that nobody wants (skips), or that is added to what later
       layers gave (adds). */
    bool skips[AS_INPUTS_MAX], adds[AS_INPUTS_MAX];
    /* Set by the model: dy comes without the gradients that relu, which ends the layer, holds back, since the only
       reader of y leaves them out (relu_held); it is such a reader (holds_relu). */
    bool relu_held, holds_relu;
    bool forgets_x, forgets_y; /* backward and accumulate look at no input, or not at y; set by plan. Where relu_held,
                                  they do not look at y either */
    double lr_scale;
    int share;           /* the layer whose parameters it uses, or -1 */
    int recompute;       /* the segment, from 1, whose values are computed again in backward; 0: they are kept */
    const as_node *node; /* for messages */
};

struct as_layer_ops {
    /* REQUIRED */
    const char *name;
    const char *help;       /* one sentence with the formula */
    const as_field *fields; /* own options; first one is the scalar shorthand. NULL: none */
    size_t options_bytes;
    int min_inputs, max_inputs; /* both 0: exactly one */
    bool gives_relu;            /* heeds as_layer.relu_held where nonlinearity is relu */
    bool takes_relu; /* heeds as_layer.holds_relu: one input, each output of which is one of its elements or 0 */
    bool passes_dy;  /* no parameters, and each dx is dy as it is: some are the same memory already */
    bool adds_dx;    /* heeds as_pass.add_dx: one input */
    bool transposes; /* heeds as_param.transposed: can share a matrix that another kind stores the other way round */
    /* Not collective. layer->ninputs, in, in_size, options are set: checks them (and reads the AS_FIELD_NODE ones),
       sets out, saved, scratch, scratch_row, scope, nparams and param[] (names, shapes, init, fans); the model sets
       out_size, counts and offsets. Errors: CONFIG naming layer->name, expected and found; NOMEM. */
    as_status (*plan)(as_layer *layer, as_document *document, const as_kernels *kernels);
    void (*forward)(const as_layer *layer, const as_pass *pass);
    /* Computes dx[k] from dy (unless it is NULL), and leaves in dy what accumulate needs. */
    void (*backward)(const as_layer *layer, const as_pass *pass);
    /* OPTIONAL: layers with parameters */
    void (*accumulate)(const as_layer *layer, const as_accumulate *a);
    /* Reals of the packed form of parameter q (0: none), and packing of elements [first, first + count) of it. */
    int64_t (*packed_reals)(const as_layer *layer, const as_kernels *kernels, int q);
    void (*pack)(const as_layer *layer, const as_kernels *kernels, int q, const void *param, int64_t first,
                 int64_t count, void *packed);
    /* The activation that makes y of z, elementwise; where it needs its input, f'(z) is saved, or z is the input of a
       layer that is nothing else (nparams 0). NULL: there is none. */
    const struct as_nonlinearity *(*nonlinearity)(const as_layer *layer);
    as_branches (*branches)(const as_layer *layer); /* besides those of its nonlinearity; NULL: none */
    /* The option that says how probably a layer drops something at random while training: it draws where that is above
       0, and does not once it is set to 0. NULL: kinds that never draw. */
    double *(*chance)(const as_layer *layer);
    double (*flops)(const as_layer *layer); /* of forward, per sample; 0 if NULL */
    /* OPTIONAL, for sequences that are continued, in evaluation: each position (entry of the first axis) of the output
       is made from the same position of the inputs alone, as forward makes it of a sample of that one position. */
    bool each_position;
    /* OPTIONAL, for kinds that look back: positions [at, at + rows) of one sample, those before it having been done.
       Arrays of the pass begin at position 0; ldx, ldy and lds are the distances between positions. Gives the bits of
       forward. Not called where layer->looks_ahead. carries: where at > 0, nothing but what is kept of position at - 1
       matters, so that a sequence may go on for ever. */
    void (*extend)(const as_layer *layer, const as_pass *pass, int64_t at);
    bool carries;
    /* Not collective. OPTIONAL, for kinds with adapters: takes them into what they adapt, so that without them the
       layer computes what it did, and clears them; param: (nparams) arrays. */
    void (*fold)(const as_layer *layer, void *const *param);
    /* Not collective. OPTIONAL: operators of an ONNX model that compute, in evaluation, the value y (batch, out) from
       the values x[k] (batch, in[k]); param: (nparams) arrays. Names of values in between start with y. Errors: CONFIG
       naming the layer and an option that has no such form. NULL: the kind cannot be exported. */
    as_status (*onnx)(const as_layer *layer, as_onnx *model, const char *const *x, const char *y,
                      const void *const *param);
    const char *formula; /* "y = x W + b", for explain and docs */
};

/* Whether the layer has parameters that are trained by gradients. */
static inline bool as_layer_learns(const as_layer *layer)
{
    bool learns = false;
    for (int q = 0; q < layer->nparams; q++) {
        learns = learns || !(layer->param[q].statistic || layer->param[q].adapted);
    }
    return learns && layer->trains;
}

/* Whether training moves parameter q, by a sum over samples: its gradient, or the statistic that follows the batch. The
   others stay what they are; what is tied counts with the layer that it belongs to. */
static inline bool as_layer_moves(const as_layer *layer, int q)
{
    return layer->trains && !layer->param[q].adapted && !layer->param[q].tied;
}

/* Whether the layer draws at random while training, with its options. */
static inline bool as_layer_draws(const as_layer *layer)
{
    return layer->ops->chance != NULL && *layer->ops->chance(layer) > 0;
}

/* Positions of a value: rows of its last axis in one sample (1 for ranks 0 and 1), and the extent of that axis. */
static inline int64_t as_shape_positions(const as_shape *shape)
{
    int64_t positions = 1;
    for (int a = 0; a + 1 < shape->rank; a++) {
        positions *= shape->dim[a];
    }
    return positions;
}

static inline int64_t as_shape_channels(const as_shape *shape)
{
    return shape->rank == 0 ? 1 : shape->dim[shape->rank - 1];
}

/* Distance between positions as rows of a product: samples of several positions lie one after the other without
   padding, those of one are ld apart. */
static inline int64_t as_position_stride(int64_t positions, int64_t width, int64_t ld)
{
    return positions == 1 ? ld : width;
}

/* The lanes of a batch in positions, as outer_lanes and column_sum_lanes take them for (rows * positions, n) arrays:
   writes program->lanes + 1 entries to out, unless positions is 1; returns them. */
static inline const int64_t *as_lane_positions(const as_accumulate *a, int64_t positions, int64_t out[AS_LANES_MAX + 1])
{
    if (positions == 1) {
        return a->lane_row;
    }
    for (int l = 0; l <= a->program->lanes; l++) {
        out[l] = a->lane_row[l] * positions;
    }
    return out;
}

/* Not collective, for plan. All inputs have the shape of the first. Errors: CONFIG naming the input. */
as_status as_layer_same_shapes(const as_layer *layer);

/* Not collective, for plan. An axis of the first input, counted from 0, or from the end where negative. Errors: CONFIG
   when there is no such axis. */
as_status as_layer_axis(const as_layer *layer, int64_t axis, int *out);

/* Functions of as_layer_ops.forward and backward for kinds that give the numbers of their input another shape. */
void as_layer_copy_forward(const as_layer *layer, const as_pass *pass);
void as_layer_copy_backward(const as_layer *layer, const as_pass *pass);

/* Functions of as_layer_ops.onnx for several kinds: y = x; y = x under the shape layer->out. */
as_status as_layer_onnx_identity(const as_layer *layer, as_onnx *model, const char *const *x, const char *y,
                                 const void *const *param);
as_status as_layer_onnx_shape(const as_layer *layer, as_onnx *model, const char *const *x, const char *y,
                              const void *const *param);

/* Not collective, for onnx. y = (x[0] op x[1]) op x[2] ..., of all inputs. */
void as_layer_onnx_fold(const as_layer *layer, as_onnx *model, const char *op, const char *const *x, const char *y);

/* Not collective, for onnx. y = x under another shape of its samples; stem: for names in between. */
void as_layer_onnx_reshape(as_onnx *model, const char *x, const char *y, const char *stem, const as_shape *shape);

/* Not collective, for onnx. y = x with channels moved from the last axis to the first one behind the batch, where ONNX
   wants them, or back; `axes` spatial axes. */
void as_layer_onnx_channels(as_onnx *model, const char *x, const char *y, int axes, bool back);

/* Not collective, for onnx. Matrix parameter q as the constant `name`, the right way round where it is tied. */
void as_layer_onnx_matrix(const as_layer *layer, as_onnx *model, int q, const void *param, const char *name);

/* Not collective. The rows of layer.def for a variant; NULL-terminated. */
const as_layer_ops *const *as_layers_get(const as_kernels *kernels);

#endif
