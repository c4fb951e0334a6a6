/* All of the public interface. */
#ifndef ALLSUM_ALLSUM_H
#define ALLSUM_ALLSUM_H

#include "allsum/run.h"
#include "allsum/status.h"

#endif
