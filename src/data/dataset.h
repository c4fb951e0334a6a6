/* A data set as a rank holds it: the rows of its lanes, in memory, as stored (uint8 stays uint8), plus targets and
 * weights. */
#ifndef AS_DATA_DATASET_H
#define AS_DATA_DATASET_H

#include "base/target.h"
#include "comm/lanes.h"
#include "data/augment.h"
#include "data/columns.h"
#include "data/format.h"
#include "kernels/kernels.h"

/* The `data:` section. */
typedef struct as_data_options {
    as_source train, test;
    as_column_options columns;
    int normalize;     /* AS_NORMALIZE_* */
    double mean, std;  /* normalize: {mean:, std:} */
    double validation; /* share of train held out, [0, 1) */
    int assign;        /* 0 shuffled, 1 contiguous: how sample blocks go to lanes */
    bool shuffle;      /* order inside a lane anew each epoch */
    int missing;       /* AS_MISSING_*: NaN, Inf and fill values */
    bool has_fill;
    double fill;            /* one more fill value */
    as_reals class_weights; /* (classes), or empty */
    as_ints ignore_label;   /* stored label values that become AS_LABEL_IGNORED, or empty */
    int64_t classes;        /* 0: largest label of train + 1 */
    as_augment augment;     /* of the training inputs */
    bool reconstruct;       /* targets are the inputs */
    as_target wanted; /* no key: what the model learns from, where it takes one kind of targets alone: how `labels:
                         auto` reads them. AS_TARGET_NONE: by their type */
} as_data_options;
enum { AS_NORMALIZE_NONE, AS_NORMALIZE_SCALE, AS_NORMALIZE_MEAN_STD, AS_NORMALIZE_GIVEN };
enum { AS_MISSING_ERROR, AS_MISSING_DROP, AS_MISSING_MEAN };

/* The keys of the section. */
extern const as_field as_data_fields[];

/* Not collective. Errors: CONFIG. Texts and lists are owned by the document. */
as_status as_data_options_parse(as_document *document, const as_node *node, as_data_options *out);
/* Not collective. Appends the resolved lines of the section, indented; reading them again gives the same options. */
as_status as_data_options_write(const as_data_options *options, int indent, struct as_text *text);

/* AS_PREDICT: as AS_TEST, but targets and weights of the source are not read. */
typedef enum as_role { AS_TRAIN, AS_VALIDATION, AS_TEST, AS_PREDICT } as_role;

typedef struct as_dataset {
    int64_t rows;      /* of all ranks */
    int64_t stored;    /* rows of the source, of all the roles that it serves */
    int64_t dropped;   /* of those, rows that `missing: drop` leaves out */
    as_shape shape;    /* of one input */
    int64_t width;     /* elements of one input */
    int64_t stride;    /* unit of `start` in elements of x: width, or less where rows are windows that overlap */
    as_dtype type;     /* of x in memory: AS_U8, AS_F32 or AS_F64 */
    double full_scale; /* of x as stored: 255 for uint8; 1 for floats */
    as_target target;
    int64_t classes, targets;
    int64_t positions;       /* labels of one sample: 1, or one for each token, pixel, ...; 1 without labels */
    int64_t step;            /* rows are windows over one sequence, each so many elements on; 0: rows are apart */
    int64_t item;            /* of windows: elements of one moment, a row of columns of its own; else width */
    int64_t ahead;           /* > 0: the labels of a row are its own elements so much further on, and label is NULL */
    as_tokenizer *tokenizer; /* inputs are tokens of it; NULL: they are numbers. Owned */
    int64_t vocabulary;      /* of the tokenizer; 0: inputs are numbers */
    int64_t label_bytes;     /* of tokens: bytes of text that the labels of all rows stand for; with rows x positions
                                labels,     what turns a loss for each token into bits for each byte. 0: no tokens */
    as_data_parts inputs, answers; /* named parts of x, and of the targets. Owned */
    struct as_design *design;      /* what made the columns of x; NULL: they are as stored. Owned */
    as_names class_names;          /* of labels that are texts in the file, ascending: (classes), or empty. Owned */
    const as_lanes *lanes;
    const as_augment *augment; /* changes of each sample when it is gathered; NULL: none */
    uint64_t seed;             /* of those */
    int64_t *lane_first;       /* (lanes->lanes + 1) position of each lane's first sample in the assigned order */
    int64_t local_rows;        /* rows held by this rank: its lanes', one after the other */
    void *x;                   /* inputs, of type: row r is elements [start[r] * stride, + width) */
    int64_t *start;            /* (local_rows) or NULL: r itself */
    int32_t *label;            /* (local_rows, positions), AS_LABEL_IGNORED where nothing is to be learnt; or NULL */
    double *target_values;     /* (local_rows, targets) or NULL */
    bool reconstruct;          /* targets are the inputs, normalised by: */
    const struct as_normalization *normalization; /* set by as_normalization_fill; borrowed */
    double *weight;          /* (local_rows): sample weight, in training x class weight; never NULL */
    int64_t *id;             /* (local_rows) sample id: row number in the file */
    uint8_t fingerprint[32]; /* SHA-256 over what all ranks read, the same for every layout; in checkpoints */
    char place[512];         /* for messages */
    void *block;             /* owner of the arrays */
} as_dataset;

/* Collective. Reads this rank's lanes' rows of the role (training and validation share options->train; test and eval
   are assigned contiguously). Checks every value by the policy `missing`, labels against classes (names the row), y
   against x in rows. With `missing: mean` missing inputs are NaN until as_normalization_fill. `like`: NULL, or the
   training set whose classes, targets and width this one must match. Errors: NOINPUT, DATA, CONFIG, IO, NOMEM; the same
   on all ranks. Close with as_dataset_close. */
as_status as_dataset_open(const as_data_options *options, as_role role, as_world *world, const as_lanes *lanes,
                          uint64_t seed, const as_dataset *like, as_dataset *out);
void as_dataset_close(as_dataset *data);

/* Not collective. Describes the training source without reading its rows, for plans: everything that is not (rows,
   ...), but for the number of classes (0: not known without reading), the lanes and the fingerprint. Close with
   as_dataset_close. */
as_status as_dataset_peek(const as_data_options *options, as_dataset *out);

/* Input normalisation: y = scale * x + shift per column, in double, from the training set; stored in checkpoints. */
typedef struct as_normalization {
    int64_t width;
    double *scale, *shift, *fill;  /* (width): fill replaces missing values under `missing: mean` */
    void *scale_real, *shift_real; /* the same in the kernels' precision */
    bool identity;
} as_normalization;

/* Collective. One pass over the training rows: moments per lane merged along the tree (Chan, Golub, LeVeque 1983). A
   column without spread gets scale 1. Errors: NOMEM. */
as_status as_normalization_fit(const as_data_options *options, const as_dataset *train, as_world *world,
                               const as_kernels *kernels, as_normalization *out);
/* Not collective. From stored scale and shift. */
as_status as_normalization_load(int64_t width, const double *scale, const double *shift, const double *fill,
                                const as_kernels *kernels, as_normalization *out);
/* Not collective. Replaces missing values of the resident rows by fill (policy `mean`). The data set keeps the
   normalisation where its targets are its inputs. */
void as_normalization_fill(const as_normalization *normalization, const as_data_options *options, as_dataset *data);
void as_normalization_destroy(as_normalization *normalization);

#endif
