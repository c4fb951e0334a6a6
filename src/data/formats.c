/* The table of data formats, and sources as the configuration names them. */
#include "data/format.h"

#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "base/text.h"

#define AS_FORMAT(kind) extern const as_format_ops as_format_##kind;
#include "data/format.def"
#undef AS_FORMAT

static const as_format_ops *const formats[] = {
#define AS_FORMAT(kind) &as_format_##kind,
#include "data/format.def"
#undef AS_FORMAT
    NULL};

static const as_field window_fields[] = {
    {.name = "length",
     .type = AS_FIELD_INT,
     .offset = offsetof(as_window, length),
     .min = 1,
     .max = 1 << 24,
     .unit = "rows",
     .help = "rows of the source that make one sample"},
    {.name = "horizon",
     .type = AS_FIELD_INT,
     .offset = offsetof(as_window, horizon),
     .standard = "1",
     .min = 0,
     .max = 1 << 24,
     .unit = "rows",
     .help = "rows after the window that are its target; 0: the target of its last row"},
    {.name = "stride",
     .type = AS_FIELD_INT,
     .offset = offsetof(as_window, stride),
     .standard = "1",
     .min = 1,
     .max = 1 << 24,
     .unit = "rows",
     .help = "rows from one sample to the next"},
    AS_FIELDS_END,
};

/* What every source has, as parsed. */
typedef struct common {
    as_source source;
    const as_node *window;
} common;

enum { FORMATS = sizeof formats / sizeof formats[0] - 1 };

static const char *const layout_choices[] = {[AS_LAYOUT_NHWC] = "nhwc", [AS_LAYOUT_NCHW] = "nchw", NULL};

static const char *const label_choices[] = {[AS_LABELS_AUTO] = "auto", "true", "false", "any", NULL};

const as_field as_source_fields[] = {
    {.name = "labels",
     .type = AS_FIELD_CHOICE,
     .offset = offsetof(common, source.labels),
     .standard = "auto",
     .choices = label_choices,
     .help =
         "whether y holds class labels (0, 1, 2, ...); any: whole numbers such as 1 to 10 or -1 and 1, of which each "
         "is a class; auto: when it has an integer type and one value a row, and any where a model learns classes "
         "alone"},
    {.name = "layout",
     .type = AS_FIELD_CHOICE,
     .offset = offsetof(common, source.layout),
     .standard = "nhwc",
     .choices = layout_choices,
     .help = "where the channels are in the file: last, or nchw: first of the axes of a sample; they are moved to the "
             "end when the data are read (y too, if it has as many axes as x)"},
    {.name = "shape",
     .type = AS_FIELD_INTS,
     .offset = offsetof(common, source.shape),
     .standard = "",
     .min = 1,
     .max = 1 << 30,
     .help = "shape of one sample of x, such as [28, 28, 1] for grey images, or [3, 32, 32] with layout: nchw; it has "
             "as many elements as the stored one"},
    {.name = "window",
     .type = AS_FIELD_NODE,
     .offset = offsetof(common, window),
     .standard = "",
     .help = "{length, horizon, stride}: rows are moments of a series; samples are `length` of them, beginning each "
             "`stride`, and their targets the y of the `horizon` that come next (without y: all inputs of those)"},
    AS_FIELDS_END,
};

const as_format_ops *const *as_formats_get(void)
{
    return formats;
}

double as_dtype_full_scale(as_dtype type)
{
    switch (type) {
    case AS_U8:
        return 255.0;
    case AS_I8:
        return 127.0;
    case AS_U16:
        return 65535.0;
    case AS_I16:
        return 32767.0;
    case AS_U32:
        return 4294967295.0;
    case AS_I32:
        return 2147483647.0;
    case AS_U64:
        return 0x1p64;
    case AS_I64:
        return 0x1p63;
    case AS_F32:
    case AS_F64:
        break;
    }
    return 1.0;
}

static as_status find_format(const as_node *node, const char *path, const as_format_ops **out)
{
    const char *names[FORMATS + 1] = {NULL};
    const as_node *kind = as_node_get(node, "format");
    if (kind == NULL || kind->kind != AS_NODE_SCALAR) {
        AS_FAIL(AS_CONFIG, "%s: %s: expected a map with the key `format:`", as_node_place(kind != NULL ? kind : node),
                path);
    }
    for (int i = 0; i < FORMATS; i++) {
        names[i] = formats[i]->name;
        if (strcmp(kind->text, names[i]) == 0) {
            *out = formats[i];
            return AS_OK;
        }
    }
    const char *near = as_nearest_name(kind->text, names);
    as_text known = {0};
    for (int i = 0; i < FORMATS; i++) {
        as_text_add(&known, "%s%s", i == 0 ? "" : ", ", names[i]);
    }
    const as_status status =
        as_error_set(AS_CONFIG, "%s: %s.format: unknown data format \"%s\"%s%s%s; known: %s", as_node_place(kind), path,
                     kind->text, near != NULL ? "; did you mean \"" : "", near != NULL ? near : "",
                     near != NULL ? "\"?" : "", known.data != NULL ? known.data : "");
    as_text_free(&known);
    return status;
}

/* The map without `format:`, and with the role where the kind asks for it. */
static as_status keys_of_kind(as_document *document, const as_node *node, const as_format_ops *ops, const char *path,
                              as_node **out)
{
    as_node *map = as_node_create(document, AS_NODE_MAP, node->file, node->line, node->column);
    if (map == NULL) {
        AS_FAIL(AS_NOMEM, "out of memory for %s", path);
    }
    for (int64_t i = 0; i < node->count; i++) {
        if (strcmp(node->key[i], "format") != 0) {
            AS_TRY(as_node_append(document, map, node->key[i], node->key_line[i], node->key_column[i], node->item[i]));
        }
    }
    if (ops->role_key != NULL && as_node_get(map, ops->role_key) == NULL) {
        as_node *role = as_node_create(document, AS_NODE_SCALAR, node->file, node->line, node->column);
        const char *word = strrchr(path, '.');
        if (role == NULL) {
            AS_FAIL(AS_NOMEM, "out of memory for %s", path);
        }
        role->text = as_document_copy(document, word != NULL ? word + 1 : path);
        AS_TRY(as_node_append(document, map, ops->role_key, node->line, node->column, role));
    }
    *out = map;
    return AS_OK;
}

as_status as_source_parse(as_document *document, const as_node *node, const char *path, as_source *out)
{
    as_node *map = NULL;
    *out = (as_source){0};
    if (node == NULL || node->kind != AS_NODE_MAP) {
        AS_FAIL(AS_CONFIG, "%s: %s: expected a map such as {format: idx, x: FILE, y: FILE}",
                node != NULL ? as_node_place(node) : "configuration", path);
    }
    AS_TRY(find_format(node, path, &out->ops));
    out->options = as_document_alloc(document, out->ops->options_bytes);
    if (out->options == NULL) {
        AS_FAIL(AS_NOMEM, "out of memory for %s", path);
    }
    AS_TRY(keys_of_kind(document, node, out->ops, path, &map));
    common shared = {0};
    const as_fields_part parts[] = {{out->ops->fields, out->options}, {as_source_fields, &shared}};
    AS_TRY(as_fields_parse(parts, 2, document, map, path));
    out->labels = shared.source.labels;
    out->layout = shared.source.layout;
    out->shape = shared.source.shape;
    if (shared.window != NULL && shared.window->kind != AS_NODE_NULL) {
        char key[128];
        snprintf(key, sizeof key, "%s.window", path);
        const as_fields_part window = {window_fields, &out->window};
        AS_TRY(as_fields_parse(&window, 1, document, shared.window, key));
    }
    return AS_OK;
}

as_status as_source_like(as_document *document, const as_node *node, const as_node *like, const char *path,
                         as_node **out)
{
    const as_format_ops *ops = NULL;
    as_node *map = as_node_create(document, AS_NODE_MAP, node->file, node->line, node->column);
    if (map == NULL) {
        AS_FAIL(AS_NOMEM, "out of memory for %s", path);
    }
    AS_TRY(find_format(like, path, &ops));
    for (int64_t i = 0; i < node->count; i++) {
        AS_TRY(as_node_append(document, map, node->key[i], node->key_line[i], node->key_column[i], node->item[i]));
    }
    const bool one_file = strcmp(ops->fields[0].name, "file") == 0;
    for (int64_t i = 0; i < like->count; i++) {
        const bool kind = strcmp(like->key[i], "format") == 0;
        const bool place = strcmp(like->key[i], "file") == 0 || strcmp(like->key[i], "more") == 0;
        if ((kind || (one_file && !place)) && as_node_get(map, like->key[i]) == NULL) {
            AS_TRY(as_node_append(document, map, like->key[i], like->key_line[i], like->key_column[i], like->item[i]));
        }
    }
    *out = map;
    return AS_OK;
}

as_status as_source_inputs(as_document *document, const char *format, const char *file, const as_source *training,
                           as_source *out)
{
    as_node *map = as_node_create(document, AS_NODE_MAP, file, 0, 0);
    as_node *kind = as_node_create(document, AS_NODE_SCALAR, file, 0, 0);
    as_node *path = as_node_create(document, AS_NODE_SCALAR, file, 0, 0);
    const as_format_ops *ops = NULL;
    if (map == NULL || kind == NULL || path == NULL) {
        AS_FAIL(AS_NOMEM, "%s: out of memory for a data source", file);
    }
    kind->text = as_document_copy(document, format);
    path->text = as_document_copy(document, file);
    if (kind->text == NULL || path->text == NULL) {
        AS_FAIL(AS_NOMEM, "%s: out of memory for a data source", file);
    }
    path->quoted = true;
    AS_TRY(as_node_append(document, map, "format", 0, 0, kind));
    AS_TRY(find_format(map, "inputs", &ops));
    AS_TRY(as_node_append(document, map, ops->fields[0].name, 0, 0, path)); /* the first key of a format is its file */
    AS_TRY(as_source_parse(document, map, "inputs", out));
    out->window = training->window;
    out->layout = training->layout;
    out->shape = training->shape;
    if (ops->inputs != NULL) {
        ops->inputs(out->options, training->ops == ops ? training->options : NULL);
    }
    return AS_OK;
}

as_status as_source_write(const as_source *source, int indent, as_text *text)
{
    as_text_add(text, "%*sformat: %s\n", indent, "", source->ops->name);
    AS_TRY(as_fields_write(source->ops->fields, source->options, indent, text));
    for (const as_field *f = source->ops->fields; f->name != NULL; f++) {
        const as_node *node = NULL;
        if (f->type == AS_FIELD_NODE) {
            memcpy(&node, (const char *)source->options + f->offset, sizeof node);
        }
        if (node != NULL && node->kind != AS_NODE_NULL) {
            as_text_add(text, "%*s%s: ", indent, "", f->name);
            as_node_write(node, text);
            as_text_add(text, "\n");
        }
    }
    const common shared = {.source = *source};
    AS_TRY(as_fields_write(as_source_fields, &shared, indent, text));
    if (source->window.length > 0) {
        as_text_add(text, "%*swindow:\n", indent, "");
        AS_TRY(as_fields_write(window_fields, &source->window, indent + 2, text));
    }
    return AS_OK;
}
