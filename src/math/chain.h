/* Hidden Markov chains: likelihood, posterior states and most likely path of one sequence, given what each state makes
   of each position. Plain arrays, one thread; not collective. */
#ifndef AS_MATH_CHAIN_H
#define AS_MATH_CHAIN_H

#include <stdint.h>

/* k states. Rows of `step` add up to 1, as does `start`. */
typedef struct as_chain {
    int64_t k;
    const double *start, *step; /* (k), (k, k): from row to column */
} as_chain;

/* ln p of a sequence of n positions. density (n, k): ln p(x_t | state), -inf where a state cannot give it; becomes the
   densities over the largest of a position. share (n, k): p(state_t | x_0..x_t). scale (n): p(x_t | before) in the
   units of density. A position that no state can reach and give counts as probability DBL_TRUE_MIN, the chain begins
   there anew with all states alike, its scale is 0, and *impossible is raised: everything stays finite. */
double as_chain_forward(const as_chain *chain, int64_t n, double *density, double *share, double *scale,
                        int64_t *impossible);

/* After forward: share becomes p(state_t | all x). steps (k, k), or NULL: += weight times the expected number of each
   step. work: 2 k. */
void as_chain_backward(const as_chain *chain, int64_t n, const double *density, double *share, const double *scale,
                       double weight, double *steps, double *work);

/* The most likely path (n) given ln densities (n, k), which it uses up; the lowest of equal states. work: 2 k. */
void as_chain_path(const as_chain *chain, int64_t n, double *density, int32_t *path, double *work);

#endif
