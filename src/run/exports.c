/* The table of what a model is written as. */
#include <string.h>

#include "base/error.h"
#include "base/text.h"
#include "run/export.h"

#define AS_EXPORT(kind) extern const as_export_ops as_export_##kind;
#include "run/export.def"
#undef AS_EXPORT

static const as_export_ops *const exports[] = {
#define AS_EXPORT(kind) &as_export_##kind,
#include "run/export.def"
#undef AS_EXPORT
    NULL};

enum { KINDS = sizeof exports / sizeof exports[0] - 1 };

const as_export_ops *const *as_exports_get(void)
{
    return exports;
}

as_status as_export_find(const char *name, const as_export_ops **out)
{
    const char *names[KINDS + 1] = {NULL};
    as_text all = {0};
    for (int i = 0; i < KINDS; i++) {
        if (strcmp(exports[i]->name, name) == 0) {
            *out = exports[i];
            as_text_free(&all);
            return AS_OK;
        }
        names[i] = exports[i]->name;
        as_text_add(&all, "%s%s", i == 0 ? "" : i == KINDS - 1 ? " or " : ", ", names[i]);
    }
    const char *const near = as_nearest_name(name, names);
    const as_status status =
        as_error_set(AS_USAGE, "--to %s: expected %s%s%s%s", name, all.failed ? "another" : all.data,
                     near != NULL ? " (did you mean '" : "", near != NULL ? near : "", near != NULL ? "'?)" : "");
    as_text_free(&all);
    return status;
}

as_status as_export_write(const as_export_ops *ops, const char *path, as_weights_layout layout, as_estimator *estimator)
{
    if (estimator->ops->fold != NULL) {
        estimator->ops->fold(estimator);
    }
    return ops->model != NULL ? ops->model(path, estimator) : as_weights_save(path, ops->arrays, layout, estimator);
}
