/* LEAK_FEATURE: a column that is the answer. */
#include <math.h>
#include <stddef.h>
#include <stdio.h>

#include "probe/graph.h"
#include "probe/remedy.h"

static const double stand_out = 100, told_classes = 0.85, told_targets = 0.99, stand_out_classes = 30;
enum { ROWS_LEAST = 40 };

static double f_of(const as_column_facts *x)
{
    return x->f_usual > x->f ? x->f_usual : x->f;
}

/* The largest F of the columns and the next one; the column of the largest. */
static int64_t largest(const as_columns *x, double *next)
{
    int64_t at = 0;
    *next = 0;
    for (int64_t j = 1; j < x->n; j++) {
        at = f_of(&x->column[j]) > f_of(&x->column[at]) ? j : at;
    }
    for (int64_t j = 0; j < x->n; j++) {
        *next = j != at && f_of(&x->column[j]) > *next ? f_of(&x->column[j]) : *next;
    }
    return at;
}

/* The share of the variance of a column that is between classes, or of the targets that its line gives: from F. */
static double told_by(const as_case *c, double f)
{
    double present = 0;
    for (int64_t k = 0; c->classifies && c->columns.class_rows != NULL && k < c->train.classes; k++) {
        present += c->columns.class_rows[k] > 0 ? 1 : 0;
    }
    present = present > 0 ? present : 2; /* a line has one degree of freedom, as two classes have */
    return f * (present - 1) / (f * (present - 1) + (double)c->train.rows - present);
}

/* An answer that is blurred, or wrong in some rows: a column tells nearly all, and no other comes near. A
   threshold on a normal column leaves 1 - 2 / pi = 36 % of its variance inside of the classes, on a uniform one 25 %.
 */
static as_verdict judge_nearly(const as_case *c, as_finding *f)
{
    double next;
    char name[AS_COLUMN_NAME_MAX];
    const as_columns *x = &c->columns;
    const int64_t at = largest(x, &next);
    const double of = f_of(&x->column[at]), told = told_by(c, of), limit = c->classifies ? told_classes : told_targets;
    const double apart = c->classifies ? stand_out_classes : stand_out; /* the next one: under 16 %, under 50 % */
    as_json_real(&f->evidence, "told", told);
    if (c->reconstructs || !(told > limit) || !(of > apart * next)) {
        return AS_CLEAR;
    }
    as_json_int(&f->evidence, "column", at);
    as_columns_name(x, at, name);
    as_advice(f, "find out when %s is known: if not before the answer is, leave it out of data.train", name);
    return as_found(f, AS_WARN,
                    "%s alone tells %.3g of the variance of %s (limit %.2g), and its F statistic, %.3g, is %.2g times "
                    "that of the next one (limit %.0f): it may be made from the answer",
                    name, told, c->classifies ? "the classes" : "the target", limit, of, of / next, apart);
}

/* Whether the rows are sorted by the answer: few changes of class along the file, few steps down (or up) of a target.
 */
static bool sorted_by_answer(const as_sample *s)
{
    int64_t changes = 0, up = 0, down = 0;
    for (int64_t r = 1; r < s->rows; r++) {
        const double *y = s->target == NULL ? NULL : s->target + (r - 1) * s->targets;
        changes += s->label != NULL && s->label[r] != s->label[r - 1] ? 1 : 0;
        up += y != NULL && y[s->targets] > y[0] ? 1 : 0;
        down += y != NULL && y[s->targets] < y[0] ? 1 : 0;
    }
    const int64_t few = s->rows / 100;
    return s->label != NULL ? changes > 0 && changes <= 2 * s->classes && changes <= few
                            : (up > few && down <= few) || (down > few && up <= few);
}

/* Whether a column is the place of the row in its file: all rows lie on a line of it. */
static bool numbers_rows(const as_case *c, int64_t column)
{
    const as_sample *s = &c->train;
    if (!(c->columns.column[column].distinct >= (double)s->rows)) {
        return false;
    }
    const double first = s->x[column], last = s->x[(s->rows - 1) * s->width + column];
    const double step = (last - first) / (double)(s->id[s->rows - 1] - s->id[0]);
    for (int64_t r = 0; r < s->rows; r++) {
        const double expected = first + step * (double)(s->id[r] - s->id[0]);
        if (!(fabs(s->x[r * s->width + column] - expected) < 0.1 * fabs(step))) {
            return false;
        }
    }
    return true;
}

static as_verdict tell_number(const as_case *c, int64_t column, as_finding *f)
{
    char name[AS_COLUMN_NAME_MAX];
    as_columns_name(&c->columns, column, name);
    as_json_int(&f->evidence, "column", column);
    as_advice(f, "leave %s out of data.train: rows to come stand nowhere in this file", name);
    return as_found(f, AS_FAULT,
                    "%s is where a row stands in its file (all %lld rows that were looked at lie on that line), and "
                    "the file is sorted by %s (limit 1 %% of rows out of order): it is the answer in disguise",
                    name, (long long)c->train.rows, c->classifies ? "the classes" : "the target");
}

/* A text is told token by token: what comes next must not be among the inputs. */
static as_verdict tell_ahead(const as_case *c, as_finding *f)
{
    const as_layer *layer = as_graph_looks_ahead(&c->network->model);
    as_json_text(&f->evidence, "layer", layer->name);
    if (!as_remedy_causal(c, f)) {
        as_advice(f, "let layer %s look back alone: attention with causal: true, lstm, gru", layer->name);
    }
    return as_found(f, AS_FAULT,
                    "layer %s (%s) lets a position see the ones behind it (limit: none), and the token behind it is "
                    "its label: the answer is among the inputs, and there is none when text is written",
                    layer->name, layer->ops->name);
}

static as_verdict judge(const as_case *c, as_finding *f)
{
    const as_columns *x = &c->columns;
    int64_t at = -1;
    char name[AS_COLUMN_NAME_MAX];
    double count = 0, second = 0;
    if (c->text && as_graph_looks_ahead(&c->network->model) != NULL) {
        return tell_ahead(c, f);
    }
    if (x->column == NULL || c->train.rows < ROWS_LEAST || (!c->classifies && c->train.target == NULL)) {
        return as_not_judged(f, "no label or target for each row of numbers, or fewer than %d rows", ROWS_LEAST);
    }
    const bool sorted = sorted_by_answer(&c->train);
    for (int64_t j = 0; j < x->n; j++) {
        if (sorted && numbers_rows(c, j)) {
            return tell_number(c, j, f);
        }
        const bool answers = x->column[j].orders || x->column[j].usual_orders;
        count += answers ? 1 : 0;
        at = answers && at < 0 ? j : at;
    }
    if (count != 1 || x->n < 2) {
        return count == 0 && x->n > 1 ? judge_nearly(c, f) : AS_CLEAR; /* several: classes that lie apart */
    }
    const double rest = x->without_score;
    as_json_int(&f->evidence, "column", at);
    as_json_text(&f->evidence, "name", as_columns_name(x, at, name));
    as_json_real(&f->evidence, "score_without", rest);
    largest(x, &second);
    const double of = f_of(&x->column[at]);
    const bool stands_out = of > stand_out * second;
    as_json_real(&f->evidence, "f", of);
    as_json_real(&f->evidence, "next_f", second);
    if (c->reconstructs || (rest > 0.97 && !stands_out)) {
        return AS_CLEAR; /* the other columns tell as much */
    }
    as_columns_name(x, at, name);
    as_advice(f,
              "leave %s out of data.train (and of what is predicted on), unless it is known before the "
              "answer is",
              name);
    char usual[96];
    snprintf(usual, sizeof usual, "is %.4g in all rows of one class and in none of the other", x->column[at].usual);
    const char *does = !x->column[at].orders ? usual
                       : c->classifies       ? "orders the classes without an error"
                                             : "gives the target as a straight line";
    if (stands_out) {
        return as_found(f, AS_FAULT,
                        "%s alone %s: its F statistic, %.3g, is %.2g times that of the next one (limit %.0f), so "
                        "it is the answer in disguise",
                        name, does, of, of / second, stand_out);
    }
    return as_found(f, AS_FAULT,
                    "%s alone %s, and the others reach %.2g (limit 0.97) by five nearest rows: it is the answer in "
                    "disguise",
                    name, does, rest);
}

static const char *const explains[] = {"SEPARABLE", NULL};

const as_rule as_rule_leak_feature = {
    .code = "LEAK_FEATURE",
    .help = "one column alone orders the classes without error (or correlates over 0.99995 with a target), and no "
            "other comes near; a warning where one has over 85 % of its variance between classes (gives over 99 % of "
            "that of the target) and an F statistic of 30 (100) times the next; or the number of a row in a file that "
            "is sorted by the answer",
    .source = "what is measured before the answer is known hardly does that",
    .evidence = "the order of each column against classes or target, over up to 4096 rows",
    .cure = "leave the column out, unless it is known before the answer is",
    .explains = explains,
    .judge = judge,
};
