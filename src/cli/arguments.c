/* The command line of a verb, by its table of options. */
#include "cli/arguments.h"

#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "base/fields.h"

const as_option as_common_options[] = {
    {.name = "quiet", .letter = 'q', .help = "warnings and errors only"},
    {.name = "help", .letter = 'h', .help = "this text"},
    AS_OPTIONS_END,
};

/* The options of a verb, then the common ones: option i, or NULL after the last. */
static const as_option *option_at(const as_verb *verb, int i)
{
    const as_option *o = verb->options;
    for (; o != NULL && o->name != NULL; o++) {
        if (i-- == 0) {
            return o;
        }
    }
    for (o = as_common_options; o->name != NULL; o++) {
        if (i-- == 0) {
            return o;
        }
    }
    return NULL;
}

static const as_option *find_long(const as_verb *verb, const char *name, size_t length)
{
    const as_option *o;
    for (int i = 0; (o = option_at(verb, i)) != NULL; i++) {
        if (strlen(o->name) == length && strncmp(o->name, name, length) == 0) {
            return o;
        }
    }
    return NULL;
}

static const as_option *find_letter(const as_verb *verb, char letter)
{
    const as_option *o;
    for (int i = 0; (o = option_at(verb, i)) != NULL; i++) {
        if (o->letter == letter) {
            return o;
        }
    }
    return NULL;
}

static as_status unknown_option(const as_verb *verb, const char *word)
{
    enum { NAMES_MAX = 64 };
    const char *names[NAMES_MAX + 1] = {NULL};
    const as_option *o;
    for (int i = 0; i < NAMES_MAX && (o = option_at(verb, i)) != NULL; i++) {
        names[i] = o->name;
    }
    char bare[64];
    snprintf(bare, sizeof bare, "%s", word + (word[1] == '-' ? 2 : 1));
    bare[strcspn(bare, "=")] = '\0';
    const char *near = as_nearest_name(bare, names);
    if (near != NULL) {
        AS_FAIL(AS_USAGE, "%s: unknown option '%s' (did you mean '--%s'?)", verb->name, word, near);
    }
    AS_FAIL(AS_USAGE, "%s: unknown option '%s' (see: allsum %s --help)", verb->name, word, verb->name);
}

/* One word that begins with '-'; *i moves past a value in a word of its own. */
static as_status parse_option(int n, char *const *word, int *i, const as_verb *verb, as_given *out)
{
    const char *text = word[*i], *value = NULL;
    const as_option *option;
    if (text[1] == '-') {
        const size_t length = strcspn(text + 2, "=");
        option = find_long(verb, text + 2, length);
        value = text[2 + length] == '=' ? text + 3 + length : NULL;
    } else {
        option = find_letter(verb, text[1]);
        value = text[2] != '\0' ? text + 2 : NULL;
    }
    if (option == NULL) {
        return unknown_option(verb, text);
    }
    if (option->value == NULL && value != NULL) {
        AS_FAIL(AS_USAGE, "%s: option '--%s' takes no value, found '%s'", verb->name, option->name, text);
    }
    if (option->value != NULL && value == NULL) {
        if (*i + 1 >= n) {
            AS_FAIL(AS_USAGE, "%s: option '%s' needs a value (%s)", verb->name, text, option->value);
        }
        value = word[++*i];
    }
    *out = (as_given){.option = option, .value = value == NULL ? "" : value};
    return AS_OK;
}

/* Before the option that was read last is counted. */
static as_status check_times(const as_context *context, const as_option *option)
{
    int times = 1;
    for (int i = 0; i < context->ngiven; i++) {
        times += context->given[i].option == option ? 1 : 0;
    }
    if (times > AS_OPTION_TIMES) {
        AS_FAIL(AS_USAGE, "%s: at most %d --%s", context->verb->name, AS_OPTION_TIMES, option->name);
    }
    return AS_OK;
}

as_status as_arguments_parse(int n, char *const *word, as_given *given, const char **argument, as_context *context)
{
    const as_verb *verb = context->verb;
    bool only_arguments = false;
    context->given = given;
    context->argument = argument;
    for (int i = 0; i < n; i++) {
        if (!only_arguments && strcmp(word[i], "--") == 0) {
            only_arguments = true;
        } else if (!only_arguments && word[i][0] == '-' && word[i][1] != '\0') {
            AS_TRY(parse_option(n, word, &i, verb, &given[context->ngiven]));
            AS_TRY(check_times(context, given[context->ngiven].option));
            context->ngiven++;
        } else {
            argument[context->narguments++] = word[i];
        }
    }
    if (as_option_get(context, "help") != NULL) {
        return AS_OK;
    }
    if (context->narguments < verb->min_arguments) {
        AS_FAIL(AS_USAGE, "%s: missing argument (usage: allsum %s %s)", verb->name, verb->name, verb->arguments);
    }
    if (verb->max_arguments >= 0 && context->narguments > verb->max_arguments) {
        AS_FAIL(AS_USAGE, "%s: unexpected argument '%s' (usage: allsum %s%s%s)", verb->name,
                argument[verb->max_arguments], verb->name, verb->arguments[0] != '\0' ? " " : "", verb->arguments);
    }
    return AS_OK;
}
