/* Options back to text: what is written reads back to the same bits. */
#include <string.h>

#include "base/fields.h"
#include "base/text.h"

/* Plain where YAML reads it back as the same text whatever is around it, double-quoted otherwise. */
static void write_text(const char *value, as_text *text)
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
        write_text(*(const char *const *)at, text);
        break;
    case AS_FIELD_CHOICE:
        write_text(field->choices[*(const int *)at], text);
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
            write_text(texts->v[i], text);
        }
        as_text_add(text, "]");
        break;
    case AS_FIELD_NODE:
        break;
    }
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
