/* Options structs from tables: defaults and configured values take one way, a node, through the same conversions. */
#include "base/fields.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/text.h"

enum { NAMES_MAX = 256, LIST_MAX = 1 << 16 };

/* Where a value stands, for conversions and their messages. */
typedef struct value {
    const as_field *field;
    as_document *document;
    const as_node *node;
    const char *path; /* of the map */
} value;

static as_status wrong(const value *v, const char *expected, const char *found)
{
    AS_FAIL(AS_CONFIG, "%s: %s%s%s: expected %s, found %s%s%s", as_node_place(v->node), v->path,
            v->path[0] != '\0' ? "." : "", v->field->name, expected, v->node->kind == AS_NODE_SCALAR ? "'" : "", found,
            v->node->kind == AS_NODE_SCALAR ? "'" : "");
}

static const char *describe(const as_node *node)
{
    return node->kind == AS_NODE_SCALAR ? node->text
           : node->kind == AS_NODE_LIST ? "a list"
           : node->kind == AS_NODE_MAP  ? "a map"
                                        : "nothing";
}

static as_status no_memory(void)
{
    AS_FAIL(AS_NOMEM, "out of memory for a configuration");
}

static bool has_range(const as_field *field)
{
    return field->min < 0 || field->min > 0 || field->max < 0 || field->max > 0;
}

/* "a number", "a whole number >= 1", "a number from 0 to 1 (seconds)". */
static void add_number(const as_field *field, const char *what, as_text *text)
{
    char low[32], high[32];
    as_text_add(text, "%s", what);
    if (has_range(field) && field->max >= 9e18) {
        as_text_add(text, " >= %s", as_real_text(field->min, low));
    } else if (has_range(field)) {
        as_text_add(text, " from %s to %s", as_real_text(field->min, low), as_real_text(field->max, high));
    }
    if (field->unit != NULL) {
        as_text_add(text, " (%s)", field->unit);
    }
}

/* What a value of the field has to be, in words. */
static void add_expected(const as_field *field, as_text *text)
{
    switch (field->type) {
    case AS_FIELD_BOOL:
        as_text_add(text, "true or false");
        break;
    case AS_FIELD_INT:
    case AS_FIELD_INTS:
        add_number(field, "a whole number", text);
        break;
    case AS_FIELD_REAL:
    case AS_FIELD_REALS:
        add_number(field, "a number", text);
        break;
    case AS_FIELD_CHOICE:
        for (int i = 0; field->choices[i] != NULL; i++) {
            as_text_add(text, "%s%s", i == 0 ? "" : " | ", field->choices[i]);
        }
        break;
    case AS_FIELD_EVERY:
        as_text_add(text, "a number of steps, epochs, seconds, minutes or hours, or never");
        break;
    default:
        if (field->choices != NULL) {
            as_text_add(text, "%s or ", field->choices[0]);
            add_number(field, "a whole number", text);
        } else {
            as_text_add(text, "a text");
        }
    }
}

/* The error of a value that its field cannot take. */
static as_status refuse(const value *v, const char *found)
{
    as_text expected = {0};
    add_expected(v->field, &expected);
    const as_status status = wrong(v, expected.failed ? "another value" : expected.data, found);
    as_text_free(&expected);
    return status;
}

static as_status to_int(const value *v, const char *text, int64_t *out)
{
    const as_field *f = v->field;
    const bool good = as_text_to_int(text, out) && !(has_range(f) && ((double)*out < f->min || (double)*out > f->max));
    return good ? AS_OK : refuse(v, text);
}

static as_status to_real(const value *v, const char *text, double *out)
{
    const as_field *f = v->field;
    const bool standard = f->standard != NULL && strcmp(f->standard, text) == 0; /* a default may be "nan" or "inf" */
    if (!as_text_to_real(text, out) || (!standard && !isfinite(*out)) ||
        (!standard && has_range(f) && (*out < f->min || *out > f->max))) {
        return refuse(v, text);
    }
    return AS_OK;
}

static as_status to_bool(const value *v, const char *text, bool *out)
{
    static const char *const words[] = {"false", "no", "off", "true", "yes", "on"};
    for (int i = 0; i < 6; i++) {
        if (strcmp(text, words[i]) == 0) {
            *out = i >= 3;
            return AS_OK;
        }
    }
    return refuse(v, text);
}

static as_status to_choice(const value *v, const char *text, int *out)
{
    const char *const *choices = v->field->choices;
    for (int i = 0; choices[i] != NULL; i++) {
        if (strcmp(text, choices[i]) == 0) {
            *out = i;
            return AS_OK;
        }
    }
    const char *near = as_nearest_name(text, choices);
    const as_status status = refuse(v, text);
    return near == NULL ? status : as_error_set(status, "%s (did you mean '%s'?)", as_error_message(), near);
}

bool as_every_read(const char *text, as_every *out)
{
    static const struct {
        const char *name;
        int kind; /* 0 steps, 1 epochs, 2 time */
        double minutes;
    } units[] = {{"steps", 0, 0},           {"step", 0, 0},    {"", 0, 0},
                 {"epochs", 1, 0},          {"epoch", 1, 0},   {"seconds", 2, 1.0 / 60.0},
                 {"second", 2, 1.0 / 60.0}, {"minutes", 2, 1}, {"minute", 2, 1},
                 {"hours", 2, 60},          {"hour", 2, 60}};
    *out = (as_every){0};
    if (strcmp(text, "never") == 0) {
        return true;
    }
    char number[40];
    const size_t n = strcspn(text, " ");
    if (n == 0 || n >= sizeof number) {
        return false;
    }
    memcpy(number, text, n);
    number[n] = '\0';
    const char *unit = text + n + strspn(text + n, " ");
    double amount;
    int64_t count;
    for (size_t i = 0; i < sizeof units / sizeof units[0]; i++) {
        if (strcmp(unit, units[i].name) != 0) {
            continue;
        }
        if (units[i].kind == 2 && as_text_to_real(number, &amount) && isfinite(amount) && amount > 0) {
            out->minutes = amount * units[i].minutes;
            return true;
        }
        if (units[i].kind < 2 && as_text_to_int(number, &count) && count > 0) {
            *(units[i].kind == 0 ? &out->steps : &out->epochs) = count;
            return true;
        }
    }
    return false;
}

static as_status to_every(const value *v, const char *text, as_every *out)
{
    return as_every_read(text, out) ? AS_OK : refuse(v, text);
}

static const char *const list_names[] = {[AS_FIELD_REALS] = "a list of numbers",
                                         [AS_FIELD_INTS] = "a list of whole numbers",
                                         [AS_FIELD_TEXTS] = "a list of texts"};

/* Item i of a list, as a value with its own place; a scalar is a list of one. */
static as_status list_item(const value *v, int64_t i, value *item)
{
    *item = *v;
    item->node = v->node->kind == AS_NODE_LIST ? v->node->item[i] : v->node;
    return item->node->kind == AS_NODE_SCALAR ? AS_OK : wrong(item, "a single value in the list", describe(item->node));
}

static as_status to_list(const value *v, void *out)
{
    if (v->node->kind != AS_NODE_LIST && v->node->kind != AS_NODE_SCALAR) {
        return wrong(v, list_names[v->field->type], describe(v->node));
    }
    const int64_t n = v->node->kind == AS_NODE_LIST ? v->node->count : 1;
    if (n > LIST_MAX) {
        return wrong(v, list_names[v->field->type], "too many items");
    }
    void *array = as_document_alloc(v->document, (size_t)n * 8);
    if (array == NULL) {
        return no_memory();
    }
    for (int64_t i = 0; i < n; i++) {
        value item;
        AS_TRY(list_item(v, i, &item));
        if (v->field->type == AS_FIELD_REALS) {
            AS_TRY(to_real(&item, item.node->text, (double *)array + i));
        } else if (v->field->type == AS_FIELD_INTS) {
            AS_TRY(to_int(&item, item.node->text, (int64_t *)array + i));
        } else {
            ((const char **)array)[i] = item.node->text;
        }
    }
    if (v->field->type == AS_FIELD_REALS) {
        *(as_reals *)out = (as_reals){.n = n, .v = array};
    } else if (v->field->type == AS_FIELD_INTS) {
        *(as_ints *)out = (as_ints){.n = n, .v = array};
    } else {
        *(as_texts *)out = (as_texts){.n = n, .v = array};
    }
    return AS_OK;
}

/* One value into its place in the options struct. */
static as_status convert(const value *v, void *options)
{
    void *out = (char *)options + v->field->offset;
    const as_field_type type = v->field->type;
    if (type == AS_FIELD_NODE) {
        *(const as_node **)out = v->node->kind == AS_NODE_NULL ? NULL : v->node;
        return AS_OK;
    }
    if (type == AS_FIELD_REALS || type == AS_FIELD_INTS || type == AS_FIELD_TEXTS) {
        return to_list(v, out);
    }
    if (v->node->kind != AS_NODE_SCALAR) {
        return refuse(v, describe(v->node));
    }
    const char *text = v->node->text;
    switch (type) {
    case AS_FIELD_BOOL:
        return to_bool(v, text, out);
    case AS_FIELD_INT:
        return to_int(v, text, out);
    case AS_FIELD_REAL:
        return to_real(v, text, out);
    case AS_FIELD_CHOICE:
        return to_choice(v, text, out);
    case AS_FIELD_EVERY:
        return to_every(v, text, out);
    default:
        *(const char **)out = text[0] == '\0' ? NULL : text;
        return AS_OK;
    }
}

/* The default of a list, "1, 2" or "[1, 2]", as a node. */
static as_status list_of(as_document *document, const char *text, as_node *list)
{
    char *copy = as_document_copy(document, text);
    if (copy == NULL) {
        return no_memory();
    }
    char *save;
    for (char *word = strtok_r(copy, "[], ", &save); word != NULL; word = strtok_r(NULL, "[], ", &save)) {
        as_node *item = as_node_create(document, AS_NODE_SCALAR, list->file, 0, 0);
        if (item == NULL) {
            return no_memory();
        }
        item->text = word;
        AS_TRY(as_node_append(document, list, NULL, 0, 0, item));
    }
    return AS_OK;
}

as_status as_fields_default(const as_field *table, as_document *document, void *options)
{
    for (const as_field *f = table; f != NULL && f->name != NULL; f++) {
        as_node node = {.kind = AS_NODE_SCALAR, .file = "default", .text = f->standard};
        if (f->standard == NULL || f->type == AS_FIELD_NODE) {
            continue; /* required keys are filled by the parser; nodes start as NULL, as the struct does */
        }
        if (f->type == AS_FIELD_REALS || f->type == AS_FIELD_INTS || f->type == AS_FIELD_TEXTS) {
            node.kind = AS_NODE_LIST;
            AS_TRY(list_of(document, f->standard, &node));
        }
        const value v = {.field = f, .document = document, .node = &node, .path = ""};
        if (convert(&v, options) != AS_OK) {
            AS_FAIL(AS_INTERNAL, "default of option '%s' in its own table is wrong: %s", f->name, as_error_message());
        }
    }
    return AS_OK;
}

static const as_field *find(const as_fields_part *parts, int nparts, const char *name, void **options)
{
    for (int p = 0; p < nparts; p++) {
        for (const as_field *f = parts[p].table; f != NULL && f->name != NULL; f++) {
            if (strcmp(f->name, name) == 0) {
                *options = parts[p].options;
                return f;
            }
        }
    }
    return NULL;
}

static bool has_name(const char *name, const char *const *names)
{
    while (*names != NULL && strcmp(*names, name) != 0) {
        names++;
    }
    return *names != NULL;
}

static as_status unknown_key(const as_fields_part *parts, int nparts, const as_node *map, int64_t i, const char *path)
{
    const char *names[NAMES_MAX + 1] = {NULL};
    as_text known = {0};
    int n = 0;
    for (int p = 0; p < nparts; p++) {
        for (const as_field *f = parts[p].table; f != NULL && f->name != NULL && n < NAMES_MAX; f++) {
            as_text_add(&known, "%s%s", n == 0 ? "" : ", ", f->name);
            names[n++] = f->name;
        }
    }
    as_node key = *map;
    key.line = map->key_line[i];
    key.column = map->key_column[i];
    if (key.line == 0) { /* an override: the place is that of the value */
        key.file = map->item[i]->file;
    }
    const char *near = as_nearest_name(map->key[i], names);
    const char *dot = path[0] != '\0' ? "." : "";
    if (near != NULL) {
        as_error_set(AS_CONFIG, "%s: unknown key '%s%s%s' (did you mean '%s'?)", as_node_place(&key), path, dot,
                     map->key[i], near);
    } else if (map->item[i]->kind == AS_NODE_MAP && has_name("type", names)) {
        as_error_set(AS_CONFIG, "%s: unknown key '%s%s%s' (a kind stands beside its options: {type: %s, ...})",
                     as_node_place(&key), path, dot, map->key[i], map->key[i]);
    } else {
        as_error_set(AS_CONFIG, "%s: unknown key '%s%s%s' (known: %s)", as_node_place(&key), path, dot, map->key[i],
                     n == 0 || known.failed ? "none" : known.data);
    }
    as_text_free(&known);
    return AS_CONFIG;
}

/* "dropout: 0.1": the value of the first field of the first table. */
static as_status parse_short(const as_fields_part *parts, as_document *document, const as_node *node, const char *path)
{
    const as_field *first = parts[0].table;
    if (first == NULL || first->name == NULL || first->type == AS_FIELD_NODE) {
        AS_FAIL(AS_CONFIG, "%s: %s: expected a map of options, found %s", as_node_place(node), path, describe(node));
    }
    const value v = {.field = first, .document = document, .node = node, .path = path};
    return convert(&v, parts[0].options);
}

as_status as_fields_parse(const as_fields_part *parts, int nparts, as_document *document, const as_node *map,
                          const char *path)
{
    for (int p = 0; p < nparts; p++) {
        AS_TRY(as_fields_default(parts[p].table, document, parts[p].options));
    }
    const bool is_short = map != NULL && (map->kind == AS_NODE_SCALAR || map->kind == AS_NODE_LIST);
    if (is_short) {
        AS_TRY(parse_short(parts, document, map, path));
    }
    const int64_t count = map != NULL && map->kind == AS_NODE_MAP ? map->count : 0;
    for (int64_t i = 0; i < count; i++) {
        value v = {.document = document, .node = map->item[i], .path = path};
        void *options;
        v.field = find(parts, nparts, map->key[i], &options);
        if (v.field == NULL) {
            return unknown_key(parts, nparts, map, i, path);
        }
        AS_TRY(convert(&v, options));
    }
    for (int p = 0; p < nparts; p++) {
        for (const as_field *f = parts[p].table; f != NULL && f->name != NULL; f++) {
            const bool given = as_node_get(map, f->name) != NULL || (is_short && f == parts[0].table);
            if (f->standard == NULL && f->type != AS_FIELD_NODE && !given) {
                AS_FAIL(AS_CONFIG, "%s: %s: missing key '%s' (%s)", as_node_place(map), path, f->name, f->help);
            }
        }
    }
    return AS_OK;
}
