/* Discrete Bayesian networks: exact answers by variable elimination. Tables of conditional probabilities are small
   dense arrays; answers are functions of the network and the evidence alone. One thread; nothing is collective. */
#ifndef AS_MATH_NET_H
#define AS_MATH_NET_H

#include <stdbool.h>
#include <stdint.h>

#include "base/names.h"

enum { AS_NET_FACTOR_MAX = 1 << 27 }; /* most entries of an intermediate table: 1 GiB */

typedef struct as_net_node {
    char *name;
    as_names level;
    int64_t nparents;
    int64_t *parent; /* (nparents) nodes */
    double *table;   /* (levels of parent 0, levels of parent 1, ..., levels): p(level | parents) */
} as_net_node;

typedef struct as_net {
    int64_t n;
    as_net_node *node; /* (n); all owned */
    int64_t *order;    /* (n) parents before children; made by as_net_check */
} as_net;

void as_net_destroy(as_net *net);

/* Rows of a node's table. */
int64_t as_net_rows(const as_net *net, int64_t node);

/* Not collective. A node by name. Errors: DATA with the nearest name, or all. */
as_status as_net_find(const as_net *net, const char *name, int64_t *node);
/* Not collective. A level of a node by name. Errors: DATA naming the levels. */
as_status as_net_level(const as_net *net, int64_t node, const char *name, int64_t *level);

/* Not collective. Makes order. Errors: CONFIG for a cycle, which is named, and for rows of tables that are no
   probabilities or do not add up to 1 within 1e-6; rows are then divided by their sums. tables false: the graph alone.
   */
as_status as_net_check(as_net *net, bool tables);

/* Not collective. p(level of target | evidence): out (levels). evidence (n): a level, or -1. *log_p (may be NULL):
   ln p(evidence). target -1: log_p alone. Nodes of which neither descend is asked or known are left out; the others are
   eliminated in the order in which fewest edges are added (min-fill), intermediate tables are scaled. Errors: DATA for
   evidence of probability 0, which names what makes it so; NOMEM for a table of more than AS_NET_FACTOR_MAX entries. */
as_status as_net_posterior(const as_net *net, const int64_t *evidence, int64_t target, double *out, double *log_p);

/* Not collective. The most probable levels of all nodes given the evidence, state (n), the lowest of equals; *log_p:
   ln of their joint probability. Errors: as as_net_posterior. */
as_status as_net_explain(const as_net *net, const int64_t *evidence, int64_t *state, double *log_p);

/* Sample number i, by seed: state (n). Returns its weight, p(evidence | the parents drawn): 1 without evidence. */
double as_net_draw(const as_net *net, const int64_t *evidence, uint64_t seed, uint64_t i, int64_t *state);

/* ln of the joint probability of levels of all nodes; -inf where it is 0. */
double as_net_log_p(const as_net *net, const int64_t *state);

#endif
