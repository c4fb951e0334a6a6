/* What a data set gives to learn. */
#ifndef AS_BASE_TARGET_H
#define AS_BASE_TARGET_H

typedef enum as_target { AS_TARGET_NONE, AS_TARGET_LABELS, AS_TARGET_REALS } as_target;

/* A label that is not learnt: its position adds nothing to loss, gradient, counts and metrics. */
enum { AS_LABEL_IGNORED = -1 };

#endif
