/* The pulse of a training: numbers that a step gives while it is done, for a small part of what computing them anew
   would cost. A step that is felt goes the same way as any other and gives the same parameters; it only leaves its last
   addition of gradients, that of the two halves of the lane tree, visible, looks at each block of parameters before
   and after the optimizer has passed over it, and at the values of some rows before they are forgotten.

   Two halves are two independent batches, so |g1 - g2|^2 and |g|^2 give the noise of the gradient without bias
   (probe/lanes.h). Everything is the same for every layout.

   Cost of a felt step: about five passes over gradients and parameters, one over values and gradients of the rows, one
   exchange of 48 bytes for 1024 parameters and of 8 bytes for each unit. Other steps: tests of a pointer. Memory: one
   more vector of the gradient in a process that is alone. */
#ifndef AS_ESTIMATOR_PULSE_H
#define AS_ESTIMATOR_PULSE_H

#include "estimator/estimator.h"
#include "nn/model.h"

typedef struct as_pulse as_pulse;

/* Of a layer of the model. */
typedef struct as_pulse_layer {
    /* Squared lengths, over its trained parameters: mean gradient (without penalty), parameters before the step, their
       change; distance of the mean gradients of the halves. */
    double gradient, weight, change, apart;
    /* Over the rows that are looked at, their positions and units: of what the layer gives, and of the gradient that
       comes back to it. outputs, deltas: how many; 0: not seen (computed again in backward, or nothing trains). */
    double outputs, sum, squares, deltas, delta_squares;
    /* Units, those where the derivative of the activation is below 5 % of its largest on every row, and the share of
       pairs of row and unit where it is. places 0: no activation, or not seen. two_sided: the activation is flat at
       both ends. */
    double units, places, dead, flat;
    bool two_sided;
} as_pulse_layer;

typedef struct as_pulse_result {
    const as_pulse_layer *layer; /* (nlayers of the model) */
    double rows;                 /* that were looked at */
    double left, right;          /* weights of the halves; 0: there are none */
} as_pulse_result;

/* What feeling a step costs, in steps, counted in operations and bytes, and the first rows of each lane that are looked
   at: the same for every layout. */
typedef struct as_pulse_plan {
    double price;
    int64_t lane_rows;
} as_pulse_plan;

/* Not collective. For batches of so many samples in so many lanes. */
as_pulse_plan as_pulse_plan_make(const as_model *model, int lanes, int64_t batch);

/* Collective. batch: samples of a batch, over all ranks. *out is NULL for an estimator without gradients. Errors:
   NOMEM. Destroy with as_pulse_destroy (collective), before the estimator. */
as_status as_pulse_create(as_estimator *estimator, int64_t batch, as_pulse **out);
void as_pulse_destroy(as_pulse **pulse);

/* Not collective. As planned. */
double as_pulse_price(const as_pulse *pulse);
const as_model *as_pulse_model(const as_pulse *pulse);

/* Not collective, but on all ranks alike. The next step is felt. */
void as_pulse_feel(as_pulse *pulse);

/* Collective. After it. Borrowed until the next call. Errors: those of the world. */
as_status as_pulse_read(as_pulse *pulse, as_pulse_result *out);

#endif
