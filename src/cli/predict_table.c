/* Each rank writes the text of its rows; rank 0 joins them and commits the file. Cost: the text of all rows in the
   memory of rank 0, about 20 bytes a number; files of many outputs are better HDF5. */
#include "cli/predict_table.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/error.h"
#include "io/commit.h"
#include "io/csv.h"

static void add_number(as_text *text, double value)
{
    char buffer[32];
    as_text_add(text, ",%s",
                isnan(value)   ? "NaN"
                : isinf(value) ? (value < 0 ? "-inf" : "inf")
                               : as_real_text(value, buffer));
}

/* A name or class. */
static void add_word(as_text *text, const char *prefix, const char *word)
{
    as_text_add(text, ",");
    as_csv_write_field(prefix, word, text);
}

/* What output k is called: the target, the class, or its number. */
static void add_name(as_text *text, const char *prefix, const as_model_file *m, const as_predict_table *t, int64_t k)
{
    const as_dataset *facts = &m->facts;
    char word[AS_PART_NAME_MAX];
    if (t->by_target && facts->class_names.n == t->outputs) {
        add_word(text, prefix[0] != '\0' ? prefix : "output_", facts->class_names.name[k]);
    } else if (t->label == NULL && facts->target == AS_TARGET_REALS && facts->targets == t->outputs &&
               facts->answers.n > 0) {
        add_word(text, prefix, as_parts_name(&facts->answers, k, "output_", word));
    } else {
        as_text_add(text, ",%s%lld", prefix[0] != '\0' ? prefix : "output_", (long long)k);
    }
}

static void add_header(as_text *text, const as_model_file *m, const as_predict_table *t)
{
    static const char *const doubts[3] = {"epistemic", "aleatoric", "total"};
    const as_uncertainty *u = t->doubt;
    as_text_add(text, "row%s", t->label != NULL ? ",class" : "");
    for (int64_t k = 0; k < t->outputs; k++) {
        add_name(text, "", m, t, k);
    }
    for (int d = 0; u->kind != AS_UNCERTAINTY_NONE && d < (u->noise ? 3 : 1); d++) {
        char prefix[32];
        snprintf(prefix, sizeof prefix, "%s_", doubts[d]);
        for (int64_t k = 0; u->width > 1 && k < u->width; k++) {
            add_name(text, prefix, m, t, k);
        }
        if (u->width == 1) {
            as_text_add(text, ",%s", doubts[d]);
        }
    }
    as_text_add(text, "\n");
}

static void add_rows(as_text *text, const as_model_file *m, const as_predict_table *t)
{
    const as_uncertainty *u = t->doubt;
    const double *const doubt[3] = {u->epistemic, u->aleatoric, u->total};
    const as_names *names = &m->facts.class_names;
    for (int64_t r = 0; r < t->rows; r++) {
        as_text_add(text, "%lld", (long long)t->id[r]);
        if (t->label != NULL && t->by_target && t->label[r] < names->n) {
            add_word(text, "", names->name[t->label[r]]);
        } else if (t->label != NULL) {
            as_text_add(text, ",%d", (int)t->label[r]);
        }
        for (int64_t k = 0; k < t->outputs; k++) {
            add_number(text, t->value[r * t->outputs + k]);
        }
        for (int d = 0; u->kind != AS_UNCERTAINTY_NONE && d < (u->noise ? 3 : 1); d++) {
            for (int64_t k = 0; k < u->width; k++) {
                add_number(text, doubt[d][r * u->width + k]);
            }
        }
        as_text_add(text, "\n");
    }
}

as_status as_predict_table_write(const as_model_file *m, const char *path, const as_predict_table *t)
{
    as_world *world = m->world;
    const int ranks = as_world_size(world);
    const bool first = as_world_rank(world) == 0;
    as_text text = {0};
    if (first) {
        add_header(&text, m, t);
    }
    add_rows(&text, m, t);
    int64_t mine = (int64_t)text.size, *sizes = calloc((size_t)ranks, sizeof *sizes), all = 0;
    size_t *offset = calloc((size_t)ranks + 1, sizeof *offset);
    char *joined = NULL;
    as_status status = as_world_agree(world, text.failed || sizes == NULL || offset == NULL
                                                 ? as_error_set(AS_NOMEM, "%s: out of memory for a table", path)
                                                 : AS_OK);
    if (status == AS_OK) {
        status = as_world_all_gather(world, &mine, sizeof mine, sizes);
    }
    for (int rank = 0; status == AS_OK && rank < ranks; rank++) {
        all += sizes[rank];
    }
    if (status == AS_OK && first && (joined = malloc((size_t)all + 1)) == NULL) {
        status = as_error_set(AS_NOMEM, "%s: out of memory for a table of %lld bytes", path, (long long)all);
    }
    status = as_world_agree(world, status);
    if (status == AS_OK) {
        status = as_world_gather(world, text.data, text.size, joined, offset);
    }
    if (status == AS_OK && first) {
        status = as_file_write(path, joined, (size_t)all);
    }
    free(joined);
    free(sizes);
    free(offset);
    as_text_free(&text);
    return as_world_agree(world, status);
}
