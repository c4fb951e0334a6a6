/* Which keys of two resolved configurations differ. Both trees are walked key by key; a key whose option says that it
   cannot change the trajectory is passed over. */
#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "io/yaml.h"
#include "run/config_sections.h"

enum { PATH_LENGTH = 512 };

typedef struct search {
    const char *section, *key; /* "train", "target" */
    bool free;
} search;

static void look_for_free(void *context, const as_config_table *table)
{
    search *s = context;
    if (strcmp(table->path, s->section) != 0) {
        return;
    }
    for (const as_field *f = table->table; f != NULL && f->name != NULL; f++) {
        s->free = s->free || (f->free && strcmp(f->name, s->key) == 0);
    }
}

/* True when the option at a dotted path may change on resume. The keys of data.test are those of data.train. */
static bool is_free(const char *path)
{
    char section[PATH_LENGTH];
    const char *dot = strrchr(path, '.');
    const size_t n = dot == NULL ? 0 : (size_t)(dot - path);
    memcpy(section, path, n);
    section[n] = '\0';
    search s = {.section = strcmp(section, "data.test") == 0 ? "data.train" : section,
                .key = dot == NULL ? path : dot + 1};
    as_config_visit(look_for_free, &s);
    return s.free;
}

static bool equal_scalars(const as_node *a, const as_node *b)
{
    return strcmp(a->text != NULL ? a->text : "", b->text != NULL ? b->text : "") == 0;
}

static void compare(const as_node *a, const as_node *b, const char *path, as_text *differing);

/* Child of a and of b under path.name; either may be absent. */
static void compare_child(const as_node *a, const as_node *b, const char *path, const char *name, as_text *differing)
{
    char below[PATH_LENGTH];
    const int n = snprintf(below, sizeof below, "%s%s%s", path, path[0] != '\0' ? "." : "", name);
    if (n > 0 && n < PATH_LENGTH) {
        compare(a, b, below, differing);
    }
}

static void compare(const as_node *a, const as_node *b, const char *path, as_text *differing)
{
    if (is_free(path)) {
        return; /* with all that is below it */
    }
    if (a != NULL && b != NULL && a->kind == b->kind && a->kind == AS_NODE_MAP) {
        for (int64_t i = 0; i < a->count; i++) {
            compare_child(a->item[i], as_node_get(b, a->key[i]), path, a->key[i], differing);
        }
        for (int64_t i = 0; i < b->count; i++) {
            if (as_node_get(a, b->key[i]) == NULL) {
                compare_child(NULL, b->item[i], path, b->key[i], differing);
            }
        }
        return;
    }
    if (a != NULL && b != NULL && a->kind == b->kind && a->kind == AS_NODE_LIST) {
        for (int64_t i = 0; i < a->count || i < b->count; i++) {
            char index[24];
            snprintf(index, sizeof index, "%lld", (long long)i);
            compare_child(i < a->count ? a->item[i] : NULL, i < b->count ? b->item[i] : NULL, path, index, differing);
        }
        return;
    }
    const bool same = a != NULL && b != NULL && a->kind == b->kind && equal_scalars(a, b);
    if (!same) {
        as_text_add(differing, "%s\n", path);
    }
}

as_status as_config_compare(const char *old_text, const char *new_text, as_text *differing)
{
    as_document *document = NULL;
    as_node *old = NULL, *now = NULL;
    AS_TRY(as_document_create(&document));
    as_status status = as_yaml_parse(document, "earlier configuration", old_text, &old);
    if (status == AS_OK) {
        status = as_yaml_parse(document, "this configuration", new_text, &now);
    }
    if (status == AS_OK) {
        compare(old, now, "", differing);
        status = differing->failed ? as_error_set(AS_NOMEM, "out of memory for the keys that differ") : AS_OK;
    }
    as_document_destroy(&document);
    return status;
}
