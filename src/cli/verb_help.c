/* allsum help [VERB]: usage of the program or of a verb, from the tables. */
#include <stdio.h>

#include "base/error.h"
#include "cli/verb.h"

static void print_options(const as_option *options)
{
    for (const as_option *o = options; o != NULL && o->name != NULL; o++) {
        char left[64];
        const char letter[5] = {o->letter != 0 ? '-' : ' ', o->letter != 0 ? o->letter : ' ',
                                o->letter != 0 ? ',' : ' ', ' '};
        snprintf(left, sizeof left, "%s--%s%s%s", letter, o->name, o->value != NULL ? " " : "",
                 o->value != NULL ? o->value : "");
        printf("  %-26s %s\n", left, o->help);
    }
}

void as_help_verb(const as_verb *verb)
{
    printf("usage: allsum %s %s%s[options]\n\n%s.\n", verb->name, verb->arguments,
           verb->arguments[0] != '\0' ? " " : "", verb->summary);
    if (verb->details != NULL) {
        printf("\n%s", verb->details);
    }
    printf("\noptions:\n");
    print_options(verb->options);
    print_options(as_common_options);
}

void as_help_program(void)
{
    printf(
        "allsum " ALLSUM_VERSION ": data-parallel training with the same bits on any number of ranks and threads\n\n"
        "usage: allsum VERB [arguments] [options]\n       mpirun -np N allsum VERB [arguments] [options]\n\nverbs:\n");
    for (const as_verb *const *v = as_verbs_get(); *v != NULL; v++) {
        printf("  %-12s %s\n", (*v)->name, (*v)->summary);
    }
    printf("\n  allsum VERB --help   options of a verb\n  allsum --version     the version\n\nenvironment:\n"
           "  OMP_NUM_THREADS      threads of each rank, unless --threads is given\n"
           "  ALLSUM_ISA           avx512 | avx2 | portable: instruction set (the results are the same bits)\n"
           "  NO_COLOR             no colours\n\nexit codes:\n");
#define AS_STATUS(name, code, meaning) printf("  %-4d %s\n", code, meaning);
    AS_STATUS_TABLE
#undef AS_STATUS
}

static as_status run(as_context *context)
{
    const as_verb *verb;
    if (context->narguments == 0) {
        as_help_program();
        return AS_OK;
    }
    AS_TRY(as_verb_find(context->argument[0], &verb));
    as_help_verb(verb);
    return AS_OK;
}

const as_verb as_verb_help = {
    .name = "help",
    .arguments = "[VERB]",
    .summary = "How to use the program, or one of its verbs",
    .max_arguments = 1,
    .run = run,
};
