/* The table of verbs. */
#include <string.h>

#include "base/error.h"
#include "base/fields.h"
#include "cli/verb.h"

#define AS_VERB(name) extern const as_verb as_verb_##name;
#include "cli/verb.def"
#undef AS_VERB

const as_verb *const *as_verbs_get(void)
{
    static const as_verb *const verbs[] = {
#define AS_VERB(name) &as_verb_##name,
#include "cli/verb.def"
#undef AS_VERB
        NULL};
    return verbs;
}

as_status as_verb_find(const char *name, const as_verb **out)
{
    enum { VERBS_MAX = 64 };
    const char *names[VERBS_MAX + 1] = {NULL};
    const as_verb *const *verbs = as_verbs_get();
    for (int i = 0; verbs[i] != NULL && i < VERBS_MAX; i++) {
        if (strcmp(verbs[i]->name, name) == 0) {
            *out = verbs[i];
            return AS_OK;
        }
        names[i] = verbs[i]->name;
    }
    const char *near = as_nearest_name(name, names);
    if (near != NULL) {
        AS_FAIL(AS_USAGE, "unknown verb '%s' (did you mean '%s'?)", name, near);
    }
    AS_FAIL(AS_USAGE, "unknown verb '%s' (see: allsum --help)", name);
}
