/* Every table of options with the path of its keys: what `explain`, docs/config.md, completion and the comparison of
   configurations walk over. */
#include "nn/low_rank.h"
#include "nn/model.h"
#include "nn/optimizer.h"
#include "nn/schedule.h"
#include "run/config_sections.h"
#include "run/kinds.h"

typedef struct walk {
    void (*visit)(void *context, const as_config_table *table);
    void *context;
} walk;

static void section(const walk *w, const char *path, const char *help, const as_field *table)
{
    w->visit(w->context, &(as_config_table){.path = path, .help = help, .table = table});
}

static void visit_kind(void *context, const as_kind *kind)
{
    const walk *w = context;
    w->visit(w->context, &(as_config_table){.path = kind->path,
                                            .group = kind->group,
                                            .kind = kind->name,
                                            .usage = kind->usage,
                                            .help = kind->help,
                                            .formula = kind->formula,
                                            .table = kind->fields});
}

void as_config_visit(void (*visit)(void *context, const as_config_table *table), void *context)
{
    walk w = {.visit = visit, .context = context};
    section(&w, "", "The whole configuration.", as_root_fields);
    section(&w, "data", "Where the samples come from and how they are prepared.", as_data_fields);
    section(&w, "data.train", "A source of data: the keys of its format, and these. The same under data.test.",
            as_source_fields);
    section(&w, "data.columns", "Columns of a table: which are inputs, and what is made of them.", as_columns_fields);
    section(&w, "model", "What is trained.", as_model_fields);
    section(&w, "model.layers", "Keys that every layer takes beside those of its kind.", as_layer_fields);
    section(&w, "model.layers.block", "A list of layers from model.blocks, in the place of a layer.", as_block_fields);
    section(&w, "model.layers.repeat", "Copies of a list of layers, in the place of a layer.", as_repeat_fields);
    section(&w, "model.layers.lora", "Low-rank adapters of a dense or attention layer.", as_low_rank_fields);
    section(&w, "model.losses", "One of several losses.", as_head_fields);
    section(&w, "optimizer", "Keys that every optimizer takes beside those of its kind.", as_optimizer_fields);
    section(&w, "optimizer.groups", "Parameters with a learning rate or decay of their own.", as_group_fields);
    section(&w, "schedule", "Keys that every schedule takes beside those of its kind.", as_schedule_fields);
    section(&w, "train", "How long and in what batches.", as_train_fields);
    section(&w, "start", "Weights to begin with.", as_start_fields);
    section(&w, "checkpoint", "When the state is saved.", as_checkpoint_fields);
    section(&w, "log", "What is reported, and when.", as_log_fields);
    section(&w, "probe", "Instruments: what is measured beside training, without changing a bit of it.",
            as_probe_fields);
    as_kinds_visit(visit_kind, &w);
}
