/* Random numbers of one element: a function of (seed, purpose, stream, id) and of how many were drawn for it, never of
   what was drawn elsewhere. Not collective. */
#ifndef AS_MATH_DRAW_H
#define AS_MATH_DRAW_H

#include "base/rng.h"

/* Standard normal from four random words (Box and Muller 1958). */
double as_normal_of_words(const uint32_t word[4]);

typedef struct as_draw {
    uint64_t seed, id;
    as_rng_purpose purpose;
    uint32_t stream, block; /* block of four words that comes next */
    uint32_t word[4];
    int left; /* words of the present block that were not used */
} as_draw;

as_draw as_draw_make(uint64_t seed, as_rng_purpose purpose, uint32_t stream, uint64_t id);
/* Uniform in (0, 1), 52 bits. */
double as_draw_uniform(as_draw *draw);
/* Standard normal. */
double as_draw_normal(as_draw *draw);
/* Gamma with scale 1; shape > 0. */
double as_draw_gamma(as_draw *draw, double shape);

#endif
