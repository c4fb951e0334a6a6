/* Made-up gradients: one vector per lane, a function of (lane, element, round), whose sum depends on the order in most
   bits; and the sum that every layout must find, by the plainest walk of the tree. */
#ifndef AS_TEST_LANE_VECTORS_H
#define AS_TEST_LANE_VECTORS_H

#include <stdint.h>

#include "base/tree.h"

static inline float lane_value(int lane, int64_t element, int round)
{
    uint64_t x = (uint64_t)element * 0x9e3779b97f4a7c15u + (uint64_t)lane * 0xbf58476d1ce4e5b9u + (uint64_t)round + 1;
    x ^= x >> 30;
    x *= 0xbf58476d1ce4e5b9u;
    x ^= x >> 27;
    x *= 0x94d049bb133111ebu;
    x ^= x >> 31;
    return ((float)(x >> 40) - 8388608.0f) * (1.0f / 1048576.0f) * (float)(1 + (x & 255));
}

static inline float node_value(const int16_t *split, int a, int b, int64_t element, int round)
{
    if (b - a == 1) {
        return lane_value(a, element, round);
    }
    const int m = split[0];
    const float left = node_value(split + 1, a, m, element, round);
    const float right = node_value(split + (m - a), m, b, element, round);
    return left + right;
}

/* The part of a program that an estimator would fill: elements 0..n-1 of part p. */
static inline void fill_part(const as_tree_program *program, int part, int64_t n, int round, float *out)
{
    for (int64_t i = 0; i < n; i++) {
        float stack[AS_TREE_DEPTH_MAX + 1];
        int level = 0, emitted = 0;
        for (int s = 0; s < program->steps; s++) {
            const int step = program->step[s];
            if (step >= 0) {
                stack[level++] = lane_value(program->first + step, i, round);
            } else if (step == AS_TREE_MERGE) {
                level--;
                stack[level - 1] += stack[level];
            } else {
                level--;
                if (emitted++ == part) {
                    out[i] = stack[level];
                }
            }
        }
    }
}

#endif
