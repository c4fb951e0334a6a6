/* Rows of a source into memory: reading in ascending order, conversion, missing values. */
#ifndef AS_DATA_LOAD_H
#define AS_DATA_LOAD_H

#include "data/assign.h"
#include "data/dataset.h"

/* A class whose name is a number. */
typedef struct as_load_class {
    double value;
    int64_t place; /* among the names */
} as_load_class;

/* An open source and the policy for its missing values. */
typedef struct as_load {
    const as_data_options *options;
    const as_format_ops *ops;
    as_format_file *file;
    as_column column[AS_PARTS]; /* of the samples */
    as_column stored[AS_PARTS]; /* of the file: the moments, where samples are windows */
    as_window window;
    bool first[AS_PARTS];     /* channels come first in the file: they are moved to the end */
    bool reconstruct;         /* the targets are the inputs: nothing is read for them */
    bool echo;                /* a series is its own target: what comes next */
    as_names classes;         /* names that the labels have as numbers; empty: they are read as they stand */
    as_load_class *class;     /* (classes.n), ascending by value */
    struct as_design *design; /* makes the columns of x; NULL: they are those of the file */
} as_load;

/* Not collective. Opens; checks that the parts have the same number of rows. known: NULL, or what the training
   data tell. inputs: no targets and weights are wanted. Errors: those of the format; DATA, CONFIG. Close with
   as_load_close. */
as_status as_load_open(const as_source *source, const as_data_options *options, const as_known *known, bool inputs,
                       as_load *out);
void as_load_close(as_load *load);

/* Not collective. Samples [first, first + count) of a part, as stored. Errors: those of reading. */
as_status as_load_read(const as_load *load, as_part part, int64_t first, int64_t count, void *data);

/* Not collective. One sample of a part as `type`, checked as as_load_part checks. stored: room for it as stored.
   Errors: DATA, IO. */
as_status as_load_sample(const as_load *load, as_part part, int64_t row, as_dtype type, bool mark, void *stored,
                         void *data);

/* Not collective. What `data.columns` makes of x, from here on: levels of `known` or, NULL, of the source. Errors:
   CONFIG, DATA, IO, NOMEM. */
as_status as_load_design(as_load *load, const as_source *source, const struct as_design *known);
as_status as_load_design_read(const as_load *load, int64_t first, int64_t count, double *out);

/* Not collective. Labels, one a row, that are whole numbers get names where the training data had such, or any are
   wanted and they are not 0, 1, 2, ...; from then on they are read as places among their names. Errors: those of
   reading; NOMEM. */
as_status as_load_labels(as_load *load, const as_known *known);

/* Not collective. The labels of rows first, ... as places among the names; NaN stays. Errors: DATA, another label. */
as_status as_load_name_labels(const as_load *load, int64_t first, int64_t count, double *value);

/* n stored numbers as AS_F32 or AS_F64. */
void as_load_widen(int64_t n, const void *source, as_dtype stored, as_dtype type, void *data);

/* Type in memory of a column: uint8 as it is (unless missing values must be marked), other integers and halves in the
   smallest float that holds them exactly (64-bit integers: rounded to float64), floats as they are. */
as_dtype as_load_type(const as_load *load, as_part part);

/* Collective. The rows without a missing value in any part (policy `drop`): each rank looks through its share of the
   rows. Errors: those of reading, the same on all ranks. Destroy with as_selection_destroy. */
as_status as_load_scan(const as_load *load, as_world *world, as_selection *out);

/* Whether a stored label is one of those that are not learnt. */
bool as_label_ignored(const as_ints *ignored, double label);

/* Not collective. The largest label below `end` in this rank's share of all rows, whatever their role. Errors: DATA,
 * IO, NOMEM. */
as_status as_load_largest_label(const as_load *load, const as_world *world, double end, int64_t *out);

/* Not collective. Members [first, first + count) of the assigned order, as `type` (as_load_type, or AS_F64) into data,
   and their row numbers into id (may be NULL). A missing value fails with its row, or becomes NaN if mark. Errors:
   DATA, IO, NOMEM. */
as_status as_load_part(const as_load *load, as_part part, const as_selection *selection,
                       const as_assignment *assignment, int64_t first, int64_t count, as_dtype type, bool mark,
                       void *data, int64_t *id);

#endif
