/* Quick checks of this machine against the numeric contract. */
#ifndef AS_CLI_SELF_TEST_H
#define AS_CLI_SELF_TEST_H

#include "base/text.h"
#include "comm/world.h"

/* Not collective. The matrix product of every instruction set of this CPU, in both precisions, against the plain chain,
   bit for bit, on odd shapes. Appends the sets tested ("avx512, avx2, portable"). Errors: INTERNAL naming the first
   difference. */
as_status as_self_test_kernels(as_text *tested);

/* Collective. A sum over the lanes of all ranks against the tree walked on one rank, bit for bit. Errors: INTERNAL. */
as_status as_self_test_sum(as_world *world, int *lanes);

#endif
