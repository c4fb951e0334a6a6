/* The list of augmentations as the configuration has it. */
#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "base/text.h"
#include "data/augment.h"
#include "kernels/scalar_math.h"
#include "kernels/variant.h"

AS_VARIANT_TABLE(as_augment_ops, as_augments)

AS_VARIANT_DECLARE(as_augment_run, as_augment_apply)
const as_augment_run *as_augment_run_get(const as_kernels *kernels)
{
    return AS_VARIANT_PICK(as_augment_run, as_augment_apply, kernels);
}

/* Options and names do not depend on the variant. */
static const as_augment_ops *const *kinds(void)
{
    return as_augments_get(as_kernels_get(AS_PORTABLE, AS_FLOAT32));
}

static as_status find_kind(const as_node *node, const char *name, int *index)
{
    const as_augment_ops *const *all = kinds();
    const char *names[AS_AUGMENTS_MAX + 1] = {NULL};
    as_text known = {0};
    for (int i = 0; all[i] != NULL && i < AS_AUGMENTS_MAX; i++) {
        names[i] = all[i]->name;
        as_text_add(&known, "%s%s", i == 0 ? "" : ", ", names[i]);
        if (strcmp(name, names[i]) == 0) {
            *index = i;
            as_text_free(&known);
            return AS_OK;
        }
    }
    const char *near = as_nearest_name(name, names);
    const as_status status =
        as_error_set(AS_CONFIG, "%s: data.augment: unknown kind \"%s\"%s%s%s; known: %s", as_node_place(node), name,
                     near != NULL ? "; did you mean \"" : "", near != NULL ? near : "", near != NULL ? "\"?" : "",
                     known.data != NULL ? known.data : "");
    as_text_free(&known);
    return status;
}

static as_status parse_row(as_document *document, const as_node *item, const char *path, int index, as_augment *out)
{
    const bool named = item->kind == AS_NODE_SCALAR, map = item->kind == AS_NODE_MAP && item->count == 1;
    char key[160];
    int kind = 0;
    if (!named && !map) {
        AS_FAIL(AS_CONFIG, "%s: %s: expected \"KIND\" or \"KIND: options\"", as_node_place(item), path);
    }
    AS_TRY(find_kind(item, named ? item->text : item->key[0], &kind));
    const as_augment_ops *ops = kinds()[kind];
    void *options = as_document_alloc(document, ops->options_bytes);
    if (options == NULL) {
        AS_FAIL(AS_NOMEM, "out of memory for %s", path);
    }
    snprintf(key, sizeof key, "%s[%d].%s", path, index, ops->name);
    const as_fields_part part = {ops->fields, options};
    AS_TRY(as_fields_parse(&part, 1, document, named ? NULL : item->item[0], key));
    out->row[out->n].kind = kind;
    out->row[out->n++].options = options;
    return AS_OK;
}

as_status as_augment_parse(as_document *document, const as_node *node, const char *path, as_augment *out)
{
    *out = (as_augment){0};
    if (node == NULL || node->kind == AS_NODE_NULL) {
        return AS_OK;
    }
    if (node->kind != AS_NODE_LIST || node->count > AS_AUGMENTS_MAX) {
        AS_FAIL(AS_CONFIG, "%s: %s: expected a list of at most %d kinds, such as [{shift: 2}, {flip: horizontal}]",
                as_node_place(node), path, (int)AS_AUGMENTS_MAX);
    }
    for (int64_t i = 0; i < node->count; i++) {
        AS_TRY(parse_row(document, node->item[i], path, (int)i, out));
    }
    return AS_OK;
}

as_status as_augment_write(const as_augment *augment, int indent, as_text *text)
{
    if (augment->n > 0) {
        as_text_add(text, "%*saugment:\n", indent, "");
    }
    for (int i = 0; i < augment->n; i++) {
        const as_augment_ops *ops = kinds()[augment->row[i].kind];
        as_text_add(text, "%*s- %s:\n", indent + 2, "", ops->name);
        AS_TRY(as_fields_write(ops->fields, augment->row[i].options, indent + 6, text));
    }
    return AS_OK;
}

as_status as_augment_check(const as_augment *augment, const as_shape *shape, int64_t positions, const char *place)
{
    char found[128];
    for (int i = 0; i < augment->n; i++) {
        const as_augment_ops *ops = kinds()[augment->row[i].kind];
        if (ops->image && shape->rank != 3) {
            AS_FAIL(AS_CONFIG,
                    "data.augment: %s: expected images (height, width, channels), but samples of %s are %s (set "
                    "`shape:` of the source)",
                    ops->name, place, as_shape_text(shape, found, sizeof found));
        }
        if (ops->moves && positions != 1) {
            AS_FAIL(AS_CONFIG, "data.augment: %s: moves pixels, but %s has a label for each of them", ops->name, place);
        }
    }
    return AS_OK;
}

int as_augment_mixing_row(const as_augment *augment)
{
    for (int i = 0; augment != NULL && i < augment->n; i++) {
        if (kinds()[augment->row[i].kind]->mixes) {
            return i;
        }
    }
    return -1;
}

enum { MIX_DRAWS = 1000 }; /* of which each succeeds with a chance of 1/6 at least */

double as_augment_mix_share(const as_augment *augment, int index, uint64_t seed, int64_t epoch, int64_t id)
{
    const double power = 1 / ((const as_augment_mixing *)augment->row[index].options)->alpha;
    const as_augment_pass pass = {.seed = seed, .epoch = epoch, .id = id, .index = index};
    for (uint32_t draw = 0; draw < MIX_DRAWS; draw++) {
        uint32_t word[4];
        as_augment_words(&pass, draw, word);
        const double u = as_pow_f64(as_rng_uniform_f64(word[0], word[1]), power);
        const double v = as_pow_f64(as_rng_uniform_f64(word[2], word[3]), power);
        if (u + v > 0 && u + v <= 1) {
            return u / (u + v);
        }
    }
    return 0.5;
}
