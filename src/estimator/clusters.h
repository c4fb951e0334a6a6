/* k-means as a sequence of passes: the estimator kmeans, and the first stage of gmm.

   Seeding is k-means|| (B. Bahmani, B. Moseley, A. Vattani, R. Kumar, S. Vassilvitskii, "Scalable k-means++", VLDB
   2012) with exact sample sizes: in each round the k rows with the smallest keys E / (w d^2) become candidates, E
   exponential by Philox from the sample id, d the distance to the candidates so far: that is drawing without
   replacement in proportion to w d^2 (P. Efraimidis, P. Spirakis 2006). Candidates, weighted by the rows that they are
   nearest to, give k centres by greedy k-means++ on rank 0. Then Lloyd's iteration. Ties: the lowest index. Clusters
   that lose all rows begin again at the rows farthest from their centres, in that order.

   Cost of a pass: 3 d flops a row for each centre (4 k + 1 candidates at the end of seeding), k (d + 1) doubles sent.
   The kind calls these in its own functions of the same names while as_clusters_running. */
#ifndef AS_ESTIMATOR_CLUSTERS_H
#define AS_ESTIMATOR_CLUSTERS_H

#include "estimator/statistic.h"

typedef struct as_clusters {
    int64_t k, n_init, max_iter; /* set by the kind before plan */
    double tol;                  /* of the squared moves of all centres, relative to the mean variance of a column */
    as_reals given;              /* first centres (k, d), or none */
    const char *key;             /* of `given` in the configuration */

    double *best;      /* (k, d) centres of the best start so far, the answer at the end; set by the kind */
    double *inertia;   /* sum of weighted squares of distances to them; set by the kind */
    int64_t *n_iter;   /* moves of all centres of the best start; set by the kind */
    double *center;    /* (k, d) of this start */
    double *candidate; /* (4 k + 1, d) */
    double *variance;  /* mean of the columns' */
    int64_t *progress; /* see clusters.c */
    int64_t *empty;    /* (k) clusters that begin again */
} as_clusters;

/* Not collective; in plan, after best, inertia and n_iter were made. Arrays, scratch. Raises s->most. Errors: CONFIG
   for centres that do not fit; DATA for more clusters than rows. */
as_status as_clusters_plan(as_statistic *s, as_clusters *c);
/* Not collective; in ready. Errors: DATA for numbers of a pass that no fit comes to. */
as_status as_clusters_check(const as_clusters *c);
/* Not collective; in init, and on rank 0 in finish to begin anew: starts start .. start + n_init - 1. */
void as_clusters_init(as_clusters *c, int64_t start);
bool as_clusters_running(const as_clusters *c);
int64_t as_clusters_size(const as_statistic *s, const as_clusters *c);
void as_clusters_clear(const as_statistic *s, const as_clusters *c, double *sum);
void as_clusters_rows(const as_statistic *s, const as_clusters *c, const as_rows *rows, double *sum);
void as_clusters_merge(const as_statistic *s, const as_clusters *c, double *left, const double *right);
/* Rank 0. report->loss: mean square of the distances to the centres, or candidates, of the pass (at first: to the mean
   of all rows). Errors: DATA where there are fewer distinct rows than clusters, with both numbers. */
as_status as_clusters_finish(as_statistic *s, as_clusters *c, double *sum, as_step_report *report);

/* -- A list of the rows with the smallest keys, in a statistic: (most) entries of key, sample id, row (d), ascending by
      key and id; +inf: none. -- */
int64_t as_top_size(int64_t most, int64_t d);
void as_top_clear(int64_t most, int64_t d, double *top);
/* Largest key that could still change the list. */
double as_top_bound(int64_t most, int64_t d, const double *top);
void as_top_add(int64_t most, int64_t d, double *top, double key, int64_t id, const double *row);
void as_top_merge(int64_t most, int64_t d, double *left, const double *right);

#endif
