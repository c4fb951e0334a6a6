/* The columns that a model sees, made of those that are stored: categories to indicators, powers, products. Each is a
   product of factors, a factor being a power of a stored number or the indicator of a level. The levels are those of
   the training source; a design that was read from a checkpoint makes the same columns of other files. */
#ifndef AS_DATA_DESIGN_H
#define AS_DATA_DESIGN_H

#include "base/names.h"
#include "base/parts.h"
#include "data/columns.h"

enum { AS_LEVELS_MAX = 4096, AS_DESIGN_COLUMNS_MAX = 1 << 20 };

/* A stored column that takes part. */
typedef struct as_design_source {
    char *name;
    int64_t at; /* element of a stored row */
    bool category;
    bool code;      /* one column, the place of the level */
    bool text;      /* the stored values are places in `level`; else `value` are the levels */
    as_names level; /* names of the levels */
    double *value;  /* (level.n) ascending; of numbers */
} as_design_source;

typedef struct as_design {
    int64_t stored; /* elements of a stored row */
    int64_t n;
    as_design_source *source;
    bool zero;                 /* unseen levels give zeros */
    int64_t columns, nfactors; /* made; *first is of each column's factors */
    struct as_design_factor *factor;
    int64_t *first; /* (columns + 1) */
    as_data_parts names;
} as_design;

/* Not collective. The sources that the options name among the parts of a stored row (as_parts_name with "x"); levels
   are still empty. place: of messages. Errors: CONFIG naming what is not there; NOMEM. */
as_status as_design_find(const as_column_options *options, const as_data_parts *stored, int64_t width,
                         const char *place, as_design **out);
void as_design_destroy(as_design **design);

/* Not collective. Adds a number to the levels of a source. Errors: DATA for more than AS_LEVELS_MAX; NOMEM. */
as_status as_design_level(as_design_source *source, double value, const char *place);

/* Not collective. Makes the columns when all levels are there. Errors: CONFIG, DATA, NOMEM. */
as_status as_design_finish(as_design *design, const as_column_options *options, const char *place);

/* Whether a column holds indicators or places of levels: it is not standardised. */
bool as_design_indicates(const as_design *design, int64_t column);

/* The levels of a column that holds their places; NULL: it holds something else. */
const as_names *as_design_levels(const as_design *design, int64_t column);

/* Not collective. count stored rows (count, stored) to (count, columns); missing values make NaN. first: row number of
   the first, for messages. Errors: DATA for a level that is not known, with row and level. */
as_status as_design_rows(const as_design *design, const char *place, int64_t first, int64_t count, const double *stored,
                         double *out);

/* Not collective. One source a line, with its levels behind tabs; and back, with columns made. Errors: DATA, NOMEM. */
struct as_text;
void as_design_write(const as_design *design, struct as_text *text);
as_status as_design_read(const char *lines, const as_column_options *options, as_design **out);

/* Not collective. The levels of a source of another design. Errors: NOMEM. */
as_status as_design_copy_levels(const as_design_source *from, as_design_source *to);

#endif
