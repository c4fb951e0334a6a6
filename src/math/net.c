/* The graph of a network, its tables, samples (forward, evidence weighted: R. Fung, K. Chang, 1990). */
#include "math/net.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/fields.h"
#include "base/text.h"
#include "kernels/scalar_math.h"
#include "math/draw.h"

enum { LISTED_MAX = 12 };

void as_net_destroy(as_net *net)
{
    for (int64_t i = 0; i < net->n; i++) {
        free(net->node[i].name);
        free(net->node[i].parent);
        free(net->node[i].table);
        as_names_free(&net->node[i].level);
    }
    free(net->node);
    free(net->order);
    *net = (as_net){0};
}

int64_t as_net_rows(const as_net *net, int64_t node)
{
    int64_t rows = 1;
    for (int64_t p = 0; p < net->node[node].nparents; p++) {
        rows *= net->node[net->node[node].parent[p]].level.n;
    }
    return rows;
}

as_status as_net_find(const as_net *net, const char *name, int64_t *node)
{
    const char **names = calloc((size_t)net->n + 1, sizeof *names);
    if (names == NULL) {
        AS_FAIL(AS_NOMEM, "out of memory for names");
    }
    *node = -1;
    for (int64_t i = 0; i < net->n; i++) {
        names[i] = net->node[i].name;
        *node = strcmp(names[i], name) == 0 ? i : *node;
    }
    const char *near = *node < 0 ? as_nearest_name(name, names) : NULL;
    as_status status = AS_OK;
    as_text all = {0};
    for (int64_t i = 0; *node < 0 && i < net->n && i < LISTED_MAX; i++) {
        as_text_add(&all, "%s%s", i > 0 ? ", " : "", names[i]);
    }
    if (*node < 0) {
        status =
            as_error_set(AS_DATA, "no node is named \"%s\"%s%s%s; the network has %s%s", name,
                         near != NULL ? ", did you mean \"" : "", near != NULL ? near : "", near != NULL ? "\"?" : "",
                         all.data != NULL ? all.data : "none", net->n > LISTED_MAX ? ", ..." : "");
    }
    as_text_free(&all);
    free(names);
    return status;
}

as_status as_net_level(const as_net *net, int64_t node, const char *name, int64_t *level)
{
    const as_net_node *own = &net->node[node];
    as_text all = {0};
    for (int64_t l = 0; l < own->level.n; l++) {
        if (strcmp(own->level.name[l], name) == 0) {
            as_text_free(&all);
            *level = l;
            return AS_OK;
        }
        if (l < LISTED_MAX) {
            as_text_add(&all, "%s%s", l > 0 ? ", " : "", own->level.name[l]);
        }
    }
    const as_status status =
        as_error_set(AS_DATA, "node %s has no level \"%s\"; it has %s%s", own->name, name,
                     all.data != NULL ? all.data : "none", own->level.n > LISTED_MAX ? ", ..." : "");
    as_text_free(&all);
    return status;
}

/* From a node that is not placed, parents that are not placed lead round a cycle. */
static as_status fail_cycle(const as_net *net, const bool *placed)
{
    int64_t at = 0;
    while (placed[at]) {
        at++;
    }
    for (int64_t step = 0; step < 2 * net->n; step++) { /* certainly inside the cycle after n */
        for (int64_t p = 0; p < net->node[at].nparents; p++) {
            if (!placed[net->node[at].parent[p]]) {
                at = net->node[at].parent[p];
                break;
            }
        }
        if (step == net->n) {
            break;
        }
    }
    as_text cycle = {0};
    const int64_t start = at;
    as_text_add(&cycle, "%s", net->node[at].name);
    do {
        for (int64_t p = 0; p < net->node[at].nparents; p++) {
            if (!placed[net->node[at].parent[p]]) {
                at = net->node[at].parent[p];
                break;
            }
        }
        as_text_add(&cycle, " <- %s", net->node[at].name);
    } while (at != start);
    const as_status status = as_error_set(AS_CONFIG, "the network has a cycle: %s", cycle.failed ? "" : cycle.data);
    as_text_free(&cycle);
    return status;
}

static as_status make_order(as_net *net)
{
    bool *placed = calloc((size_t)net->n + 1, sizeof *placed);
    free(net->order);
    net->order = malloc(((size_t)net->n + 1) * sizeof *net->order);
    if (placed == NULL || net->order == NULL) {
        free(placed);
        AS_FAIL(AS_NOMEM, "out of memory for %lld nodes", (long long)net->n);
    }
    int64_t count = 0;
    for (bool moved = true; moved;) {
        moved = false;
        for (int64_t i = 0; i < net->n; i++) {
            bool ready = !placed[i];
            for (int64_t p = 0; p < net->node[i].nparents && ready; p++) {
                ready = placed[net->node[i].parent[p]];
            }
            if (ready) {
                net->order[count++] = i;
                placed[i] = moved = true;
            }
        }
    }
    const as_status status = count == net->n ? AS_OK : fail_cycle(net, placed);
    free(placed);
    return status;
}

/* "tub | asia=yes" */
static void row_name(const as_net *net, int64_t node, int64_t row, as_text *out)
{
    const as_net_node *own = &net->node[node];
    as_text_add(out, "%s", own->name);
    int64_t rows = as_net_rows(net, node);
    for (int64_t p = 0; p < own->nparents; p++) {
        const as_net_node *parent = &net->node[own->parent[p]];
        rows /= parent->level.n;
        as_text_add(out, "%s%s=%s", p > 0 ? ", " : " | ", parent->name,
                    parent->level.name[row / rows % parent->level.n]);
    }
}

as_status as_net_check(as_net *net, bool tables)
{
    AS_TRY(make_order(net));
    for (int64_t i = 0; i < net->n && tables; i++) {
        const as_net_node *own = &net->node[i];
        for (int64_t r = 0; r < as_net_rows(net, i); r++) {
            double *row = own->table + r * own->level.n, sum = 0;
            bool good = true;
            for (int64_t l = 0; l < own->level.n; l++) {
                good = good && row[l] >= 0;
                sum += row[l];
            }
            if (!good || !(fabs(sum - 1) <= 1e-6)) {
                as_text name = {0};
                row_name(net, i, r, &name);
                const as_status status =
                    as_error_set(AS_CONFIG, "p(%s): expected probabilities that add up to 1, found %s%.9g",
                                 name.failed ? own->name : name.data, good ? "a sum of " : "one below 0, sum ", sum);
                as_text_free(&name);
                return status;
            }
            for (int64_t l = 0; l < own->level.n; l++) {
                row[l] /= sum;
            }
        }
    }
    return AS_OK;
}

/* The row of a table that the levels of the parents choose. */
static const double *row_of(const as_net *net, int64_t node, const int64_t *state)
{
    const as_net_node *own = &net->node[node];
    int64_t row = 0;
    for (int64_t p = 0; p < own->nparents; p++) {
        row = row * net->node[own->parent[p]].level.n + state[own->parent[p]];
    }
    return own->table + row * own->level.n;
}

double as_net_log_p(const as_net *net, const int64_t *state)
{
    double log_p = 0;
    for (int64_t i = 0; i < net->n; i++) {
        const double p = row_of(net, i, state)[state[i]];
        log_p += p > 0 ? as_log_f64(p) : -HUGE_VAL;
    }
    return log_p;
}

double as_net_draw(const as_net *net, const int64_t *evidence, uint64_t seed, uint64_t i, int64_t *state)
{
    double weight = 1;
    as_draw draw = as_draw_make(seed, AS_RNG_SAMPLE, 0, i);
    for (int64_t at = 0; at < net->n; at++) {
        const int64_t node = net->order[at], levels = net->node[node].level.n;
        const double *p = row_of(net, node, state);
        double left = as_draw_uniform(&draw); /* one for each node, known or not */
        if (evidence[node] >= 0) {
            state[node] = evidence[node];
            weight *= p[evidence[node]];
            continue;
        }
        int64_t level = 0;
        while (level + 1 < levels && left >= p[level]) {
            left -= p[level++];
        }
        while (p[level] == 0 && level > 0) { /* rounding went past the last possible level */
            level--;
        }
        state[node] = level;
    }
    return weight;
}
