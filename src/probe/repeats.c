/* Two estimates, of which the larger counts.

   Columns that are independent: two rows agree with the product q of the probabilities that they agree in a column, and
   a row meets one of n with 1 - (1 - q)^n.

   Columns that hang together (levels of one factor, patterns of classes) agree more often. There the rows of the sample
   tell: with a mean of m equal ones for each row, at most 1 - exp(-m) of them have one at all, by Jensen's inequality,
   whatever the probabilities of single rows are. It counts where rows of this table can be equal by chance:
   - each column has values that many rows share;
   - rows that differ in a few columns are as frequent as equal ones, and already those that differ in the fewest are:
     pairs that chance makes thin out towards the equal ones, as the tail of a sum over columns does. Only rows that are
     there very often (all zeros, the usual answers) may stand out;
   - the numbers f_k of rows that are there k times are those of independent draws. Such counts are mixed Poisson:
     k! f_k are moments of a measure, so that (k! f_k)^2 <= (k-1)! f_(k-1) (k+1)! f_(k+1), whatever the rows are. Where
     each row was written twice, f_3 is 0 and f_2 is not.

   Cost: at most 5e7 comparisons, and a sort of the sample. */
#include "probe/repeats.h"

#include <math.h>
#include <stdlib.h>

#include "base/error.h"
#include "kernels/scalar_math.h"
#include "math/special.h"

enum { ASKED_MOST = 512, SHARED = 10, FEW = 2, PART = 4, TIMES_MOST = 8, SHELLS = 64 };

static const double work = 5e7, errors = 2, p_limit = 1e-3, apart_errors = 4, jump = 30;

/* The share of rows that meet one of n with probability q each. */
static double meets(double q, double n)
{
    const double none = n * q; /* 1 - (1 - q)^n for small q, and its limit */
    return none > 30 ? 1 : none < 1e-4 ? none : q < 1 ? 1 - as_pow_f64(1 - q, n) : 1;
}

static double independent(const as_sample *s, const as_columns *columns)
{
    double collide = 1;
    for (int64_t j = 0; j < columns->n; j++) {
        const as_column_facts *x = &columns->column[j];
        collide *= x->distinct > 0.5 * (double)s->rows ? 0 : x->collide;
    }
    return collide;
}

/* Columns that vary; 0 where one of them has values that too few rows share. */
static int64_t few_values(const as_sample *s, const as_columns *columns)
{
    int64_t vary = 0;
    for (int64_t j = 0; j < columns->n; j++) {
        const as_column_facts *x = &columns->column[j];
        if (x->distinct > 1 && x->collide * (double)s->rows < SHARED) {
            return 0;
        }
        vary += x->distinct > 1 ? 1 : 0;
    }
    return vary;
}

/* Columns in which two rows differ, up to `most` and one. */
static int64_t differ(const double *a, const double *b, int64_t n, int64_t most)
{
    int64_t count = 0;
    for (int64_t j = 0; j < n && count <= most; j++) {
        count += a[j] != b[j] ? 1 : 0;
    }
    return count;
}

/* Pairs of the rows that were asked with all others. */
typedef struct pairs {
    double asked, equal, near;
    double often;         /* rows that are there more than TIMES_MOST times */
    double single;        /* equal pairs of the others */
    double shell[SHELLS]; /* pairs that differ in so many columns, up to what counts as near */
} pairs;

/* Whether pairs that differ in the fewest columns are clearly fewer than equal ones. What tails off does so by and by:
   a few pairs before a jump are those of an odd row among levels of factors. */
static bool stand_out(const pairs *p)
{
    int nearest = 1;
    while (nearest < SHELLS - 2 && (p->shell[nearest] == 0 || p->shell[nearest + 1] > jump * p->shell[nearest])) {
        nearest++;
    }
    const double other = p->shell[nearest]; /* each pair may have been met from both sides */
    return p->single - other > apart_errors * sqrt(2 * (p->single + other));
}

static pairs meet(const as_sample *s, int64_t vary)
{
    const int64_t part = vary / PART > FEW ? vary / PART : FEW, most = vary < PART ? 1 : part;
    const double can = work / ((double)s->rows * (double)s->width);
    const int64_t wanted = can < ASKED_MOST ? (int64_t)can : ASKED_MOST, asked = wanted < s->rows ? wanted : s->rows;
    pairs p = {.asked = (double)asked};
    for (int64_t i = 0; i < asked; i++) {
        const int64_t row = i * s->rows / asked;
        double equal = 0;
        for (int64_t r = 0; r < s->rows; r++) {
            const int64_t apart = differ(s->x + row * s->width, s->x + r * s->width, s->width, most);
            equal += r != row && apart == 0 ? 1 : 0;
            p.near += apart > 0 && apart <= most ? 1 : 0;
            p.shell[apart < SHELLS ? apart : 0] += apart > 0 && apart <= most ? 1 : 0;
        }
        p.equal += equal;
        p.often += equal >= TIMES_MOST ? 1 : 0;
        p.single += equal < TIMES_MOST ? equal : 0;
    }
    return p;
}

static int by_hash(const void *a, const void *b)
{
    const uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return x < y ? -1 : x > y;
}

/* How many different rows are there once, twice ...: count[k]. */
static as_status count_times(const as_sample *s, double count[TIMES_MOST + 2])
{
    uint64_t *hash = malloc((size_t)s->rows * sizeof *hash);
    if (hash == NULL) {
        AS_FAIL(AS_NOMEM, "out of memory for hashes of %lld rows", (long long)s->rows);
    }
    for (int64_t r = 0; r < s->rows; r++) {
        hash[r] = as_sample_hash(s, r);
    }
    qsort(hash, (size_t)s->rows, sizeof *hash, by_hash);
    for (int64_t r = 0, end; r < s->rows; r = end) {
        for (end = r; end < s->rows && hash[end] == hash[r]; end++) {
        }
        if (end - r < TIMES_MOST + 2) {
            count[end - r]++;
        }
    }
    free(hash);
    return AS_OK;
}

/* Whether counts break the inequality of independent draws: f_(k+1) is far below k f_k^2 / ((k + 1) f_(k-1)), with f_k
   two standard errors less, and f_(k-1) more, than was counted. */
static bool written_again(const double count[TIMES_MOST + 2])
{
    for (int k = 2; k <= TIMES_MOST; k++) {
        const double here = count[k] - errors * sqrt(count[k]), below = count[k - 1] + errors * sqrt(count[k - 1] + 1);
        const double least = here > 0 ? k * here * here / ((k + 1) * below) : 0;
        if (as_gamma_q(count[k + 1] + 1, least) < p_limit) { /* a Poisson count with this mean is not above it */
            return true;
        }
    }
    return false;
}

as_status as_repeats_chance(const as_sample *s, const as_columns *columns, double rows, double *out)
{
    double count[TIMES_MOST + 2] = {0};
    *out = 1;
    if (columns->n == 0 || s->rows < 2) {
        return AS_OK;
    }
    *out = meets(independent(s, columns), rows);
    const int64_t vary = few_values(s, columns);
    if (vary > 0) {
        AS_TRY(count_times(s, count));
        const pairs p = meet(s, vary);
        const bool alike = p.asked > 0 && p.near >= p.equal && !written_again(count);
        const double among = alike ? p.equal / p.asked / (double)(s->rows - 1) : 0;
        const double together = alike && stand_out(&p) ? p.often / p.asked : 1 - as_exp_f64(-among * rows);
        *out = together > *out ? together : *out;
    }
    return AS_OK;
}
