/* Hill climbing over graphs by scores of families. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "estimator/bayes_net.h"
#include "kernels/scalar_math.h"
#include "math/special.h"

/* The parents of a node, with one toggled: n of them. */
int64_t as_bayes_net_parents(const as_bayes_net *m, int64_t node, int64_t toggled,
                             int64_t out[AS_BAYES_NET_PARENTS_MAX + 1])
{
    const int64_t *own = m->parents + node * m->most_parents;
    int64_t n = 0;
    bool there = false;
    for (int64_t p = 0; p < m->most_parents && own[p] != AS_BAYES_NET_NONE; p++) {
        there = there || own[p] == toggled;
        if (own[p] != toggled) {
            out[n++] = own[p];
        }
    }
    if (toggled != AS_BAYES_NET_NONE && !there) {
        out[n++] = toggled;
    }
    return n;
}

/* ---- scores ---- */

/* ln of the maximised likelihood of a family's counts, less half a logarithm of the rows for each free parameter. */
static double score_bic(int64_t rows, int64_t levels, const double *count, double weight)
{
    double score = -0.5 * as_log_f64(weight) * (double)(rows * (levels - 1));
    for (int64_t r = 0; r < rows; r++) {
        double sum = 0;
        for (int64_t l = 0; l < levels; l++) {
            sum += count[r * levels + l];
        }
        for (int64_t l = 0; l < levels; l++) {
            const double c = count[r * levels + l];
            score += c > 0 ? c * as_log_f64(c / sum) : 0;
        }
    }
    return score;
}

/* ln of the marginal likelihood under uniform priors of the tables. */
static double score_k2(int64_t rows, int64_t levels, const double *count)
{
    double score = 0;
    for (int64_t r = 0; r < rows; r++) {
        double sum = 0;
        for (int64_t l = 0; l < levels; l++) {
            const double c = count[r * levels + l];
            sum += c;
            score += as_log_gamma(c + 1);
        }
        score += as_log_gamma((double)levels) - as_log_gamma(sum + (double)levels);
    }
    return score;
}

static void score_families(as_statistic *s, const double *sum)
{
    as_bayes_net *m = s->model;
    for (int64_t i = 0; i < m->n; i++) {
        for (int64_t j = 0; m->dirty[i] && j < m->n; j++) {
            m->toggled[i * m->n + j] = -HUGE_VAL; /* too many parents, or itself */
        }
        m->dirty[i] = 0;
    }
    for (int64_t k = 0; k < m->nfamilies; k++) {
        const as_family *f = &m->list[k];
        const int64_t levels = m->levels[f->node], rows_of = f->size / levels;
        const double *count = sum + AS_BAYES_NET_HEAD + f->first;
        const double score = ((const as_bayes_net_options *)s->options)->structure == AS_BAYES_NET_BIC
                                 ? score_bic(rows_of, levels, count, s->weight)
                                 : score_k2(rows_of, levels, count);
        *(f->toggled == AS_BAYES_NET_NONE ? &m->own[f->node] : &m->toggled[f->node * m->n + f->toggled]) = score;
    }
}

static bool is_parent(const as_bayes_net *m, int64_t node, int64_t parent)
{
    bool found = false;
    for (int64_t p = 0; p < m->most_parents; p++) {
        found = found || m->parents[node * m->most_parents + p] == parent;
    }
    return found;
}

/* Whether directed paths lead from a node to another, the edge without[0] -> without[1] left out. seen (n) is work. */
static bool leads(const as_bayes_net *m, int64_t from, int64_t to, const int64_t without[2], bool *seen)
{
    memset(seen, 0, (size_t)m->n * sizeof *seen);
    seen[to] = true; /* ancestors of `to` */
    for (bool moved = true; moved && !seen[from];) {
        moved = false;
        for (int64_t i = 0; i < m->n; i++) {
            for (int64_t p = 0; seen[i] && p < m->most_parents; p++) {
                const int64_t parent = m->parents[i * m->most_parents + p];
                if (parent != AS_BAYES_NET_NONE && !seen[parent] && !(parent == without[0] && i == without[1])) {
                    seen[parent] = moved = true;
                }
            }
        }
    }
    return seen[from];
}

static void toggle(as_bayes_net *m, int64_t node, int64_t parent)
{
    int64_t out[AS_BAYES_NET_PARENTS_MAX + 1];
    const int64_t n = as_bayes_net_parents(m, node, parent, out);
    for (int64_t p = 0; p < m->most_parents; p++) {
        m->parents[node * m->most_parents + p] = p < n ? out[p] : AS_BAYES_NET_NONE;
    }
    m->dirty[node] = 1;
}

typedef struct change {
    int64_t from, to;
    bool turn;
    double gain;
} change;

/* The best change of an edge; gain 0: none. */
static change best_change(const as_bayes_net *m, bool *seen)
{
    static const int64_t nothing[2] = {AS_BAYES_NET_NONE, AS_BAYES_NET_NONE};
    change best = {.from = AS_BAYES_NET_NONE};
    double total = 0;
    for (int64_t i = 0; i < m->n; i++) {
        total += fabs(m->own[i]);
    }
    const double slack = 1e-10 * total; /* less is rounding: so the first of changes that are equal is taken */
    for (int64_t i = 0; i < m->n; i++) {
        for (int64_t j = 0; j < m->n; j++) {
            const double drop = i == j ? -HUGE_VAL : m->toggled[i * m->n + j] - m->own[i];
            const bool edge = i != j && is_parent(m, i, j);
            if (drop > best.gain + slack && (edge || !leads(m, i, j, nothing, seen))) {
                best = (change){j, i, false, drop};
            }
            const double turned = edge ? drop + m->toggled[j * m->n + i] - m->own[j] : -HUGE_VAL;
            if (turned > best.gain + slack && !leads(m, j, i, (const int64_t[]){j, i}, seen)) {
                best = (change){j, i, true, turned};
            }
        }
    }
    return best;
}

static double total_score(const as_bayes_net *m)
{
    double total = 0;
    for (int64_t i = 0; i < m->n; i++) {
        total += m->own[i];
    }
    return total;
}

as_status as_bayes_net_search(as_statistic *s, const double *sum, as_step_report *report)
{
    as_bayes_net *m = s->model;
    const as_bayes_net_options *o = s->options;
    bool *seen = malloc((size_t)m->n * sizeof *seen);
    if (seen == NULL) {
        AS_FAIL(AS_NOMEM, "out of memory for %lld nodes", (long long)m->n);
    }
    score_families(s, sum);
    *m->score = total_score(m);
    report->loss = -*m->score / s->weight;
    const change best = best_change(m, seen);
    free(seen);
    if (best.gain > 0 && m->progress[AS_BAYES_NET_STEPS] < o->max_iter) {
        toggle(m, best.to, best.from);
        if (best.turn) {
            toggle(m, best.from, best.to);
        }
        m->progress[AS_BAYES_NET_STEPS]++;
        return AS_OK;
    }
    if (best.gain > 0) {
        as_log_line(
            s->setup.log, AS_LOG_WARN,
            "bayes_net: hill climbing ends after %lld changes, where one more would raise the score by %g: give "
            "it more, model.max_iter",
            (long long)m->progress[AS_BAYES_NET_STEPS], best.gain);
    }
    m->progress[AS_BAYES_NET_STAGE] = AS_BAYES_NET_COUNT;
    return AS_OK;
}
