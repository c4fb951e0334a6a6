/* Learning rate schedules: the table, a schedule's configuration, and warm-up. */
#include "nn/schedule.h"

#include "base/error.h"
#include "base/text.h"
#include "nn/kind.h"

#define AS_SCHEDULE(kind) extern const as_schedule_ops as_schedule_##kind;
#include "nn/schedule.def"
#undef AS_SCHEDULE

const as_schedule_ops *const *as_schedules_get(void)
{
    static const as_schedule_ops *const table[] = {
#define AS_SCHEDULE(kind) &as_schedule_##kind,
#include "nn/schedule.def"
#undef AS_SCHEDULE
        NULL};
    return table;
}

const as_field as_schedule_fields[] = {{.name = "warmup",
                                        .type = AS_FIELD_INT,
                                        .offset = offsetof(as_schedule, warmup),
                                        .standard = "0",
                                        .min = 0,
                                        .max = 1e12,
                                        .unit = "steps",
                                        .help = "Steps in which the rate rises linearly, before the schedule begins."},
                                       AS_FIELDS_END};

as_status as_schedule_parse(as_document *document, const as_node *node, as_schedule *out)
{
    *out = (as_schedule){.ops = NULL};
    const as_schedule_ops *const *table = as_schedules_get();
    const char *names[AS_KINDS_MAX + 1] = {NULL};
    for (int i = 0; table[i] != NULL && i < AS_KINDS_MAX; i++) {
        names[i] = table[i]->name;
    }
    int index = 0;
    AS_TRY(as_kind_typed(node, "schedule", "constant", names, &index));
    out->ops = table[index];
    out->options = as_document_alloc(document, out->ops->options_bytes + 1);
    if (out->options == NULL) {
        AS_FAIL(AS_NOMEM, "out of memory for the options of schedule %s", out->ops->name);
    }
    const char *type = NULL;
    const as_fields_part parts[] = {
        {as_schedule_fields, out}, {out->ops->fields, out->options}, {as_type_fields, &type}};
    AS_TRY(as_fields_parse(parts, 3, document, node != NULL && node->kind == AS_NODE_SCALAR ? NULL : node, "schedule"));
    if (out->ops->begin != NULL) {
        out->ops->begin(out->state);
    }
    return out->ops->check != NULL ? out->ops->check(out->options, node) : AS_OK;
}

as_status as_schedule_write(const as_schedule *schedule, int indent, struct as_text *text)
{
    as_text_add(text, "%*stype: %s\n", indent, "", schedule->ops->name);
    AS_TRY(as_fields_write(as_schedule_fields, schedule, indent, text));
    return as_fields_write(schedule->ops->fields, schedule->options, indent, text);
}

as_status as_schedule_period(const as_every *every, const as_node *node)
{
    if (every->minutes > 0 || every->steps + every->epochs < 1) {
        AS_FAIL(AS_CONFIG, "%s: schedule.every: expected a number of steps or epochs, found %s", as_node_place(node),
                every->minutes > 0 ? "minutes" : "never");
    }
    return AS_OK;
}

double as_schedule_factor(const as_schedule *schedule, int64_t step, int64_t total, int64_t steps_per_epoch)
{
    const int64_t warmup = schedule->warmup;
    const int64_t t = step > warmup ? step - warmup : 0, rest = total - warmup > 1 ? total - warmup : 1;
    const double factor =
        schedule->ops->factor(schedule->options, t, rest, steps_per_epoch > 1 ? steps_per_epoch : 1, schedule->state);
    return step < warmup ? factor * ((double)(step + 1) / (double)warmup) : factor;
}
