/* The lane tree: planner, programs, and the plain sums that define it.

   The planner is a dynamic programme over intervals. Cutting V lanes among R ranks leaves the tree with some maximal
   nodes that lie inside one rank; each of them is one vector that a rank brings to the exchange. The plan minimises

     sum over R in {2,3,4,6,8} of (such nodes) / R,   ties: the same sum over R in {12,16,24,32,48,64},
     ties: the smaller stack, ties: the more even split.

   Only borders between ranks can matter, so the programme runs over the (at most about 180) distinct borders of those
   layouts and the lanes between two neighbouring borders get an even tree: O(180^3) for any V, O(V^3) for small V. */
#include "base/tree.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"

enum { LAYOUTS = 11, PRIMARY = 5, WIDTH = 8 };

/* 192 / R: the weights 1/R as integers. The first five rule, the others break ties. */
static const struct {
    int ranks;
    int64_t weight;
} layouts[LAYOUTS] = {{2, 96},  {3, 64}, {4, 48}, {6, 32}, {8, 24}, {12, 16},
                      {16, 12}, {24, 8}, {32, 6}, {48, 4}, {64, 3}};

/* Working state of the planner; positions p = 0..n-1 are lanes border[p]; intervals are indexed [p * n + q]. */
typedef struct planner {
    int lanes, n;
    int *border;
    int16_t (*owner)[LAYOUTS]; /* rank of the lane that starts at border p, in each layout (-1: layout not possible) */
    int64_t *cost;             /* best cost of the parts below [p, q), layouts that straddle it */
    int16_t *best;             /* position of the best split */
    int8_t *stack;             /* stack depth of the best walk */
} planner;

void as_tree_share(int lanes, int ranks, int rank, int *first, int *count)
{
    const int q = lanes / ranks, more = lanes % ranks;
    *first = rank * q + (rank < more ? rank : more);
    *count = q + (rank < more ? 1 : 0);
}

static int owner_of(int lanes, int ranks, int lane)
{
    for (int rank = 0, first, count; rank < ranks; rank++) {
        as_tree_share(lanes, ranks, rank, &first, &count);
        if (lane < first + count) {
            return rank;
        }
    }
    return ranks - 1;
}

static int even_depth(int lanes)
{
    int depth = 1;
    while ((1 << (depth - 1)) < lanes) {
        depth++;
    }
    return depth;
}

static bool straddles(const planner *plan, int layout, int p, int q)
{
    /* The last lane of [p, q) belongs to the same rank as the lane at border q - 1: borders bound all ranks. */
    return plan->owner[p][layout] >= 0 && plan->owner[p][layout] != plan->owner[q - 1][layout];
}

/* Cost of making [p, q) a child of a node that straddles the layouts in `parent`: what is below it, and one part for
   each of those layouts in which the child itself is whole. */
static int64_t child_cost(const planner *plan, const bool parent[LAYOUTS], int p, int q)
{
    int64_t cost = plan->cost[p * plan->n + q];
    for (int i = 0; i < LAYOUTS; i++) {
        if (parent[i] && !straddles(plan, i, p, q)) {
            cost += layouts[i].weight << (i < PRIMARY ? 32 : 0);
        }
    }
    return cost;
}

static void plan_interval(planner *plan, int p, int q)
{
    const int n = plan->n;
    if (q == p + 1) {
        plan->cost[p * n + q] = 0;
        plan->stack[p * n + q] = (int8_t)even_depth(plan->border[q] - plan->border[p]);
        return;
    }
    bool across[LAYOUTS];
    for (int i = 0; i < LAYOUTS; i++) {
        across[i] = straddles(plan, i, p, q);
    }
    int64_t best_cost = INT64_MAX;
    int best_stack = 0, best_lean = 0;
    for (int m = p + 1; m < q; m++) {
        const int64_t cost = child_cost(plan, across, p, m) + child_cost(plan, across, m, q);
        const int left = plan->stack[p * n + m], right = plan->stack[m * n + q] + 1;
        const int stack = left > right ? left : right;
        const int lean = abs(2 * plan->border[m] - plan->border[p] - plan->border[q]);
        if (cost < best_cost || (cost == best_cost && stack < best_stack) ||
            (cost == best_cost && stack == best_stack && lean < best_lean)) {
            best_cost = cost;
            best_stack = stack;
            best_lean = lean;
            plan->best[p * n + q] = (int16_t)m;
        }
    }
    plan->cost[p * n + q] = best_cost;
    plan->stack[p * n + q] = (int8_t)best_stack;
}

static void write_even(int16_t *split, int a, int b)
{
    if (b - a > 1) {
        const int m = a + (b - a + 1) / 2;
        split[0] = (int16_t)m;
        write_even(split + 1, a, m);
        write_even(split + (m - a), m, b);
    }
}

static void write_plan(const planner *plan, int16_t *split, int p, int q)
{
    const int a = plan->border[p], b = plan->border[q];
    if (q == p + 1) {
        write_even(split, a, b);
        return;
    }
    const int at = plan->best[p * plan->n + q], m = plan->border[at];
    split[0] = (int16_t)m;
    write_plan(plan, split + 1, p, at);
    write_plan(plan, split + (m - a), at, q);
}

static void find_borders(planner *plan)
{
    const int lanes = plan->lanes;
    plan->n = 0;
    for (int lane = 0; lane <= lanes; lane++) {
        bool border = lane == 0 || lane == lanes;
        for (int i = 0; i < LAYOUTS && !border; i++) {
            border = layouts[i].ranks <= lanes &&
                     owner_of(lanes, layouts[i].ranks, lane) != owner_of(lanes, layouts[i].ranks, lane - 1);
        }
        if (border) {
            plan->border[plan->n++] = lane;
        }
    }
    for (int p = 0; p < plan->n - 1; p++) {
        for (int i = 0; i < LAYOUTS; i++) {
            plan->owner[p][i] =
                layouts[i].ranks <= lanes ? (int16_t)owner_of(lanes, layouts[i].ranks, plan->border[p]) : -1;
        }
    }
}

as_status as_tree_plan(int lanes, as_tree *out)
{
    *out = (as_tree){0};
    if (lanes < 1 || lanes > AS_LANES_MAX) {
        AS_FAIL(AS_CONFIG, "lanes: expected 1..%d, found %d", (int)AS_LANES_MAX, lanes);
    }
    planner plan = {.lanes = lanes};
    plan.border = calloc((size_t)lanes + 1, sizeof *plan.border);
    plan.owner = calloc((size_t)lanes + 1, sizeof *plan.owner);
    int16_t *split = calloc((size_t)lanes, sizeof *split);
    bool enough = plan.border != NULL && plan.owner != NULL && split != NULL;
    if (enough) {
        find_borders(&plan);
        const size_t cells = (size_t)plan.n * (size_t)plan.n;
        plan.cost = calloc(cells, sizeof *plan.cost);
        plan.best = calloc(cells, sizeof *plan.best);
        plan.stack = calloc(cells, sizeof *plan.stack);
        enough = plan.cost != NULL && plan.best != NULL && plan.stack != NULL;
    }
    if (enough) {
        for (int length = 1; length < plan.n; length++) {
            for (int p = 0; p + length < plan.n; p++) {
                plan_interval(&plan, p, p + length);
            }
        }
        write_plan(&plan, split, 0, plan.n - 1);
        *out = (as_tree){.lanes = lanes, .nodes = lanes - 1, .split = split};
    } else {
        free(split);
    }
    free(plan.border);
    free(plan.owner);
    free(plan.cost);
    free(plan.best);
    free(plan.stack);
    if (!enough) {
        AS_FAIL(AS_NOMEM, "out of memory for the tree of %d lanes", lanes);
    }
    return AS_OK;
}

void as_tree_destroy(as_tree *tree)
{
    free(tree->split);
    *tree = (as_tree){0};
}

/* A walk under construction: leaves are lanes (part_first NULL) or given parts in ascending order. */
typedef struct walk {
    as_tree_program *program;
    const int *covered;        /* (V + 1) lanes below l that the leaves cover */
    const int16_t *leaf_first; /* given parts, or NULL: single lanes counted from program->first */
    const int16_t *leaf_lanes;
    int next, leaves; /* next given part */
    int level;        /* present stack depth */
    bool broken;      /* a given part is no node of the tree */
} walk;

static void put(walk *w, int step)
{
    as_tree_program *program = w->program;
    program->step[program->steps++] = (int16_t)step;
    w->level += step >= 0 ? 1 : -1;
    if (w->level > program->depth) {
        program->depth = w->level;
    }
}

/* Pushes the node over [a, b), whose splits start at split. */
static void walk_inside(walk *w, const int16_t *split, int a, int b)
{
    if (w->leaf_first == NULL && b - a == 1) {
        put(w, a - w->program->first);
        return;
    }
    if (w->leaf_first != NULL && w->next < w->leaves && w->leaf_first[w->next] == a &&
        w->leaf_lanes[w->next] == b - a) {
        put(w, w->next++);
        return;
    }
    if (b - a == 1) {
        w->broken = true;
        return;
    }
    const int m = split[0];
    walk_inside(w, split + 1, a, m);
    walk_inside(w, split + (m - a), m, b);
    if (!w->broken) {
        put(w, AS_TREE_MERGE);
    }
}

/* Emits every maximal node of [a, b) that is covered. */
static void walk_across(walk *w, const int16_t *split, int a, int b)
{
    const int covered = w->covered[b] - w->covered[a];
    if (covered == 0 || w->broken) {
        return;
    }
    if (covered == b - a) {
        as_tree_program *program = w->program;
        walk_inside(w, split, a, b);
        if (!w->broken) {
            program->part_first[program->parts] = (int16_t)a;
            program->part_lanes[program->parts++] = (int16_t)(b - a);
            put(w, AS_TREE_EMIT);
        }
        return;
    }
    const int m = split[0];
    walk_across(w, split + 1, a, m);
    walk_across(w, split + (m - a), m, b);
}

static as_status make(const as_tree *tree, walk *w, int leaves)
{
    as_tree_program *program = w->program;
    const size_t most = (size_t)leaves + 1; /* n leaves: at most n - 1 merges and n emits */
    program->step = calloc(3 * most, sizeof *program->step);
    program->part_first = calloc(most, sizeof *program->part_first);
    program->part_lanes = calloc(most, sizeof *program->part_lanes);
    if (program->step == NULL || program->part_first == NULL || program->part_lanes == NULL) {
        as_tree_program_destroy(program);
        AS_FAIL(AS_NOMEM, "out of memory for the walk over %d lanes", tree->lanes);
    }
    walk_across(w, tree->split, 0, tree->lanes);
    return AS_OK;
}

as_status as_tree_program_make(const as_tree *tree, int first, int lanes, as_tree_program *out)
{
    *out = (as_tree_program){.first = first, .lanes = lanes};
    int *covered = calloc((size_t)tree->lanes + 1, sizeof *covered);
    if (covered == NULL) {
        AS_FAIL(AS_NOMEM, "out of memory for the walk over %d lanes", tree->lanes);
    }
    for (int l = 0; l < tree->lanes; l++) {
        covered[l + 1] = covered[l] + (l >= first && l < first + lanes ? 1 : 0);
    }
    walk w = {.program = out, .covered = covered};
    const as_status status = make(tree, &w, lanes);
    free(covered);
    return status;
}

as_status as_tree_merge_make(const as_tree *tree, int parts_total, const int16_t *part_first, const int16_t *part_lanes,
                             as_tree_program *out)
{
    *out = (as_tree_program){.first = 0, .lanes = parts_total};
    int *covered = calloc((size_t)tree->lanes + 1, sizeof *covered);
    if (covered == NULL) {
        AS_FAIL(AS_NOMEM, "out of memory for the merge of %d parts", parts_total);
    }
    for (int p = 0; p < parts_total; p++) {
        for (int l = part_first[p]; l < part_first[p] + part_lanes[p]; l++) {
            covered[l + 1] = 1;
        }
    }
    for (int l = 0; l < tree->lanes; l++) {
        covered[l + 1] += covered[l];
    }
    walk w = {
        .program = out, .covered = covered, .leaf_first = part_first, .leaf_lanes = part_lanes, .leaves = parts_total};
    const as_status status = make(tree, &w, parts_total);
    free(covered);
    AS_TRY(status);
    if (w.broken || w.next != parts_total) {
        as_tree_program_destroy(out);
        AS_FAIL(AS_INTERNAL, "merge: part %d of %d (lanes from %d, %d of them) is no node of the tree", w.next,
                parts_total, w.next < parts_total ? part_first[w.next] : -1,
                w.next < parts_total ? part_lanes[w.next] : 0);
    }
    return AS_OK;
}

void as_tree_program_destroy(as_tree_program *program)
{
    free(program->step);
    free(program->part_first);
    free(program->part_lanes);
    *program = (as_tree_program){0};
}

/* Up to WIDTH columns of the node over [a, b). */
static void node_sum(const int16_t *split, int a, int b, int width, int columns, const double *value, double out[WIDTH])
{
    if (b - a == 1) {
        memcpy(out, value + (size_t)a * (size_t)width, (size_t)columns * sizeof *out);
        return;
    }
    const int m = split[0];
    double right[WIDTH] = {0};
    node_sum(split + 1, a, m, width, columns, value, out);
    node_sum(split + (m - a), m, b, width, columns, value, right);
    for (int j = 0; j < columns; j++) {
        out[j] += right[j];
    }
}

void as_tree_sum(const as_tree *tree, int width, const double *value, double *out)
{
    for (int j = 0; j < width; j += WIDTH) {
        double sum[WIDTH] = {0};
        const int columns = width - j < WIDTH ? width - j : WIDTH;
        node_sum(tree->split, 0, tree->lanes, width, columns, value + j, sum);
        memcpy(out + j, sum, (size_t)columns * sizeof *sum);
    }
}

double as_block_sum(const double *value, int64_t n)
{
    if (n <= 2) {
        return n == 2 ? value[0] + value[1] : n == 1 ? value[0] : 0.0;
    }
    const int64_t half = (n + 1) / 2;
    return as_block_sum(value, half) + as_block_sum(value + half, n - half);
}
