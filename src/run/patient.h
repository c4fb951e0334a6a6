/* Inside of a diagnosis, shared by its files: diagnose.c (from a path to a case), diagnose_data.c (data),
   diagnose_trial.c (short private trainings). */
#ifndef AS_RUN_PATIENT_H
#define AS_RUN_PATIENT_H

#include "run/diagnose.h"
#include "run/run_state.h"

typedef struct as_patient {
    const as_diagnose_options *options;
    as_config config;
    bool configured;
    as_text config_text; /* as it was given: what checkpoints hold */
    as_run_options run_options;
    as_run run;
    bool open;
    as_log silent;
    bool saved; /* the run has left a state */
    as_case c;
} as_patient;

/* Collective. Opens data and model of p->config in memory; closes what was open. Errors: those of as_run_open. */
as_status as_patient_open(as_patient *p);
void as_patient_close(as_patient *p);

/* Collective. As as_patient_open; where values are missing, counts them and opens it without them. */
as_status as_patient_open_tolerant(as_patient *p);
/* Collective. Everything about the data. Errors: NOMEM. */
as_status as_patient_look_at_data(as_patient *p);

/* Collective. The network as it was before the first step, or (now) as the run has left it; p->saved tells whether
   there is such a state. Errors: those of reading checkpoints. */
as_status as_patient_restore(as_patient *p, bool now);

/* Not collective. The rows that a training is judged by: of validation, else of the test, else of training. */
const as_run_data *as_patient_judged(const as_patient *p);

/* Collective. Short trainings that decide about the learning rate: into the case. */
as_status as_patient_try_rates(as_patient *p);
/* Collective. The proposed change against none, from the newest state (from the start, where there is none). */
as_status as_patient_try_change(as_patient *p, const as_diagnosis *diagnosis, as_trial *out);

#endif
