/* Verbs: what the program does. A verb is one file verb_<name>.c that ends with `const as_verb as_verb_<name> = {...};`
   and one row in verb.def; parsing of its options, did-you-mean, --help, the list of verbs and shell completion come
   from that constant. verb_list.c is the template. */
#ifndef AS_CLI_VERB_H
#define AS_CLI_VERB_H

#include "cli/context.h"

/* One option; a table ends with AS_OPTIONS_END. -h/--help and -q/--quiet belong to every verb. */
typedef struct as_option {
    const char *name;  /* "out" for --out */
    char letter;       /* 'o' for -o; 0: none */
    const char *value; /* what the value is called in the help ("DIR"); NULL: a switch */
    const char *help;  /* one line */
} as_option;

#define AS_OPTIONS_END                                                                                                 \
    {                                                                                                                  \
        .name = NULL                                                                                                   \
    }

/* Rows that several verbs share. */
#define AS_OPTION_THREADS                                                                                              \
    {                                                                                                                  \
        .name = "threads", .letter = 't', .value = "N",                                                                \
        .help = "threads of each rank (default: OMP_NUM_THREADS, else the allowed cores shared by the node's ranks)"   \
    }
#define AS_OPTION_SET                                                                                                  \
    {                                                                                                                  \
        .name = "set", .letter = 's', .value = "KEY=VALUE",                                                            \
        .help = "override one key, e.g. -s optimizer.lr=3e-4 (repeatable)"                                             \
    }

typedef struct as_verb {
    const char *name;
    const char *arguments;            /* "[CONFIG]"; "" if it takes none */
    const char *summary;              /* one line, no full stop */
    const char *details;              /* paragraphs for --help; NULL: none */
    const as_option *options;         /* NULL: only the common ones */
    int min_arguments, max_arguments; /* max < 0: any number */
    bool computes;                    /* runs threads: see as_launch_settle */
    /* The exit code is the status; its message is printed by the caller. With several ranks every rank runs it, and all
       return together (failures pass through as_world_agree or a sum). */
    as_status (*run)(as_context *context);
} as_verb;

/* All verbs in the order of verb.def; NULL-terminated. */
const as_verb *const *as_verbs_get(void);

/* Not collective. The verb of that name. Errors: USAGE with the nearest name. */
as_status as_verb_find(const char *name, const as_verb **out);

/* The options of every verb; ends with AS_OPTIONS_END. */
extern const as_option as_common_options[];

/* Not collective. Writes the help of a verb, or of the program, on stdout. */
void as_help_verb(const as_verb *verb);
void as_help_program(void);

#endif
