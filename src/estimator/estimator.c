/* The kinds of estimators. */
#include "estimator/estimator.h"

#include <string.h>

#include "base/error.h"

#define AS_ESTIMATOR(kind) extern const as_estimator_ops as_estimator_##kind;
#include "estimator/estimator.def"
#undef AS_ESTIMATOR

static const as_estimator_ops *const estimators[] = {
#define AS_ESTIMATOR(kind) &as_estimator_##kind,
#include "estimator/estimator.def"
#undef AS_ESTIMATOR
    NULL};

const as_estimator_ops *const *as_estimators_get(void)
{
    return estimators;
}

as_status as_estimator_find(const as_node *model, const as_estimator_ops **out)
{
    enum { KINDS = sizeof estimators / sizeof estimators[0] };
    const as_node *type = as_node_get(model, "type");
    const char *word = type == NULL ? estimators[0]->name : type->kind == AS_NODE_SCALAR ? type->text : "";
    const char *names[KINDS] = {0};
    for (int i = 0; estimators[i] != NULL; i++) {
        names[i] = estimators[i]->name;
        if (strcmp(word, names[i]) == 0) {
            *out = estimators[i];
            return AS_OK;
        }
    }
    const char *near = as_nearest_name(word, names);
    AS_FAIL(AS_CONFIG, "%s: model.type: unknown model '%s'%s%s%s", as_node_place(type), word,
            near != NULL ? " (did you mean '" : "", near != NULL ? near : "", near != NULL ? "'?)" : "");
}

as_status as_estimator_create(const as_setup *setup, as_estimator **out)
{
    as_setup own = *setup;
    *out = NULL;
    AS_TRY(as_estimator_find(setup->model, &own.kind));
    return own.kind->create(&own, out);
}
