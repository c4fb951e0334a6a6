/* Limited-memory BFGS as a machine that is given one evaluation at a time, so that whoever sums objectives over shards
   can stop and go on between any two. All its memory is arrays of the caller's: who keeps them can go on with the same
   bits.

   Method: two-loop recursion (Nocedal, Math. Comp. 35, 1980) from an initial inverse Hessian gamma P^-1, P a guess at
   the Hessian of the caller's, gamma = s'y / y'P^-1 y; a line search on cubic interpolation to the strong Wolfe
   conditions (Nocedal and Wright, Numerical Optimization, 2nd ed., 3.5); pairs with s'y <= 1e-12 |s| |y| are left out.
   With an L1 penalty: OWL-QN (Andrew and Gao, ICML 2007), directions and steps held to the orthant of the
   pseudo-gradient, Armijo's rule. Cost: (6 memory + 8) n flops and two products with P^-1 a move. */
#ifndef AS_MATH_LBFGS_H
#define AS_MATH_LBFGS_H

#include <stdbool.h>
#include <stdint.h>

enum { AS_LBFGS_NUMBERS = 16 };

/* Borrowed arrays. Zero before the first use, but for x and l1. */
typedef struct as_lbfgs {
    int64_t n, memory;
    void (*precondition)(const void *context, const double *from, double *to); /* to (n) = P^-1 from */
    const void *context;
    const double *l1;  /* (n) weights >= 0 of |x_j|, or NULL; P is a diagonal then */
    double *x;         /* (n) the best point so far: where the search goes on from */
    double *trial;     /* (n) the point to evaluate next; set it to x before the first evaluation */
    double *gradient;  /* (n) of the smooth part at x */
    double *direction; /* (n) */
    double *s, *y;     /* (memory, n) steps and changes of the gradient */
    double *work;      /* (n + 2 memory) nothing to keep */
    double *number;    /* (AS_LBFGS_NUMBERS) what else goes on */
} as_lbfgs;

typedef enum as_lbfgs_answer {
    AS_LBFGS_SEARCHING, /* the next trial lies on the same line */
    AS_LBFGS_MOVED,     /* trial became x; ask whether it is good enough, then as_lbfgs_next */
    AS_LBFGS_STUCK      /* no lower value on this line, or on the last 20, to within rounding; x is the best point */
} as_lbfgs_answer;

/* f and gradient at trial: smooth part, its penalty of second order included, l1 not. The first call takes trial as x.
   A value that is not finite counts as too far. */
as_lbfgs_answer as_lbfgs_take(as_lbfgs *l, double f, const double *gradient);
/* Whether the pairs in memory can be found by these numbers (AS_LBFGS_NUMBERS): for those that come from a file. */
bool as_lbfgs_sound(int64_t memory, const double *number);
/* The next direction and trial from x. */
void as_lbfgs_next(as_lbfgs *l);
/* Objective at x, l1 included; moves so far; evaluations on the present line. */
double as_lbfgs_value(const as_lbfgs *l);
int64_t as_lbfgs_moves(const as_lbfgs *l);
/* The element j of the gradient of least size among those that the objective has at x (its pseudo-gradient). */
double as_lbfgs_slope(double x, double gradient, double l1);

#endif
