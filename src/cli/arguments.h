/* The command line of a verb. */
#ifndef AS_CLI_ARGUMENTS_H
#define AS_CLI_ARGUMENTS_H

#include "cli/verb.h"

/* Not collective. Splits the words after the verb into context->given and context->argument by the verb's table:
   "--name VALUE", "--name=VALUE", "-x VALUE" and "-xVALUE"; "--" ends the options, "-" is an argument. given and
   argument have room for n entries each and are borrowed. Stops checking counts when --help is among them. Errors:
   USAGE naming the word, with the nearest option. */
as_status as_arguments_parse(int n, char *const *word, as_given *given, const char **argument, as_context *context);

#endif
