/* The arithmetic peak: independent fused multiply-adds on registers alone. */
#include "kernels/table.h"
#include "kernels/vector.h"

enum { CHAINS = 12 }; /* enough to hide the latency of two units, few enough for 16 registers */

double AS_V(as_fma_loop)(int64_t turns)
{
    vreal s[CHAINS];
    vreal scale = v_splat((real)1.0), shift = v_splat((real)0.5);
    for (int c = 0; c < CHAINS; c++) {
        s[c] = v_splat((real)c);
    }
    for (int64_t t = 0; t < turns; t++) {
#pragma GCC unroll 32
        for (int c = 0; c < CHAINS; c++) {
            s[c] = v_fma(s[c], scale, shift);
        }
    }
    for (int c = 1; c < CHAINS; c++) {
        s[0] = s[0] + s[c];
    }
    volatile real sink = s[0][0];
    (void)sink;
    return 2.0 * CHAINS * VL * (double)turns;
}
