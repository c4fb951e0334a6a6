/* What keys and kinds mean, straight from the tables. */
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/text.h"
#include "cli/explain.h"
#include "probe/rule.h"

enum { TABLES_MAX = 256, NAMES_MAX = 1024, QUERY_MAX = 256 };

typedef struct tables {
    int n;
    as_config_table table[TABLES_MAX];
} tables;

static void add_table(void *context, const as_config_table *table)
{
    tables *t = context;
    if (t->n < TABLES_MAX) {
        t->table[t->n++] = *table;
    }
}

static as_status collect(tables **out)
{
    *out = calloc(1, sizeof **out);
    if (*out == NULL) {
        AS_FAIL(AS_NOMEM, "out of memory for the tables of keys");
    }
    as_config_visit(add_table, *out);
    return AS_OK;
}

/* "a number", "one of a, b". */
static void write_type(const as_field *f, as_text *text)
{
    static const char *const names[] = {
        [AS_FIELD_BOOL] = "true or false",
        [AS_FIELD_INT] = "whole number",
        [AS_FIELD_REAL] = "number",
        [AS_FIELD_TEXT] = "text",
        [AS_FIELD_CHOICE] = "",
        [AS_FIELD_REALS] = "list of numbers",
        [AS_FIELD_INTS] = "list of whole numbers",
        [AS_FIELD_TEXTS] = "list of texts",
        [AS_FIELD_EVERY] = "N steps, epochs, seconds, minutes or hours, or never",
        [AS_FIELD_NODE] = "a name, or a map of options",
    };
    const bool worded = f->type == AS_FIELD_TEXT && f->choices != NULL; /* a number, or one of some words */
    as_text_add(text, "%s", worded ? names[AS_FIELD_INT] : names[f->type]);
    for (int i = 0; worded && f->choices[i] != NULL; i++) {
        as_text_add(text, " or %s", f->choices[i]);
    }
    for (int i = 0; f->type == AS_FIELD_CHOICE && f->choices[i] != NULL; i++) {
        as_text_add(text, "%s%s", i > 0 ? ", " : "", f->choices[i]);
    }
}

static void write_range(const as_field *f, as_text *text)
{
    char low[32], high[32];
    const bool any = f->min < 0 || f->min > 0 || f->max < 0 || f->max > 0;
    const bool number = (f->type == AS_FIELD_TEXT && f->choices != NULL) || f->type == AS_FIELD_INT ||
                        f->type == AS_FIELD_REAL || f->type == AS_FIELD_REALS || f->type == AS_FIELD_INTS;
    if (any && number && f->max >= 1e12) { /* larger than anything that fits */
        as_text_add(text, "at least %s", as_real_text(f->min, low));
    } else if (any && number) {
        as_text_add(text, "%s to %s", as_real_text(f->min, low), as_real_text(f->max, high));
    }
    if (f->unit != NULL) {
        as_text_add(text, "%s%s", text->size > 0 ? " " : "", f->unit);
    }
}

static const char *default_of(const as_field *f)
{
    return f->standard == NULL ? "(required)" : f->standard[0] == '\0' ? "(none)" : f->standard;
}

static const char *or_empty(const as_text *text)
{
    return text->data != NULL ? text->data : "";
}

/* How a kind is asked for. */
static void write_usage(const as_config_table *t, as_text *text)
{
    const char *const place = strstr(t->usage, "KIND");
    if (place == NULL) {
        as_text_add(text, "%s", t->usage);
    } else {
        as_text_add(text, "%.*s%s%s", (int)(place - t->usage), t->usage, t->kind, place + strlen("KIND"));
    }
}

/* Dotted path of a field, for people. */
static void write_path(const as_config_table *t, const char *field, as_text *text)
{
    as_text_add(text, "%s%s%s%s%s", t->path, t->path[0] != '\0' ? "." : "", t->kind != NULL ? t->kind : "",
                t->kind != NULL ? "." : "", field);
}

static void print_field(const as_config_table *t, const as_field *f)
{
    as_text path = {0}, type = {0}, range = {0};
    write_path(t, f->name, &path);
    write_type(f, &type);
    write_range(f, &range);
    printf("%s\n  %s\n", or_empty(&path), f->help);
    printf("  type      %s\n  default   %s\n", or_empty(&type), default_of(f));
    if (range.size > 0) {
        printf("  range     %s\n", range.data);
    }
    printf("  on resume %s\n", f->free ? "may change" : "must stay, unless allowed with --allow-change");
    as_text_free(&path);
    as_text_free(&type);
    as_text_free(&range);
}

static void print_line(const as_field *f)
{
    as_text type = {0}, range = {0};
    write_type(f, &type);
    write_range(f, &range);
    printf("  %-14s %s\n  %-14s %s; default %s%s%s\n", f->name, f->help, "", or_empty(&type), default_of(f),
           range.size > 0 ? "; " : "", or_empty(&range));
    as_text_free(&type);
    as_text_free(&range);
}

static void print_table(const tables *all, const as_config_table *t)
{
    as_text usage = {0};
    if (t->kind != NULL) {
        write_usage(t, &usage);
        printf("%s (%s)\n", t->kind, or_empty(&usage));
    } else {
        printf("%s\n", t->path[0] != '\0' ? t->path : "configuration");
    }
    as_text_free(&usage);
    printf("  %s\n", t->help);
    if (t->formula != NULL) {
        printf("  %s\n", t->formula);
    }
    for (const as_field *f = t->table; f != NULL && f->name != NULL; f++) {
        print_line(f);
    }
    int kinds = 0;
    for (int i = 0; i < all->n && t->kind == NULL && t->path[0] != '\0'; i++) {
        const as_config_table *k = &all->table[i];
        if (k->kind != NULL && strcmp(k->path, t->path) == 0) {
            printf("%s%s", kinds++ == 0 ? "  kinds: " : ", ", k->kind);
        }
    }
    printf("%s", kinds > 0 ? "\n" : "");
}

/* The words of a path without list indices, and data.test as data.train. */
static void canonical(const char *query, char out[QUERY_MAX])
{
    char copy[QUERY_MAX];
    snprintf(copy, sizeof copy, "%s", query);
    out[0] = '\0';
    char *save;
    for (char *word = strtok_r(copy, ".", &save); word != NULL; word = strtok_r(NULL, ".", &save)) {
        if (strspn(word, "0123456789") != strlen(word)) {
            const size_t n = strlen(out);
            snprintf(out + n, QUERY_MAX - n, "%s%s", n > 0 ? "." : "", word);
        }
    }
    if (strncmp(out, "data.test", 9) == 0 && (out[9] == '.' || out[9] == '\0')) {
        char rest[QUERY_MAX];
        snprintf(rest, sizeof rest, "%s", out + 9);
        snprintf(out, QUERY_MAX, "data.train%.*s", QUERY_MAX - 16, rest);
    }
}

static bool is_table(const as_config_table *t, const char *query)
{
    char full[QUERY_MAX];
    if (t->kind == NULL) {
        const bool stands_for_layers = strncmp(t->path, "model.layers.", 13) == 0; /* block, repeat */
        return strcmp(t->path, query) == 0 || (stands_for_layers && strcmp(t->path + 13, query) == 0);
    }
    snprintf(full, sizeof full, "%s.%s", t->path, t->kind);
    return strcmp(t->kind, query) == 0 || strcmp(full, query) == 0;
}

static bool is_field(const as_config_table *t, const as_field *f, const char *query)
{
    char full[QUERY_MAX], of_kind[QUERY_MAX], in_section[QUERY_MAX];
    const char *kind = t->kind != NULL ? t->kind : "";
    snprintf(full, sizeof full, "%s.%s.%s", t->path, kind, f->name);
    snprintf(of_kind, sizeof of_kind, "%s.%s", kind, f->name);
    snprintf(in_section, sizeof in_section, "%s.%s", t->path, f->name);
    return strcmp(query, f->name) == 0 || strcmp(query, full) == 0 || strcmp(query, of_kind) == 0 ||
           strcmp(query, in_section) == 0;
}

/* Whether two texts are equal but for case. */
static bool same_letters(const char *a, const char *b)
{
    for (; *a != '\0' && tolower((unsigned char)*a) == tolower((unsigned char)*b); a++, b++) {
    }
    return *a == '\0' && *b == '\0';
}

static bool explain_rule(const char *query)
{
    for (const as_rule *const *r = as_rules_get(); *r != NULL; r++) {
        if (same_letters((*r)->code, query)) {
            const as_rule *rule = *r;
            printf("%s (a rule of allsum diagnose%s%s)\n", rule->code, rule->network ? ", for networks" : "",
                   rule->after ? ", after training" : "");
            printf("  what      %s\n  evidence  %s\n  limit     %s\n  action    %s\n", rule->help, rule->evidence,
                   rule->source, rule->cure);
            for (int i = 0; rule->explains != NULL && rule->explains[i] != NULL; i++) {
                printf("%s%s", i == 0 ? "  explains  " : ", ", rule->explains[i]);
            }
            printf("%s", rule->explains != NULL ? "\n" : "");
            return true;
        }
    }
    return false;
}

as_status as_explain_key(const char *query, bool *found)
{
    char name[QUERY_MAX];
    tables *all;
    *found = explain_rule(query);
    if (*found) {
        return AS_OK;
    }
    AS_TRY(collect(&all));
    canonical(query, name);
    int n = 0;
    for (int i = 0; i < all->n && name[0] != '\0'; i++) {
        if (is_table(&all->table[i], name)) {
            printf("%s", n++ > 0 ? "\n" : "");
            print_table(all, &all->table[i]);
        }
    }
    /* A section of its own, such as `data`, says more than the key of the same name. */
    for (int i = 0; i < all->n && name[0] != '\0'; i++) {
        const as_config_table *t = &all->table[i];
        for (const as_field *f = t->table; f != NULL && f->name != NULL; f++) {
            const bool section = f->type == AS_FIELD_NODE && t->path[0] == '\0' && n > 0;
            if (!section && is_field(t, f, name)) {
                printf("%s", n++ > 0 ? "\n" : "");
                print_field(t, f);
            }
        }
    }
    *found = n > 0;
    free(all);
    return AS_OK;
}

as_status as_explain_unknown(const char *query)
{
    const char *names[NAMES_MAX + 1] = {NULL};
    int n = 0;
    tables *all;
    AS_TRY(collect(&all));
    for (int i = 0; i < all->n; i++) {
        const as_config_table *t = &all->table[i];
        for (const as_field *f = t->table; f != NULL && f->name != NULL && n < NAMES_MAX - 1; f++) {
            names[n++] = f->name;
        }
        if (t->kind != NULL && n < NAMES_MAX) {
            names[n++] = t->kind;
        }
    }
    for (const as_rule *const *r = as_rules_get(); *r != NULL && n < NAMES_MAX; r++) {
        names[n++] = (*r)->code;
    }
    const char *last = strrchr(query, '.');
    const char *near = as_nearest_name(last != NULL ? last + 1 : query, names);
    free(all);
    if (near != NULL) {
        AS_FAIL(AS_USAGE, "explain: '%s' is no key, kind or configuration file (did you mean '%s'?)", query, near);
    }
    AS_FAIL(AS_USAGE, "explain: '%s' is no key, kind or configuration file (see: allsum explain --all)", query);
}

/* A cell of a Markdown table. */
static void print_cell(const char *text)
{
    putchar(' ');
    for (const char *s = text; *s != '\0'; s++) {
        if (*s == '|' || *s == '<' || *s == '*' || *s == '_') {
            putchar('\\');
        }
        putchar(*s);
    }
    printf(" |");
}

static void print_markdown(const as_config_table *t, const char *group_before)
{
    as_text usage = {0};
    if (t->group != NULL && (group_before == NULL || strcmp(t->group, group_before) != 0)) {
        printf("\n## Kinds: %s\n", t->group);
    }
    if (t->kind != NULL) {
        write_usage(t, &usage);
        printf("\n### %s\n\n`%s`\n\n%s", t->kind, or_empty(&usage), t->help);
        as_text_free(&usage);
    } else {
        printf("\n## %s%s%s\n\n%s", t->path[0] != '\0' ? "`" : "", t->path[0] != '\0' ? t->path : "Sections",
               t->path[0] != '\0' ? "`" : "", t->help);
    }
    printf("%s", t->formula != NULL ? "\n\n" : "\n");
    if (t->formula != NULL) {
        printf("    %s\n", t->formula);
    }
    for (const as_field *f = t->table; f != NULL && f->name != NULL; f++) {
        as_text type = {0}, range = {0};
        if (f == t->table) {
            printf("\n| key | meaning | type | default | range |\n| --- | --- | --- | --- | --- |\n");
        }
        write_type(f, &type);
        write_range(f, &range);
        printf("| `%s` |", f->name);
        print_cell(f->help);
        print_cell(or_empty(&type));
        print_cell(default_of(f));
        print_cell(or_empty(&range));
        printf("\n");
        as_text_free(&type);
        as_text_free(&range);
    }
}

as_status as_explain_all(bool markdown)
{
    tables *all;
    AS_TRY(collect(&all));
    if (markdown) {
        printf(
            "# Every key of a configuration\n\n"
            "Written by `allsum explain --all --markdown` from the tables that the program itself reads; a test keeps "
            "this page "
            "up to date.\nA configuration is YAML: maps, lists and values, without anchors, tags or aliases. Unknown "
            "and "
            "duplicate keys are errors.\nSeveral files are merged (later ones win, key by key), then `--set a.b=value` "
            "overrides.\n");
    }
    for (int i = 0; i < all->n; i++) {
        if (markdown) {
            print_markdown(&all->table[i], i > 0 ? all->table[i - 1].group : NULL);
        } else {
            printf("%s", i > 0 ? "\n" : "");
            print_table(all, &all->table[i]);
        }
    }
    free(all);
    return AS_OK;
}
