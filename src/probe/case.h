/* What a diagnosis looks at: the data, the model, its state at the start and now, and what was logged in between. All
   of it is the same on every rank; a part that is not there is NULL, NaN or 0. */
#ifndef AS_PROBE_CASE_H
#define AS_PROBE_CASE_H

#include "estimator/network.h"
#include "probe/column.h"
#include "probe/course.h"
#include "probe/dependence.h"
#include "probe/fit.h"
#include "probe/history.h"
#include "probe/pattern.h"
#include "probe/point.h"
#include "probe/sample.h"
#include "probe/shards.h"

/* What the model is to the rules. */
typedef enum as_family {
    AS_FAMILY_PLAIN,    /* sgd, lars: the step is the gradient times one rate for all columns of a weight */
    AS_FAMILY_ADAPTIVE, /* each element has a rate of its own */
    AS_FAMILY_OTHER     /* no gradient steps: a model that is solved for */
} as_family;

/* A short private training from a state of the run, with the learning rate times a factor. */
typedef struct as_short {
    int64_t steps; /* done; 0: not tried */
    double factor;
    double first, last; /* loss of the probe rows before and after; last is NaN where it diverged */
} as_short;

enum { AS_SLOWER = 4, AS_FASTER = 6 };

/* A run that took this share of the loss away did something: what is faster has to get under this share of what it
   reached, which noise that is learnt by heart does not. */
#define AS_CREPT 0.05
/* Over this share of the first loss, or of the loss of guessing, next to nothing was done (as_case_stands). */
#define AS_STANDS_FIRST 0.8
#define AS_STANDS_CHANCE 0.9
#define AS_FURTHER 0.8
/* A loss of training under this share of that on rows held out is a gap: more penalty is tried. */
#define AS_GAP 0.3
/* Over this share of the loss of guessing is left: something may hold training back (as_case_held_back). */
#define AS_HALF_LEFT 0.5

typedef struct as_case {
    bool trained;  /* a run; false: a configuration, before training */
    bool diverged; /* the run ended with a loss or parameter that is not finite */
    char name[128];
    char note[256]; /* what of the run could not be read, and so not be judged; "" */
    /* configuration */
    int64_t batch; /* samples of a step */
    int64_t steps; /* planned */
    int64_t steps_per_epoch;
    bool shuffle, contiguous, normalized;
    bool weighted;              /* data.class_weights are given */
    const double *class_weight; /* (nweights), where they are. Borrowed */
    int64_t nweights;
    double validation_share;
    double clip_norm;
    double ema;                /* decay of averaged weights; 0: none */
    bool augments;             /* rows are changed for each step */
    int64_t patience;          /* evaluations without improvement before training stops; 0: never */
    const as_node *model_node; /* the section `model`, as it was written */
    bool loads_weights;        /* the start comes from a file: init has no say */
    /* data */
    as_sample train, test;
    double missing;               /* values of the training data that are not finite */
    int64_t missing_id;           /* of the first row that has one */
    int64_t missing_column;       /* in it */
    char missing_message[256];    /* where targets are missing: the reader's words */
    double duplicate_share;       /* share of rows held out that are rows of training */
    double duplicate_expected;    /* the same by chance, at most (repeats.h) */
    double duplicate_rows;        /* rows held out that were compared */
    as_columns columns;           /* of the training sample */
    const as_data_parts *answers; /* names of the targets; NULL or empty: they have numbers. Borrowed */
    const as_names *class_names;  /* NULL or empty: they have numbers. Borrowed */
    as_dependence dependence;     /* of the same */
    as_patterns patterns;         /* of the same */
    double separation;            /* share of rows that a perceptron gets right; NaN: not tried */
    as_shards lanes, batches;     /* of the same; batches only where rows are not shuffled */
    /* model */
    const as_network *network; /* NULL: another estimator, or none could be made */
    as_family family;
    bool likelihood;       /* an unpenalised linear model, whose coefficients the data alone must determine */
    bool separates;        /* one of classes by planes */
    bool entropy, squares; /* no network, and its loss is the cross-entropy of classes, or the mean square */
    bool linear;           /* one layer with parameters, nothing non-linear before the loss */
    bool classifies;       /* learns labels, one a row */
    bool regresses;        /* learns real targets by a loss on their scale */
    bool nesterov;
    double lr, momentum, weight_decay, l2;
    bool reconstructs;     /* targets are the inputs */
    bool numbers_of_rows;  /* inputs are read by embeddings alone: they have no size and no order */
    bool text;             /* inputs are tokens of a text, labels those that come next */
    double chance;         /* loss of the best constant prediction; NaN: not known for this loss */
    as_point start, point; /* the network at its start, and after training (or where a diverged run was last saved) */
    as_short longer;       /* as it is, four times as long: before training, where as_is gets nowhere */
    as_short as_is, slower[AS_SLOWER], faster[AS_FASTER]; /* from the start */
    as_short decayed[2];  /* after training: as it is (cold: with the full rate), and with a tenth of that */
    as_short unpenalised; /* after training, where there is a penalty and little was learnt: with a thousandth of it */
    /* From the start as it is, without data.augment, and without dropout: where there is one and little was learnt.
       Unlike the others the losses are those of the rows held out (else of training), in evaluation. */
    as_short changed, unchanged, undropped;
    int64_t final_step; /* of the state after training */
    double lr_now;      /* of the step before it */
    bool cold; /* the schedule has taken the rate under a tenth: what is tried after training has the full rate */
    int64_t exit_code; /* that the run ended with; -1: not known */
    char failure[512]; /* what it said then; "": it did not fail */
    as_fit first;      /* the training sample at the start */
    as_fit now;        /* the same after training; no rows: not trained, or no checkpoint */
    as_fit held_out;   /* validation, else test, after training */
    as_fit restrained; /* the rows held out after the same training with l2 = restraint; no rows: not tried */
    double restraint;
    as_fit own;  /* the rows held out (else of training) with the weights that steps change; else averages count */
    as_fit best; /* validation at the step of its lowest loss, best_step; no rows: not kept */
    int64_t best_step;
    as_history history;
    as_probe_records records; /* of the pulse or of instruments; none: they were off */
    as_course course;         /* what they say together */
} as_case;

/* Not collective. The share of the chance loss that training has removed on the training sample, in evaluation or as a
   step sees it, whichever is more: what evaluation alone spoils was learnt. NaN: not known. */
double as_case_learnt(const as_case *c);
/* Not collective. Whether more than AS_HALF_LEFT of the loss of guessing is left after training. */
bool as_case_held_back(const as_case *c);
/* Not collective. What counts as rows held out: those of validation, else test, else training. After training. */
const as_fit *as_case_judged(const as_case *c);
/* Not collective. Loss at the start of rows as they are stored and of all units: what data.augment adds to rows, and
   dropout to signals, is no fault of weights. */
double as_case_first_loss(const as_case *c);
/* Not collective. Whether training has done next to nothing: the loss is over AS_STANDS_FIRST of the first, or over
   AS_STANDS_CHANCE of chance (a start far over chance comes down to it by itself). */
bool as_case_stands(const as_case *c);
/* Not collective. The largest of the penalties on weights: l2, l1, weight decay. */
double as_case_penalty(const as_case *c);
/* Not collective. Whether the loss of training stands still: means of the last two quarters of what was logged within 2
   %, or within 10 % and Student's test does not tell them apart (0.27 %, which is 3 standard errors of many); where too
   little was logged, or the rate has come to nothing, whether a short training on from here does not lower it by 2 %;
   where only batches were logged, such a training does not lower it by 10 % either. */
bool as_case_plateau(const as_case *c);
/* Not collective. Whether the loss is a quadratic function of the parameters and steps go down its gradient, so that
   limits are theorems. */
bool as_case_quadratic(const as_case *c);
/* Not collective. The largest stable rate by curvature at the start, by the formula of the optimizer; for those with a
   rate of their own for each element that of plain descent. Infinite without curvature. */
double as_case_rate_limit(const as_case *c);
/* Not collective. Root mean square of the inputs as the model sees them, at least 1. */
double as_case_input_size(const as_case *c);
/* Not collective. What a class is called; buffer of 64 bytes, returned. */
const char *as_case_class(const as_case *c, int64_t label, char buffer[64]);
/* Not collective. Rows of the largest class over those of the smallest that has any; 0: no classes. */
double as_case_imbalance(const as_case *c);
/* Not collective. Norm of the gradient of a row at what the first layer with weights gives, over that of the last, at
   the start; NaN: fewer than two, or weights of zero in the last. */
double as_case_backward_ratio(const as_case *c, const char **first, const char **last);
/* Not collective. Standard deviation of what the last layer with weights reads, at the start. */
double as_case_last_signal(const as_case *c);
/* Not collective. The smallest root mean square length, over layers with weights, of what a unit multiplies its inputs
   by, at the start: about 1 by glorot, 1.4 by he. */
double as_case_least_gain(const as_case *c);
/* Not collective. What the model tells of the training sample: its accuracy, of real targets the share of the squared
   loss that is gone (of absolute errors that of their square); and the same by five nearest rows. NaN: not known. */
double as_case_model_score(const as_case *c);
double as_case_neighbour_score(const as_case *c);
/* Not collective. Whether the model tells as much as nearest rows do: what is left is hardly there to be learnt. */
bool as_case_told(const as_case *c);
/* Not collective. The lowest loss of training or validation that an evaluation logged; infinite: none. */
double as_case_lowest(const as_case *c);
/* Not collective. The largest share of units that are zero on all rows, over layers that end in relu; its name. */
double as_case_dead(const as_case *c, const as_point *p, const char **name);
/* Not collective. The share of the loss after training that noise of batches adds where it is quadratic: lr tr(Sigma)
   (1 - B/N) / 4B; 0: not known. */
double as_case_noise_share(const as_case *c);
/* Not collective. The noise scale, in batches, over which steps of this rate are taken to hover: a part of 2 / (lr
   lambda_max), which they have on the mean. Half of it, since one point scatters; a quarter where the loss is quadratic
   (|G|^2 of 3 directions is under 4 times its mean in 99 of 100). At least 1, at most `most`. */
double as_case_noise_hovers(const as_case *c, double most);
/* Not collective. tr(Sigma) / |G|^2, |G|^2 without its noise; infinite where the noise hides it. */
double as_case_noise_scale(const as_point *p);
/* Not collective. Whether rows held out are predicted better than by the best constant, by 4 standard errors. */
bool as_case_beats_chance(const as_case *c);
/* Not collective. The loss of the best constant prediction of a model that is no network, by its kind of loss: the
   entropy of class frequencies, or the variance of the target; NaN where there is neither. */
double as_case_guess(const as_case *c);
/* Not collective. The loss of the best constant prediction, for the first loss of the network: log frequencies, means
   or medians. NaN where it is not known. Errors: NOMEM. */
as_status as_case_chance(const as_network *network, const as_sample *train, double *out);
/* Not collective. Frees what a case owns. */
void as_case_free(as_case *c);

#endif
