/* Numbers of the circle and of the normal density, to the nearest double. */
#ifndef AS_MATH_CONSTANTS_H
#define AS_MATH_CONSTANTS_H

static const double AS_TWO_PI = 6.28318530717958647693;
static const double AS_LOG_2PI = 1.83787706640934548356;      /* ln 2 pi */
static const double AS_HALF_LOG_2PI = 0.91893853320467274178; /* ln sqrt(2 pi) */

#endif
