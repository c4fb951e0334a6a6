/* The packed form of a (k, n) matrix B: panels of NR columns, each stored row after row, so that step p of a chain
   reads NR neighbouring reals. The last panel is VL wide when that holds the rest of the columns. Panel j0/NR starts at
   j0 * k; its element (p, j) is at p * width + (j - j0). Columns past n are padding and stay zero. */
#ifndef AS_KERNELS_PANEL_H
#define AS_KERNELS_PANEL_H

#include "kernels/vector.h"

enum { NR = 2 * VL };

/* Stored width of the panel that starts at column j0 of n. */
AS_INLINE int64_t panel_width(int64_t n, int64_t j0)
{
    return n - j0 > VL ? NR : VL;
}

#endif
