/* What a hidden Markov model has estimated, as text and as JSON. */
#include "estimator/hmm.h"

static void describe_json(const as_hmm *m, as_text *out)
{
    as_json_real(out, "log_likelihood_", *m->log_likelihood);
    as_json_int(out, "n_iter_", *m->n_iter);
    as_json_bool(out, "converged_", *m->converged != 0);
    as_json_reals(out, "occupancy_", m->k, m->occupancy);
    as_json_reals(out, "startprob_", m->k, m->startprob);
    as_json_open(out, "transmat_", '[');
    for (int64_t i = 0; i < m->k; i++) {
        as_json_reals(out, NULL, m->k, m->transmat + i * m->k);
    }
    as_json_close(out, ']');
    as_json_open(out, m->symbols > 0 ? "emissionprob_" : "means_", '[');
    for (int64_t i = 0; i < m->k; i++) {
        const int64_t n = m->symbols > 0 ? m->symbols : m->d;
        as_json_reals(out, NULL, n, (m->symbols > 0 ? m->emission : m->means) + i * n);
    }
    as_json_close(out, ']');
}

enum { STATES_SHOWN = 40, NUMBERS_SHOWN = 5 };

/* A row of numbers, cut where there is no more room. */
static void text_row(int64_t n, const double *v, as_text *out)
{
    for (int64_t j = 0; j < n && j < NUMBERS_SHOWN; j++) {
        as_text_add(out, " %9.4g", v[j]);
    }
    as_text_add(out, "%s\n", n > NUMBERS_SHOWN ? " ..." : "");
}

void as_hmm_describe(const as_statistic *s, bool json, as_text *out)
{
    const as_hmm *m = s->model;
    if (json) {
        describe_json(m, out);
        return;
    }
    as_text_add(out, "Hidden Markov model: %lld states, %s emissions, log-likelihood %.10g\n", (long long)m->k,
                as_hmm_emission_names[m->symbols > 0], *m->log_likelihood);
    as_text_add(out, "%s after %lld steps\n\n", *m->converged ? "converged" : "not converged", (long long)*m->n_iter);
    as_text_add(out, "state  occupancy    start  %s\n", m->symbols > 0 ? "symbols" : "means");
    for (int64_t i = 0; i < m->k && i < STATES_SHOWN; i++) {
        as_text_add(out, "%5lld%c %9.4g %8.4g", (long long)i, m->occupancy[i] > 1e-10 ? ' ' : '*', m->occupancy[i],
                    m->startprob[i]);
        text_row(m->symbols > 0 ? m->symbols : m->d,
                 m->symbols > 0 ? m->emission + i * m->symbols : m->means + i * m->d, out);
    }
    as_text_add(out, "\nsteps from row to column\n");
    for (int64_t i = 0; i < m->k && i < STATES_SHOWN; i++) {
        as_text_add(out, "%5lld", (long long)i);
        text_row(m->k, m->transmat + i * m->k, out);
    }
    for (int64_t i = 0; i < m->k; i++) {
        if (!(m->occupancy[i] > 1e-10)) {
            as_text_add(out, "\n* visited by no sequence: the parameters are those that it had before\n");
            break;
        }
    }
}
