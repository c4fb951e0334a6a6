/* Bias gradients: column sums over samples, in the order of the weight gradients. */
#include "kernels/table.h"
#include "kernels/team.h"
#include "kernels/vector.h"

enum { WIDTH = 64 };

void AS_V(as_column_sum_lanes)(int64_t n, const void *d, int64_t ldd, const as_tree_program *program,
                               const int64_t *lane_row, bool resume, void *const *part, int thread, int threads)
{
    int64_t begin, count;
    as_team_share(n, WIDTH, thread, threads, &begin, &count);
    real stack[AS_TREE_DEPTH_MAX][WIDTH];
    for (int64_t j = begin; j < begin + count; j += WIDTH) {
        const int64_t cols = begin + count - j < WIDTH ? begin + count - j : WIDTH;
        int top = 0, parts = 0;
        for (int s = 0; s < program->steps; s++) {
            const int step = program->step[s];
            if (step >= 0) {
                real *const node = stack[top++];
                memset(node, 0, sizeof stack[0]);
                if (resume) {
                    memcpy(node, (const real *)part[0] + j, (size_t)cols * sizeof(real));
                }
                for (int64_t r = lane_row[step]; r < lane_row[step + 1]; r++) {
                    const real *const row = (const real *)d + r * ldd + j;
                    for (int64_t c = 0; c < cols; c++) {
                        node[c] = node[c] + row[c];
                    }
                }
            } else if (step == AS_TREE_MERGE) {
                top--;
                AS_V(as_add)(WIDTH, stack[top - 1], stack[top], stack[top - 1]);
            } else {
                memcpy((real *)part[parts++] + j, stack[--top], (size_t)cols * sizeof(real));
            }
        }
    }
}
