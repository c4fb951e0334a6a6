/* YAML to node trees, from libyaml's events. A subset that cannot surprise: scalars are typed by the option tables (no
   "Norway problem"), no anchors or aliases (hence no expansion bombs), no tags, one document, bounded size and depth.
   Cost: linear in the text, quadratic in the keys of one map (at most KEYS_MAX). */
#include "io/yaml.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <yaml.h>

#include "base/error.h"

enum { FILE_MAX = 1 << 20, DEPTH_MAX = 32, KEYS_MAX = 4096 };

typedef struct reader {
    as_document *document;
    const char *file, *text;
    size_t size;
    yaml_parser_t parser;
} reader;

static int line_of(yaml_mark_t mark)
{
    return (int)mark.line + 1;
}

static int column_of(yaml_mark_t mark)
{
    return (int)mark.column + 1;
}

static as_status no_memory(const reader *r)
{
    AS_FAIL(AS_NOMEM, "%s: out of memory", r->file);
}

/* Whether a tab indents a line (from 0), the most frequent reason of a syntax error. */
static bool indented_by_tab(const reader *r, size_t line)
{
    size_t at = 0;
    for (; line > 0 && at < r->size; at++) {
        line -= r->text[at] == '\n';
    }
    while (at < r->size && r->text[at] == ' ') {
        at++;
    }
    return line == 0 && at < r->size && r->text[at] == '\t';
}

static as_status next_event(reader *r, yaml_event_t *event)
{
    if (yaml_parser_parse(&r->parser, event)) {
        return AS_OK;
    }
    const yaml_parser_t *p = &r->parser;
    if (p->error == YAML_MEMORY_ERROR) {
        return no_memory(r);
    }
    if (p->error == YAML_READER_ERROR) {
        AS_FAIL(AS_CONFIG, "%s: byte %zu: %s", r->file, p->problem_offset, p->problem);
    }
    if (indented_by_tab(r, p->problem_mark.line)) {
        AS_FAIL(AS_CONFIG, "%s:%d:%d: expected spaces before the first word of a line, found a tab", r->file,
                line_of(p->problem_mark), column_of(p->problem_mark));
    }
    AS_FAIL(AS_CONFIG, "%s:%d:%d: %s%s%s", r->file, line_of(p->problem_mark), column_of(p->problem_mark),
            p->problem != NULL ? p->problem : "syntax error", p->context != NULL ? ", " : "",
            p->context != NULL ? p->context : "");
}

/* Refuses what is outside the subset. */
static as_status check_plain(const reader *r, const yaml_event_t *event, const yaml_char_t *anchor,
                             const yaml_char_t *tag)
{
    if (anchor != NULL || tag != NULL) {
        AS_FAIL(AS_CONFIG, "%s:%d:%d: %s are not supported here: write the value itself", r->file,
                line_of(event->start_mark), column_of(event->start_mark), anchor != NULL ? "anchors (&)" : "tags (!)");
    }
    return AS_OK;
}

static bool is_null(const yaml_event_t *event)
{
    const char *text = (const char *)event->data.scalar.value;
    return event->data.scalar.style == YAML_PLAIN_SCALAR_STYLE &&
           (text[0] == '\0' || strcmp(text, "~") == 0 || strcmp(text, "null") == 0 || strcmp(text, "Null") == 0 ||
            strcmp(text, "NULL") == 0);
}

static as_status read_scalar(reader *r, const yaml_event_t *event, as_node **out)
{
    const int line = line_of(event->start_mark), column = column_of(event->start_mark);
    AS_TRY(check_plain(r, event, event->data.scalar.anchor, event->data.scalar.tag));
    const char *text = (const char *)event->data.scalar.value;
    for (size_t i = 0; i < event->data.scalar.length; i++) { /* "\0" and the like in double quotes */
        if ((unsigned char)text[i] < 0x20 && text[i] != '\n' && text[i] != '\t') {
            AS_FAIL(AS_CONFIG, "%s:%d:%d: control character 0x%02x in a text", r->file, line, column,
                    (unsigned)(unsigned char)text[i]);
        }
    }
    *out = as_node_create(r->document, is_null(event) ? AS_NODE_NULL : AS_NODE_SCALAR, r->file, line, column);
    char *copy = *out == NULL ? NULL : as_document_copy(r->document, text);
    if (copy == NULL) {
        return no_memory(r);
    }
    (*out)->text = (*out)->kind == AS_NODE_SCALAR ? copy : NULL;
    (*out)->quoted = event->data.scalar.style != YAML_PLAIN_SCALAR_STYLE;
    return AS_OK;
}

static as_status read_value(reader *r, yaml_event_t *event, int depth, as_node **out);

/* Key and value of a map; event is the key's. */
static as_status read_entry(reader *r, const yaml_event_t *event, int depth, as_node *map)
{
    const int line = line_of(event->start_mark), column = column_of(event->start_mark);
    if (event->type != YAML_SCALAR_EVENT) {
        AS_FAIL(AS_CONFIG, "%s:%d:%d: a key must be a name", r->file, line, column);
    }
    as_node *name;
    AS_TRY(read_scalar(r, event, &name));
    const char *key = (const char *)event->data.scalar.value;
    if (key[0] == '\0') {
        AS_FAIL(AS_CONFIG, "%s:%d:%d: empty key", r->file, line, column);
    }
    for (int64_t i = 0; i < map->count; i++) {
        if (strcmp(map->key[i], key) == 0) {
            AS_FAIL(AS_CONFIG, "%s:%d:%d: duplicate key '%s' (first in line %d)", r->file, line, column, key,
                    map->key_line[i]);
        }
    }
    if (map->count >= KEYS_MAX) {
        AS_FAIL(AS_CONFIG, "%s:%d:%d: more than %d keys in one map", r->file, line, column, KEYS_MAX);
    }
    yaml_event_t value;
    as_node *child = NULL;
    AS_TRY(next_event(r, &value));
    const as_status status = read_value(r, &value, depth + 1, &child);
    yaml_event_delete(&value);
    AS_TRY(status);
    return as_node_append(r->document, map, key, line, column, child);
}

/* Items of a list or entries of a map up to its end. */
static as_status read_items(reader *r, yaml_event_type_t end, int depth, as_node *node)
{
    for (;;) {
        yaml_event_t event;
        AS_TRY(next_event(r, &event));
        if (event.type == end) {
            yaml_event_delete(&event);
            return AS_OK;
        }
        as_status status;
        if (node->kind == AS_NODE_MAP) {
            status = read_entry(r, &event, depth, node);
        } else {
            as_node *child = NULL;
            status = read_value(r, &event, depth + 1, &child);
            if (status == AS_OK) {
                status = as_node_append(r->document, node, NULL, child->line, child->column, child);
            }
        }
        yaml_event_delete(&event);
        AS_TRY(status);
    }
}

static as_status read_value(reader *r, yaml_event_t *event, int depth, as_node **out)
{
    const int line = line_of(event->start_mark), column = column_of(event->start_mark);
    if (depth > DEPTH_MAX) {
        AS_FAIL(AS_CONFIG, "%s:%d:%d: nested deeper than %d levels", r->file, line, column, DEPTH_MAX);
    }
    if (event->type == YAML_SCALAR_EVENT) {
        return read_scalar(r, event, out);
    }
    if (event->type == YAML_ALIAS_EVENT) {
        AS_FAIL(AS_CONFIG, "%s:%d:%d: aliases (*) are not supported here: write the value itself", r->file, line,
                column);
    }
    const bool map = event->type == YAML_MAPPING_START_EVENT;
    AS_TRY(check_plain(r, event, map ? event->data.mapping_start.anchor : event->data.sequence_start.anchor,
                       map ? event->data.mapping_start.tag : event->data.sequence_start.tag));
    *out = as_node_create(r->document, map ? AS_NODE_MAP : AS_NODE_LIST, r->file, line, column);
    if (*out == NULL) {
        return no_memory(r);
    }
    return read_items(r, map ? YAML_MAPPING_END_EVENT : YAML_SEQUENCE_END_EVENT, depth, *out);
}

/* The one document of a stream; an empty stream is AS_NODE_NULL. */
static as_status read_stream(reader *r, as_node **out)
{
    *out = NULL;
    int documents = 0;
    for (;;) {
        yaml_event_t event;
        AS_TRY(next_event(r, &event));
        const yaml_event_type_t type = event.type;
        as_status status = AS_OK;
        if (type == YAML_DOCUMENT_START_EVENT && ++documents > 1) {
            status = as_error_set(AS_CONFIG, "%s:%d:%d: a second document (---): expected one", r->file,
                                  line_of(event.start_mark), column_of(event.start_mark));
        } else if (type != YAML_STREAM_START_EVENT && type != YAML_DOCUMENT_START_EVENT &&
                   type != YAML_DOCUMENT_END_EVENT && type != YAML_STREAM_END_EVENT) {
            status = read_value(r, &event, 1, out);
        }
        yaml_event_delete(&event);
        AS_TRY(status);
        if (type == YAML_STREAM_END_EVENT) {
            break;
        }
    }
    if (*out == NULL) {
        *out = as_node_create(r->document, AS_NODE_NULL, r->file, 1, 1);
    }
    return *out == NULL ? no_memory(r) : AS_OK;
}

/* NUL and other control bytes, before libyaml sees them: it stops at some of them in silence. */
static as_status check_bytes(const char *file, const char *text, size_t size)
{
    int line = 1, column = 1;
    for (size_t i = 0; i < size; i++) {
        const unsigned char c = (unsigned char)text[i];
        if ((c < 0x20 && c != '\n' && c != '\r' && c != '\t') || c == 0x7F) {
            AS_FAIL(AS_CONFIG, "%s:%d:%d: control character 0x%02x: not a text file", file, line, column, (unsigned)c);
        }
        column = c == '\n' ? 1 : column + ((c & 0xC0) != 0x80);
        line += c == '\n';
    }
    return AS_OK;
}

static as_status parse(as_document *document, const char *name, const char *text, size_t size, as_node **out)
{
    if (size > FILE_MAX) {
        AS_FAIL(AS_CONFIG, "%s: larger than %d bytes: not a configuration", name, FILE_MAX);
    }
    if (size >= 3 && memcmp(text, "\xEF\xBB\xBF", 3) == 0) { /* the byte order mark that some editors write */
        text += 3;
        size -= 3;
    }
    AS_TRY(check_bytes(name, text, size));
    reader r = {.document = document, .file = as_document_copy(document, name), .text = text, .size = size};
    if (r.file == NULL || !yaml_parser_initialize(&r.parser)) {
        AS_FAIL(AS_NOMEM, "%s: out of memory", name);
    }
    yaml_parser_set_encoding(&r.parser, YAML_UTF8_ENCODING);
    yaml_parser_set_input_string(&r.parser, (const unsigned char *)text, size);
    const as_status status = read_stream(&r, out);
    yaml_parser_delete(&r.parser);
    return status;
}

as_status as_yaml_parse(as_document *document, const char *name, const char *text, as_node **out)
{
    return parse(document, name, text, strlen(text), out);
}

as_status as_yaml_read(as_document *document, const char *path, as_node **out)
{
    FILE *file = fopen(path, "rb");
    if (file == NULL) {
        AS_FAIL(AS_NOINPUT, "%s: cannot open: %s", path, strerror(errno));
    }
    char *text = malloc(FILE_MAX + 1);
    if (text == NULL) {
        fclose(file);
        AS_FAIL(AS_NOMEM, "%s: out of memory", path);
    }
    const size_t size = fread(text, 1, FILE_MAX + 1, file);
    const int error = ferror(file) ? errno : 0;
    fclose(file);
    const as_status status = error != 0 ? as_error_set(AS_NOINPUT, "%s: cannot read: %s", path, strerror(error))
                                        : parse(document, path, text, size, out);
    free(text);
    return status;
}
