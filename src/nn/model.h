/* A network: a straight-line program of layers, read upwards for backward, and a loss. */
#ifndef AS_NN_MODEL_H
#define AS_NN_MODEL_H

#include "base/arena.h"
#include "nn/layer.h"
#include "nn/loss.h"

typedef struct as_model {
    const as_kernels *kernels;
    as_shape in; /* of one sample of the data: value 0 */
    int nlayers;
    as_layer *layer; /* (nlayers) in order; value i + 1 is the output of layer i, the last one is the model's */
    as_scope scope;  /* the widest of the layers' */
    bool *wants;     /* (nlayers + 1) whether a gradient at the value is of use: something at or below it trains */
    int64_t scratch; /* the most of the layers' */
    const as_loss_ops *loss;
    void *loss_options;
    int64_t in_size, outputs; /* elements of one sample's input and output */
    int64_t classes, targets;
    int64_t nparams;        /* elements of the flat parameter vector */
    int64_t packed_reals;   /* of all packed forms together */
    int64_t *packed_offset; /* (nlayers * AS_LAYER_PARAMS_MAX), -1: none */
    double l1, l2;          /* penalties l1 * sum|w| + l2/2 * sum w^2 over parameters with decay */
} as_model;

extern const as_field as_model_fields[]; /* type, layers, loss, l1, l2 */
extern const as_field as_layer_fields[]; /* of every layer: name, from, freeze, lr */

/* Not collective. Reads `model: {type: network, layers: [...], loss: ..., l1:, l2:}`: layers are "kind", {kind: scalar}
   or {kind: {options}}; every layer takes the common keys name, from (earlier layers, or input), freeze, lr (a factor).
   Infers shapes from `in`; every output but the last must be read by some layer, and the last layer must give as many
   outputs as the loss wants for `classes` labels or `targets` reals. Options borrow from document. Errors: CONFIG with
   file:line:column, layer name, expected and found. */
as_status as_model_parse(as_document *document, const as_node *node, const as_kernels *kernels, const as_shape *in,
                         as_target target, int64_t classes, int64_t targets, as_model *out);

/* Not collective. Initial parameters, a function of (seed, model) alone, into params (nparams reals). Errors: NOMEM. */
as_status as_model_init(const as_model *model, uint64_t seed, void *params);

/* Reals from one row to the next of arrays of `width` columns: whole cache lines, never a multiple of 512 bytes. */
int64_t as_model_stride(const as_model *model, int64_t width);

/* Shape of a value of the program. */
const as_shape *as_model_shape(const as_model *model, int value);

/* Work space of one rank for up to `rows` rows. */
typedef struct as_model_work {
    int64_t rows;
    int64_t *ld;  /* (nlayers + 1) row stride of each value: padded for one axis, the row's size for more */
    int64_t *lds; /* (nlayers) row stride of what the layers save */
    void **x;     /* (nlayers + 1) values: x[0] the data, x[i + 1] output of layer i */
    void **dy;    /* (nlayers + 1) gradients at the values; entries NULL when not training, or where no layer below
                     trains */
    void **saved; /* (nlayers) */
    void *more[AS_INPUTS_MAX]; /* (rows) gradient of input k where it is added to what another layer gave */
    void *scratch;             /* (threads, scratch stride) */
    double *loss;              /* (rows) */
} as_model_work;

/* Not collective. Reserves the arrays in arena (fill by as_arena_commit), for at most `threads` threads. train false:
   no gradients kept. Rows of values with one axis are padded so that they do not collide in the cache. Errors: NOMEM
   (destroy the work then, too). */
as_status as_model_work_plan(const as_model *model, int64_t rows, int threads, bool train, as_arena *arena,
                             as_model_work *out);
void as_model_work_destroy(as_model_work *work);

typedef struct as_model_rows { /* rows [first, first + count) of the batch in work */
    const void *params;        /* flat vector */
    const void *packed;        /* packed forms */
    int64_t first, count;
    int thread;              /* of the caller: whose scratch is used */
    int lanes;               /* whole lanes among these rows; needed to train where the model's scope is a lane */
    const int64_t *lane_row; /* (lanes + 1) their first rows; lane_row[0] == first */
    const int64_t *id;       /* (work->rows) */
    uint64_t seed;
    int64_t step;
    const int32_t *label;
    const double *target;
    const double *weight; /* of all rows of the batch */
} as_model_rows;

/* Not collective; different threads on disjoint rows. forward: work->x[0] rows hold the input; fills x[1..nlayers].
   loss: fills work->loss and dy[nlayers] (when training). backward: dy of all layers; a value that several layers read
   gets the sum of their gradients, from the last reader to the first. */
void as_model_forward(const as_model *model, as_model_work *work, const as_model_rows *rows, bool train);
void as_model_loss(const as_model *model, as_model_work *work, const as_model_rows *rows, bool gradient);
void as_model_backward(const as_model *model, as_model_work *work, const as_model_rows *rows);

/* Not collective; all threads of a team, after a barrier. Parameter gradients of all layers in lane order:
   part[p] is the flat vector (nparams) that program part p goes to. Elements of frozen layers are not written: clear
   the parts once, and skip those elements in the update. */
void as_model_accumulate(const as_model *model, const as_model_work *work, const as_tree_program *program,
                         const int64_t *lane_row, bool resume, void *const *part, int thread, int threads);

/* Not collective. Packs elements [first, first + count) of the flat vector (any range, disjoint ranges on different
 * threads). */
void as_model_pack(const as_model *model, const void *params, int64_t first, int64_t count, void *packed);

/* Not collective. The same for elements [first, first + count) of one parameter; nothing where it is not packed. */
void as_model_pack_param(const as_model *model, int layer, int param, const void *params, int64_t first, int64_t count,
                         void *packed);

double as_model_flops(const as_model *model,
                      bool training); /* multiply-adds count 2; per sample; training: forward and backward */
void as_model_destroy(as_model *model);

#endif
