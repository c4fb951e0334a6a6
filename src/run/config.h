/* The whole configuration of a run: YAML file(s) and --set overrides, typed and checked. */
#ifndef AS_RUN_CONFIG_H
#define AS_RUN_CONFIG_H

#include "base/fields.h"
#include "base/text.h"
#include "data/dataset.h"
#include "probe/probe.h"

/* `train:` */
typedef struct as_train_options {
    int64_t batch;                /* samples per step over all ranks; 0: full */
    int64_t epochs, steps;        /* exactly one is > 0 */
    int64_t micro_batch;          /* rows a rank works on at a time; 0: all */
    double clip_norm, clip_value; /* 0: off */
    double ema;                   /* decay of the averaged weights; 0: off */
    int64_t patience;             /* evaluations without improvement before stopping early; 0: off */
    double min_delta;
    int64_t eval_batch;
    const char *target; /* "accuracy >= 0.9"; NULL: none; missed: exit 4 */
} as_train_options;

typedef struct as_checkpoint_options {
    as_every every;
    int64_t keep; /* newest verified ones kept, besides `best` */
    bool best;
} as_checkpoint_options;

/* `start:` */
typedef struct as_start_options {
    const char *from; /* file of weights; NULL: initial values by the kinds */
    int layout;       /* as_weights_layout of a safetensors or NPZ file */
    as_texts rename;  /* "ours=theirs" */
    as_texts fresh;   /* layers that start anew */
    as_texts ignore;  /* arrays of the file that are of no use here, or "layer." for all of a layer */
} as_start_options;

typedef struct as_log_options {
    as_every every;    /* of metrics lines */
    as_every evaluate; /* of validation; default every epoch */
} as_log_options;

typedef struct as_config {
    as_document *document;
    const as_node *root;
    const char *name;
    int64_t seed;
    int64_t lanes; /* 0: auto */
    int precision; /* 0 float32, 1 float64 */
    as_data_options data;
    const as_node *model, *optimizer, *schedule; /* read by the estimator */
    bool statistic;                              /* the model is a statistical one: full batches, no optimizer */
    as_train_options train;
    as_start_options start;
    as_checkpoint_options checkpoint;
    as_log_options log;
    as_probe_options probe;
} as_config;

/* Not collective. Reads files in order (later ones win, key by key; a map that names another type or format replaces
   the whole of the earlier one), then overrides "a.b=value". nfiles 0: the built-in default (embedded digits). Of
   train.epochs and train.steps the later one wins. Unknown keys and kinds and wrong values: CONFIG with
   file:line:column; NOINPUT. Destroy with as_config_destroy, also after an error. */
as_status as_config_load(int nfiles, const char *const *file, int nsets, const char *const *set, as_config *out);

/* Not collective. The same from a text (the resolved one of a run or checkpoint); name is shown in messages. */
as_status as_config_parse(const char *name, const char *text, int nsets, const char *const *set, as_config *out);
void as_config_destroy(as_config *config);

/* Not collective. Lanes of a run with such a batch (0: full): the key, or for auto as_lanes_auto of the samples, or of
   the tokens where samples are texts: then no more lanes than samples. */
int as_config_lanes(const as_config *config, int64_t batch);

/* The built-in configuration; configs/digits.yaml is the same text. */
const char *as_config_default_text(void);

/* Not collective. The resolved configuration as YAML: every key with its value; reading it again gives the same text,
   and configurations that mean the same give the same text. */
as_status as_config_write(const as_config *config, as_text *text);

/* Tables of all sections and kinds, for explain, docs and completion: calls visit for each table with the dotted path
   of its keys ("data", "optimizer", "model.layers.dense"), the kind that brings them ("adam"; NULL for a section), its
   help and its formula (NULL: none). table is NULL for a kind without options. */
typedef struct as_config_table {
    const char *path, *group, *kind, *help, *formula;
    const char *usage; /* of a kind: how it is asked for; KIND stands for its name */
    const as_field *table;
} as_config_table;
void as_config_visit(void (*visit)(void *context, const as_config_table *table), void *context);

/* Not collective. Compares two resolved configurations (texts): appends the dotted paths of keys that differ and are
   not free to change on resume, one a line. Errors: CONFIG when a text cannot be read. */
as_status as_config_compare(const char *old_text, const char *new_text, as_text *differing);

#endif
