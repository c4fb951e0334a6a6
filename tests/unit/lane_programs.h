/* Programs over lanes and their rows, for the tests of sums over samples. */
#ifndef TESTS_UNIT_LANE_PROGRAMS_H
#define TESTS_UNIT_LANE_PROGRAMS_H

#include "unit/kernel_cases.h"

enum { STEPS_MAX = 256 };

typedef struct case_program {
    as_tree_program program;
    int16_t step[STEPS_MAX];
} case_program;

static inline int emit(case_program *c, int top, int step)
{
    c->step[c->program.steps++] = (int16_t)step;
    const int now = step >= 0 ? top + 1 : top - 1;
    c->program.depth = now > c->program.depth ? now : c->program.depth;
    return now;
}

/* Pushes lanes [a, b) as one balanced node. */
static inline int push_node(case_program *c, int top, int a, int b)
{
    if (b - a == 1) {
        return emit(c, top, a);
    }
    top = push_node(c, top, a, (a + b) / 2);
    top = push_node(c, top, (a + b) / 2, b);
    return emit(c, top, AS_TREE_MERGE);
}

/* Parts of the given lane counts, each a balanced tree. */
static inline void make_program(case_program *c, int parts, const int *lanes)
{
    memset(c, 0, sizeof *c);
    c->program.step = c->step;
    for (int p = 0; p < parts; p++) {
        push_node(c, 0, c->program.lanes, c->program.lanes + lanes[p]);
        c->program.lanes += lanes[p];
        emit(c, 1, AS_TREE_EMIT);
        c->program.parts++;
    }
}

/* Rows of each lane: about rows / lanes, every fifth lane empty where asked. Returns the rows in all. */
static inline int64_t deal_rows(int lanes, int per_lane, bool gaps, int64_t *lane_row)
{
    lane_row[0] = 0;
    for (int l = 0; l < lanes; l++) {
        const int rows = gaps && l % 5 == 1 ? 0 : per_lane + (gaps ? l % 3 : 0);
        lane_row[l + 1] = lane_row[l] + rows;
    }
    return lane_row[lanes];
}

static inline void *parts_of(const as_kernels *K, int64_t size, int parts, void **part)
{
    void *const all = random_reals(K, size * parts, 9);
    for (int p = 0; p < parts; p++) {
        part[p] = at(K, all, size * p);
    }
    return all;
}

#endif
