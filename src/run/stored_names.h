/* The names of columns, targets and classes in a checkpoint: texts of one name a line, which are there where the data
   have names. */
#ifndef AS_RUN_STORED_NAMES_H
#define AS_RUN_STORED_NAMES_H

#include "base/text.h"
#include "data/dataset.h"
#include "io/h5_contents.h"

enum { AS_STORED_NAMES = 4 };

typedef struct as_stored_names {
    as_text text[AS_STORED_NAMES];
} as_stored_names;

/* Not collective. Errors: NOMEM. Free with as_stored_names_free, whatever came. */
as_status as_stored_names_make(const as_dataset *data, as_stored_names *out);
void as_stored_names_free(as_stored_names *names);

/* Appends up to AS_STORED_NAMES items (borrowed texts): /data/columns, /data/target_names, /data/class_names,
   /data/design. */
void as_stored_names_list(const as_stored_names *names, as_h5_item *item, int *n);

/* Not collective. Into inputs, answers, class_names and design of data, which are empty; width, target, targets and
   classes are known. Errors: DATA for more or fewer names than columns; IO, NOMEM. */
as_status as_stored_names_read(const as_h5_contents *file, const as_column_options *columns, as_dataset *data);

#endif
