/* One view of all tables of kinds, for list, explain, docs and completion. */
#ifndef AS_RUN_KINDS_H
#define AS_RUN_KINDS_H

#include "base/fields.h"

typedef struct as_kind {
    const char *group; /* "layers", "optimizers": see as_kind_groups */
    const char *path;  /* where it is chosen in a configuration: "optimizer" */
    const char *usage; /* how: KIND stands for its name */
    const char *name, *help;
    const char *formula;    /* NULL: none */
    const as_field *fields; /* own options; NULL: none */
    size_t options_bytes;   /* of the struct that fields describe */
} as_kind;

/* A group of kinds and what they are. */
typedef struct as_kind_group {
    const char *name, *path, *help, *usage;
} as_kind_group;

/* Ends with a row whose name is NULL. */
extern const as_kind_group as_kind_groups[];

/* Not collective. Calls visit for every kind, group by group in the order of as_kind_groups. */
void as_kinds_visit(void (*visit)(void *context, const as_kind *kind), void *context);

#endif
