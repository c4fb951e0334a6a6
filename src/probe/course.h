/* What the records of a run say together: the course of its training. From the pulse or from instruments, whatever was
   on; a run needs no data and no checkpoint for it. */
#ifndef AS_PROBE_COURSE_H
#define AS_PROBE_COURSE_H

#include "probe/point.h"

typedef struct as_course_layer {
    char name[AS_PROBE_NAME_MAX]; /* "": no layer has it */
    double value;
    int64_t step; /* of the record, or from which on */
} as_course_layer;

/* A number that no record has is NaN. */
typedef struct as_course {
    int64_t records, first, last; /* how many, and the steps of the first and the last */
    double batch;                 /* what a loss is divided by, in the last record */
    double gradient[2];           /* |g| of the first and the last record */
    double scale, scale_se;       /* noise scale, over the later half of the records; infinite: the noise hides |G|^2 */
    double trace, square;         /* mean tr(Sigma) and mean |G|^2 of those */
    as_course_layer slow, fast;   /* smallest and largest update ratio of the last record */
    as_course_layer dead;         /* largest share of dead units in all of the last records, and since when */
    as_course_layer saturated;    /* the same of saturated pairs */
    double backward, backward_min; /* delta of the first layer with one over that of the last: last record, least */
    double spikes, spike_ratio;    /* steps over 3 times the mean loss; the largest ratio, and its record's step */
    int64_t spike_step;
} as_course;

/* Not collective. */
void as_course_make(const as_probe_records *records, as_course *out);

/* Not collective. The first record (start), or the last ones, as the network at that point, where it was not measured;
   loss: of a batch there. What records do not tell is NaN. Nothing without records, or where the loss is not finite.
   Errors: NOMEM. */
as_status as_course_point(const as_probe_records *records, const as_course *course, double loss, bool start,
                          as_point *out);

/* Not collective. Lines of at most 100 columns, nothing where records are too few for them; and the member "during" of
   an object, nothing without records. */
void as_course_print(const as_course *course, as_text *out);
void as_course_json(const as_course *course, as_text *out);

#endif
