/* Options back to text: what is written reads back to the same bits. */
#include <string.h>

#include "base/fields.h"
#include "base/text.h"

/* Plain where YAML reads it back as the same text whatever is around it, double-quoted otherwise. */
void as_scalar_write(const char *value, as_text *text)
{
    static const char plain[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_./+";
    static const char *const words[] = {"null", "Null", "NULL"};
    const size_t length = value == NULL ? 0 : strlen(value);
    bool quote = length == 0 || strspn(value, plain) < 1;
    for (size_t i = 0; i < 3 && !quote; i++) {
        quote = strcmp(value, words[i]) == 0;
    }
    for (size_t i = 0; i < length && !quote; i++) { /* "-" only inside, " " never */
        quote = strchr(plain, value[i]) == NULL && value[i] != '-';
    }
    if (!quote) {
        as_text_add(text, "%s", value);
        return;
    }
    as_text_add(text, "\"");
    for (size_t i = 0; i < length; i++) {
        const unsigned char c = (unsigned char)value[i];
        if (c == '"' || c == '\\') {
            as_text_add(text, "\\%c", c);
        } else if (c < 0x20 || c == 0x7F) {
            as_text_add(text, "\\x%02x", c);
        } else {
            as_text_add(text, "%c", c);
        }
    }
    as_text_add(text, "\"");
}

static void write_every(const as_every *every, as_text *text)
{
    char number[32];
    if (every->steps > 0) {
        as_text_add(text, "%lld steps", (long long)every->steps);
    } else if (every->epochs > 0) {
        as_text_add(text, "%lld epochs", (long long)every->epochs);
    } else if (every->minutes > 0) {
        as_text_add(text, "%s minutes", as_real_text(every->minutes, number));
    } else {
        as_text_add(text, "never");
    }
}

static void write_value(const as_field *field, const void *at, as_text *text)
{
    char number[32];
    const as_reals *reals = at;
    const as_ints *ints = at;
    const as_texts *texts = at;
    switch (field->type) {
    case AS_FIELD_BOOL:
        as_text_add(text, "%s", *(const bool *)at ? "true" : "false");
        break;
    case AS_FIELD_INT:
        as_text_add(text, "%lld", (long long)*(const int64_t *)at);
        break;
    case AS_FIELD_REAL:
        as_text_add(text, "%s", as_real_text(*(const double *)at, number));
        break;
    case AS_FIELD_TEXT:
        as_scalar_write(*(const char *const *)at, text);
        break;
    case AS_FIELD_CHOICE:
        as_scalar_write(field->choices[*(const int *)at], text);
        break;
    case AS_FIELD_EVERY:
        write_every(at, text);
        break;
    case AS_FIELD_REALS:
        as_text_add(text, "[");
        for (int64_t i = 0; i < reals->n; i++) {
            as_text_add(text, "%s%s", i > 0 ? ", " : "", as_real_text(reals->v[i], number));
        }
        as_text_add(text, "]");
        break;
    case AS_FIELD_INTS:
        as_text_add(text, "[");
        for (int64_t i = 0; i < ints->n; i++) {
            as_text_add(text, "%s%lld", i > 0 ? ", " : "", (long long)ints->v[i]);
        }
        as_text_add(text, "]");
        break;
    case AS_FIELD_TEXTS:
        as_text_add(text, "[");
        for (int64_t i = 0; i < texts->n; i++) {
            as_text_add(text, "%s", i > 0 ? ", " : "");
            as_scalar_write(texts->v[i], text);
        }
        as_text_add(text, "]");
        break;
    case AS_FIELD_NODE:
        break;
    }
}

void as_node_write(const as_node *node, as_text *text)
{
    if (node == NULL || node->kind == AS_NODE_NULL) {
        as_text_add(text, "~");
        return;
    }
    if (node->kind == AS_NODE_SCALAR) {
        as_scalar_write(node->text, text);
        return;
    }
    const bool map = node->kind == AS_NODE_MAP;
    as_text_add(text, map ? "{" : "[");
    for (int64_t i = 0; i < node->count; i++) {
        as_text_add(text, "%s", i > 0 ? ", " : "");
        if (map) {
            as_scalar_write(node->key[i], text);
            as_text_add(text, ": ");
        }
        as_node_write(node->item[i], text);
    }
    as_text_add(text, map ? "}" : "]");
}

size_t as_fields_bytes(const as_field *table)
{
    static const size_t bytes[] = {
        [AS_FIELD_BOOL] = sizeof(bool),      [AS_FIELD_INT] = sizeof(int64_t),    [AS_FIELD_REAL] = sizeof(double),
        [AS_FIELD_TEXT] = sizeof(char *),    [AS_FIELD_CHOICE] = sizeof(int),     [AS_FIELD_REALS] = sizeof(as_reals),
        [AS_FIELD_INTS] = sizeof(as_ints),   [AS_FIELD_TEXTS] = sizeof(as_texts), [AS_FIELD_EVERY] = sizeof(as_every),
        [AS_FIELD_NODE] = sizeof(as_node *),
    };
    size_t most = 0;
    for (const as_field *f = table; f != NULL && f->name != NULL; f++) {
        const size_t end = f->offset + bytes[f->type];
        most = end > most ? end : most;
    }
    return most;
}

as_status as_fields_write(const as_field *table, const void *options, int indent, as_text *text)
{
    for (const as_field *f = table; f != NULL && f->name != NULL; f++) {
        if (f->type == AS_FIELD_NODE) {
            continue;
        }
        as_text_add(text, "%*s%s: ", indent, "", f->name);
        write_value(f, (const char *)options + f->offset, text);
        as_text_add(text, "\n");
    }
    return AS_OK;
}
