/* Two estimates, of which the larger counts.

   Columns that are independent: two rows agree with the product q of the probabilities that they agree in a column, and
   a row meets one of n with 1 - (1 - q)^n.

   Columns that hang together (levels of one factor, patterns of classes) agree more often. There the rows of the sample
   tell: with a mean of m equal ones for each row, at most 1 - exp(-m) of them have one at all, by Jensen's inequality,
   whatever the probabilities of single rows are; copies lie above that. It counts where rows of this table can be equal
   by chance: each column has values that many rows share, and rows that differ in a few columns are as frequent as
   equal ones. Copies of rows that chance does not make equal have no such rows beside them.

   Cost: at most 5e7 comparisons. */
#include "probe/repeats.h"

#include <math.h>

#include "kernels/scalar_math.h"

enum { ASKED_MOST = 512, SHARED = 10, FEW = 2, PART = 4 };

static const double work = 5e7;

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

/* The mean number of equal rows among the others of the sample; 0 where chance makes none. */
static double equals(const as_sample *s, int64_t vary)
{
    const int64_t part = vary / PART > FEW ? vary / PART : FEW, most = vary < PART ? 1 : part;
    const double can = work / ((double)s->rows * (double)s->width);
    const int64_t wanted = can < ASKED_MOST ? (int64_t)can : ASKED_MOST, asked = wanted < s->rows ? wanted : s->rows;
    double equal = 0, near = 0;
    for (int64_t i = 0; i < asked; i++) {
        const int64_t row = i * s->rows / asked;
        for (int64_t r = 0; r < s->rows; r++) {
            const int64_t apart = differ(s->x + row * s->width, s->x + r * s->width, s->width, most);
            equal += r != row && apart == 0 ? 1 : 0;
            near += apart > 0 && apart <= most ? 1 : 0;
        }
    }
    return asked > 0 && near >= equal ? equal / (double)asked : 0;
}

double as_repeats_chance(const as_sample *s, const as_columns *columns, double rows)
{
    if (columns->n == 0 || s->rows < 2) {
        return 1;
    }
    const double alone = meets(independent(s, columns), rows);
    const int64_t vary = few_values(s, columns);
    const double among = vary > 0 ? equals(s, vary) / (double)(s->rows - 1) : 0;
    const double together = 1 - as_exp_f64(-among * rows);
    return together > alone ? together : alone;
}
