/* What a data set gives to learn. */
#ifndef AS_BASE_TARGET_H
#define AS_BASE_TARGET_H

typedef enum as_target { AS_TARGET_NONE, AS_TARGET_LABELS, AS_TARGET_REALS } as_target;

#endif
