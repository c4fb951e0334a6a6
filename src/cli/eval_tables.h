/* Tables of an evaluation for people: classes, the confusion of classes, variables. */
#ifndef AS_CLI_EVAL_TABLES_H
#define AS_CLI_EVAL_TABLES_H

#include "base/names.h"
#include "data/tokenizer.h"

/* Not collective. Prints the arrays and objects among the members of a JSON object of metrics, each head's under its
   own name. */
void as_eval_tables(const char *json, const as_names *classes);

/* Not collective. Names of tokens as classes: their text in quotes, with \n and \xHH. Errors: NOMEM. */
as_status as_eval_token_names(const as_tokenizer *tokenizer, as_names *out);

#endif
