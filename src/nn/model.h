/* A network: a straight-line program of layers, read upwards for backward, and a loss. */
#ifndef AS_NN_MODEL_H
#define AS_NN_MODEL_H

#include "base/arena.h"
#include "base/parts.h"
#include "base/spans.h"
#include "kernels/team.h"
#include "nn/layer.h"
#include "nn/loss.h"

enum { AS_HEADS_MAX = 8, AS_POSITIONS_BLOCK = 256, AS_MIX_BLOCK = 16 };

/* What a model is fitted to: one sample's input and what it has to learn. */
typedef struct as_model_data {
    as_shape in;
    as_target target;
    int64_t classes;              /* of labels */
    int64_t targets;              /* real targets of a sample */
    int64_t positions;            /* labels of a sample: 1, or one for each token or pixel */
    const as_data_parts *inputs;  /* named parts of the input; NULL: none. Borrowed by the model */
    const as_data_parts *answers; /* of the real targets */
    bool mixes;                   /* samples are mixed in pairs: as_model_rows.partner */
    int64_t vocabulary;           /* inputs are tokens below it; 0: they are numbers */
} as_model_data;

/* A loss on an output of the model. Its value for a sample is the sum over the sample's positions. */
typedef struct as_model_head {
    const as_loss_ops *loss;
    void *options;
    char name[AS_NAME_MAX];  /* of several heads, unique; "" of one */
    int value;               /* of the program: the outputs (positions, outputs) of a sample */
    int64_t outputs;         /* of one position */
    int64_t column, targets; /* its real targets: columns [column, column + targets) */
    double weight;           /* factor on the loss */
    bool adds;               /* its gradient is added to what another head gave */
} as_model_head;

typedef struct as_model {
    const as_kernels *kernels;
    as_model_data data; /* data.in is the shape of value 0 */
    int nlayers;
    as_layer *layer; /* (nlayers) in order; value i + 1 is the output of layer i, the last one is the model's */
    as_scope scope;  /* the widest of the layers' */
    bool *wants;     /* (nlayers + 1) whether a gradient at the value is of use: something at or below it trains */
    int64_t scratch, scratch_row; /* the most of the layers' */
    bool ties;                    /* some layers share parameters */
    int segments; /* groups of consecutive layers that are computed again in backward; 0: everything is kept */
    int *pooled;  /* (nlayers + 1) the segment inside which alone a value is read, and so not kept; 0: it is kept */
    int nheads;
    as_model_head head[AS_HEADS_MAX]; /* losses; predictions are those of the first one */
    int64_t in_size, outputs;         /* elements of one sample's input and of the first head's output */
    int64_t nparams;                  /* elements of the flat parameter vector */
    int64_t packed_reals;             /* of all packed forms together */
    int64_t *packed_offset;           /* (nlayers * AS_LAYER_PARAMS_MAX), -1: none */
    double l1, l2;                    /* penalties l1 * sum|w| + l2/2 * sum w^2 over parameters with decay */
} as_model;

extern const as_field as_model_fields[];  /* type, layers, blocks, loss, losses, l1, l2 */
extern const as_field as_layer_fields[];  /* of every layer: name, from, share, freeze, lr */
extern const as_field as_block_fields[];  /* of `block:` in a list of layers */
extern const as_field as_repeat_fields[]; /* of `repeat:` */
extern const as_field as_head_fields[];   /* of an item of `losses:` */

/* Not collective. Reads `model: {type: network, layers: [...], blocks: {...}, loss: ..., losses: [...], l1:, l2:}`:
   layers are "kind", {kind: scalar} or {kind: {options}}; every layer takes the common keys name, from (earlier layers,
   or input), share, freeze, lr (a factor); `block` and `repeat` stand for lists of layers. Infers shapes from data->in;
   every output must be read by a layer or a loss, and a loss must find as many outputs as it wants for the data's
   labels or targets. Options borrow from document. Errors: CONFIG with file:line:column, layer name, expected and
   found. */
as_status as_model_parse(as_document *document, const as_node *node, const as_kernels *kernels,
                         const as_model_data *data, as_model *out);

/* Not collective. Initial parameters, a function of (seed, model) alone, into params (nparams reals). Errors: NOMEM. */
as_status as_model_init(const as_model *model, uint64_t seed, void *params);

/* Not collective. The elements of the flat vector that as_model_accumulate writes, in blocks of `grain`, into *out,
   which is empty. Errors: NOMEM. */
as_status as_model_summed(const as_model *model, int64_t grain, as_spans *out);

/* Reals from one row to the next of arrays of `width` columns: whole cache lines, never a multiple of 512 bytes. */
int64_t as_model_stride(const as_model *model, int64_t width);

/* The first layer that looks at the whole batch (scope batch); NULL: none does. Borrowed. */
const as_layer *as_model_of_batch(const as_model *model);

/* Shape of a value of the program. */
const as_shape *as_model_shape(const as_model *model, int value);

/* Work space of one rank for up to `rows` rows. */
typedef struct as_model_work {
    int64_t rows;
    int64_t *ld;  /* (nlayers + 1) row stride of each value: padded for one axis, the row's size for more */
    int64_t *lds; /* (nlayers) row stride of what the layers save */
    void **x;     /* (nlayers + 1) values: x[0] the data, x[i + 1] output of layer i */
    void **dy;    /* (nlayers + 1) gradients at the values; entries NULL when not training, or where no layer below
                     trains. So many for each owner: as_model_work_own */
    void **saved; /* (nlayers) */
    void *more[AS_INPUTS_MAX];     /* (rows) gradient of input k where it is added to what another layer gave */
    int64_t ldmore[AS_INPUTS_MAX]; /* from which rows of a pass begin there: the same for all layers, since threads are
                                      not all in one layer; they lie ld of the value apart, which is no more */
    void *scratch;                 /* (threads, scratch stride) */
    double *head_loss; /* (heads, rows) the losses of several heads, without their weights; NULL: one head */
    double *loss;      /* (rows) weighted sum of the losses of all heads and positions */
    double *counted;   /* (rows) what the loss is divided by: sample weight times positions that are learnt */
    void **chain;      /* (nlayers) sums of a lane, of layers that share parameters */
    void *stack;       /* sums of lanes and nodes of shared parameters: (depth, shared elements) */
    void *pool;        /* what segments do not keep: one after another they use the same memory */
    int owners;
    bool
        *passes; /* (nlayers + 1) the gradient at a value passes: its memory begins with row `near` of the work space */
    int64_t near;
    void *passing; /* (owners, passing_bytes): memory of the gradients that pass, each at its place */
    size_t *place, passing_bytes;
    /* Values that forward alone looks at have a second place, for the rows of a chunk from row `brief_first` on. */
    void **brief; /* (nlayers + 1) NULL: the value is kept. brief NULL: all are. See as_model_work_brief */
    int64_t brief_first;
    void **briefs;      /* (threads, nlayers + 1) */
    void *brief_memory; /* (threads, brief_bytes), each at its place */
    size_t *brief_place, brief_bytes;
    int brief_layers, threads;
} as_model_work;

/* What need not stay for all rows: what passes uses the same memory in turn, and it stays in the cache.

   Gradients pass at values that the first backward_layers layers alone write and read, where rows go backward through
   these layers at most backward_rows at a time, and each layer is summed before the next one (as_model_rows.sums).
   Values pass that the first forward_layers layers alone read, and only forward, where a thread takes at most
   forward_rows rows at a time through these layers. */
typedef struct as_model_passing {
    int backward_layers, forward_layers; /* 0: none pass */
    int64_t backward_rows, forward_rows;
    int owners;    /* threads that have rows for themselves */
    bool together; /* or one owner, whose rows several threads share: they meet before the sums of a layer */
    int threads;
} as_model_passing;

/* Not collective. Reserves the arrays in arena (fill by as_arena_commit), for at most `threads` threads and tree
   programs of at most `depth`. train false: no gradients kept. passing NULL: all gradients stay. Rows of values with
   one axis are padded so that they do not collide in the cache. Errors: NOMEM (destroy the work then, too). */
as_status as_model_work_plan(const as_model *model, int64_t rows, int threads, int depth, bool train,
                             const as_model_passing *passing, as_arena *arena, as_model_work *out);
/* Not collective. After the arena was committed: finds the places in the pools. Only needed where model->segments > 0,
   or gradients pass. */
void as_model_work_bind(const as_model *model, as_model_work *work);
/* Not collective. Makes a copy of the work space that of an owner: its gradients that pass, and its scratch. */
void as_model_work_own(const as_model *model, as_model_work *work, int owner);
/* Not collective. Makes forward on a copy of the work space put values that pass into the memory of a thread, for rows
   from `first` on. Where someone wants to see them, as_model_forward on the work space as it is has a place for all. */
void as_model_work_brief(const as_model *model, as_model_work *work, int thread, int64_t first);
void as_model_work_destroy(as_model_work *work);
/* Not collective. Scratch memory of a thread. Borrowed. */
void *as_model_scratch(const as_model *model, const as_model_work *work, int thread);

/* What as_model_accumulate takes besides the work: see there. */
typedef struct as_model_sums {
    const as_tree_program *program;
    const int64_t *lane_row;
    bool resume;
    void *const *part;
    as_team *team; /* NULL: the caller alone */
    int threads;
    void (*done)(void *context, int layer); /* called when backward is through a layer, and it is summed; or NULL */
    void *context;
} as_model_sums;

typedef struct as_model_rows { /* rows [first, first + count) of the work space */
    const void *params;        /* flat vector */
    const void *packed;        /* packed forms */
    int64_t first, count;
    int thread;              /* of the caller: whose scratch is used */
    int lanes;               /* whole lanes among these rows; needed to train where the model's scope is a lane */
    const int64_t *lane_row; /* (lanes + 1) their first rows; lane_row[0] == first */
    int first_lane;          /* of the rank's own lanes */
    as_meeting *meeting;     /* to train where the model's scope is the batch: then also threads without rows call */
    const int64_t *id;       /* (count) of these rows, like label, target and weight */
    uint64_t seed;
    int64_t step;
    const int32_t *label; /* (count, positions), AS_LABEL_IGNORED where nothing is learnt */
    const double *target; /* (count, targets) */
    const double *weight; /* (count) */
    /* NULL, or: the loss of row r is share[r] of its own and 1 - share[r] of that for the label or target, and with the
       weight, of row r + partner[r]. */
    const int64_t *partner; /* (count) */
    const double *share;    /* (count), in [0, 1] */
    /* NULL, or backward takes the sums of a layer, over all rows in the work space, as soon as it is through it, while
       the gradients that it wrote are near: then all threads of the team call for all layers, also those without rows.
       Not for models with ties or segments. as_model_accumulate is not called then. */
    const as_model_sums *sums;
    /* NULL, or all threads of a team call forward with the same rows, few of them, and divide each layer among
       themselves: its outputs where it divides, its rows otherwise. For evaluation, without segments. */
    as_team *together;
} as_model_rows;

/* Not collective; different threads on disjoint rows. forward: work->x[0] rows hold the input; fills x[1..nlayers].
   loss: fills work->loss, counted, and dy of the heads' values (when training). backward: dy of all layers; a value
   that several layers read gets the sum of their gradients, from the last reader to the first. */
void as_model_forward(const as_model *model, as_model_work *work, const as_model_rows *rows, bool train);
void as_model_loss(const as_model *model, as_model_work *work, const as_model_rows *rows, bool gradient);
void as_model_backward(const as_model *model, as_model_work *work, const as_model_rows *rows);
/* The same for layers [first, last) alone, in training. */
void as_model_forward_layers(const as_model *model, as_model_work *work, const as_model_rows *rows, int first,
                             int last);
void as_model_backward_layers(const as_model *model, as_model_work *work, const as_model_rows *rows, int first,
                              int last);

/* Not collective. Positions [first, first + count) of rows whose labels and sample weights are given: label 0 and
   weight 0 take the place of ignored labels; count <= AS_POSITIONS_BLOCK. label_out is not written where label is NULL.
 */
void as_model_mask(const as_model *model, const int32_t *label, const double *weight, int64_t first, int64_t count,
                   int32_t *label_out, double *weight_out);
/* Not collective. Whether rows need that: several positions, or an ignored label among them. */
bool as_model_masked(const as_model *model, const int32_t *label, int64_t rows);

/* Not collective; all threads of a team (NULL: the caller alone, threads == 1, unless the model has no ties), after a
   barrier. Parameter gradients of all layers in lane order:
   part[p] is the flat vector (nparams) that program part p goes to. Elements of frozen layers are not written: clear
   the parts once, and skip those elements in the update. */
void as_model_accumulate(const as_model *model, const as_model_work *work, const as_tree_program *program,
                         const int64_t *lane_row, bool resume, void *const *part, as_team *team, int thread,
                         int threads);

/* Not collective. The same of layers [first, last) alone, of a model without ties; all threads of the sums. */
void as_model_accumulate_layers(const as_model *model, const as_model_work *work, int first, int last,
                                const as_model_sums *sums, int thread);

/* Where segments are computed again, they use the same memory one after the other: all threads finish a phase of all
   rows in the work space before any begins the next. Forward alone has phases 0 .. segments. Training has phases
   0 .. 2 segments: forward; in phase `segments` also loss and backward down to the last segment; then each segment is
   computed again and gone through backward, down to the next one. After phase p > segments and before the next one,
   as_model_accumulate_segment must sum segment 2 segments + 1 - p; after all, as_model_accumulate sums the layers that
   are kept. */
void as_model_forward_phase(const as_model *model, as_model_work *work, const as_model_rows *rows, bool train,
                            int phase);
void as_model_phase(const as_model *model, as_model_work *work, const as_model_rows *rows, int phase);
void as_model_accumulate_segment(const as_model *model, const as_model_work *work, int segment,
                                 const as_tree_program *program, const int64_t *lane_row, bool resume,
                                 void *const *part, int thread, int threads);

/* Not collective. Packs elements [first, first + count) of the flat vector (any range, disjoint ranges on different
 * threads). */
void as_model_pack(const as_model *model, const void *params, int64_t first, int64_t count, void *packed);

/* Not collective. The same for elements [first, first + count) of one parameter; nothing where it is not packed. */
void as_model_pack_param(const as_model *model, int layer, int param, const void *params, int64_t first, int64_t count,
                         void *packed);

/* Not collective. Operators of an ONNX model: the first head's outputs, before the loss's own function, as the value
   `output` from samples `input`, which are multiplied by scale and moved by shift (in_size reals each; NULL: taken as
   they are). params: the flat vector. Errors: CONFIG naming a layer whose kind has no such form. */
as_status as_model_onnx(const as_model *model, const void *params, const void *scale, const void *shift,
                        const char *input, const char *output, as_onnx *out);

double as_model_flops(const as_model *model,
                      bool training); /* multiply-adds count 2; per sample; training: forward and backward */
void as_model_destroy(as_model *model);

#endif
