/* Matrix products whose left factor has many zeros, without them (sparse.h). Every row goes through the columns of
   SPARSE_V vectors at a time, for SPARSE_STEPS chain steps, whose part of B stays in L1 while all rows of the block
   pass by. Cost: 2 n flops for each element of A that is not zero, a load for each multiply-add. */
#include "kernels/sparse.h"
#include "kernels/sparse_gemm.h"

enum {
    PANELS = SPARSE_V / 2,
    MOST = 42,        /* per cent that are not zero: with more, the dense product is faster */
    SLOTS = 4096,     /* lists of a block */
    LEAST_ROWS = 16,  /* with fewer, B is read anew too often ... */
    LEAST_STEPS = 16, /* ... and shorter chains are not worth a list */
    LINE = 64
};

/* Rows of A as lists, one for each stretch. */
typedef struct lists {
    uint8_t (*place)[SPARSE_SLOT];
    int16_t *count;
} lists;

/* The places of what is not zero among a[0 .. count). Returns how many. */
static int list_steps(int64_t count, const real *a, uint8_t *list)
{
    int n = 0;
    for (int64_t p = 0; p < count; p += VL) {
        n += sparse_add(sparse_least(count - p, VL), a + p, (int)p, list + n, NULL);
    }
    return n;
}

/* All lists of the block; returns how many elements they name. */
static int64_t make_lists(int64_t m, const real *a, int64_t lda, int64_t k, const lists *l)
{
    const int64_t stretches = (k + SPARSE_STEPS - 1) / SPARSE_STEPS;
    int64_t found = 0;
    for (int64_t i = 0; i < m; i++) {
        for (int64_t q = 0; q < stretches; q++) {
            const int64_t p = q * SPARSE_STEPS, at = q * m + i;
            const int n = list_steps(sparse_least(k - p, SPARSE_STEPS), a + i * lda + p, l->place[at]);
            l->count[at] = (int16_t)n;
            found += n;
        }
    }
    return found;
}

/* SPARSE_V vectors of a row of C: chains of n steps from `start` (NULL: zero); false, and nothing written, where one
   ends at -0 and that is refused. `panel`: bytes from panel to panel of b. */
static __attribute__((noinline)) bool stretch(int64_t n, const uint8_t *list, const real *a, const real *b,
                                              int64_t panel, const real *start, bool refuse, real *c)
{
    vreal s[SPARSE_V];
    int64_t panel3 = 3 * panel;
    __asm__("" : "+r"(panel), "+r"(panel3));
#define EACH(F) F(0) F(1) F(2) F(3) F(4) F(5) F(6) F(7)
#define START(v) s[v] = start == NULL ? v_splat(0) : v_load(start + (v)*VL);
    EACH(START)
    for (const uint8_t *const stop = list + n; list != stop; list++) {
        const int64_t p = *list;
        const char *const q = (const char *)b + p * (int64_t)(NR * sizeof(real));
        const vreal x = v_splat(a[p]);
#define AT(v) (const void *)(q + ((v) / 2 == 3 ? panel3 : (v) / 2 * panel) + (v) % 2 * V_BYTES)
#define STEP(v) s[v] = fma_from(s[v], x, AT(v));
        EACH(STEP)
    }
    if (refuse && sparse_minus_zero(s)) {
        return false;
    }
#define STORE(v) v_store(c + (v)*VL, s[v]);
    EACH(STORE)
    return true;
}

static void rectify(real *c)
{
    AS_UNROLL
    for (int v = 0; v < SPARSE_V; v++) {
        v_store(c + v * VL, v_relu(v_load(c + v * VL)));
    }
}

/* Where the next stretch of B lies, whose lines are fetched a few for each row. */
typedef struct ahead {
    const char *b;
    int64_t panel, lines, each; /* bytes from panel to panel, lines of a panel, lines for a row */
} ahead;

AS_INLINE void fetch(const ahead *next, int64_t *line)
{
    for (int64_t stop = sparse_least(*line + next->each, next->lines); *line < stop; *line += 1) {
        AS_UNROLL
        for (int p = 0; p < PANELS; p++) {
            __builtin_prefetch(next->b + p * next->panel + *line * LINE, 0, 2);
        }
    }
}

static bool panels_finite(int64_t steps, const real *b, int64_t panel)
{
    bool finite = true;
    for (int p = 0; p < PANELS; p++) {
        finite = finite && sparse_finite(steps, 2, b + p * panel, NR);
    }
    return finite;
}

/* All rows through the stretch q of the columns from j. */
static void rows_through(const sparse_product *g, const lists *l, int64_t j, int64_t q, const ahead *next)
{
    const int64_t p = q * SPARSE_STEPS, steps = sparse_least(g->k - p, SPARSE_STEPS);
    const real *const b = g->b + j * g->k_all + p * NR;
    const bool all = !panels_finite(steps, b, g->panel), relu = g->relu && p + steps == g->k;
    const int64_t panel = g->panel * (int64_t)sizeof(real);
    int64_t line = 0;
    for (int64_t i = 0; i < g->m; i++) {
        const real *const a = g->a + i * g->lda + p;
        real *const c = g->c + i * g->ldc + j;
        const real *const start = q > 0 || g->onto ? c : g->bias != NULL ? g->bias + j : NULL;
        const int64_t at = q * g->m + i;
        fetch(next, &line);
        AS_UNROLL
        for (int v = 0; v < SPARSE_V; v++) {
            __builtin_prefetch(c + 2 * g->ldc + v * VL, 1);
        }
        AS_UNROLL
        for (int v = 0; v < 4; v++) {
            __builtin_prefetch(a + 2 * g->lda + v * VL);
        }
        if (all || !stretch(l->count[at], l->place[at], a, b, panel, start, true, c)) {
            stretch(steps, AS_V(as_every_step), a, b, panel, start, false, c);
        }
        if (relu) {
            rectify(c);
        }
    }
}

int64_t AS_V(as_gemm_sparse)(const sparse_product *g, bool always)
{
    _Alignas(64) uint8_t place[SLOTS][SPARSE_SLOT];
    int16_t count[SLOTS];
    const lists l = {place, count};
    const int64_t wide = SPARSE_V * VL, columns = g->n / wide * wide;
    const int64_t stretches = (g->k + SPARSE_STEPS - 1) / SPARSE_STEPS;
    if (columns == 0 || g->m == 0 || g->k == 0 || stretches * g->m > SLOTS) {
        return 0;
    }
    if (!always && (g->m < LEAST_ROWS || g->k < LEAST_STEPS || !sparse_enough(g->m, g->k, g->a, g->lda, MOST))) {
        return 0;
    }
    const int64_t found = make_lists(g->m, g->a, g->lda, g->k, &l);
    if (!always && found * 100 > g->m * g->k * MOST) {
        return 0;
    }
    for (int64_t j = 0; j < columns; j += wide) {
        for (int64_t q = 0; q < stretches; q++) {
            const bool down = q + 1 < stretches;
            const int64_t p1 = down ? (q + 1) * SPARSE_STEPS : 0, j1 = down ? j : j + wide < columns ? j + wide : 0;
            const int64_t lines = sparse_least(g->k - p1, SPARSE_STEPS) * NR * (int64_t)sizeof(real) / LINE;
            const ahead next = {.b = (const char *)(g->b + j1 * g->k_all + p1 * NR),
                                .panel = g->panel * (int64_t)sizeof(real),
                                .lines = lines,
                                .each = (lines + g->m - 1) / g->m};
            rows_through(g, &l, j, q, &next);
        }
    }
    return columns;
}

#define PLACES4(p) p, p + 1, p + 2, p + 3
#define PLACES16(p) PLACES4(p), PLACES4(p + 4), PLACES4(p + 8), PLACES4(p + 12)
#define PLACES64(p) PLACES16(p), PLACES16(p + 16), PLACES16(p + 32), PLACES16(p + 48)
const uint8_t AS_V(as_every_step)[256] = {PLACES64(0), PLACES64(64), PLACES64(128), PLACES64(192)};
