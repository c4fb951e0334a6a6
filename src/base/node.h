/* A parsed configuration text: a tree of scalars, lists and maps that remember file, line and column, so that every
   message about a key can name its place. */
#ifndef AS_BASE_NODE_H
#define AS_BASE_NODE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "allsum/status.h"

typedef enum as_node_kind { AS_NODE_NULL, AS_NODE_SCALAR, AS_NODE_LIST, AS_NODE_MAP } as_node_kind;

typedef struct as_node {
    as_node_kind kind;
    const char *file; /* name shown in messages; "--set" for overrides */
    int line, column; /* from 1; 0 if unknown */
    const char *text; /* AS_NODE_SCALAR: the text without quotes */
    bool quoted;
    int64_t count;         /* list items or map entries */
    struct as_node **item; /* (count) */
    const char **key;      /* (count), maps only */
    int *key_line, *key_column;
} as_node;

/* Owns nodes and all texts that parsed options borrow; one per configuration. */
typedef struct as_document as_document;

/* Not collective. Errors: NOMEM. Destroy with as_document_destroy. */
as_status as_document_create(as_document **out);
void as_document_destroy(as_document **document);

/* Not collective. Zeroed memory that lives as long as the document; NULL when out of memory. */
void *as_document_alloc(as_document *document, size_t bytes);
char *as_document_copy(as_document *document, const char *text);

/* Not collective. New node of a kind at a place; NULL when out of memory. */
as_node *as_node_create(as_document *document, as_node_kind kind, const char *file, int line, int column);

/* Not collective. Appends to a list (key NULL) or a map. Errors: NOMEM. */
as_status as_node_append(as_document *document, as_node *parent, const char *key, int line, int column, as_node *child);

/* Not collective. Value of a key in a map, or NULL (also when node is NULL or no map). Borrowed. */
as_node *as_node_get(const as_node *node, const char *key);
/* Not collective. Whether a node is a scalar of this text; node may be NULL. */
bool as_node_is(const as_node *node, const char *text);

/* "file:line:column" of a node for messages, in a per-thread buffer valid until the fourth next call. */
const char *as_node_place(const as_node *node);

/* Not collective. Sets a dotted path ("a.b.0.c"; numbers index lists) in a map to a scalar or parsed value, making
   maps on the way. Errors: CONFIG, NOMEM. */
as_status as_node_set_path(as_document *document, as_node *root, const char *path, as_node *value);

#endif
