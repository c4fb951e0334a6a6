/* Rules: what can be wrong with a training, each a measured number against a limit, and one change that helps. A rule
   is one file rule_<code>.c and one row of rule.def, in the order of cause before symptom; the template is
   rule_batch_too_large.c.

   A rule looks at a case and gives a verdict on it. It draws no conclusions from what it cannot measure, but says so:
   AS_NOT_JUDGED with the reason. */
#ifndef AS_PROBE_RULE_H
#define AS_PROBE_RULE_H

#include "base/text.h"
#include "probe/case.h"

typedef enum as_severity { AS_INFO, AS_WARN, AS_FAULT } as_severity;
typedef enum as_verdict { AS_CLEAR, AS_FOUND, AS_NOT_JUDGED } as_verdict;

enum { AS_SENTENCE_MAX = 640, AS_ACTION_MAX = 768, AS_CODE_MAX = 32 };

typedef struct as_rule as_rule;

/* What a rule found, or why it could not look. */
typedef struct as_finding {
    const as_rule *rule;
    as_verdict verdict;
    as_severity severity;
    char sentence[AS_SENTENCE_MAX]; /* AS_FOUND: the measured number and the limit; AS_NOT_JUDGED: why */
    char action[AS_ACTION_MAX];     /* overrides of the configuration, "optimizer.lr=0.45"; several: a blank apart */
    char advice[AS_ACTION_MAX];     /* where no override can help: what to do; beside an action: what to do instead */
    as_text evidence;               /* JSON members */
    bool late;                      /* seen after training, not at the start: it explains nothing that came before */
    const as_rule *consequence_of;  /* NULL: a cause */
} as_finding;

/* Codes of the rules about what training makes of a start: whatever spoils all of it explains these. */
#define AS_RULES_OF_TRAINING                                                                                           \
    "LR_TOO_HIGH", "LR_TOO_LOW", "SADDLE", "NOISE_DOMINATED", "PLATEAU_NEEDS_DECAY", "MODEL_TOO_SIMPLE",               \
        "CONVERGED_NOISE_FLOOR", "BATCH_TOO_LARGE", "OVER_REGULARISED", "CLASS_IMBALANCE", "OVERFIT"

struct as_rule {
    const char *code;            /* "FEATURE_SCALE" */
    const char *help;            /* one sentence: what is measured, and the limit */
    const char *source;          /* where the limit comes from */
    const char *evidence;        /* what it looks at */
    const char *cure;            /* what helps, in a few words */
    const char *const *explains; /* codes of later rules that follow from this one; NULL-terminated, or NULL */
    bool network, after;         /* judges networks alone; runs alone, after training */
    bool remains; /* holds only where nothing else explains it: it is no consequence, then it is not so */
    /* Not collective: the case is the same on every rank, and so is the verdict. */
    as_verdict (*judge)(const as_case *c, as_finding *f);
};

/* The rules in the order of rule.def; NULL-terminated. */
const as_rule *const *as_rules_get(void);

/* What all rules say of a case. Zero-initialise; free with as_diagnosis_free. */
typedef struct as_diagnosis {
    int n;
    as_finding *finding; /* (n) one for each rule, in their order */
    double left;         /* after training, of the loss of guessing; NaN: not known */
} as_diagnosis;

/* Not collective. Judges by every rule, then finds out what follows from what. Errors: NOMEM. */
as_status as_diagnosis_make(const as_case *c, as_diagnosis *out);
void as_diagnosis_free(as_diagnosis *diagnosis);

/* Not collective. Causes with this severity. */
int as_diagnosis_count(const as_diagnosis *diagnosis, as_severity severity);
/* Not collective. The first cause of the highest severity that has an action; NULL: none. */
const as_finding *as_diagnosis_first(const as_diagnosis *diagnosis);

/* Not collective. For people, at most `columns` wide; and the members of an object for programs. */
void as_diagnosis_print(const as_diagnosis *diagnosis, const char *name, int columns, as_text *out);
void as_diagnosis_json(const as_diagnosis *diagnosis, as_text *out);

/* For rules. Each writes a text and returns the verdict. */
as_verdict as_found(as_finding *f, as_severity severity, const char *format, ...) __attribute__((format(printf, 3, 4)));
as_verdict as_not_judged(as_finding *f, const char *format, ...) __attribute__((format(printf, 2, 3)));
void as_action(as_finding *f, const char *format, ...) __attribute__((format(printf, 2, 3)));
void as_advice(as_finding *f, const char *format, ...) __attribute__((format(printf, 2, 3)));

const char *as_severity_name(as_severity severity);

#endif
