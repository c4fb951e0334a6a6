/* The pulse of a training (estimator/pulse.h) as records: when it is felt, and what it says. */
#ifndef AS_PROBE_PULSE_H
#define AS_PROBE_PULSE_H

#include "estimator/pulse.h"
#include "probe/record.h"

/* Not collective. From one felt step to the next so that they cost 1.5 % of the time at the most: 10, 20, 50, 100, ...
 */
int64_t as_pulse_cadence(double price);

/* Not collective. The cadence that `probe: {pulse: steps}` comes to: 0 is auto, by the price; -1 is off, and gives 0.
 */
int64_t as_pulse_steps(int64_t steps, double price);

/* Not collective. Whether the step after `step` steps is felt: the first one, and every cadence-th; half as often with
   every doubling from 256 cadences on, so that a long run has few hundred records. */
bool as_pulse_due(int64_t cadence, int64_t step);

/* Not collective. Fills the record, whose layer l is layer[l] of the model, and whose step, weight and loss are there.
   earlier: of the run, for the noise scale. */
void as_pulse_record(const as_pulse_result *pulse, const as_model *model, const int *layer,
                     const as_probe_records *earlier, as_probe_record *record);

#endif
