/* Members are found by the ends of their names: those of several losses begin with the name of the loss and a dot. */
#include "cli/eval_tables.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/json_read.h"

enum { SHOWN_CLASSES = 64, NAME_MAX_SHOWN = 24, COLUMN_MAX = 10, KEY_MAX = 160 };

/* Numbers of an array, one by one; false at its end. */
static bool next_number(const char **cursor, double *out)
{
    char *end;
    const char *p = *cursor + strspn(*cursor, "[, ");
    if (*p == ']' || *p == '\0') {
        return false;
    }
    *out = strtod(p, &end);
    if (end == p) { /* null */
        *out = (double)NAN;
        end = (char *)p + strcspn(p, ",]");
    }
    *cursor = end;
    return true;
}

/* The value of the member PREFIX + NAME, or NULL. */
static const char *find(const char *json, const char *prefix, const char *name)
{
    char key[KEY_MAX];
    snprintf(key, sizeof key, "%s%s", prefix, name);
    return as_json_value(json, key);
}

static void print_title(const char *prefix, const char *what)
{
    printf("\n%.*s%s%s\n", (int)(strlen(prefix) - (prefix[0] != '\0')), prefix, prefix[0] != '\0' ? ": " : "", what);
}

/* Columns that names of classes take. */
static int class_width(const as_names *names)
{
    int width = 8;
    for (int64_t i = 0; i < names->n; i++) {
        const int length = (int)strlen(names->name[i]);
        width = length > width ? length : width;
    }
    return width < NAME_MAX_SHOWN ? width : NAME_MAX_SHOWN;
}

/* The class's name, or its number, at most `most` characters of it. */
static void name_class(const as_names *names, int64_t c, int most, char out[NAME_MAX_SHOWN + 1])
{
    char number[NAME_MAX_SHOWN + 1];
    snprintf(number, sizeof number, "%lld", (long long)c);
    snprintf(out, NAME_MAX_SHOWN + 1, "%.*s", most, c < names->n ? names->name[c] : number);
}

/* One line for each class, from the arrays precision, recall, f1 and support. */
static void print_classes(const char *json, const char *prefix, const as_names *names)
{
    static const char *const keys[] = {"precision", "recall", "f1", "support"};
    const char *cursor[4];
    double value[4] = {0};
    for (int k = 0; k < 4; k++) {
        cursor[k] = find(json, prefix, keys[k]);
        if (cursor[k] == NULL) {
            return;
        }
    }
    print_title(prefix, "classes");
    const int width = class_width(names);
    printf("%*s %10s %10s %10s %12s\n", width, "class", keys[0], keys[1], keys[2], keys[3]);
    int64_t c = 0, shown = 0, present = 0;
    for (bool more = true; more; c++) {
        for (int k = 0; k < 4; k++) {
            more = next_number(&cursor[k], &value[k]) && more;
        }
        present += more && value[3] > 0;
        if (more && value[3] > 0 && shown < SHOWN_CLASSES) {
            char name[NAME_MAX_SHOWN + 1];
            name_class(names, c, NAME_MAX_SHOWN, name);
            printf("%*s %10.4f %10.4f %10.4f %12g\n", width, name, value[0], value[1], value[2], value[3]);
            shown++;
        }
    }
    if (shown < c - 1) {
        printf("%lld classes, %lld of them in the data, %lld shown; --json has all\n", (long long)c - 1,
               (long long)present, (long long)shown);
    }
}

/* Rows are labels, columns answers. */
static void print_confusion(const char *json, const char *prefix, const as_names *names)
{
    const char *cursor = find(json, prefix, "confusion"), *support = find(json, prefix, "support");
    char name[NAME_MAX_SHOWN + 1];
    double value;
    int64_t classes = 0;
    while (support != NULL && next_number(&support, &value)) {
        classes++;
    }
    if (cursor == NULL || classes < 1) {
        return;
    }
    const int width = class_width(names), column = width < COLUMN_MAX ? width : COLUMN_MAX;
    print_title(prefix, "confusion: rows are labels, columns answers");
    printf("%*s", width, "");
    for (int64_t j = 0; j < classes; j++) {
        name_class(names, j, column, name);
        printf(" %*s", column, name);
    }
    printf("\n");
    for (int64_t i = 0; i < classes; i++) {
        name_class(names, i, width, name);
        printf("%*s", width, name);
        for (int64_t j = 0; j < classes && next_number(&cursor, &value); j++) {
            printf(" %*g", column, value);
        }
        cursor += strspn(cursor, "],");
        printf("\n");
    }
}

/* One line for each variable. */
static void print_targets(const char *json, const char *prefix)
{
    as_json_member member;
    const char *targets = find(json, prefix, "targets");
    if (targets == NULL) {
        return;
    }
    print_title(prefix, "variables");
    printf("%-24s %14s %14s %12s\n", "", "rmse", "mae", "r2");
    while (as_json_next(&targets, &member)) {
        double value[3] = {(double)NAN, (double)NAN, (double)NAN};
        static const char *const keys[] = {"rmse", "mae", "r2"};
        for (int k = 0; k < 3; k++) {
            as_json_number(member.value, keys[k], &value[k]);
        }
        printf("%-24.*s %14.6g %14.6g %12.6f\n", (int)member.key_length, member.key, value[0], value[1], value[2]);
    }
}

void as_eval_tables(const char *json, const as_names *classes)
{
    static const char *const first[] = {"precision", "targets"};
    as_json_member member;
    for (const char *cursor = json; as_json_next(&cursor, &member);) {
        for (size_t k = 0; k < sizeof first / sizeof first[0]; k++) {
            const size_t n = strlen(first[k]), before = member.key_length - n;
            char prefix[KEY_MAX];
            if (member.key_length < n || before >= sizeof prefix || memcmp(member.key + before, first[k], n) != 0 ||
                (before > 0 && member.key[before - 1] != '.')) {
                continue;
            }
            memcpy(prefix, member.key, before);
            prefix[before] = '\0';
            print_classes(k == 0 ? json : "", prefix, classes);
            print_confusion(k == 0 ? json : "", prefix, classes);
            print_targets(k == 1 ? json : "", prefix);
        }
    }
}

as_status as_eval_token_names(const as_tokenizer *tokenizer, as_names *out)
{
    for (int64_t t = 0; t < as_tokenizer_vocabulary(tokenizer); t++) {
        char name[NAME_MAX_SHOWN] = "'";
        size_t at = 1;
        int64_t bytes;
        const uint8_t *text = as_tokenizer_bytes(tokenizer, t, &bytes);
        for (int64_t i = 0; i < bytes && at + 6 < sizeof name; i++) { /* 6: an escape, the quote, the end */
            const bool plain = text[i] >= ' ' && text[i] < 0x7F;
            at += (size_t)snprintf(name + at, sizeof name - at,
                                   plain             ? "%c"
                                   : text[i] == '\n' ? "\\n"
                                                     : "\\x%02X",
                                   (unsigned)text[i]);
        }
        name[at++] = '\'';
        AS_TRY(as_names_add(out, name, (int64_t)at));
    }
    return AS_OK;
}
