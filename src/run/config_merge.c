/* Several files and overrides to one tree. */
#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "io/yaml.h"
#include "run/config_sections.h"

/* The text under a key, or NULL. */
static const char *word_of(const as_node *map, const char *key)
{
    const as_node *node = as_node_get(map, key);
    return node != NULL && node->kind == AS_NODE_SCALAR ? node->text : NULL;
}

/* Maps that choose different kinds: their other keys belong to those kinds and cannot be mixed. */
static bool another_kind(const as_node *base, const as_node *over)
{
    static const char *const keys[] = {"type", "format"};
    for (int i = 0; i < 2; i++) {
        const char *a = word_of(base, keys[i]), *b = word_of(over, keys[i]);
        if (a != NULL && b != NULL && strcmp(a, b) != 0) {
            return true;
        }
    }
    return false;
}

/* A key as if it had not been given. */
static void set_zero(as_node *node)
{
    node->kind = AS_NODE_SCALAR;
    node->text = "0";
}

/* Of train.epochs and train.steps the later one counts: takes the other one out of what was there before. */
static void forget_rival(as_node *train, const as_node *over)
{
    static const char *const rivals[2] = {"epochs", "steps"};
    for (int i = 0; i < 2; i++) {
        as_node *old = as_node_get(train, rivals[i]);
        if (as_node_get(over, rivals[1 - i]) != NULL && as_node_get(over, rivals[i]) == NULL && old != NULL) {
            set_zero(old);
        }
    }
}

static as_status merge(as_document *document, as_node *base, as_node *over, const char *name, as_node **out)
{
    *out = over;
    if (base == NULL || base->kind != AS_NODE_MAP || over->kind != AS_NODE_MAP || another_kind(base, over)) {
        return AS_OK;
    }
    if (strcmp(name, "train") == 0) {
        forget_rival(base, over);
    }
    for (int64_t i = 0; i < over->count; i++) {
        int64_t slot = 0;
        while (slot < base->count && strcmp(base->key[slot], over->key[i]) != 0) {
            slot++;
        }
        if (slot < base->count) {
            AS_TRY(merge(document, base->item[slot], over->item[i], over->key[i], &base->item[slot]));
        } else {
            AS_TRY(as_node_append(document, base, over->key[i], over->key_line[i], over->key_column[i], over->item[i]));
        }
    }
    *out = base;
    return AS_OK;
}

as_status as_config_merge(as_document *document, as_node *base, as_node *over, as_node **out)
{
    return merge(document, base, over, "", out);
}

/* An override has no lines: its place is the words themselves. */
static void clear_places(as_node *node)
{
    node->line = 0;
    node->column = 0;
    for (int64_t i = 0; i < node->count; i++) {
        clear_places(node->item[i]);
        if (node->kind == AS_NODE_MAP) {
            node->key_line[i] = 0;
            node->key_column[i] = 0;
        }
    }
}

/* Takes the keys out of a map that a file has given, but one of them; what overrides gave has no line. NULL: all. */
static void keep_overrides(as_node *map, const char *but)
{
    int64_t kept = 0;
    for (int64_t i = 0; map != NULL && map->kind == AS_NODE_MAP && i < map->count; i++) {
        if (map->item[i]->line == 0 || (but != NULL && strcmp(map->key[i], but) == 0)) {
            map->item[kept] = map->item[i];
            map->key[kept] = map->key[i];
            map->key_line[kept] = map->key_line[i];
            map->key_column[kept++] = map->key_column[i];
        }
    }
    if (map != NULL && map->kind == AS_NODE_MAP) {
        map->count = kept;
    }
}

/* Takes a key out of a map, but for what overrides gave of it. */
static void forget(as_node *map, const char *key)
{
    as_node *node = as_node_get(map, key);
    if (node == NULL || node->line == 0) {
        return;
    }
    keep_overrides(node, NULL);
    for (int64_t i = 0; (node->kind != AS_NODE_MAP || node->count == 0) && i < map->count; i++) {
        if (map->item[i] == node) {
            for (map->count--; i < map->count; i++) {
                map->item[i] = map->item[i + 1];
                map->key[i] = map->key[i + 1];
                map->key_line[i] = map->key_line[i + 1];
                map->key_column[i] = map->key_column[i + 1];
            }
        }
    }
}

/* Another format of a source, or another kind of model: the keys of the old one are not the new one's. */
static void change_kind(as_node *root, const char *path, const as_node *value)
{
    static const char *const sources[] = {"train", "test"};
    for (int i = 0; i < 2; i++) {
        char key[32];
        snprintf(key, sizeof key, "data.%s.format", sources[i]);
        as_node *source = as_node_get(as_node_get(root, "data"), sources[i]);
        const char *old = word_of(source, "format");
        if (strcmp(path, key) == 0 && old != NULL && value->kind == AS_NODE_SCALAR && strcmp(old, value->text) != 0) {
            keep_overrides(source, "format");
        }
    }
    as_node *model = as_node_get(root, "model");
    const char *old = word_of(model, "type");
    if (strcmp(path, "model.type") == 0 && value->kind == AS_NODE_SCALAR &&
        strcmp(old != NULL ? old : "network", value->text) != 0) {
        keep_overrides(model, "type");
    }
}

void as_config_fit_default(as_node *root)
{
    as_node *data = as_node_get(root, "data");
    const char *format = word_of(as_node_get(data, "train"), "format");
    const char *type = word_of(as_node_get(root, "model"), "type");
    const as_node *train = as_node_get(data, "train");
    if (format != NULL && (strcmp(format, "builtin") != 0 || !as_node_is(as_node_get(train, "name"), "digits"))) {
        forget(data, "test");
        forget(data, "normalize");
        forget(root, "name");
    }
    if (type != NULL && strcmp(type, "network") != 0) {
        static const char *const of_networks[] = {"optimizer", "schedule", "train", "checkpoint", "log", "name"};
        for (int i = 0; i < 6; i++) {
            forget(root, of_networks[i]);
        }
    }
}

as_status as_config_override(as_document *document, as_node *root, const char *set)
{
    const char *equals = strchr(set, '=');
    char place[256] = "--set ";
    if (equals == NULL || equals == set) {
        AS_FAIL(AS_USAGE, "--set %s: expected KEY=VALUE, e.g. --set optimizer.lr=0.01", set);
    }
    strncat(place, set, sizeof place - strlen(place) - 1);
    as_node *value = NULL;
    AS_TRY(as_yaml_parse(document, place, equals + 1, &value));
    clear_places(value);
    char *path = as_document_copy(document, set);
    if (path == NULL) {
        AS_FAIL(AS_NOMEM, "out of memory for a configuration");
    }
    path[equals - set] = '\0';
    const bool steps = strcmp(path, "train.steps") == 0, epochs = strcmp(path, "train.epochs") == 0;
    change_kind(root, path, value);
    AS_TRY(as_node_set_path(document, root, path, value));
    as_node *rival = as_node_get(as_node_get(root, "train"), steps ? "epochs" : "steps");
    if ((steps || epochs) && rival != NULL) {
        set_zero(rival);
    }
    return AS_OK;
}
