/* Typed option tables. One table describes an options struct; the parser, range checks, `explain`, --help,
   docs/config.md and the resolved configuration all come from it. */
#ifndef AS_BASE_FIELDS_H
#define AS_BASE_FIELDS_H

#include "base/node.h"

typedef enum as_field_type {
    AS_FIELD_BOOL,   /* bool */
    AS_FIELD_INT,    /* int64_t; accepts 1e6, 64KiB/MiB/GiB */
    AS_FIELD_REAL,   /* double */
    AS_FIELD_TEXT,   /* const char *; NULL when default is "" and nothing was given */
    AS_FIELD_CHOICE, /* int: index into choices */
    AS_FIELD_REALS,  /* as_reals: a list, or one number */
    AS_FIELD_INTS,   /* as_ints */
    AS_FIELD_TEXTS,  /* as_texts: a list, or one text */
    AS_FIELD_EVERY,  /* as_every: "500 steps", "10 minutes", "1 epochs", "never"; a bare number is steps */
    AS_FIELD_NODE    /* const as_node *: read by its owner; NULL when absent */
} as_field_type;

typedef struct as_reals {
    int64_t n;
    const double *v;
} as_reals;
typedef struct as_ints {
    int64_t n;
    const int64_t *v;
} as_ints;
typedef struct as_texts {
    int64_t n;
    const char *const *v;
} as_texts;
typedef struct as_every {
    int64_t steps, epochs;
    double minutes;
} as_every; /* 0: not by this unit */

/* Not collective. "500 steps", "2 epochs", "1.5 hours", "never", "500"; false: none of them. */
bool as_every_read(const char *text, as_every *out);

/* One option. A table ends with a row whose name is NULL; where a table is asked for, NULL is one without options. */
typedef struct as_field {
    const char *name;
    as_field_type type;
    size_t offset;              /* offsetof in the options struct */
    const char *standard;       /* default as text; NULL: the key is required */
    double min, max;            /* inclusive range of INT/REAL (and each element of lists); both 0: no range */
    const char *const *choices; /* CHOICE: NULL-terminated; TEXT: the word that stands beside whole numbers, for
                                   messages (its owner reads it) */
    const char *unit;           /* "samples", "seconds"; NULL if none */
    const char *help;           /* one sentence, required */
    bool free;                  /* may change on resume: it cannot change the trajectory */
} as_field;

#define AS_FIELDS_END                                                                                                  \
    {                                                                                                                  \
        .name = NULL                                                                                                   \
    }

/* Not collective. Sets every field of *options to its default. Errors: INTERNAL for a broken table; NOMEM. */
as_status as_fields_default(const as_field *table, as_document *document, void *options);

/* Not collective. Reads map (NULL or AS_NODE_NULL: all defaults) into *options by the tables (a NULL-terminated list:
   a kind's own table and the common one, each with its own options struct). path is the dotted prefix for messages
   ("optimizer"). Unknown key, wrong type, out of range, missing required key: CONFIG with file:line:column and, for
   an unknown key, the nearest known name. A scalar in place of a map is the value of the first field of the first
   table ("dropout: 0.1"). Texts are borrowed from the document. */
typedef struct as_fields_part {
    const as_field *table;
    void *options;
} as_fields_part;
as_status as_fields_parse(const as_fields_part *parts, int nparts, as_document *document, const as_node *map,
                          const char *path);

/* Not collective. Appends "key: value" lines, indented by indent spaces, of all fields of a table to text.
   AS_FIELD_NODE rows are left out (their owner writes them). Numbers are written so that they read back to the same
   bits. */
struct as_text;
as_status as_fields_write(const as_field *table, const void *options, int indent, struct as_text *text);

/* Not collective. Appends a text so that YAML reads it back as the same scalar: plain where that is safe, else quoted.
 */
void as_scalar_write(const char *value, struct as_text *text);

/* Not collective. Appends a node in one line of YAML ("{a: 1, b: [x, y]}"); equal trees give equal text. */
void as_node_write(const as_node *node, struct as_text *text);

/* Not collective. Bytes that an options struct of this table takes at least. */
size_t as_fields_bytes(const as_field *table);

/* Not collective. The name among candidates (NULL-terminated) nearest to word by edit distance, or NULL if none is
 * near. */
const char *as_nearest_name(const char *word, const char *const *candidates);

/* Not collective. Plain conversions used by tables and command lines; the whole text must be a number.
 * Locale-independent. */
bool as_text_to_real(const char *text, double *out);
bool as_text_to_int(const char *text, int64_t *out);

#endif
