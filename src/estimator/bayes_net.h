/* The parts of a Bayesian network that is fitted: what it holds, its graph from the configuration
   (bayes_net_given.c), the search for another (bayes_net_search.c); and as a network that answers questions. */
#ifndef AS_ESTIMATOR_BAYES_NET_H
#define AS_ESTIMATOR_BAYES_NET_H

#include "estimator/statistic.h"
#include "math/net.h"

typedef struct as_bayes_net_options {
    const as_node *parents, *edges, *nodes;
    as_ints levels;
    int structure;
    int64_t max_parents, max_iter;
    double pseudo_count;
} as_bayes_net_options;

enum { AS_BAYES_NET_FIXED, AS_BAYES_NET_BIC, AS_BAYES_NET_K2 };
enum { AS_BAYES_NET_SEARCH, AS_BAYES_NET_COUNT, AS_BAYES_NET_DONE }; /* what a pass is for */
enum { AS_BAYES_NET_STAGE, AS_BAYES_NET_STEPS, AS_BAYES_NET_NUMBERS };
enum { AS_BAYES_NET_BAD_ROW, AS_BAYES_NET_BAD_COLUMN, AS_BAYES_NET_BAD_VALUE, AS_BAYES_NET_HEAD };
enum { AS_BAYES_NET_NONE = -1, AS_BAYES_NET_PARENTS_MAX = 16 };

/* A node and its parents, toggled by one of them (AS_BAYES_NET_NONE: as they are), and where its counts stand. */
typedef struct as_family {
    int64_t node, toggled, first, size;
} as_family;

/* s->model */
typedef struct as_bayes_net {
    int64_t n, most_parents, table; /* nodes; room for parents of a node; room for tables */
    int64_t *levels, *parents, *first, *progress,
        *dirty; /* (n), (n, most_parents), (n + 1), (AS_BAYES_NET_NUMBERS), (n) */
    double *cpt, *log_likelihood, *score;
    int64_t *known;            /* (n) levels of the columns */
    double *own, *toggled;     /* scores of families: (n), (n, n) */
    as_family *list;           /* of the coming pass */
    int64_t nfamilies, counts; /* doubles of those */
} as_bayes_net;

extern const char *const as_bayes_net_structures[];

/* Not collective. Nodes with the names and levels of the columns, and the parents that the configuration gives.
   Errors: CONFIG, NOMEM. Free with as_net_destroy, also after a failure. */
as_status as_bayes_net_given(const as_statistic *s, as_net *out);

/* Not collective. The network of an estimator of type bayes_net, checked. Errors: USAGE for a model of another type;
   DATA for one that is not trained; NOMEM. Free with as_net_destroy, also after a failure. */
as_status as_bayes_net_make(const as_estimator *estimator, as_net *out);

/* The parents of a node, with one of them toggled (AS_BAYES_NET_NONE: as they are); how many. */
int64_t as_bayes_net_parents(const as_bayes_net *m, int64_t node, int64_t toggled,
                             int64_t out[AS_BAYES_NET_PARENTS_MAX + 1]);

/* Rank 0. Scores what a pass has counted and makes the best change of an edge, or ends the search. Errors: NOMEM. */
as_status as_bayes_net_search(as_statistic *s, const double *sum, as_step_report *report);

/* Not collective; in ready. Whether a graph is one that the search makes: each parent once, no node its own, the list
   without gaps, as many levels as the data have (paths may be closed: who follows them looks); then, the coming pass
   being listed, whether tables stand one after the other once they are there, and what is counted fits. Errors: DATA.
 */
as_status as_bayes_net_check_graph(const as_bayes_net *m);
as_status as_bayes_net_check_places(const as_statistic *s, const as_bayes_net *m);

#endif
