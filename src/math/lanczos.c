/* Lanczos with full re-orthogonalisation (Paige 1972; Parlett, The Symmetric Eigenvalue Problem, 1998, chapter 13).
   Each new vector is made orthogonal to all earlier ones twice ("twice is enough": Parlett 6.9), so there are no ghosts
   of values found before. The residual of a Ritz pair is beta_m |s_mi|, s the eigenvector of T. Multiplicities are not
   seen: one vector of each eigenspace is in the Krylov space. Cost: one product and 8 j n flops in step j. */
#include "math/lanczos.h"

#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "kernels/vectors.h"
#include "math/draw.h"
#include "math/tridiagonal.h"

static double *doubles(int64_t n)
{
    return calloc(n > 0 ? (size_t)n : 1, sizeof(double));
}

static double norm(const as_vectors *V, int64_t n, const double *x)
{
    return sqrt(V->dot(n, x, x));
}

static void scale(int64_t n, double a, double *x)
{
    for (int64_t j = 0; j < n; j++) {
        x[j] *= a;
    }
}

/* Independent normals by Box and Muller. */
static void draw(const as_lanczos_options *o, double *x)
{
    for (int64_t j = 0; j < o->n; j++) {
        uint32_t word[4];
        as_rng_words(o->seed, AS_RNG_LANCZOS, o->stream, 0, (uint64_t)j, word);
        x[j] = as_normal_of_words(word);
    }
}

static as_status first_vector(const as_lanczos_options *o, const as_vectors *V, double *q)
{
    if (o->start != NULL) {
        memcpy(q, o->start, (size_t)o->n * sizeof *q);
    } else {
        draw(o, q);
    }
    double largest = 0;
    for (int64_t j = 0; j < o->n; j++) {
        if (!isfinite(q[j])) {
            AS_FAIL(AS_USAGE, "lanczos: element %lld of the start vector is not finite", (long long)j);
        }
        largest = fabs(q[j]) > largest ? fabs(q[j]) : largest;
    }
    if (largest == 0) {
        AS_FAIL(AS_USAGE, "lanczos: the start vector is zero");
    }
    for (int64_t j = 0; j < o->n; j++) { /* so that its square neither overflows nor vanishes */
        q[j] /= largest;
    }
    scale(o->n, 1 / norm(V, o->n, q), q);
    return AS_OK;
}

/* Eigenvalues of T (steps), and its eigenvectors as rows (steps, steps). */
static as_status ritz(int64_t steps, const double *alpha, const double *beta, double *value, double *off, double *rows)
{
    memcpy(value, alpha, (size_t)steps * sizeof *value);
    memcpy(off, beta, (size_t)steps * sizeof *off);
    memset(rows, 0, (size_t)(steps * steps) * sizeof *rows);
    for (int64_t i = 0; i < steps; i++) {
        rows[i * steps + i] = 1;
    }
    return as_tridiagonal_eigen(steps, value, off, rows, steps);
}

/* Values, residuals and weights of what was done so far; whether the wanted ones are known. */
static as_status examine(as_lanczos *l, const as_lanczos_options *o, double *off, double *rows, bool *known)
{
    const int64_t m = l->steps;
    AS_TRY(ritz(m, l->alpha, l->beta, l->value, off, rows));
    double largest = 0;
    for (int64_t i = 0; i < m; i++) {
        l->residual[i] = l->beta[m - 1] * fabs(rows[i * m + m - 1]);
        l->weight[i] = rows[i * m] * rows[i * m];
        largest = fabs(l->value[i]) > largest ? fabs(l->value[i]) : largest;
    }
    *known = o->wanted > 0 && m >= 2 * o->wanted;
    for (int64_t i = 0; *known && i < o->wanted; i++) {
        *known = l->residual[i] <= o->tolerance * largest && l->residual[m - 1 - i] <= o->tolerance * largest;
    }
    return AS_OK;
}

/* v_i = sum_j s_ij q_j, of unit length, its first largest component positive. */
static void ritz_vectors(as_lanczos *l, const as_vectors *V, const double *q, const double *rows)
{
    const int64_t n = l->n, m = l->steps;
    for (int64_t i = 0; i < m; i++) {
        double *const v = l->vector + i * n;
        for (int64_t j = 0; j < m; j++) {
            V->axpy(n, rows[i * m + j], q + j * n, v);
        }
        int64_t largest = 0;
        for (int64_t j = 1; j < n; j++) {
            largest = fabs(v[j]) > fabs(v[largest]) ? j : largest;
        }
        scale(n, (v[largest] < 0 ? -1 : 1) / norm(V, n, v), v);
    }
}

/* One step: alpha and beta of step j, and the next vector behind q_j. */
static as_status step(as_lanczos *l, const as_vectors *V, double *q, int64_t j, as_product product, void *context,
                      double *largest)
{
    const int64_t n = l->n;
    double *const now = q + j * n, *const next = now + n;
    AS_TRY(product(context, n, now, next));
    const double length = norm(V, n, next);
    if (!isfinite(length)) {
        AS_FAIL(AS_DIVERGED, "lanczos: product %lld of an operator of order %lld has a norm of %g", (long long)j + 1,
                (long long)n, length);
    }
    l->alpha[j] = V->dot(n, now, next);
    for (int pass = 0; pass < 2; pass++) {
        for (int64_t i = j; i >= 0; i--) {
            const double h = V->dot(n, q + i * n, next);
            V->axpy(n, -h, q + i * n, next);
            l->alpha[j] += pass > 0 && i == j ? h : 0;
        }
    }
    *largest = length > *largest ? length : *largest;
    l->beta[j] = norm(V, n, next);
    l->steps = j + 1;
    if (l->steps == n || l->beta[j] <= 16 * DBL_EPSILON * *largest * sqrt((double)n)) {
        l->beta[j] = 0; /* what is left is rounding */
        l->exhausted = true;
    } else {
        scale(n, 1 / l->beta[j], next);
    }
    return AS_OK;
}

static as_status run(const as_lanczos_options *o, as_product product, void *context, as_lanczos *l, double *q,
                     double *work, int64_t most)
{
    const as_vectors *V = as_vectors_get(as_isa_detect());
    double *const off = work, *const rows = work + most;
    double largest = 0;
    bool known = false;
    AS_TRY(first_vector(o, V, q));
    for (int64_t j = 0; j < most && !l->exhausted && !known; j++) {
        AS_TRY(step(l, V, q, j, product, context, &largest));
        if (o->wanted > 0 || j + 1 == most || l->exhausted) {
            AS_TRY(examine(l, o, off, rows, &known));
        }
    }
    if (o->vectors) {
        l->vector = doubles(l->steps * o->n);
        if (l->vector == NULL) {
            AS_FAIL(AS_NOMEM, "lanczos: no memory for %lld vectors of %lld", (long long)l->steps, (long long)o->n);
        }
        ritz_vectors(l, V, q, rows);
    }
    return AS_OK;
}

as_status as_lanczos_run(const as_lanczos_options *o, as_product product, void *context, as_lanczos *out)
{
    memset(out, 0, sizeof *out);
    if (o->n < 1 || o->steps < 1) {
        AS_FAIL(AS_USAGE, "lanczos: expected an order and a number of steps of at least 1, found %lld and %lld",
                (long long)o->n, (long long)o->steps);
    }
    const int64_t most = o->steps < o->n ? o->steps : o->n;
    out->n = o->n;
    double **const small[] = {&out->alpha, &out->beta, &out->value, &out->residual, &out->weight};
    bool all = true;
    for (size_t i = 0; i < sizeof small / sizeof small[0]; i++) {
        *small[i] = doubles(most);
        all = all && *small[i] != NULL;
    }
    double *const q = all ? doubles((most + 1) * o->n) : NULL, *const work = all ? doubles(most + most * most) : NULL;
    as_status status = AS_OK;
    if (q == NULL || work == NULL) {
        status =
            as_error_set(AS_NOMEM, "lanczos: no memory for %lld vectors of %lld", (long long)most + 1, (long long)o->n);
    } else {
        status = run(o, product, context, out, q, work, most);
    }
    free(q);
    free(work);
    return status;
}

void as_lanczos_destroy(as_lanczos *lanczos)
{
    free(lanczos->alpha);
    free(lanczos->beta);
    free(lanczos->value);
    free(lanczos->residual);
    free(lanczos->weight);
    free(lanczos->vector);
    *lanczos = (as_lanczos){0};
}
