/* Corrections for many tests: Holm (Scand. J. Statist. 6, 1979), Benjamini and Hochberg (J. R. Statist. Soc. B 57,
   1995). */
#include <stdlib.h>

#include "base/error.h"
#include "math/inference.h"

typedef struct ranked {
    double p;
    int64_t at;
} ranked;

static int ascending(const void *a, const void *b)
{
    const ranked *x = a, *y = b;
    return x->p != y->p ? (x->p > y->p) - (x->p < y->p) : (x->at > y->at) - (x->at < y->at);
}

static as_status rank(int64_t n, const double *p, ranked **out)
{
    *out = malloc((size_t)(n > 0 ? n : 1) * sizeof **out);
    if (*out == NULL) {
        AS_FAIL(AS_NOMEM, "out of memory for %lld p-values", (long long)n);
    }
    for (int64_t i = 0; i < n; i++) {
        (*out)[i] = (ranked){p[i], i};
    }
    qsort(*out, (size_t)n, sizeof **out, ascending);
    return AS_OK;
}

as_status as_holm(int64_t n, const double *p, double *adjusted)
{
    ranked *order;
    double worst = 0;
    AS_TRY(rank(n, p, &order));
    for (int64_t i = 0; i < n; i++) {
        const double v = order[i].p * (double)(n - i);
        worst = v > worst ? v : worst;
        adjusted[order[i].at] = worst < 1 ? worst : 1;
    }
    free(order);
    return AS_OK;
}

as_status as_benjamini_hochberg(int64_t n, const double *p, double *adjusted)
{
    ranked *order;
    double best = 1;
    AS_TRY(rank(n, p, &order));
    for (int64_t i = n - 1; i >= 0; i--) {
        const double v = order[i].p * (double)n / (double)(i + 1);
        best = v < best ? v : best;
        adjusted[order[i].at] = best;
    }
    free(order);
    return AS_OK;
}
