/* Documents (blocks of memory that are freed together) and the node trees in them. Growing lists double and leave the
   old array in the document: at most twice the memory, no bookkeeping. */
#include "base/node.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"

enum { BLOCK = 16384, ALIGN = 16, PLACES = 4, PLACE_MAX = 1024 };

typedef struct block {
    struct block *next;
    size_t used, size;
    _Alignas(ALIGN) unsigned char data[];
} block;

struct as_document {
    block *first; /* the one with room comes first */
};

as_status as_document_create(as_document **out)
{
    *out = calloc(1, sizeof **out);
    if (*out == NULL) {
        AS_FAIL(AS_NOMEM, "out of memory for a configuration");
    }
    return AS_OK;
}

void as_document_destroy(as_document **document)
{
    if (*document == NULL) {
        return;
    }
    for (block *b = (*document)->first; b != NULL;) {
        block *next = b->next;
        free(b);
        b = next;
    }
    free(*document);
    *document = NULL;
}

void *as_document_alloc(as_document *document, size_t bytes)
{
    if (bytes > SIZE_MAX / 2) {
        return NULL;
    }
    const size_t need = bytes == 0 ? ALIGN : (bytes + ALIGN - 1) / ALIGN * ALIGN;
    block *b = document->first;
    if (b == NULL || b->size - b->used < need) {
        const size_t size = need > BLOCK ? need : BLOCK;
        b = calloc(1, sizeof *b + size);
        if (b == NULL) {
            return NULL;
        }
        b->size = size;
        b->next = document->first;
        document->first = b;
    }
    void *memory = b->data + b->used;
    b->used += need;
    return memory;
}

char *as_document_copy(as_document *document, const char *text)
{
    const size_t bytes = strlen(text) + 1;
    char *copy = as_document_alloc(document, bytes);
    if (copy != NULL) {
        memcpy(copy, text, bytes);
    }
    return copy;
}

as_node *as_node_create(as_document *document, as_node_kind kind, const char *file, int line, int column)
{
    as_node *node = as_document_alloc(document, sizeof *node);
    if (node != NULL) {
        *node = (as_node){.kind = kind, .file = file, .line = line, .column = column};
    }
    return node;
}

/* A copy of an array of `count` elements with room for `capacity`. */
static void *grown(as_document *document, const void *old, int64_t count, int64_t capacity, size_t element)
{
    void *array = as_document_alloc(document, (size_t)capacity * element);
    if (array != NULL && count > 0) {
        memcpy(array, old, (size_t)count * element);
    }
    return array;
}

as_status as_node_append(as_document *document, as_node *parent, const char *key, int line, int column, as_node *child)
{
    const int64_t n = parent->count;
    if ((n & (n - 1)) == 0) { /* 0, 1, 2, 4, ...: full */
        const int64_t capacity = n == 0 ? 1 : 2 * n;
        parent->item = grown(document, parent->item, n, capacity, sizeof *parent->item);
        if (parent->kind == AS_NODE_MAP) {
            parent->key = grown(document, parent->key, n, capacity, sizeof *parent->key);
            parent->key_line = grown(document, parent->key_line, n, capacity, sizeof *parent->key_line);
            parent->key_column = grown(document, parent->key_column, n, capacity, sizeof *parent->key_column);
        }
        if (parent->item == NULL || (parent->kind == AS_NODE_MAP &&
                                     (parent->key == NULL || parent->key_line == NULL || parent->key_column == NULL))) {
            parent->count = 0;
            AS_FAIL(AS_NOMEM, "out of memory for a configuration");
        }
    }
    if (parent->kind == AS_NODE_MAP) {
        parent->key[n] = as_document_copy(document, key);
        if (parent->key[n] == NULL) {
            AS_FAIL(AS_NOMEM, "out of memory for a configuration");
        }
        parent->key_line[n] = line;
        parent->key_column[n] = column;
    }
    parent->item[n] = child;
    parent->count = n + 1;
    return AS_OK;
}

static int64_t index_of(const as_node *map, const char *key)
{
    for (int64_t i = 0; i < map->count; i++) {
        if (strcmp(map->key[i], key) == 0) {
            return i;
        }
    }
    return -1;
}

as_node *as_node_get(const as_node *node, const char *key)
{
    if (node == NULL || node->kind != AS_NODE_MAP) {
        return NULL;
    }
    const int64_t i = index_of(node, key);
    return i < 0 ? NULL : node->item[i];
}

bool as_node_is(const as_node *node, const char *text)
{
    return node != NULL && node->kind == AS_NODE_SCALAR && strcmp(node->text, text) == 0;
}

const char *as_node_place(const as_node *node)
{
    static _Thread_local char place[PLACES][PLACE_MAX];
    static _Thread_local unsigned turn;
    char *text = place[turn++ % PLACES];
    if (node == NULL || node->file == NULL) {
        snprintf(text, PLACE_MAX, "configuration");
    } else if (node->line == 0) {
        snprintf(text, PLACE_MAX, "%s", node->file);
    } else {
        snprintf(text, PLACE_MAX, "%s:%d:%d", node->file, node->line, node->column);
    }
    return text;
}

/* Slot of list item `name`. Errors: CONFIG. */
static as_status list_slot(const as_node *list, const char *name, const char *path, const as_node *value, int64_t *out)
{
    char *end;
    const long index = strtol(name, &end, 10);
    if (name[0] < '0' || name[0] > '9' || *end != '\0' || index >= list->count) {
        AS_FAIL(AS_CONFIG, "%s: %s: '%s' is no index of a list of %lld items (0 to %lld)", as_node_place(value), path,
                name, (long long)list->count, (long long)list->count - 1);
    }
    *out = index;
    return AS_OK;
}

as_status as_node_set_path(as_document *document, as_node *root, const char *path, as_node *value)
{
    char *name = as_document_copy(document, path);
    if (name == NULL) {
        AS_FAIL(AS_NOMEM, "out of memory for a configuration");
    }
    for (as_node *node = root;;) {
        char *dot = strchr(name, '.');
        if (dot != NULL) {
            *dot = '\0';
        }
        if (name[0] == '\0') {
            AS_FAIL(AS_CONFIG, "%s: '%s' is no key path: expected names joined by dots", as_node_place(value), path);
        }
        int64_t slot = -1;
        if (node->kind == AS_NODE_LIST) {
            AS_TRY(list_slot(node, name, path, value, &slot));
        } else if (node->kind == AS_NODE_NULL) {
            node->kind = AS_NODE_MAP;
        } else if (node->kind == AS_NODE_MAP) {
            slot = index_of(node, name);
        } else {
            AS_FAIL(AS_CONFIG, "%s: cannot set %s: '%s' (%s) is a single value, not a map", as_node_place(value), path,
                    node->text, as_node_place(node));
        }
        as_node *next = dot == NULL ? value : slot >= 0 ? node->item[slot] : NULL;
        if (next == NULL) {
            next = as_node_create(document, AS_NODE_MAP, value->file, value->line, value->column);
            if (next == NULL) {
                AS_FAIL(AS_NOMEM, "out of memory for a configuration");
            }
        }
        if (slot < 0) {
            AS_TRY(as_node_append(document, node, name, value->line, value->column, next));
        } else {
            node->item[slot] = next;
        }
        if (dot == NULL) {
            return AS_OK;
        }
        node = next;
        name = dot + 1;
    }
}
