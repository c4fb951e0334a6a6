/* CLASS_IMBALANCE: a rare class that is not recognised. */
#include <stddef.h>
#include <stdio.h>

#include "probe/rule.h"

static const double ratio_limit = 10, recall_limit = 0.3;
enum { ROWS_LEAST = 5 };

/* Weights that take a class away: rows times weight, against the class that has most of it. */
static bool judge_weights(const as_case *c, const double *recall, as_finding *f)
{
    const double *rows = c->columns.class_rows;
    double most = 0, mean = 0, least = 0;
    int64_t light = -1;
    for (int64_t k = 0; k < c->train.classes && k < c->nweights; k++) {
        most = rows[k] * c->class_weight[k] > most ? rows[k] * c->class_weight[k] : most;
        mean += rows[k] / (double)c->train.classes;
    }
    for (int64_t k = 0; k < c->train.classes && k < c->nweights; k++) {
        const double mass = rows[k] * c->class_weight[k];
        if (rows[k] >= mean / 2 && most > ratio_limit * mass && recall != NULL && recall[k] < recall_limit) {
            light = light < 0 || mass < least ? k : light;
            least = light == k ? mass : least;
        }
    }
    if (light < 0 || c->now.recall == NULL) {
        return false;
    }
    char name[64];
    as_json_int(&f->evidence, "class", light);
    as_json_real(&f->evidence, "rows", rows[light]);
    as_json_real(&f->evidence, "weight", c->class_weight[light]);
    as_json_real(&f->evidence, "recall", recall[light]);
    as_action(f, "data.class_weights=[]");
    as_found(f, AS_FAULT,
             "class %s has %.0f rows, no few, but by data.class_weights %.3g times less to say than the heaviest "
             "(limit %.0f), and the model recognises %.0f %% of them (limit %.0f %%)",
             as_case_class(c, light, name), rows[light], most / least, ratio_limit, 100 * recall[light],
             100 * recall_limit);
    return true;
}

static as_verdict judge(const as_case *c, as_finding *f)
{
    const double *rows = c->columns.class_rows;
    double most = 0, worst = 2, count = 0;
    int64_t rare = -1;
    if (!c->classifies || rows == NULL) {
        return c->regresses ? AS_CLEAR : as_not_judged(f, "no classes, or too few rows");
    }
    const double *recall = c->now.recall != NULL ? c->now.recall : c->columns.neighbour_recall;
    if (judge_weights(c, recall, f)) {
        return AS_FOUND;
    }
    for (int64_t k = 0; k < c->train.classes; k++) {
        most = rows[k] > most ? rows[k] : most;
    }
    for (int64_t k = 0; k < c->train.classes; k++) {
        if (rows[k] >= ROWS_LEAST && most > ratio_limit * rows[k] && recall != NULL && recall[k] < worst) {
            worst = recall[k];
            rare = k;
            count = rows[k];
        }
    }
    if (rare < 0 || worst >= recall_limit) {
        return AS_CLEAR;
    }
    char name[64];
    as_json_int(&f->evidence, "class", rare);
    as_json_real(&f->evidence, "rows", count);
    as_json_real(&f->evidence, "largest_class_rows", most);
    as_json_real(&f->evidence, "recall", worst);
    if (!c->weighted) {
        char weights[AS_ACTION_MAX] = "";
        size_t used = 0;
        for (int64_t k = 0; k < c->train.classes && used < sizeof weights - 24; k++) {
            used += (size_t)snprintf(weights + used, sizeof weights - used, "%s%.3g", k > 0 ? "," : "",
                                     rows[k] > 0 ? most / rows[k] : 1.0);
        }
        if (used < sizeof weights - 32) {
            as_action(f, "data.class_weights=[%s]", weights);
        }
    }
    if (f->action[0] == '\0') {
        as_advice(f, "collect more rows of the rare classes, or judge the model by their recall");
    }
    return as_found(f, AS_FAULT,
                    "class %s has %.0f rows, %.1f times fewer than the largest (limit %.0f), and %s recognises %.0f "
                    "%% of them (limit %.0f %%)",
                    as_case_class(c, rare, name), count, most / count, ratio_limit,
                    c->now.recall != NULL ? "the model" : "a probe by five nearest rows", 100 * worst,
                    100 * recall_limit);
}

static const char *const explains[] = {
    "LR_TOO_LOW", "MODEL_TOO_SIMPLE", "CONVERGED_NOISE_FLOOR", "LABELS_UNINFORMATIVE", "SADDLE", "OVERFIT", NULL};

const as_rule as_rule_class_imbalance = {
    .code = "CLASS_IMBALANCE",
    .help = "rows of the largest class over those of the smallest, over 10 (or rows times data.class_weights), and a "
            "recall of the rare one under 0.3",
    .source = "a rare class that is learnt all the same is no fault",
    .evidence = "rows of each class, recall after training or by nearest rows",
    .cure = "data.class_weights",
    .explains = explains,
    .judge = judge,
};
