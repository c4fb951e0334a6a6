/* What classifiers by Bayes' rule share: prior probabilities of classes, and values that a kind cannot take, noted in
   the statistic of a lane so that every layout names the same one. */
#ifndef AS_ESTIMATOR_CLASSES_H
#define AS_ESTIMATOR_CLASSES_H

#include "estimator/statistic.h"

/* The keys of kinds whose options have `bool fit_prior; as_reals class_prior;`. */
#define AS_PRIOR_FIELDS(owner)                                                                                         \
    {.name = "fit_prior",                                                                                              \
     .type = AS_FIELD_BOOL,                                                                                            \
     .offset = offsetof(owner, fit_prior),                                                                             \
     .standard = "true",                                                                                               \
     .help = "Priors are the shares of the classes in the training data; false: equal ones."},                         \
    {                                                                                                                  \
        .name = "class_prior", .type = AS_FIELD_REALS, .offset = offsetof(owner, class_prior), .standard = "",         \
        .min = 0, .max = 1, .help = "Prior probability of each class, instead of fitted ones."                         \
    }

/* The key of kinds whose options have `as_reals priors`. */
#define AS_PRIORS_FIELD(owner)                                                                                         \
    {                                                                                                                  \
        .name = "priors", .type = AS_FIELD_REALS, .offset = offsetof(owner, priors), .standard = "", .min = 0,         \
        .max = 1, .help = "Prior probability of each class; by default their shares in the training data."             \
    }

/* Not collective; in plan. Checks priors that the configuration gives as `key`: none, or one for each class, with a sum
   of 1. Errors: CONFIG with the numbers. */
as_status as_class_priors_check(const as_statistic *s, const char *key, const as_reals *given);

/* Not collective; in finish. Priors (classes) from the weights of the classes (classes): those given, or equal ones
   over the classes that have samples (fit false), or shares. A class without samples is logged and gets prior 0 unless
   one is given. Errors: DATA where fewer than two classes have samples. */
as_status as_class_priors(const as_statistic *s, const as_reals *given, bool fit, const double *weight, double *prior);

/* Not collective; in describe. A table of the classes by name with their weights (classes) and logarithms of priors
   (classes) and, where `of` is not NULL, what the columns of a class (classes, width) add up to, headed so. */
void as_class_table(const as_statistic *s, const double *weight, const double *log_prior, const char *of,
                    const double *column, as_text *out);

/* A value that the kind cannot take: that of the lowest sample id. AS_BAD_VALUE doubles, zero before. */
enum { AS_BAD_VALUE = 3 };
void as_bad_value_note(double *slot, int64_t id, int64_t column, double value);
void as_bad_value_merge(double *left, const double *right);
/* Not collective; in finish. Errors: DATA naming row, column and value, and what was expected, where one was noted. */
as_status as_bad_value_check(const as_statistic *s, const double *slot, const char *expected);

#endif
