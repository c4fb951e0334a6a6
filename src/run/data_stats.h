/* Descriptive statistics of a source of data: every column of its inputs and targets, counts of classes and
   categories, correlations. */
#ifndef AS_RUN_DATA_STATS_H
#define AS_RUN_DATA_STATS_H

#include "base/names.h"
#include "data/dataset.h"
#include "math/descriptive.h"
#include "math/inference.h"

enum { AS_STATS_PAIRS = 20, AS_STATS_CORRELATED = 512, AS_STATS_CLASSES = 256 };

typedef enum as_stats_role { AS_STATS_INPUT, AS_STATS_TARGET, AS_STATS_LABEL } as_stats_role;

typedef struct as_stats_column {
    char *name;
    as_stats_role role;
    bool category;  /* text; values are places in level */
    as_names level; /* of text; else empty */
    as_descriptive d;
    int64_t ncounts; /* of a category or label: its values, ascending, and how often they come */
    double *value;
    int64_t *count;
    bool tested; /* against the label: an input's equal means in all classes (one-way ANOVA), a category's independence
                    (chi2); p by itself, and adjusted for all that were tested: family-wise and false discoveries */
    as_test test;
    double holm, discovery;
} as_stats_column;

typedef struct as_stats_pair {
    int64_t a, b; /* columns */
    double r;
} as_stats_pair;

typedef struct as_data_stats {
    int64_t rows, n;
    as_stats_column *column; /* (n) */
    int64_t tested;          /* inputs */
    int64_t correlated; /* numbers that vary; more than AS_STATS_CORRELATED, or 0 for a single one: not correlated */
    int64_t pair_rows;  /* rows without a missing value in any of those */
    int npairs;
    as_stats_pair pair[AS_STATS_PAIRS]; /* largest |r| first */
} as_data_stats;

/* Not collective. Of the whole training source of the options, missing values (NaN, infinite, fill) left out. Exact:
   columns are sorted, as many at a time as 512 MiB hold, with a pass over the file for each such block, one for
   correlations, and one for tests of the inputs against a label of 2 to AS_STATS_CLASSES classes. Errors: those of
   opening and reading; NOMEM. Free with as_data_stats_free. */
as_status as_data_stats_make(const as_data_options *options, as_data_stats *out);
void as_data_stats_free(as_data_stats *stats);

/* Not collective. At most 80 columns wide; or members of a JSON object. */
void as_data_stats_text(const as_data_stats *stats, struct as_text *out);
void as_data_stats_json(const as_data_stats *stats, struct as_text *out);

#endif
