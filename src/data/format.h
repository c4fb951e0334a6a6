/* Data formats: files to rows. A kind is one file format_<kind>.c and one row in format.def. */
#ifndef AS_DATA_FORMAT_H
#define AS_DATA_FORMAT_H

#include "base/fields.h"
#include "base/names.h"
#include "base/parts.h"
#include "data/tokenizer.h"

typedef enum as_part { AS_PART_X, AS_PART_Y, AS_PART_WEIGHT, AS_PARTS } as_part;

/* What is known of a source before it is opened: from the training data, whose like it must be. All may be absent. */
typedef struct as_known {
    const as_tokenizer *tokenizer;  /* that a text is to be read with; NULL: the file's own */
    const as_data_parts *inputs;    /* names of the inputs, in their order, however the file orders them; NULL or empty:
                                       as the options say */
    const as_names *classes;        /* texts of the labels, ascending; NULL or empty: those of the file */
    const struct as_design *design; /* what was made of the columns, with all levels; NULL: to be found */
    bool any_labels;                /* the model learns classes of whatever names: whole numbers that are not 0, 1, 2,
                                       ... are names too */
} as_known;

/* One array of a data file: rows samples of a shape. */
typedef struct as_column {
    bool present;
    char place[512]; /* "file.h5:/fields/u" for messages */
    int64_t rows;
    as_shape shape; /* of one sample; scalar labels have rank 0 */
    as_dtype type;  /* as handed out by read */
    bool has_fill;  /* values equal to fill count as missing */
    double fill;
    double full_scale; /* `normalize: scale` divides by it: largest value of an integer type as stored, 1 for floats */
    int64_t step;  /* rows are windows over one sequence: each begins so many elements after the one before it; 0: rows
                      are apart */
    int64_t ahead; /* of y: > 0: a row is that of x moved by so many elements along the sequence */
    int64_t reach; /* of windows: elements of the sequence that a row takes with its targets */
    as_data_parts parts;           /* named parts of a row, or none. The file's */
    const as_names *classes;       /* of y: the texts whose places the values are, ascending; NULL: they are numbers.
                                      The file's */
    const as_tokenizer *tokenizer; /* elements are its tokens; NULL: they are numbers. The file's */
} as_column;

typedef struct as_format_file as_format_file; /* defined by each kind */

typedef struct as_format_ops {
    const char *name, *help;
    const as_field *fields; /* the keys beside `format:` */
    size_t options_bytes;
    /* Not collective. Opens and checks everything (magic, sizes against the file's length); fills column[AS_PARTS].
       known: NULL, or what the training data tell. What column points at lives until close.
       Errors: NOINPUT missing; DATA truncated, corrupt, empty, wrong magic, with file and dataset, expected and found.
     */
    as_status (*open)(const void *options, const as_known *known, as_format_file **out, as_column column[AS_PARTS]);
    /* Rows [first, first + count) of a part, native byte order, into data. Errors: DATA, IO naming file, dataset and
     * row. */
    as_status (*read)(as_format_file *file, as_part part, int64_t first, int64_t count, void *data);
    /* NULL, or: checks of a whole part that reading pieces of it leaves out (the checksum of a packed file). */
    as_status (*verify)(as_format_file *file, as_part part);
    /* NULL where there are no texts, or: the distinct texts of a column of a part, as as_csv_texts; and from then on
       read gives their places, as as_csv_code. Errors: DATA, NOMEM. */
    as_status (*texts)(as_format_file *file, as_part part, int64_t column, int64_t most, as_names *out);
    as_status (*code)(as_format_file *file, as_part part, int64_t column, const as_names *known, bool strict);
    void (*close)(as_format_file **file);
    /* NULL, or: makes options (just the path was given) read nothing but inputs, found as `like` finds them: the
       options of the training data, NULL if those have another format. */
    void (*inputs)(void *options, const void *like);
    int64_t (*positions)(const void *options); /* NULL: 1; or of a row, which a network takes one by one */
    const char *role_key; /* NULL, or a key that is the role ("train", "test") unless it was given */
} as_format_ops;

const as_format_ops *const *as_formats_get(void);

/* What y is: labels where it has an integer type and one value a row, unless `labels` says. */
typedef enum as_labels { AS_LABELS_AUTO, AS_LABELS_TRUE, AS_LABELS_FALSE, AS_LABELS_ANY } as_labels;

/* Where the channels of a sample are: last, as everything here wants them, or first in the file. */
typedef enum as_layout { AS_LAYOUT_NHWC, AS_LAYOUT_NCHW } as_layout;

/* `window: {length, horizon, stride}`: rows of a source are moments of a series, samples are windows over them. */
typedef struct as_window {
    int64_t length;  /* 0: no windows */
    int64_t horizon; /* moments after the window that are the target; 0: the target of its last moment */
    int64_t stride;
} as_window;

/* `train: {format: idx, ...}` as parsed. */
typedef struct as_source {
    const as_format_ops *ops; /* NULL: absent */
    void *options;            /* of the kind; owned by the document */
    int labels;               /* as_labels */
    int layout;               /* as_layout */
    as_ints shape;            /* of one sample; empty: as stored */
    as_window window;
} as_source;

/* The keys that every source has beside those of its kind. */
extern const as_field as_source_fields[];

/* Not collective. path: "data.train"; its last word is the role of a source that asks for one. Errors: CONFIG, NOMEM.
 */
as_status as_source_parse(as_document *document, const as_node *node, const char *path, as_source *out);
/* Not collective. A source without `format:` as it is meant beside another one, both maps: in its format, and where
   that has one `file`, with those keys of the other (columns, datasets, weight) that it does not give itself. Errors:
   CONFIG, NOMEM. */
as_status as_source_like(as_document *document, const as_node *node, const as_node *like, const char *path,
                         as_node **out);
/* Not collective. The inputs alone of another file of a format, found in it as in the training data: the same columns
   or dataset. Errors: CONFIG, NOMEM. */
as_status as_source_inputs(as_document *document, const char *format, const char *file, const as_source *training,
                           as_source *out);
/* Not collective. Appends the resolved lines (`format:` first), indented; reading them again gives the same source. */
as_status as_source_write(const as_source *source, int indent, struct as_text *text);

/* Not collective. Largest value of an integer type; 1 for floats. */
double as_dtype_full_scale(as_dtype type);

#endif
