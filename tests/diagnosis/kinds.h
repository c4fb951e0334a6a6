/* Kinds of tables: how a row is drawn. */
#ifndef DIAGNOSIS_KINDS_H
#define DIAGNOSIS_KINDS_H

#include <stdint.h>

enum { COLUMNS_MAX = 80, CLASSES_MAX = 40 };

typedef struct table table;

typedef struct kind {
    const char *name;
    int columns, classes;                                              /* 0 classes: real targets */
    void (*row)(table *t, double *x, double *y, const double *centre); /* x comes as standard normals */
} kind;

struct table {
    const kind *kind;
    int rows, columns, classes;
    double *x, *y;
    uint64_t state;
    int nchanges;
    char **change;
};

/* In (0, 1); of mean 0 and variance 1. */
double uniform(table *t);
double normal(table *t);
double poisson(table *t, double rate);
/* Those of kinds_more.c. */
const kind *kinds_more(int *count);
/* NULL: no such kind. */
const kind *kind_find(const char *name);

#endif
