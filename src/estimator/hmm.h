/* The parts of a hidden Markov model: what it holds, the statistic of sequences (hmm_rows.c), its tables
 * (hmm_report.c). */
#ifndef AS_ESTIMATOR_HMM_H
#define AS_ESTIMATOR_HMM_H

#include "estimator/statistic.h"

typedef struct options {
    int64_t n_components, features, n_symbols, max_iter;
    int emission, covariance_type, output;
    double tol, reg_covar, pseudo_count;
    const char *length;
    const as_node *pad;
    as_reals startprob_init, transmat_init, means_init, covars_init, emissionprob_init;
} as_hmm_options;

enum { AS_HMM_GAUSSIAN, AS_HMM_CATEGORICAL };
enum { AS_HMM_FULL, AS_HMM_DIAGONAL };
enum { AS_HMM_POSTERIOR, AS_HMM_VITERBI };
enum { AS_HMM_BEGIN, AS_HMM_STEP, AS_HMM_DONE }; /* what a pass is for */
enum { AS_HMM_STAGE, AS_HMM_STEPS, AS_HMM_CONVERGED, AS_HMM_NUMBERS };
/* The head of a statistic. */
enum { AS_HMM_LOG_P, AS_HMM_POSITIONS, AS_HMM_IMPOSSIBLE, AS_HMM_BAD_ROW, AS_HMM_BAD_VALUE, AS_HMM_HEAD };
enum { AS_HMM_POOL = 64, AS_HMM_SEQUENCES = 4 };

/* s->model */
typedef struct as_hmm {
    int64_t k, d, symbols, length; /* states; numbers at a position; most positions */
    int64_t length_column, first;  /* -1: none; column at which the positions begin */
    bool padded;
    double pad;
    double *startprob, *transmat, *means, *covars, *emission;
    double *occupancy, *log_likelihood, *bound;
    int64_t *n_iter, *converged, *progress;
    double *factor, *constant; /* of densities: (K, D) 1 / sd or (K, D, D) R with R'R the covariance; (K) */
    double *log_emission;      /* (K, symbols) */
} as_hmm;

extern const char *const as_hmm_emission_names[];

/* Numbers of a covariance; doubles of the moments or counts of a state's emissions; of the first pass. */
int64_t as_hmm_covar_size(const as_statistic *s, const as_hmm *m);
int64_t as_hmm_emission_size(const as_statistic *s, const as_hmm *m);
int64_t as_hmm_pool_size(const as_hmm *m);

/* Functions of as_statistic_ops. */
void as_hmm_clear(const as_statistic *s, double *sum);
void as_hmm_rows(const as_statistic *s, const as_rows *rows, double *sum);
void as_hmm_merge(const as_statistic *s, double *left, const double *right);
void as_hmm_predict(const as_statistic *s, const as_rows *rows, double *out);
void as_hmm_score(const as_statistic *s, const as_rows *rows, const double *out, double *loss);
void as_hmm_describe(const as_statistic *s, bool json, as_text *out);

#endif
