/* Lines of metrics.jsonl to numbers. Cost: one pass over the text. */
#include "probe/history.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/json_read.h"

static double number(const char *object, const char *key)
{
    double value;
    return as_json_number(object, key, &value) ? value : (double)NAN;
}

static int64_t whole_number(const char *object, const char *key)
{
    const double value = number(object, key);
    return value >= 0 && value < 0x1p53 ? (int64_t)value : 0;
}

/* The object that is the value of a key; NULL: there is none. */
static const char *object_of(const char *object, const char *key)
{
    const char *value = as_json_value(object, key);
    return value != NULL && value[0] == '{' ? value : NULL;
}

static bool is_kind(const char *object, const char *kind)
{
    as_json_member member;
    const size_t length = strlen(kind);
    return as_json_next(&object, &member) && as_json_is(&member, "kind") && member.value_length == length + 2 &&
           strncmp(member.value + 1, kind, length) == 0;
}

static void add_step(const char *line, as_history *out)
{
    out->step[out->nsteps++] = (as_history_step){.step = whole_number(line, "step"),
                                                 .epoch = whole_number(line, "epoch"),
                                                 .loss = number(line, "loss"),
                                                 .lr = number(line, "lr"),
                                                 .grad_norm = number(line, "grad_norm")};
}

static void add_evaluation(const char *line, as_history *out)
{
    const char *validation = object_of(line, "validation");
    out->evaluation[out->nevaluations++] =
        (as_history_evaluation){.step = whole_number(line, "step"),
                                .epoch = whole_number(line, "epoch"),
                                .train_loss = number(line, "train_loss"),
                                .loss = validation == NULL ? (double)NAN : number(validation, "loss"),
                                .accuracy = validation == NULL ? (double)NAN : number(validation, "accuracy")};
}

as_status as_history_read(const char *lines, as_history *out)
{
    size_t n = 1;
    for (const char *s = lines; *s != '\0'; s++) {
        n += *s == '\n' ? 1 : 0;
    }
    *out = (as_history){.step = calloc(n, sizeof *out->step), .evaluation = calloc(n, sizeof *out->evaluation)};
    if (out->step == NULL || out->evaluation == NULL) {
        as_history_free(out);
        AS_FAIL(AS_NOMEM, "out of memory for %zu lines of metrics", n);
    }
    while (*lines != '\0') {
        const size_t length = strcspn(lines, "\n");
        const bool whole = lines[length] == '\n' && lines[0] == '{' && length > 0 && lines[length - 1] == '}';
        if (length > 0) {
            out->lines++;
            out->broken += whole ? 0 : 1;
            out->first_broken = whole || out->first_broken > 0 ? out->first_broken : out->lines;
            const int64_t step = whole ? whole_number(lines, "step") : 0;
            out->last_step = step > out->last_step ? step : out->last_step;
        }
        if (whole && is_kind(lines, "step")) {
            add_step(lines, out);
        } else if (whole && is_kind(lines, "evaluation")) {
            add_evaluation(lines, out);
        }
        lines += length + (lines[length] == '\n' ? 1 : 0);
    }
    return AS_OK;
}

void as_history_free(as_history *history)
{
    free(history->step);
    free(history->evaluation);
    *history = (as_history){0};
}
