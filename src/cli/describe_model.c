/* What a statistical model has estimated: the tables that the kind makes, of a checkpoint or a run directory. */
#include "base/error.h"
#include "cli/describe.h"
#include "comm/world.h"
#include "run/model_file.h"

static as_status describe(as_world *world, const char *path, as_description *d)
{
    as_model_file model;
    const as_log quiet = {0};
    as_status status = as_model_file_open(world, 1, as_isa_detect(), path, 0, NULL, &quiet, &model);
    if (status == AS_OK && model.estimator->ops->describe != NULL) {
        as_json_open(&d->json, "model", '{');
        as_json_text(&d->json, "type", model.estimator->ops->name);
        model.estimator->ops->describe(model.estimator, true, &d->json);
        as_json_close(&d->json, '}');
        as_text_add(&d->text, "\n");
        model.estimator->ops->describe(model.estimator, false, &d->text);
    }
    as_model_file_close(&model);
    return status;
}

as_status as_describe_model(const char *path, const as_node *config, as_description *out)
{
    as_world *world = NULL;
    const as_estimator_ops *ops = NULL;
    AS_TRY(as_estimator_find(as_node_get(config, "model"), &ops));
    if (ops->describe == NULL) {
        return AS_OK;
    }
    AS_TRY(as_world_open(&(as_world_options){0}, &world));
    const as_status status = describe(world, path, out);
    as_world_close(&world);
    return status;
}
