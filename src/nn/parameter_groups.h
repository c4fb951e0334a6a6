/* Parameter groups: `optimizer: {groups: [{match: "head.*", lr: 0.1, weight_decay: 0}]}`, learning rates and decays for
   parameters by their names, LAYER.PARAMETER. Where several groups match, the last one counts. */
#ifndef AS_NN_PARAMETER_GROUPS_H
#define AS_NN_PARAMETER_GROUPS_H

#include "base/fields.h"

typedef struct as_group {
    const char *match; /* `*` stands for any characters, `?` for one */
    double lr;         /* factor on the learning rate */
    double weight_decay;
    bool decays;         /* weight_decay is given */
    const as_node *node; /* for messages */
} as_group;

typedef struct as_groups {
    int n;
    as_group *group; /* (n) owned by the document */
} as_groups;

extern const as_field as_group_fields[];

/* Not collective. node NULL: no groups. Errors: CONFIG, NOMEM. */
as_status as_groups_parse(as_document *document, const as_node *node, as_groups *out);

/* A parameter, and what the groups make of it. */
typedef struct as_grouped {
    const char *layer, *param;
    bool decays; /* weight decay is applied by its kind: not to biases and norms, whatever a group says */
    double lr_scale, weight_decay;
} as_grouped;

/* Not collective. Sets lr_scale (times) and weight_decay of all n parameters. Errors: CONFIG for a group that matches
   nothing, or that gives a decay to parameters of which none decays; naming what there is. */
as_status as_groups_apply(const as_groups *groups, int n, as_grouped *parameter);

#endif
