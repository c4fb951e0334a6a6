/* Choosing a row of a table of kinds by the name that a configuration gives. */
#ifndef AS_NN_KIND_H
#define AS_NN_KIND_H

#include "base/fields.h"

enum { AS_KINDS_MAX = 64 };

/* Not collective. Index of `name` in names (NULL-terminated). Errors: CONFIG at the node's place, naming what was
   expected (`what`: "optimizer"), with the nearest name or all of them. */
as_status as_kind_find(const as_node *node, const char *what, const char *name, const char *const *names, int *index);

/* Not collective. Reads `kind` or `{kind: options}`: *name borrows from the node, *options is NULL for the short form.
   Errors: CONFIG for anything else. */
as_status as_kind_read(const as_node *node, const char *what, const char **name, const as_node **options);

/* Not collective. The kind of a section `{type: kind, ...}`, or `kind` alone; `standard` when node is NULL or has no
   type. Errors: CONFIG. */
as_status as_kind_typed(const as_node *node, const char *what, const char *standard, const char *const *names,
                        int *index);
extern const as_field as_type_fields[]; /* `type`; options are one const char * */

#endif
