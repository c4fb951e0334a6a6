/* Losses on a line or a plane (Goodfellow, Vinyals, Saxe 2015). Cost: a forward pass over the rows for each point. */
#include "probe/landscape.h"

#include <math.h>
#include <stdlib.h>

#include "base/error.h"

static double distance(int64_t n, const double *a, const double *b)
{
    double sum = 0;
    for (int64_t i = 0; i < n; i++) {
        sum += (a[i] - b[i]) * (a[i] - b[i]);
    }
    return sqrt(sum);
}

typedef struct corners {
    const double *a, *b, *c;
    double *at; /* (n) */
} corners;

static as_status look(as_surface *surface, const corners *x, double s, double t, double *loss)
{
    for (int64_t i = 0; i < as_surface_count(surface); i++) {
        x->at[i] = x->a[i] + s * (x->b[i] - x->a[i]) + (x->c != NULL ? t * (x->c[i] - x->a[i]) : 0);
    }
    AS_TRY(as_surface_look(surface, x->at, loss));
    *loss = isfinite(*loss) ? *loss : (double)INFINITY;
    return AS_OK;
}

static double place(const as_landscape *l, int i)
{
    return l->low + (l->high - l->low) * i / (l->points - 1);
}

static as_status fill(as_surface *surface, const corners *x, as_landscape *out)
{
    AS_TRY(look(surface, x, 0, 0, &out->end[0]));
    AS_TRY(look(surface, x, 1, 0, &out->end[1]));
    if (x->c != NULL) {
        AS_TRY(look(surface, x, 0, 1, &out->end[2]));
    }
    double most = -(double)INFINITY;
    for (int row = 0; row < (x->c != NULL ? out->points : 1); row++) {
        for (int i = 0; i < out->points; i++) {
            double *loss = &out->loss[row * out->points + i];
            AS_TRY(look(surface, x, place(out, i), place(out, row), loss));
            const bool between = x->c == NULL && place(out, i) > 0 && place(out, i) < 1;
            most = between && *loss > most ? *loss : most;
        }
    }
    const double ends = out->end[0] > out->end[1] ? out->end[0] : out->end[1];
    out->barrier = most > ends ? most - ends : 0;
    return AS_OK;
}

as_status as_landscape_make(as_surface *surface, const double *a, const double *b, const double *c, int points,
                            double low, double high, as_landscape *out)
{
    const int64_t n = as_surface_count(surface);
    const size_t all = (size_t)points * (size_t)(c != NULL ? points : 1);
    *out = (as_landscape){.points = points, .plane = c != NULL, .low = low, .high = high, .end[2] = (double)NAN};
    out->ab = distance(n, a, b);
    out->ac = c != NULL ? distance(n, a, c) : (double)NAN;
    if (out->ab == 0 || out->ac == 0) {
        AS_FAIL(AS_USAGE, "two of the points are the same: there is no line through them");
    }
    corners x = {.a = a, .b = b, .c = c, .at = calloc((size_t)n + 1, sizeof(double))};
    out->loss = calloc(all, sizeof *out->loss);
    as_status status = AS_OK;
    if (x.at == NULL || out->loss == NULL) {
        status = as_error_set(AS_NOMEM, "out of memory for a landscape of %zu points", all);
    } else {
        status = fill(surface, &x, out);
    }
    free(x.at);
    return status;
}

void as_landscape_free(as_landscape *landscape)
{
    free(landscape->loss);
    *landscape = (as_landscape){0};
}
