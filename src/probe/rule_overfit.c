/* OVERFIT: rows held out that were predicted better before, while the training loss went on to fall. Decided row by
   row: the losses of the same rows at the step of the lowest validation loss (best.h5) and at the end differ by d_r;
   Student's test on their mean. What makes a row hard is in both and cancels, so that few rows are enough. Without
   best.h5 the spread of the last losses stands in for that of the differences, which is more. */
#include <math.h>
#include <stddef.h>
#include <string.h>

#include "kernels/scalar_math.h"
#include "math/moments.h"
#include "probe/remedy.h"

static const double rise_limit = 0.1, p_limit = 1e-3;          /* the rise alone */
static const double gap_rise = 0.15, gap_p = 0.1, gap_z = 3.3; /* a rise beside a gap to the training rows */
static const double worse_p = 1e-2, worse_z = 2.5;             /* the same to a loss over that of a constant */
static const double fall_limit = 0.8, late_share = 0.5, kept_limit = 1e-3, chance_limit = AS_GAP;
static const double rise_of_chance = 0.05, end_of_chance = 0.5; /* what is learnt well may lose a little */
static const double heart_loss = 0.05, heart_hits = 0.2;        /* known by heart, and far from as good on others */
static const double free_share = 0.8, free_p = 5e-4;            /* with more penalty, of two that were tried */
static const double solved_spent = 1.0 / 3, solved_likely = 2;  /* columns over rows */
static const double solved_worse = 0.5, solved_errors = 4;      /* over a constant; standard errors of a mean square */
static const double heart_rise = 0.25; /* of chance: counts besides, where training rows are known by heart */

/* The course of the validation losses. */
typedef struct course {
    int64_t count, after; /* evaluations; those after the lowest */
    const as_history_evaluation *low, *end;
    double tail; /* median of the last quarter */
} course;

static void insert(double *v, int n, double x)
{
    int i = n;
    for (; i > 0 && v[i - 1] > x; i--) {
        v[i] = v[i - 1];
    }
    v[i] = x;
}

static course follow(const as_history *h)
{
    enum { TAIL_MOST = 64 };
    course x = {0};
    double tail[TAIL_MOST];
    int n = 0;
    for (int64_t i = 0; i < h->nevaluations; i++) {
        const as_history_evaluation *e = &h->evaluation[i];
        if (isfinite(e->loss)) {
            x.after = x.low == NULL || e->loss < x.low->loss ? 0 : x.after + 1;
            x.low = x.after == 0 ? e : x.low;
            x.end = e;
            x.count++;
        }
    }
    const int64_t quarter = (x.count + 3) / 4, most = quarter < TAIL_MOST ? quarter : TAIL_MOST;
    for (int64_t i = h->nevaluations - 1; i >= 0 && n < most; i--) {
        if (isfinite(h->evaluation[i].loss)) {
            insert(tail, n++, h->evaluation[i].loss);
        }
    }
    x.tail = n > 0 ? tail[n / 2] : (double)NAN;
    return x;
}

/* One-sided p of a mean over n rows that is t standard errors over 0. */
static double tail_of(double t, double n)
{
    const double both = n > 1 ? as_tail_f(t * t, 1, n - 1) : 1;
    return t > 0 ? both / 2 : 1 - both / 2;
}

/* Mean difference of the losses of the same rows and its standard error; false: they are not the same rows, or best.h5
   is not of the step that the log calls lowest. */
static bool pair_rows(const as_case *c, const as_history_evaluation *low, double *mean, double *error)
{
    const as_fit *a = &c->best, *b = &c->held_out;
    if (a->rows < 2 || a->rows != b->rows || c->best_step != low->step ||
        memcmp(a->id, b->id, (size_t)a->rows * sizeof *a->id) != 0) {
        return false;
    }
    as_fit_difference(a, b, mean, error);
    return isfinite(*error) && *error > 0;
}

/* Mean logarithm of the losses of rows, and its squared standard error: what one outlier does not decide. */
static double mean_log(const as_fit *f, double floor, double *square)
{
    double n = 0, mean = 0, squares = 0;
    for (int64_t r = 0; r < f->rows; r++) {
        const double x = as_log_f64(f->row_loss[r] > floor ? f->row_loss[r] : floor);
        as_moments_add(&n, &mean, &squares, 1, 1, &x);
    }
    *square = n > 1 ? squares / (n - 1) / n : (double)INFINITY;
    return mean;
}

/* Standard errors between the losses of rows held out and of training rows (as logarithms), or their accuracies,
   whichever is more. */
static double gap_of(const as_case *c)
{
    const as_fit *a = &c->now, *b = &c->held_out;
    const double floor = 1e-6 * fabs(isfinite(c->chance) ? c->chance : 1) + 1e-300;
    double of_a, of_b;
    const double log_a = mean_log(a, floor, &of_a), log_b = mean_log(b, floor, &of_b);
    const double loss = (log_b - log_a) / sqrt(of_a + of_b);
    double hits = 0;
    if (a->accuracy >= 0 && b->accuracy >= 0) {
        const double n = (double)a->rows, m = (double)b->rows, p = (a->accuracy * n + b->accuracy * m) / (n + m);
        hits = (a->accuracy - b->accuracy) / sqrt(p * (1 - p) * (1 / n + 1 / m));
    }
    return hits > loss || isnan(loss) ? hits : loss;
}

/* Whether training rows are known by heart, and rows held out are hardly told, or wrong far more often. */
static bool by_heart(const as_case *c)
{
    const as_fit *a = &c->now, *b = &c->held_out;
    return a->rows > 0 && b->rows > 1 && gap_of(c) > gap_z && a->loss < heart_loss * c->chance &&
           (b->loss > end_of_chance * c->chance || a->accuracy - b->accuracy > heart_hits);
}

static as_verdict tell_by_heart(const as_case *c, as_finding *f)
{
    const as_fit *a = &c->now, *b = &c->held_out;
    as_action(f, "model.l2=%.2g", c->l2 > 1e-3 ? 10 * c->l2 : 1e-2);
    if (b->accuracy >= 0) {
        return as_found(f, AS_FAULT,
                        "the training rows are known by heart (loss %.2g, accuracy %.3g), the rows held out are not "
                        "(loss %.3g, accuracy %.3g; limit %.1f standard errors apart, found %.1f; chance %.3g)",
                        a->loss, a->accuracy, b->loss, b->accuracy, gap_z, gap_of(c), c->chance);
    }
    return as_found(
        f, AS_FAULT,
        "the training rows are known by heart (loss %.2g), the rows held out are not (loss %.3g; limit %.1f "
        "standard errors apart, found %.1f; chance %.3g)",
        a->loss, b->loss, gap_z, gap_of(c), c->chance);
}

/* Whether the same training with more penalty loses clearly less on the same rows held out. */
static bool loose(const as_case *c, double *p)
{
    const as_fit *a = &c->restrained, *b = &c->held_out;
    double mean = 0, error;
    *p = 1;
    if (a->rows > 1 && a->rows == b->rows) {
        as_fit_difference(a, b, &mean, &error);
        *p = tail_of(mean / error, (double)a->rows);
    }
    return *p < free_p && a->loss < free_share * b->loss && mean > rise_of_chance * c->chance;
}

static as_verdict judge_gap(const as_case *c, as_finding *f)
{
    double p;
    const bool found = loose(c, &p);
    if (by_heart(c)) {
        return tell_by_heart(c, f);
    }
    if (c->restrained.rows > 0) {
        as_json_real(&f->evidence, "restraint", c->restraint);
        as_json_real(&f->evidence, "held_out_restrained", c->restrained.loss);
        as_json_real(&f->evidence, "p_restrained", p);
    }
    if (!found) {
        return AS_CLEAR;
    }
    as_action(f, "model.l2=%.2g", c->restraint);
    return as_found(f, AS_FAULT,
                    "rows held out have a loss of %.3g, training rows %.3g; the same %lld steps with model.l2=%.2g end "
                    "at %.3g on the same rows held out (limit %.1f of that; p %.2g, limit %.1g)",
                    c->held_out.loss, c->now.loss, (long long)c->final_step, c->restraint, c->restrained.loss,
                    free_share, p, free_p);
}

/* Of a model that is solved for, from the log: training rows are told, others are worse off than with a constant. */
static as_verdict judge_solved(const as_case *c, as_finding *f)
{
    const as_history *h = &c->history;
    const as_history_evaluation *end = h->nevaluations > 0 ? &h->evaluation[h->nevaluations - 1] : NULL;
    const double rows = c->duplicate_rows; /* held out */
    if (end == NULL || !(c->chance > 0) || !isfinite(end->loss) || !(rows > 1)) {
        return as_not_judged(f, "fewer than 4 validations: set data.validation");
    }
    /* least squares of p columns by n rows add n / (n - p) of their noise: where that is much, less proof is wanted */
    const double spent = c->squares ? (double)c->dependence.rank / (double)c->train.total : 0;
    const double error = (spent > solved_spent ? solved_likely : solved_errors) * sqrt(2 / rows);
    const double worse = error > solved_worse ? error : solved_worse;
    as_json_real(&f->evidence, "training_loss", end->train_loss);
    as_json_real(&f->evidence, "held_out_loss", end->loss);
    as_json_real(&f->evidence, "chance", c->chance);
    if (!(end->train_loss < c->chance) || !(end->loss > (1 + worse) * c->chance)) {
        return AS_CLEAR;
    }
    as_remedy_restrain(c, f);
    as_advice(f, "use fewer columns");
    return as_found(f, AS_FAULT,
                    "training rows have a loss of %.3g, those held out %.3g, which is worse than that of a constant, "
                    "%.3g (limit %.0f %% more)",
                    end->train_loss, end->loss, c->chance, 100 * worse);
}

/* Without a course: training rows are known by heart, others are predicted worse than by a constant. */
static as_verdict judge_end(const as_case *c, as_finding *f)
{
    const as_fit *a = &c->now, *b = &c->held_out;
    if (a->rows == 0 || b->rows < 2 || !(c->chance > 0)) {
        return as_not_judged(f, "fewer than 4 validations: set data.validation");
    }
    as_json_real(&f->evidence, "training_loss", a->loss);
    as_json_real(&f->evidence, "held_out_loss", b->loss);
    as_json_real(&f->evidence, "chance", c->chance);
    if (!(a->loss < chance_limit * c->chance) || !(b->loss - 2 * b->loss_se > c->chance) || !(gap_of(c) > gap_z)) {
        return judge_gap(c, f);
    }
    as_action(f, "data.validation=0.2 train.patience=5");
    return as_found(f, AS_FAULT,
                    "training rows have a loss of %.3g, those held out %.3g +- %.2g, which is worse than that of a "
                    "constant, %.3g (limit 2 standard errors)",
                    a->loss, b->loss, b->loss_se, c->chance);
}

static as_verdict judge(const as_case *c, as_finding *f)
{
    const course x = follow(&c->history);
    const bool stopped = c->patience > 0 && x.after <= c->patience && c->best.rows > 0;
    if (c->trained && stopped) {
        as_json_bool(&f->evidence, "stopped_early", true);
        return AS_CLEAR; /* what OVERFIT would advise has been done: best.h5 is of the lowest loss */
    }
    if (c->network == NULL) {
        return judge_solved(c, f);
    }
    if (x.count < 4) {
        return judge_end(c, f);
    }
    double rise = x.end->loss - x.low->loss, error = c->held_out.rows > 0 ? c->held_out.loss_se : (double)NAN;
    const bool paired = pair_rows(c, x.low, &rise, &error);
    const double n = c->held_out.rows > 0 ? (double)c->held_out.rows : 0, t = rise / error, p = tail_of(t, n);
    const double share = rise / fabs(x.low->loss), gap = gap_of(c);
    as_json_real(&f->evidence, "lowest", x.low->loss);
    as_json_int(&f->evidence, "lowest_step", x.low->step);
    as_json_real(&f->evidence, "last", x.end->loss);
    as_json_bool(&f->evidence, "paired", paired);
    as_json_real(&f->evidence, "rise", share);
    as_json_real(&f->evidence, "standard_errors", t);
    as_json_real(&f->evidence, "p", p);
    as_json_real(&f->evidence, "gap_standard_errors", gap);
    const bool fell = x.end->train_loss < fall_limit * x.low->train_loss && c->now.loss < c->held_out.loss;
    const bool lasts = x.tail - x.low->loss > late_share * (x.end->loss - x.low->loss); /* no spike of the end */
    const bool kept =
        fabs(c->held_out.loss - x.low->loss) <= kept_limit * fabs(x.low->loss); /* the best state is left */
    const bool certain = share > rise_limit && p < p_limit && !(rise < rise_of_chance * c->chance);
    const bool beside = share > gap_rise && p < gap_p && gap > gap_z && c->now.loss < chance_limit * c->held_out.loss &&
                        (!(c->held_out.loss < end_of_chance * c->chance) ||
                         (c->now.loss < heart_loss * c->chance && rise > heart_rise * c->chance));
    const bool worse = share > gap_rise && p < worse_p && gap > worse_z && c->held_out.loss > c->chance;
    if (kept || !fell || !lasts || !(certain || beside || worse)) {
        return judge_gap(c, f);
    }
    as_action(f, "train.patience=5 checkpoint.best=true");
    return as_found(
        f, AS_FAULT,
        "%s rose by %.0f %% (limit %.0f %%), %.1f standard errors over %.0f rows (p %.2g, limit %.2g), from "
        "%.3g at step %lld to %.3g, while training loss fell from %.3g to %.3g",
        paired ? "losses of the same rows held out" : "validation loss", 100 * share,
        100 * (certain ? rise_limit : gap_rise), t, n, p,
        certain ? p_limit
        : worse ? worse_p
                : gap_p,
        x.low->loss, (long long)x.low->step, x.end->loss, x.low->train_loss, x.end->train_loss);
}

const as_rule as_rule_overfit = {
    .code = "OVERFIT",
    .help =
        "the same rows held out have a loss over 10 % higher at the end than at the lowest validation loss, with p "
        "under 0.001 by their paired differences (15 % and 0.1 where training rows are far better, 0.01 where a "
        "constant is), while the training loss fell; or training rows known by heart (5 % of chance) and others "
        "not (half of chance, or 20 % "
        "more mistakes; 3.3 standard errors); or the same training with more l2 ends a fifth lower on them (p 0.0005)",
    .source = "Student's paired test; a gap alone is no fault of a network that interpolates",
    .evidence = "the same rows held out, at the step of their lowest loss (best.h5) and at the end, row by row",
    .cure = "train.patience, checkpoint.best, a penalty, dropout, more data",
    .after = true,
    .judge = judge,
};
