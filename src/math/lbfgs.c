/* Limited-memory BFGS (lbfgs.h). */
#include "math/lbfgs.h"

#include <math.h>
#include <string.h>

#include "kernels/vectors.h"

enum {
    STARTED,  /* x was evaluated */
    VALUE,    /* at x, l1 included */
    STEP,     /* of the trial, in units of the direction */
    SLOPE,    /* of the objective along the direction at x */
    LOW_STEP, /* bracket: the end with the lower value ... */
    LOW_VALUE,
    LOW_SLOPE,
    HIGH_STEP, /* ... and the other one */
    HIGH_VALUE,
    HIGH_SLOPE,
    BRACKETED, /* the other end is known */
    TRIES,     /* evaluations on this line */
    PAIRS,     /* in memory */
    NEWEST,    /* their last one */
    MOVES,
    STALLS /* moves in a row that lowered the value by no more than rounding */
};

enum { TRIES_MOST = 40, STALLS_MOST = 20 };

static const double DECREASE = 1e-4, CURVATURE = 0.9, ROUNDING = 1e-14;

static bool whole_below(double value, int64_t end)
{
    return value >= 0 && value < (double)end && value == floor(value);
}

bool as_lbfgs_sound(int64_t memory, const double *number)
{
    return whole_below(number[PAIRS], memory + 1) && whole_below(number[NEWEST], memory);
}

double as_lbfgs_value(const as_lbfgs *l)
{
    return l->number[VALUE];
}

int64_t as_lbfgs_moves(const as_lbfgs *l)
{
    return (int64_t)l->number[MOVES];
}

double as_lbfgs_slope(double x, double gradient, double l1)
{
    if (x != 0) {
        return gradient + (x > 0 ? l1 : -l1);
    }
    return gradient > l1 ? gradient - l1 : gradient < -l1 ? gradient + l1 : 0;
}

static double slope_at(const as_lbfgs *l, int64_t j)
{
    return as_lbfgs_slope(l->x[j], l->gradient[j], l->l1 != NULL ? l->l1[j] : 0);
}

/* direction = - H (pseudo-gradient) by the pairs in memory, oldest to newest around the ring. */
static void recursion(as_lbfgs *l)
{
    const as_vectors *V = as_vectors_get(as_isa_detect());
    const int64_t n = l->n, pairs = (int64_t)l->number[PAIRS], newest = (int64_t)l->number[NEWEST];
    double *d = l->direction, *image = l->work, *alpha = l->work + n, *rho = alpha + l->memory, gamma = 1;
    for (int64_t j = 0; j < n; j++) {
        d[j] = -slope_at(l, j);
    }
    for (int64_t p = 0; p < pairs; p++) {
        const int64_t at = (newest - p + l->memory) % l->memory;
        const double *s = l->s + at * n, *y = l->y + at * n;
        rho[at] = 1 / V->dot(n, s, y);
        alpha[at] = rho[at] * V->dot(n, s, d);
        V->axpy(n, -alpha[at], y, d);
    }
    if (pairs > 0) {
        const double *y = l->y + newest * n;
        l->precondition(l->context, y, image);
        gamma = 1 / (rho[newest] * V->dot(n, y, image));
    }
    l->precondition(l->context, d, image);
    for (int64_t j = 0; j < n; j++) {
        d[j] = gamma * image[j];
    }
    for (int64_t p = pairs - 1; p >= 0; p--) {
        const int64_t at = (newest - p + l->memory) % l->memory;
        const double beta = rho[at] * V->dot(n, l->y + at * n, d);
        V->axpy(n, alpha[at] - beta, l->s + at * n, d);
    }
}

/* trial = x + step direction, held to the orthant where there is an l1. */
static void place_trial(as_lbfgs *l, double step)
{
    l->number[STEP] = step;
    for (int64_t j = 0; j < l->n; j++) {
        double t = l->x[j] + step * l->direction[j];
        if (l->l1 != NULL && l->l1[j] > 0) {
            const double side = l->x[j] != 0 ? l->x[j] : -slope_at(l, j);
            t = t * side > 0 ? t : 0;
        }
        l->trial[j] = t;
    }
}

void as_lbfgs_next(as_lbfgs *l)
{
    double *at = l->number, slope = 0;
    recursion(l);
    for (int64_t j = 0; j < l->n; j++) {
        const double g = slope_at(l, j);
        if (l->l1 != NULL && l->l1[j] > 0 && l->direction[j] * g >= 0) {
            l->direction[j] = 0;
        }
        slope += g * l->direction[j];
    }
    if (!(slope < 0)) { /* no descent: forget, and go down the gradient */
        at[PAIRS] = slope = 0;
        recursion(l);
        for (int64_t j = 0; j < l->n; j++) {
            slope += slope_at(l, j) * l->direction[j];
        }
    }
    at[SLOPE] = slope;
    at[LOW_STEP] = at[BRACKETED] = at[TRIES] = 0;
    at[LOW_VALUE] = at[VALUE];
    at[LOW_SLOPE] = slope;
    place_trial(l, 1);
}

/* The trial becomes x. */
static as_lbfgs_answer move(as_lbfgs *l, double value, const double *gradient)
{
    const as_vectors *V = as_vectors_get(as_isa_detect());
    const int64_t n = l->n;
    if (l->number[STARTED] != 0) {
        const int64_t next = ((int64_t)l->number[NEWEST] + 1) % l->memory;
        double *s = l->s + next * n, *y = l->y + next * n, out[3];
        /* The oldest pair gives its place up before the new one is judged. */
        for (int64_t j = 0; j < n; j++) {
            s[j] = l->trial[j] - l->x[j];
            y[j] = gradient[j] - l->gradient[j];
        }
        V->gram_pair(n, s, y, out);
        if (out[2] > 1e-12 * sqrt(out[0] * out[1])) {
            l->number[NEWEST] = (double)next;
            l->number[PAIRS] += l->number[PAIRS] < (double)l->memory ? 1 : 0;
        } else if (l->number[PAIRS] == (double)l->memory) {
            l->number[PAIRS] -= 1;
        }
        l->number[MOVES] += 1;
        const bool lower = value < l->number[VALUE] - ROUNDING * fabs(l->number[VALUE]);
        l->number[STALLS] = lower ? 0 : l->number[STALLS] + 1;
    }
    l->number[STARTED] = 1;
    l->number[VALUE] = value;
    memcpy(l->x, l->trial, (size_t)n * sizeof(double));
    memcpy(l->gradient, gradient, (size_t)n * sizeof(double));
    return l->number[STALLS] > STALLS_MOST ? AS_LBFGS_STUCK : AS_LBFGS_MOVED;
}

/* Least point of the cubic through two values and slopes, kept off the ends by a tenth of the interval. */
static double between(const double *at)
{
    const double a = at[LOW_STEP], b = at[HIGH_STEP], width = b - a;
    double best = a + 0.5 * width;
    if (isfinite(at[HIGH_VALUE]) && isfinite(at[HIGH_SLOPE])) {
        const double d1 = at[LOW_SLOPE] + at[HIGH_SLOPE] - 3 * (at[LOW_VALUE] - at[HIGH_VALUE]) / (a - b);
        const double square = d1 * d1 - at[LOW_SLOPE] * at[HIGH_SLOPE];
        if (square >= 0) {
            const double d2 = copysign(sqrt(square), width);
            const double t = b - width * (at[HIGH_SLOPE] + d2 - d1) / (at[HIGH_SLOPE] - at[LOW_SLOPE] + 2 * d2);
            best = isfinite(t) ? t : best;
        }
    } else {
        best = a + 0.1 * width;
    }
    const double first = a + 0.1 * width, last = b - 0.1 * width;
    const double least = first < last ? first : last, most = first < last ? last : first;
    return best < least ? least : best > most ? most : best;
}

static void set_end(double *at, int step, double t, double value, double slope)
{
    at[step] = t;
    at[step + 1] = value;
    at[step + 2] = slope;
}

/* Armijo's rule along the projected step (Andrew and Gao 2007, sec. 3). */
static as_lbfgs_answer judge_projected(as_lbfgs *l, double value, const double *gradient)
{
    double *at = l->number, expected = 0;
    for (int64_t j = 0; j < l->n; j++) {
        expected += slope_at(l, j) * (l->trial[j] - l->x[j]);
    }
    if (value <= at[VALUE] + DECREASE * expected + ROUNDING * fabs(at[VALUE])) {
        return move(l, value, gradient);
    }
    if (at[TRIES] >= TRIES_MOST) {
        return AS_LBFGS_STUCK;
    }
    place_trial(l, at[STEP] * (isfinite(value) ? 0.5 : 0.1));
    return AS_LBFGS_SEARCHING;
}

static as_lbfgs_answer judge(as_lbfgs *l, double value, const double *gradient)
{
    double *at = l->number;
    const as_vectors *V = as_vectors_get(as_isa_detect());
    const double t = at[STEP], slack = ROUNDING * fabs(at[VALUE]);
    const double slope = isfinite(value) ? V->dot(l->n, gradient, l->direction) : HUGE_VAL;
    const bool lower = value <= at[VALUE] + DECREASE * t * at[SLOPE] + slack;
    if (lower && fabs(slope) <= -CURVATURE * at[SLOPE]) {
        return move(l, value, gradient);
    }
    if (at[TRIES] >= TRIES_MOST) {
        if (lower && value < at[VALUE]) {
            return move(l, value, gradient);
        }
        return AS_LBFGS_STUCK;
    }
    const bool bracketed = at[BRACKETED] != 0;
    if (!lower || value >= at[LOW_VALUE] + slack) {
        set_end(at, HIGH_STEP, t, value, slope);
        at[BRACKETED] = 1;
    } else {
        if (slope * (bracketed ? at[HIGH_STEP] - at[LOW_STEP] : 1) >= 0) {
            set_end(at, HIGH_STEP, at[LOW_STEP], at[LOW_VALUE], at[LOW_SLOPE]);
            at[BRACKETED] = 1;
        }
        set_end(at, LOW_STEP, t, value, slope);
    }
    place_trial(l, at[BRACKETED] != 0 ? between(at) : 4 * t);
    return AS_LBFGS_SEARCHING;
}

as_lbfgs_answer as_lbfgs_take(as_lbfgs *l, double f, const double *gradient)
{
    double value = f;
    for (int64_t j = 0; j < l->n && l->l1 != NULL; j++) {
        value += l->l1[j] * fabs(l->trial[j]);
    }
    value = isnan(value) ? HUGE_VAL : value;
    if (l->number[STARTED] == 0) {
        return move(l, value, gradient);
    }
    l->number[TRIES] += 1;
    return l->l1 != NULL ? judge_projected(l, value, gradient) : judge(l, value, gradient);
}
