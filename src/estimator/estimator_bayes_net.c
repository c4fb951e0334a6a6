/* Discrete Bayesian networks: columns of categories, whose joint probability is a product of tables, one for each node
   given its parents.

   Tables are expected probabilities under a Dirichlet prior of pseudo_count for each entry. The parents are given, or
   found by hill climbing (D. Heckerman, D. Geiger, D. Chickering, "Learning Bayesian networks", Machine Learning 20,
   1995): one edge is added, removed or turned round at a time, whichever raises the score most, as long as one does,
   the first of equals. Scores: AS_BAYES_NET_BIC, and AS_BAYES_NET_K2 (G. Cooper, E. Herskovits, 1992, eq. 8, in
   logarithms). A step is one pass, which counts the families that the step before has changed, each with one parent
   more or less; all other scores are kept. Cost of a pass: (changed nodes) x D^2 operations a row; at first all nodes.
 */
#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "estimator/bayes_net.h"
#include "kernels/scalar_math.h"

enum { MOST_COUNTS = 1 << 26 };

const char *const as_bayes_net_structures[] = {
    [AS_BAYES_NET_FIXED] = "fixed", [AS_BAYES_NET_BIC] = "bic", [AS_BAYES_NET_K2] = "k2", NULL};

static const as_field fields[] = {
    {.name = "structure",
     .type = AS_FIELD_CHOICE,
     .offset = offsetof(as_bayes_net_options, structure),
     .standard = "fixed",
     .choices = as_bayes_net_structures,
     .help = "fixed: as `parents` or `edges` say; bic, k2: found by hill climbing on this score, from there."},
    {.name = "parents",
     .type = AS_FIELD_NODE,
     .offset = offsetof(as_bayes_net_options, parents),
     .standard = "",
     .help = "Parents of columns: {wet: [rain, sprinkler]}."},
    {.name = "edges",
     .type = AS_FIELD_NODE,
     .offset = offsetof(as_bayes_net_options, edges),
     .standard = "",
     .help = "The same as a list of pairs: [[rain, wet], [sprinkler, wet]]."},
    {.name = "levels",
     .type = AS_FIELD_INTS,
     .offset = offsetof(as_bayes_net_options, levels),
     .standard = "",
     .min = 1,
     .max = 1 << 20,
     .help = "Number of levels of each column, or one number for all, where the data do not name them "
             "(data.columns.code)."},
    {.name = "pseudo_count",
     .type = AS_FIELD_REAL,
     .offset = offsetof(as_bayes_net_options, pseudo_count),
     .standard = "1",
     .max = 1e300,
     .help = "Dirichlet prior of each entry of a table; 0: shares as counted, even where a combination was not seen."},
    {.name = "max_parents",
     .type = AS_FIELD_INT,
     .offset = offsetof(as_bayes_net_options, max_parents),
     .standard = "3",
     .min = 1,
     .max = AS_BAYES_NET_PARENTS_MAX,
     .help = "Most parents of a node that hill climbing gives."},
    {.name = "max_iter",
     .type = AS_FIELD_INT,
     .offset = offsetof(as_bayes_net_options, max_iter),
     .standard = "1000",
     .min = 1,
     .max = 1e9,
     .help = "Most changes of an edge."},
    {.name = "nodes",
     .type = AS_FIELD_NODE,
     .offset = offsetof(as_bayes_net_options, nodes),
     .standard = "",
     .help = "Levels, parents and tables that `allsum query CONFIG` reads: {rain: {levels: [no, yes], table: [0.8, "
             "0.2]}}; nothing is left to train."},
    AS_FIELDS_END};

static int descending(const void *a, const void *b)
{
    const int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return (x < y) - (x > y);
}

/* Room: parents of a node; entries of all tables; counts of a pass. */
static as_status plan_room(as_statistic *s, as_bayes_net *m, const as_net *net)
{
    const as_bayes_net_options *o = s->options;
    const bool learns = o->structure != AS_BAYES_NET_FIXED;
    int64_t *sorted = malloc((size_t)m->n * sizeof *sorted);
    if (sorted == NULL) {
        AS_FAIL(AS_NOMEM, "out of memory for %lld nodes", (long long)m->n);
    }
    double table = 0, counts = 0, most = 0, all = 0, largest = 1, wider = 1;
    m->most_parents = learns ? o->max_parents : 0;
    for (int64_t i = 0; i < m->n; i++) {
        const int64_t parents = net->node[i].nparents;
        m->most_parents = parents > m->most_parents ? parents : m->most_parents;
        sorted[i] = net->node[i].level.n;
        all += (double)sorted[i];
    }
    qsort(sorted, (size_t)m->n, sizeof *sorted, descending);
    for (int64_t k = 0; k < m->most_parents && k < m->n; k++) {
        wider *= (double)sorted[k];
        largest *= k + 1 < m->most_parents ? (double)sorted[k] : 1;
    }
    for (int64_t i = 0; i < m->n; i++) {
        double rows = 1;
        for (int64_t p = 0; p < net->node[i].nparents; p++) {
            rows *= (double)net->node[net->node[i].parent[p]].level.n;
        }
        const double own = (double)net->node[i].level.n, here = own * (learns ? wider : rows);
        const double toggles = learns ? own * (wider + largest * all) : 0; /* with one more, with one less */
        table += here;
        counts += net->node[i].nparents == 0 ? own * (1 + all) : here + toggles;
        most = toggles + here > most ? toggles + here : most;
    }
    free(sorted);
    if (m->most_parents > AS_BAYES_NET_PARENTS_MAX) {
        AS_FAIL(AS_CONFIG, "model: expected at most %d parents of a node, found %lld", (int)AS_BAYES_NET_PARENTS_MAX,
                (long long)m->most_parents);
    }
    const double room = !learns ? table : counts > 2 * most ? counts : 2 * most;
    if (room > MOST_COUNTS || table > MOST_COUNTS) {
        AS_FAIL(AS_CONFIG, "model.max_parents: %lld parents of %lld nodes need %.3g counts, at most %d are kept",
                (long long)m->most_parents, (long long)m->n, room > table ? room : table, (int)MOST_COUNTS);
    }
    m->table = (int64_t)table;
    s->most = AS_BAYES_NET_HEAD + (int64_t)(room > table ? room : table);
    return AS_OK;
}

static as_status plan_arrays(as_statistic *s, as_bayes_net *m)
{
    const as_bayes_net_options *o = s->options;
    const int64_t n = m->n, dim[2] = {n, m->most_parents > 0 ? m->most_parents : 1}, square[2] = {n, n};
    const int64_t next = n + 1, numbers = AS_BAYES_NET_NUMBERS, table = m->table;
    AS_TRY(as_statistic_array(s, "/params/probabilities_", 1, &table, &m->cpt));
    AS_TRY(as_statistic_integers(s, "/params/first_", 1, &next, 0, table, &m->first));
    AS_TRY(as_statistic_integers(s, "/params/parents_", 2, dim, AS_BAYES_NET_NONE, n - 1, &m->parents));
    AS_TRY(as_statistic_integers(s, "/params/levels_", 1, dim, 0, table, &m->levels));
    AS_TRY(as_statistic_array(s, "/params/log_likelihood_", 0, NULL, &m->log_likelihood));
    AS_TRY(as_statistic_array(s, "/params/score_", 0, NULL, &m->score));
    AS_TRY(as_statistic_integers(s, "/state/progress", 1, &numbers, 0, AS_STATISTIC_COUNT_MOST, &m->progress));
    if (o->structure != AS_BAYES_NET_FIXED) {
        AS_TRY(as_statistic_integers(s, "/state/changed", 1, dim, 0, 1, &m->dirty));
        AS_TRY(as_statistic_array(s, "/state/family_score", 1, dim, &m->own));
        AS_TRY(as_statistic_array(s, "/state/toggled_score", 2, square, &m->toggled));
    }
    return AS_OK;
}

static as_status plan(as_statistic *s)
{
    as_bayes_net *m = s->model;
    as_net net;
    m->n = s->width;
    as_status status = as_bayes_net_given(s, &net);
    if (status == AS_OK) {
        status = plan_room(s, m, &net);
    }
    m->known = malloc((size_t)m->n * sizeof *m->known + 1);
    if (status == AS_OK && m->known == NULL) {
        status = as_error_set(AS_NOMEM, "out of memory for %lld nodes", (long long)m->n);
    }
    for (int64_t i = 0; i < m->n && status == AS_OK; i++) {
        m->known[i] = net.node[i].level.n;
    }
    as_net_destroy(&net);
    AS_TRY(status);
    const as_normalization *norm = s->setup.normalization;
    if (norm != NULL && !norm->identity) {
        AS_FAIL(AS_CONFIG, "data.normalize: expected none, for levels are whole numbers");
    }
    s->outputs = 1;
    s->flops = (double)(m->n * m->n);
    m->list = malloc((size_t)(m->n * (m->n + 1)) * sizeof *m->list);
    if (m->list == NULL) {
        AS_FAIL(AS_NOMEM, "out of memory for %lld families", (long long)(m->n * m->n));
    }
    return plan_arrays(s, m);
}

static void release(as_statistic *s)
{
    as_bayes_net *m = s->model;
    free(m->list);
    free(m->known);
}

static as_status init(as_statistic *s)
{
    as_bayes_net *m = s->model;
    const as_bayes_net_options *o = s->options;
    as_net net;
    as_status status = as_bayes_net_given(s, &net);
    for (int64_t i = 0; status == AS_OK && i < m->n; i++) {
        m->levels[i] = net.node[i].level.n;
        for (int64_t p = 0; p < m->most_parents; p++) {
            m->parents[i * m->most_parents + p] = p < net.node[i].nparents ? net.node[i].parent[p] : AS_BAYES_NET_NONE;
        }
        if (o->structure != AS_BAYES_NET_FIXED) {
            m->dirty[i] = 1;
        }
    }
    as_net_destroy(&net);
    m->progress[AS_BAYES_NET_STAGE] = o->structure == AS_BAYES_NET_FIXED ? AS_BAYES_NET_COUNT : AS_BAYES_NET_SEARCH;
    return status;
}

static int64_t family_size(const as_bayes_net *m, const as_family *f)
{
    int64_t parent[AS_BAYES_NET_PARENTS_MAX + 1], size = m->levels[f->node];
    const int64_t n = as_bayes_net_parents(m, f->node, f->toggled, parent);
    for (int64_t p = 0; p < n; p++) {
        size *= m->levels[parent[p]];
    }
    return size;
}

static void add_family(as_bayes_net *m, int64_t node, int64_t toggled)
{
    as_family *f = &m->list[m->nfamilies++];
    *f = (as_family){.node = node, .toggled = toggled, .first = m->counts};
    f->size = family_size(m, f);
    m->counts += f->size;
}

/* What the coming pass counts. */
static as_status ready(as_statistic *s)
{
    as_bayes_net *m = s->model;
    AS_TRY(as_bayes_net_check_graph(m));
    const bool search = m->progress[AS_BAYES_NET_STAGE] == AS_BAYES_NET_SEARCH;
    int64_t parent[AS_BAYES_NET_PARENTS_MAX + 1];
    m->nfamilies = m->counts = 0;
    for (int64_t i = 0; i < m->n; i++) {
        if (!search || m->dirty[i]) {
            add_family(m, i, AS_BAYES_NET_NONE);
        }
        for (int64_t j = 0; search && m->dirty[i] && j < m->n; j++) {
            if (j != i && as_bayes_net_parents(m, i, j, parent) <= m->most_parents) {
                add_family(m, i, j);
            }
        }
    }
    return as_bayes_net_check_places(s, m);
}

static int64_t size(const as_statistic *s)
{
    const as_bayes_net *m = s->model;
    return AS_BAYES_NET_HEAD + m->counts;
}

static void clear(const as_statistic *s, double *sum)
{
    (void)s;
    sum[AS_BAYES_NET_BAD_ROW] = HUGE_VAL;
}

/* The column whose value is no level, or AS_BAYES_NET_NONE. */
static int64_t bad_column(const as_bayes_net *m, const double *x)
{
    for (int64_t j = 0; j < m->n; j++) {
        if (!(x[j] >= 0 && x[j] < (double)m->levels[j] && x[j] == floor(x[j]))) {
            return j;
        }
    }
    return AS_BAYES_NET_NONE;
}

static void rows(const as_statistic *s, const as_rows *r, double *sum)
{
    const as_bayes_net *m = s->model;
    int64_t parent[AS_BAYES_NET_PARENTS_MAX + 1];
    for (int64_t i = 0; i < r->count; i++) {
        const double *x = r->x + i * m->n;
        const int64_t bad = bad_column(m, x);
        if (bad != AS_BAYES_NET_NONE && (double)r->id[i] < sum[AS_BAYES_NET_BAD_ROW]) {
            sum[AS_BAYES_NET_BAD_ROW] = (double)r->id[i];
            sum[AS_BAYES_NET_BAD_COLUMN] = (double)bad;
            sum[AS_BAYES_NET_BAD_VALUE] = x[bad];
        }
        for (int64_t k = 0; k < m->nfamilies && bad == AS_BAYES_NET_NONE; k++) {
            const as_family *f = &m->list[k];
            const int64_t n = as_bayes_net_parents(m, f->node, f->toggled, parent);
            int64_t at = 0;
            for (int64_t p = 0; p < n; p++) {
                at = at * m->levels[parent[p]] + (int64_t)x[parent[p]];
            }
            sum[AS_BAYES_NET_HEAD + f->first + at * m->levels[f->node] + (int64_t)x[f->node]] += r->weight[i];
        }
    }
}

static void merge(const as_statistic *s, double *left, const double *right)
{
    if (right[AS_BAYES_NET_BAD_ROW] < left[AS_BAYES_NET_BAD_ROW]) {
        memcpy(left, right, AS_BAYES_NET_HEAD * sizeof *left);
    }
    for (int64_t i = AS_BAYES_NET_HEAD; i < size(s); i++) {
        left[i] += right[i];
    }
}

/* Tables from counts; the log-likelihood of the rows under them. */
static void finish_tables(as_statistic *s, const double *sum, as_step_report *report)
{
    as_bayes_net *m = s->model;
    const double pseudo = ((const as_bayes_net_options *)s->options)->pseudo_count;
    double log_p = 0;
    for (int64_t i = 0; i < m->n; i++) {
        const as_family *f = &m->list[i];
        const int64_t levels = m->levels[i];
        m->first[i] = f->first;
        for (int64_t r = 0; r < f->size; r += levels) {
            const double *count = sum + AS_BAYES_NET_HEAD + f->first + r;
            double all = 0, *p = m->cpt + f->first + r;
            for (int64_t l = 0; l < levels; l++) {
                all += count[l] + pseudo;
            }
            for (int64_t l = 0; l < levels; l++) {
                p[l] = all > 0 ? (count[l] + pseudo) / all : 1 / (double)levels;
                log_p += count[l] > 0 ? count[l] * as_log_f64(p[l]) : 0;
            }
        }
    }
    m->first[m->n] = m->counts;
    *m->log_likelihood = log_p;
    report->loss = -log_p / s->weight;
    m->progress[AS_BAYES_NET_STAGE] = AS_BAYES_NET_DONE;
    report->done = true;
}

static as_status finish(as_statistic *s, double *sum, as_step_report *report)
{
    const as_bayes_net *m = s->model;
    if (sum[AS_BAYES_NET_BAD_ROW] < HUGE_VAL) {
        char name[64];
        const int64_t column = (int64_t)sum[AS_BAYES_NET_BAD_COLUMN];
        AS_FAIL(AS_DATA, "%s: row %.0f, column %s: expected a level in 0..%lld, found %g", s->setup.data->place,
                sum[AS_BAYES_NET_BAD_ROW], as_statistic_column(s, column, name), (long long)m->levels[column] - 1,
                sum[AS_BAYES_NET_BAD_VALUE]);
    }
    if (m->progress[AS_BAYES_NET_STAGE] == AS_BAYES_NET_SEARCH) {
        return as_bayes_net_search(s, sum, report);
    }
    finish_tables(s, sum, report);
    return AS_OK;
}

/* ---- answers ---- */

/* ln p of a row; one with a value that is no level counts as the smallest double. */
static void predict(const as_statistic *s, const as_rows *r, double *out)
{
    const as_bayes_net *m = s->model;
    int64_t parent[AS_BAYES_NET_PARENTS_MAX + 1];
    for (int64_t i = 0; i < r->count; i++) {
        const double *x = r->x + i * m->n;
        const bool bad = bad_column(m, x) != AS_BAYES_NET_NONE;
        out[i] = bad ? as_log_f64(DBL_TRUE_MIN) : 0;
        for (int64_t node = 0; node < m->n && !bad; node++) {
            const int64_t n = as_bayes_net_parents(m, node, AS_BAYES_NET_NONE, parent);
            int64_t at = 0;
            for (int64_t p = 0; p < n; p++) {
                at = at * m->levels[parent[p]] + (int64_t)x[parent[p]];
            }
            const double p = m->cpt[m->first[node] + at * m->levels[node] + (int64_t)x[node]];
            out[i] += as_log_f64(p > 0 ? p : DBL_TRUE_MIN);
        }
    }
}

static void score(const as_statistic *s, const as_rows *r, const double *out, double *loss)
{
    (void)s;
    for (int64_t i = 0; i < r->count; i++) {
        loss[i] = -out[i];
    }
}

static void describe_json(const as_statistic *s, const as_bayes_net *m, as_text *out)
{
    as_json_real(out, "log_likelihood_", *m->log_likelihood);
    as_json_open(out, "nodes", '[');
    for (int64_t i = 0; i < m->n; i++) {
        char name[64];
        int64_t parent[AS_BAYES_NET_PARENTS_MAX + 1];
        const int64_t n = as_bayes_net_parents(m, i, AS_BAYES_NET_NONE, parent);
        as_json_open(out, NULL, '{');
        as_json_text(out, "name", as_statistic_column(s, i, name));
        as_json_int(out, "levels", m->levels[i]);
        as_json_open(out, "parents", '[');
        for (int64_t p = 0; p < n; p++) {
            as_json_text(out, NULL, as_statistic_column(s, parent[p], name));
        }
        as_json_close(out, ']');
        as_json_reals(out, "table", m->first[i + 1] - m->first[i], m->cpt + m->first[i]);
        as_json_close(out, '}');
    }
    as_json_close(out, ']');
}

static void describe(const as_statistic *s, bool json, as_text *out)
{
    const as_bayes_net *m = s->model;
    const as_bayes_net_options *o = s->options;
    int64_t edges = 0, parent[AS_BAYES_NET_PARENTS_MAX + 1];
    if (json) {
        describe_json(s, m, out);
        return;
    }
    for (int64_t i = 0; i < m->n; i++) {
        edges += as_bayes_net_parents(m, i, AS_BAYES_NET_NONE, parent);
    }
    as_text_add(out, "Bayesian network: %lld nodes, %lld edges, log-likelihood %.10g\n", (long long)m->n,
                (long long)edges, *m->log_likelihood);
    if (o->structure != AS_BAYES_NET_FIXED) {
        as_text_add(out, "structure by %s, score %.10g, %lld changes\n", as_bayes_net_structures[o->structure],
                    *m->score, (long long)m->progress[AS_BAYES_NET_STEPS]);
    }
    as_text_add(out, "\n%-20s %6s  parents\n", "node", "levels");
    for (int64_t i = 0; i < m->n; i++) {
        char name[64];
        const int64_t n = as_bayes_net_parents(m, i, AS_BAYES_NET_NONE, parent);
        as_text_add(out, "%-20.20s %6lld ", as_statistic_column(s, i, name), (long long)m->levels[i]);
        for (int64_t p = 0; p < n; p++) {
            as_text_add(out, "%s %.20s",
                        p > 0 && p % 2 == 0 ? ",\n                            "
                        : p > 0             ? ","
                                            : "",
                        as_statistic_column(s, parent[p], name));
        }
        as_text_add(out, "\n");
    }
}

static const as_statistic_ops statistic = {
    .target = AS_TARGET_NONE,
    .model_bytes = sizeof(as_bayes_net),
    .plan = plan,
    .init = init,
    .size = size,
    .clear = clear,
    .rows = rows,
    .merge = merge,
    .finish = finish,
    .ready = ready,
    .predict = predict,
    .score = score,
    .release = release,
    .describe = describe,
};

const as_estimator_ops as_estimator_bayes_net = {
    .name = "bayes_net",
    .help = "Discrete Bayesian network: tables given parents, the structure given or found by hill climbing",
    .formula = "p(x) = prod_i p(x_i | parents of i)",
    .fields = fields,
    .options_bytes = sizeof(as_bayes_net_options),
    .iterates = true,
    .statistic = &statistic,
    AS_STATISTIC_METHODS,
};
