/* OVER_REGULARISED: a penalty that takes the weights away, or dropout that takes too much. */
#include <math.h>
#include <stddef.h>

#include "probe/remedy.h"

static const double weight_limit = 0.1, loss_limit = 0.9;
static const double gap_limit = 0.1, free_limit = 0.8; /* weights that are left, and held back */

/* Whether nearest rows tell clearly more, and the loss falls as soon as the penalty is gone, but not with it. */
static bool held_back(const as_case *c)
{
    const as_short *free = &c->unpenalised, *as_is = &c->decayed[0];
    return c->now.rows > 0 && c->columns.neighbour_rows > 0 && free->steps > 0 && as_is->steps > 0 &&
           as_case_held_back(c) && as_case_neighbour_score(c) > as_case_model_score(c) + gap_limit &&
           free->last < free_limit * free->first && free->last < free_limit * as_is->last;
}

static as_verdict tell_held_back(const as_case *c, as_finding *f)
{
    const as_short *free = &c->unpenalised;
    return as_found(f, AS_FAULT,
                    "the penalty (l2 %.2g, l1 %.2g, weight decay %.2g) holds the loss at %.2g of chance (limit %.1f): "
                    "%lld steps with a thousandth of it take the loss from %.3g to %.3g, as it is to %.3g (limit %.1f)",
                    c->l2, c->network->model.l1, c->weight_decay, 1 - as_case_learnt(c), AS_HALF_LEFT,
                    (long long)free->steps, free->first, free->last, c->decayed[0].last, free_limit);
}

/* A number of the section `model`, where it has one alone; else NaN. */
static double option_of(const as_case *c, const char *key)
{
    const as_node *node = as_node_get(c->model_node, key);
    node = node != NULL && node->kind == AS_NODE_LIST && node->count == 1 ? node->item[0] : node;
    double value;
    return node != NULL && node->kind == AS_NODE_SCALAR && as_text_to_real(node->text, &value) ? value : (double)NAN;
}

/* A model that is solved for, with a penalty that was given: its loss is that of guessing, nearest rows tell more. */
static as_verdict judge_statistic(const as_case *c, as_finding *f)
{
    const as_history *h = &c->history;
    const as_columns *x = &c->columns;
    const double alpha = option_of(c, "alpha"), inverse = option_of(c, "C");
    const as_node *penalty = as_node_get(c->model_node, "penalty");
    const bool free = penalty == NULL || as_node_is(penalty, "none");
    if (!(c->squares ? alpha > 0 : c->entropy && !free) || !(c->chance > 0)) {
        return as_not_judged(f, "no network");
    }
    if (h->nevaluations == 0 || !(x->neighbour_rows > 0)) {
        return as_not_judged(f, "no evaluation in the log, or no columns of numbers");
    }
    const double left = h->evaluation[h->nevaluations - 1].train_loss / c->chance;
    const double told = c->classifies ? x->neighbour_score - x->neighbour_chance : as_case_neighbour_score(c);
    as_json_real(&f->evidence, "loss_share", left);
    as_json_real(&f->evidence, "neighbours_tell", told);
    if (!(left > loss_limit) || !(told > gap_limit)) {
        return AS_CLEAR;
    }
    if (c->squares) {
        const bool path = as_node_is(as_node_get(c->model_node, "type"), "ridge"); /* it chooses one of them */
        if (path) {
            as_action(f, "model.alpha=[0.1,1,10,100,1000]");
        } else {
            as_action(f, "model.alpha=%.2g", alpha * 1e-3);
        }
    } else {
        const double larger = (isnan(inverse) ? 1 : inverse) * 1e3;
        as_action(f, "model.C=%.2g", larger > 1 ? larger : 1);
    }
    return as_found(f, AS_FAULT,
                    "the penalty (%s %.2g) holds the loss at %.3g of that of guessing (limit %.1f), where five nearest "
                    "rows %s %.2g (limit %.1f)",
                    c->squares ? "alpha" : "C",
                    c->squares       ? alpha
                    : isnan(inverse) ? 1
                                     : inverse,
                    left, loss_limit,
                    c->classifies ? "are right more often than guessing by" : "tell a share of the variance of", told,
                    gap_limit);
}

/* Whether the run has learnt little by dropout: from the same start, as many steps at most without it get much further
   on the same rows, and more steps with it do not. */
static bool dropped(const as_case *c)
{
    const as_short *with = &c->changed, *without = &c->undropped;
    const double reached = c->now.rows > 0 ? as_case_judged(c)->loss : (double)NAN;
    return without->steps > 0 && as_case_held_back(c) && reached > AS_HALF_LEFT * c->chance &&
           without->last < free_limit * reached && !(with->last < without->last / free_limit);
}

static as_verdict tell_dropped(const as_case *c, as_finding *f)
{
    const as_short *without = &c->undropped;
    if (!as_remedy_dropout(c, "0.3", f)) {
        as_advice(f, "take smaller rates of dropout (0.1 to 0.5), or more units");
    }
    return as_found(f, AS_FAULT,
                    "with dropout the run has reached a loss of %.3g on the rows that it is judged by in %lld steps; "
                    "from the same start, %lld steps without it reach %.3g (limit %.1f of that), where chance is %.3g",
                    as_case_judged(c)->loss, (long long)c->final_step, (long long)without->steps, without->last,
                    free_limit, c->chance);
}

static as_verdict judge(const as_case *c, as_finding *f)
{
    if (c->network == NULL) {
        return judge_statistic(c, f);
    }
    const double l1 = c->network->model.l1;
    if (!c->point.measured || !c->point.finite) {
        return as_not_judged(f, "no state after training");
    }
    const double share = c->point.weight_norm / c->start.weight_norm;
    as_json_real(&f->evidence, "weights", share);
    as_json_real(&f->evidence, "loss", c->point.loss);
    as_json_real(&f->evidence, "chance", c->chance);
    as_json_real(&f->evidence, "without_penalty", c->unpenalised.steps > 0 ? c->unpenalised.last : (double)NAN);
    as_json_real(&f->evidence, "with_dropout", c->undropped.steps > 0 ? c->changed.last : (double)NAN);
    as_json_real(&f->evidence, "without_dropout", c->undropped.steps > 0 ? c->undropped.last : (double)NAN);
    const bool shrunk = share < weight_limit && c->point.loss > loss_limit * c->chance;
    if (!(as_case_penalty(c) > 0) || !(shrunk || held_back(c))) {
        return dropped(c) ? tell_dropped(c, f) : AS_CLEAR;
    }
    if (c->weight_decay > c->l2 && c->weight_decay > l1) {
        as_action(f, "optimizer.weight_decay=%.2g", c->weight_decay * 1e-3);
    } else if (l1 > c->l2) {
        as_action(f, "model.l1=%.2g", l1 * 1e-3);
    } else {
        as_action(f, "model.l2=%.2g", c->l2 * 1e-3);
    }
    if (!shrunk) {
        return tell_held_back(c, f);
    }
    return as_found(
        f, AS_FAULT,
        "weights are %.2g of those at the start (limit %.1f) and the loss is %.3g where chance is %.3g: the "
        "penalty (l2 %.2g, l1 %.2g, weight decay %.2g) outweighs the data",
        share, weight_limit, c->point.loss, c->chance, c->l2, l1, c->weight_decay);
}

static const char *const explains[] = {"SADDLE",
                                       "OVERFIT",
                                       "LR_TOO_LOW",
                                       "CONVERGED_NOISE_FLOOR",
                                       "MODEL_TOO_SIMPLE",
                                       "PLATEAU_NEEDS_DECAY",
                                       "NOISE_DOMINATED",
                                       "CLASS_IMBALANCE",
                                       "DEAD_RELU",
                                       "BATCH_TOO_LARGE",
                                       NULL};

const as_rule as_rule_over_regularised = {
    .code = "OVER_REGULARISED",
    .help =
        "weights under 10 % of those at the start, and a loss at chance, with l2 or weight decay on; or a loss over "
        "half of chance, nearest rows that tell 0.1 more, and a fall by a fifth in a few steps without the penalty; or "
        "dropout, without which as many steps take a loss over half of chance down by a fifth; of "
        "models that are solved for: a loss over 0.9 of guessing, and nearest rows that tell 0.1",
    .source = "the penalty alone shrinks weights without limit; a controlled experiment where it only holds them back",
    .evidence = "norms of weights at the start and after training, the loss; 40 steps with a thousandth of the penalty",
    .cure = "a thousandth of the penalty",
    .explains = explains,
    .after = true,
    .judge = judge,
};
