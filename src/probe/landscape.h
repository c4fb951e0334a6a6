/* The loss along the line through two points, or on the plane through three. */
#ifndef AS_PROBE_LANDSCAPE_H
#define AS_PROBE_LANDSCAPE_H

#include "probe/surface.h"

typedef struct as_landscape {
    int points; /* on each axis */
    bool plane;
    double low, high; /* of s and t: 0 is a, 1 is b (on the first axis) and c (on the second) */
    double *loss;     /* (points), or (points, points) with s along the columns; may be infinite */
    double ab, ac;    /* |b - a|, |c - a| */
    double barrier;   /* largest loss on the line between a and b over the larger of theirs; 0: none */
    double end[3];    /* losses at a, b and c */
} as_landscape;

/* Collective. Loss at a + s (b - a) + t (c - a), s and t from low to high; c NULL: a line. points >= 2. Errors: USAGE
   where two of the points are the same; NOMEM; those of the surface. Free with as_landscape_free, after failures too.
 */
as_status as_landscape_make(as_surface *surface, const double *a, const double *b, const double *c, int points,
                            double low, double high, as_landscape *out);
void as_landscape_free(as_landscape *landscape);

#endif
