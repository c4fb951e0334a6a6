/* Variable elimination (N. Zhang, D. Poole, "A simple approach to Bayesian network computations", 1994) in the order
   that adds fewest edges at each step (min-fill), the lowest node of equals. The tables that name a node are multiplied
   and summed over it, or their maximum is taken and remembered for the most probable explanation (R. Dechter, "Bucket
   elimination", Artificial Intelligence 113, 1999). Each new table is divided by its largest entry, whose logarithm is
   kept. Cost: the sum of the sizes of the tables, before a node is summed out. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/text.h"
#include "kernels/scalar_math.h"
#include "math/net.h"

/* A table over nodes, the last of them fastest. */
typedef struct factor {
    int64_t n;
    int64_t *node;
    double *value;
    struct factor *next;
} factor;

typedef struct elimination {
    const as_net *net;
    const int64_t *evidence;
    bool *kept;  /* (n) nodes that matter and are not known */
    bool *edge;  /* (n, n) between those */
    factor *all; /* tables that are left */
    double log_scale;
    int64_t neliminated; /* of maximisation: */
    factor **choice;     /* (n) for each step the best level of the node, given those of factor.node */
    int64_t *eliminated; /* (n) */
} elimination;

static void free_factor(factor *f)
{
    if (f != NULL) {
        free(f->node);
        free(f->value);
        free(f);
    }
}

static as_status make_factor(const as_net *net, int64_t n, const int64_t *node, factor **out)
{
    double size = 1;
    for (int64_t i = 0; i < n; i++) {
        size *= (double)net->node[node[i]].level.n;
    }
    if (size > AS_NET_FACTOR_MAX) {
        AS_FAIL(AS_NOMEM,
                "the network is too dense for exact answers: a table over %lld nodes has %.3g entries, at most %d",
                (long long)n, size, (int)AS_NET_FACTOR_MAX);
    }
    factor *f = calloc(1, sizeof *f);
    *out = f;
    if (f != NULL) {
        f->n = n;
        f->node = malloc(((size_t)n + 1) * sizeof *f->node);
        f->value = calloc((size_t)size, sizeof *f->value);
    }
    if (f == NULL || f->node == NULL || f->value == NULL) {
        free_factor(f);
        *out = NULL;
        AS_FAIL(AS_NOMEM, "out of memory for a table of %.3g entries", size);
    }
    memcpy(f->node, node, (size_t)n * sizeof *node);
    return AS_OK;
}

/* Ancestors of what is asked or known. */
static void find_kept(elimination *e, int64_t target, bool everything)
{
    const as_net *net = e->net;
    for (int64_t i = 0; i < net->n; i++) {
        e->kept[i] = everything || i == target || e->evidence[i] >= 0;
    }
    for (int64_t at = net->n - 1; at >= 0; at--) { /* children before parents */
        const as_net_node *node = &net->node[net->order[at]];
        for (int64_t p = 0; p < node->nparents && e->kept[net->order[at]]; p++) {
            e->kept[node->parent[p]] = true;
        }
    }
}

/* The table of a node where what is known is fixed. */
static as_status add_table(elimination *e, int64_t node)
{
    const as_net *net = e->net;
    const as_net_node *own = &net->node[node];
    const int64_t axes = own->nparents + 1;
    int64_t *axis = malloc((size_t)(3 * axes) * sizeof *axis), *free_axis = axis + axes, *level = free_axis + axes;
    int64_t n = 0;
    if (axis == NULL) {
        AS_FAIL(AS_NOMEM, "out of memory for a table");
    }
    for (int64_t a = 0; a < axes; a++) {
        axis[a] = a < own->nparents ? own->parent[a] : node;
        level[a] = e->evidence[axis[a]] >= 0 ? e->evidence[axis[a]] : 0;
        if (e->evidence[axis[a]] < 0) {
            free_axis[n++] = axis[a];
        }
    }
    factor *f = NULL;
    const as_status status = make_factor(net, n, free_axis, &f);
    for (int64_t at = 0; status == AS_OK; at++) {
        int64_t index = 0;
        for (int64_t a = 0; a < axes; a++) {
            index = index * net->node[axis[a]].level.n + level[a];
        }
        f->value[at] = own->table[index];
        int64_t a = axes - 1;
        for (; a >= 0; a--) { /* the next levels of the free axes */
            if (e->evidence[axis[a]] >= 0) {
                continue;
            }
            if (++level[a] < net->node[axis[a]].level.n) {
                break;
            }
            level[a] = 0;
        }
        if (a < 0) {
            break;
        }
    }
    for (int64_t a = 0; a < n && status == AS_OK; a++) {
        for (int64_t b = 0; b < n; b++) {
            e->edge[free_axis[a] * net->n + free_axis[b]] |= a != b;
        }
    }
    free(axis);
    AS_TRY(status);
    f->next = e->all;
    e->all = f;
    return AS_OK;
}

/* Edges that eliminating a node would add. */
static int64_t fill(const elimination *e, int64_t node)
{
    const int64_t n = e->net->n;
    const bool *own = e->edge + node * n;
    int64_t count = 0;
    for (int64_t a = 0; a < n; a++) {
        for (int64_t b = a + 1; own[a] && b < n; b++) {
            count += own[b] && !e->edge[a * n + b];
        }
    }
    return count;
}

static void join_neighbours(elimination *e, int64_t node)
{
    const int64_t n = e->net->n;
    bool *own = e->edge + node * n;
    for (int64_t a = 0; a < n; a++) {
        for (int64_t b = 0; own[a] && b < n; b++) {
            e->edge[a * n + b] |= own[b] && a != b;
        }
    }
    for (int64_t a = 0; a < n; a++) {
        own[a] = e->edge[a * n + node] = false;
    }
}

/* Takes the tables that name a node (or, node -1, all) out of the list. */
static factor *take(elimination *e, int64_t node)
{
    factor *taken = NULL;
    for (factor **at = &e->all; *at != NULL;) {
        factor *f = *at;
        bool names = node < 0;
        for (int64_t i = 0; i < f->n; i++) {
            names = names || f->node[i] == node;
        }
        if (names) {
            *at = f->next;
            f->next = taken;
            taken = f;
        } else {
            at = &f->next;
        }
    }
    return taken;
}

static void free_list(factor *f)
{
    while (f != NULL) {
        factor *next = f->next;
        free_factor(f);
        f = next;
    }
}

/* Nodes of the tables but `node`, ascending. */
static int64_t union_of(const factor *list, int64_t node, int64_t n, int64_t *out)
{
    int64_t count = 0;
    for (int64_t i = 0; i < n; i++) {
        bool named = false;
        for (const factor *f = list; f != NULL; f = f->next) {
            for (int64_t k = 0; k < f->n; k++) {
                named = named || f->node[k] == i;
            }
        }
        if (named && i != node) {
            out[count++] = i;
        }
    }
    return count;
}

/* Product of the tables at levels of all nodes. */
static double product(const as_net *net, const factor *list, const int64_t *level)
{
    double value = 1;
    for (const factor *f = list; f != NULL; f = f->next) {
        int64_t index = 0;
        for (int64_t k = 0; k < f->n; k++) {
            index = index * net->node[f->node[k]].level.n + level[f->node[k]];
        }
        value *= f->value[index];
    }
    return value;
}

/* Divides by the largest entry. */
static void rescale(elimination *e, factor *f, int64_t size)
{
    double most = 0;
    for (int64_t i = 0; i < size; i++) {
        most = f->value[i] > most ? f->value[i] : most;
    }
    for (int64_t i = 0; i < size && most > 0; i++) {
        f->value[i] /= most;
    }
    e->log_scale += most > 0 ? as_log_f64(most) : -HUGE_VAL;
}

/* Multiplies the tables, sums over `node` (-1: over none) or takes the maximum, whose level goes to choice. level (n):
   work space. */
static as_status combine(elimination *e, const factor *list, int64_t node, int64_t *level, int64_t *nodes, factor *out,
                         factor *choice)
{
    const as_net *net = e->net;
    const int64_t levels = node < 0 ? 1 : net->node[node].level.n, n = out->n;
    int64_t size = 1;
    memset(level, 0, (size_t)net->n * sizeof *level);
    for (int64_t i = 0; i < n; i++) {
        nodes[i] = out->node[i];
        size *= net->node[nodes[i]].level.n;
    }
    for (int64_t at = 0; at < size; at++) {
        double sum = 0, most = -1;
        for (int64_t l = 0; l < levels; l++) {
            if (node >= 0) {
                level[node] = l;
            }
            const double p = product(net, list, level);
            sum += p;
            if (p > most && choice != NULL) {
                choice->value[at] = (double)l;
            }
            most = p > most ? p : most;
        }
        out->value[at] = choice != NULL ? most : sum;
        for (int64_t i = n - 1; i >= 0 && ++level[nodes[i]] == net->node[nodes[i]].level.n; i--) {
            level[nodes[i]] = 0;
        }
    }
    rescale(e, out, size);
    return AS_OK;
}

static as_status eliminate(elimination *e, int64_t node, bool maximise, int64_t *work)
{
    factor *list = take(e, node), *out = NULL, *choice = NULL;
    const int64_t n = union_of(list, node, e->net->n, work);
    as_status status = make_factor(e->net, n, work, &out);
    if (status == AS_OK && maximise) {
        status = make_factor(e->net, n, work, &choice);
    }
    if (status == AS_OK) {
        status = combine(e, list, node, work + e->net->n, work, out, choice);
    }
    free_list(list);
    if (status != AS_OK) {
        free_factor(out);
        free_factor(choice);
        return status;
    }
    out->next = e->all;
    e->all = out;
    if (maximise) {
        e->choice[e->neliminated] = choice;
        e->eliminated[e->neliminated++] = node;
    }
    join_neighbours(e, node);
    e->kept[node] = false;
    return AS_OK;
}

static as_status begin(elimination *e, const as_net *net, const int64_t *evidence, int64_t target, bool everything)
{
    const size_t n = (size_t)net->n;
    *e = (elimination){.net = net, .evidence = evidence};
    e->kept = calloc(n + 1, sizeof *e->kept);
    e->edge = calloc(n * n + 1, sizeof *e->edge);
    e->choice = calloc(n + 1, sizeof(factor *));
    e->eliminated = calloc(n + 1, sizeof *e->eliminated);
    if (e->kept == NULL || e->edge == NULL || e->choice == NULL || e->eliminated == NULL) {
        AS_FAIL(AS_NOMEM, "out of memory for %lld nodes", (long long)net->n);
    }
    find_kept(e, target, everything);
    for (int64_t i = 0; i < net->n; i++) {
        if (e->kept[i]) {
            AS_TRY(add_table(e, i));
        }
    }
    for (int64_t i = 0; i < net->n; i++) {
        e->kept[i] = e->kept[i] && evidence[i] < 0;
    }
    return AS_OK;
}

static void end(elimination *e)
{
    free_list(e->all);
    for (int64_t i = 0; i < e->neliminated; i++) {
        free_factor(e->choice[i]);
    }
    free(e->choice);
    free(e->eliminated);
    free(e->kept);
    free(e->edge);
}

/* All nodes that are kept, but the target. work (2 n). */
static as_status eliminate_all(elimination *e, int64_t target, bool maximise, int64_t *work)
{
    for (;;) {
        int64_t best = -1, fewest = 0;
        for (int64_t i = 0; i < e->net->n; i++) {
            const int64_t count = e->kept[i] && i != target ? fill(e, i) : 0;
            if (e->kept[i] && i != target && (best < 0 || count < fewest)) {
                best = i;
                fewest = count;
            }
        }
        if (best < 0) {
            return AS_OK;
        }
        AS_TRY(eliminate(e, best, maximise, work));
    }
}

/* What is left after elimination, multiplied: over the target alone, or a number. */
static as_status finish(elimination *e, int64_t target, int64_t *work, factor **out)
{
    factor *list = take(e, -1);
    as_status status = make_factor(e->net, target >= 0, &target, out);
    if (status == AS_OK) {
        status = combine(e, list, -1, work + e->net->n, work, *out, NULL);
    }
    free_list(list);
    return status;
}

static as_status solve(const as_net *net, const int64_t *evidence, int64_t target, double *out, double *log_p)
{
    elimination e;
    factor *result = NULL;
    if (target >= 0 && evidence[target] >= 0) {
        AS_TRY(solve(net, evidence, -1, NULL, log_p));
        for (int64_t l = 0; l < net->node[target].level.n; l++) {
            out[l] = l == evidence[target];
        }
        return AS_OK;
    }
    int64_t *work = malloc((2 * (size_t)net->n + 2) * sizeof *work);
    as_status status = begin(&e, net, evidence, target, false);
    if (status == AS_OK && work == NULL) {
        status = as_error_set(AS_NOMEM, "out of memory for %lld nodes", (long long)net->n);
    }
    if (status == AS_OK) {
        status = eliminate_all(&e, target, false, work);
    }
    if (status == AS_OK) {
        status = finish(&e, target, work, &result);
    }
    if (status == AS_OK) {
        const int64_t n = target >= 0 ? net->node[target].level.n : 1;
        double sum = 0;
        for (int64_t l = 0; l < n; l++) {
            sum += result->value[l];
        }
        for (int64_t l = 0; l < n && target >= 0; l++) {
            out[l] = result->value[l] / sum;
        }
        *log_p = e.log_scale + as_log_f64(sum);
        *log_p = sum > 0 && e.log_scale > -HUGE_VAL ? *log_p : -HUGE_VAL;
    }
    free_factor(result);
    free(work);
    end(&e);
    return status;
}

/* The first known levels, in the order of the nodes, that cannot be together. */
static as_status fail_impossible(const as_net *net, const int64_t *evidence)
{
    int64_t *some = malloc(((size_t)net->n + 1) * sizeof *some);
    as_text names = {0};
    double log_p = 0;
    as_status status = some != NULL ? AS_OK : as_error_set(AS_NOMEM, "out of memory for evidence");
    for (int64_t i = 0; status == AS_OK && i < net->n; i++) {
        some[i] = -1;
    }
    for (int64_t i = 0; status == AS_OK && i < net->n && log_p > -HUGE_VAL; i++) {
        some[i] = evidence[i];
        if (evidence[i] >= 0) {
            as_text_add(&names, "%s%s=%s", names.size > 0 ? ", " : "", net->node[i].name,
                        net->node[i].level.name[evidence[i]]);
            status = solve(net, some, -1, NULL, &log_p);
        }
    }
    if (status == AS_OK) {
        status = as_error_set(AS_DATA, "the evidence has probability 0 under the network: %s cannot be together",
                              names.data != NULL ? names.data : "it");
    }
    as_text_free(&names);
    free(some);
    return status;
}

as_status as_net_posterior(const as_net *net, const int64_t *evidence, int64_t target, double *out, double *log_p)
{
    double found = 0;
    AS_TRY(solve(net, evidence, target, out, &found));
    if (log_p != NULL) {
        *log_p = found;
    }
    return found > -HUGE_VAL ? AS_OK : fail_impossible(net, evidence);
}

as_status as_net_explain(const as_net *net, const int64_t *evidence, int64_t *state, double *log_p)
{
    elimination e;
    int64_t *work = malloc((2 * (size_t)net->n + 2) * sizeof *work);
    as_status status = begin(&e, net, evidence, -1, true);
    if (status == AS_OK && work == NULL) {
        status = as_error_set(AS_NOMEM, "out of memory for %lld nodes", (long long)net->n);
    }
    if (status == AS_OK) {
        status = eliminate_all(&e, -1, true, work);
    }
    for (int64_t i = 0; status == AS_OK && i < net->n; i++) {
        state[i] = evidence[i];
    }
    for (int64_t at = e.neliminated - 1; status == AS_OK && at >= 0; at--) {
        const factor *choice = e.choice[at];
        int64_t index = 0;
        for (int64_t k = 0; k < choice->n; k++) {
            index = index * net->node[choice->node[k]].level.n + state[choice->node[k]];
        }
        state[e.eliminated[at]] = (int64_t)choice->value[index];
    }
    end(&e);
    free(work);
    AS_TRY(status);
    *log_p = as_net_log_p(net, state);
    return *log_p > -HUGE_VAL ? AS_OK : fail_impossible(net, evidence);
}
