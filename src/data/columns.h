/* `data.columns`: which columns of a table a model sees, and what is made of them. */
#ifndef AS_DATA_COLUMNS_H
#define AS_DATA_COLUMNS_H

#include "base/fields.h"

typedef struct as_column_options {
    bool given;
    as_texts use;     /* names, or empty: all */
    as_texts one_hot; /* names of categories */
    as_texts code;    /* names of categories that stay one column; or "all" */
    bool drop_first, standardize;
    int unseen;         /* AS_UNSEEN_*: a level that the training data do not have */
    int64_t polynomial; /* powers of the numbers up to it; 1: none */
    bool all_pairs;     /* interactions: all */
    int64_t ninteractions;
    const as_texts *interaction; /* (ninteractions) names whose columns are multiplied. The document's */
} as_column_options;

enum { AS_UNSEEN_ERROR, AS_UNSEEN_ZERO };

extern const as_field as_columns_fields[];

/* Not collective. NULL or null: not given. Errors: CONFIG naming key and place; NOMEM. */
as_status as_columns_parse(as_document *document, const as_node *node, as_column_options *out);

/* Not collective. Appends the resolved block, indented; nothing where it is not given. Errors: INTERNAL. */
struct as_text;
as_status as_columns_write(const as_column_options *columns, int indent, struct as_text *text);

#endif
