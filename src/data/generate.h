/* Data that are solutions of equations: pairs of a state and what it becomes. A kind is one file generate_<kind>.c and
   one row in generate.def; `allsum data generate KIND` writes its rows as /x and /y of an HDF5 file. A row is a
   function of (seed, row number, options) alone. */
#ifndef AS_DATA_GENERATE_H
#define AS_DATA_GENERATE_H

#include "base/fields.h"
#include "base/rng.h"
#include "base/shape.h"

typedef struct as_generate_pass {
    const void *options;
    uint64_t seed;
    int64_t row;
    double *x, *y; /* (size of shape) each: the state before and after */
    double *work;  /* (work) */
} as_generate_pass;

typedef struct as_generate_ops {
    const char *name, *help, *formula;
    const as_field *fields;
    size_t options_bytes;
    /* Not collective. Shape of x and of y, and doubles of work space. Errors: CONFIG for options that do not go
       together. */
    as_status (*plan)(const void *options, as_shape *shape, int64_t *work);
    void (*row)(const as_generate_pass *pass);
} as_generate_ops;

/* Not collective. The rows of generate.def; NULL-terminated. */
const as_generate_ops *const *as_generators_get(void);

/* Burgers' equation, u (n) on n cells of a periodic interval of length 1, forward by `time` in place; work: 6 n. */
void as_burgers_solve(int64_t n, double viscosity, double time, double *u, double *work);

/* Uniform in (-1, 1): number `draw` of a row. */
static inline double as_generate_uniform(const as_generate_pass *pass, uint32_t draw)
{
    uint32_t word[4];
    as_rng_words(pass->seed, AS_RNG_GENERATE, 0x47000000u, draw, (uint64_t)pass->row, word);
    return 2 * as_rng_uniform_f64(word[0], word[1]) - 1;
}

#endif
