/* allsum VERB [arguments]: finds the verb, reads its command line, runs it, prints what went wrong and decides the exit
   code. Results go to stdout, everything else to stderr. */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/error.h"
#include "cli/arguments.h"
#include "cli/launch.h"

/* A line of the log. Rank 0 speaks; the others only about errors, with their number. */
static void write_line(void *argument, as_log_level level, const char *line)
{
    const as_context *context = argument;
    if ((level == AS_LOG_INFO && context->quiet) || (level != AS_LOG_ERROR && context->launch.rank != 0)) {
        return;
    }
    static const char *const words[] = {[AS_LOG_INFO] = "", [AS_LOG_WARN] = "warning: ", [AS_LOG_ERROR] = "error: "};
    static const char *const colours[] = {[AS_LOG_INFO] = "", [AS_LOG_WARN] = "\033[33m", [AS_LOG_ERROR] = "\033[31m"};
    const char *on = context->color ? colours[level] : "", *off = on[0] != '\0' ? "\033[0m" : "";
    char prefix[24] = "";
    if (context->launch.rank != 0) {
        snprintf(prefix, sizeof prefix, "[%d] ", context->launch.rank);
    }
    const char *clear = context->terminal ? "\r\033[K" : ""; /* of a progress line that may stand there */
    fprintf(stderr, "%s%s%s%s%s%s\n", clear, prefix, on, words[level], off, line);
}

/* Says why the verb failed, once for the whole job: ranks other than 0 wait a moment first. When all failed alike, the
   launcher ends them meanwhile, by signals that a verb may have caught; when only this one did, its line is the only
   one. */
static void report_failure(const as_context *context, const char *message)
{
    if (context->launch.rank != 0) {
        sigset_t ends;
        sigemptyset(&ends);
        sigaddset(&ends, SIGTERM);
        sigaddset(&ends, SIGCONT);
        signal(SIGTERM, SIG_DFL);
        sigprocmask(SIG_UNBLOCK, &ends, NULL);
        nanosleep(&(struct timespec){.tv_sec = 2}, NULL);
    }
    as_log_line(&context->log, AS_LOG_ERROR, "%s", message);
}

/* With a world, all ranks return from a verb together: one agreement, one speaker, an orderly end. */
static as_status finish(as_context *context, as_status status)
{
    char message[2048];
    snprintf(message, sizeof message, "%s", as_error_message());
    if (context->world == NULL) {
        if (status != AS_OK) {
            report_failure(context, message);
        }
        return status;
    }
    const as_status agreed = as_world_agree(context->world, status);
    if (agreed != AS_OK && as_world_rank(context->world) == 0) {
        as_log_line(&context->log, agreed == AS_STOPPED ? AS_LOG_INFO : AS_LOG_ERROR, "%s",
                    status != AS_OK ? message : as_error_message());
    }
    as_world_close(&context->world);
    return agreed;
}

/* A full disk or a closed pipe behind stdout is a failure too. */
static as_status flush_results(void)
{
    if (fflush(stdout) != 0 || ferror(stdout)) {
        AS_FAIL(AS_IO, "cannot write to standard output: %s", strerror(errno));
    }
    return AS_OK;
}

static as_status run_verb(int n, char *const *word, as_given *given, const char **argument, as_context *context)
{
    AS_TRY(as_verb_find(word[0], &context->verb));
    if (context->verb->computes) {
        as_launch_settle(&context->launch, word - 1);
    }
    AS_TRY(as_arguments_parse(n - 1, word + 1, given, argument, context));
    context->quiet = as_option_get(context, "quiet") != NULL;
    as_status status = AS_OK;
    if (as_option_get(context, "help") != NULL) {
        as_help_verb(context->verb);
    } else {
        status = context->verb->run(context);
    }
    return status != AS_OK ? status : flush_results();
}

/* Words that are no verbs: allsum, allsum --help, allsum --version. */
static bool run_plain(int argc, char *const *argv, as_status *status)
{
    *status = AS_OK;
    if (argc >= 2 && strcmp(argv[1], "--version") == 0) {
        printf("allsum " ALLSUM_VERSION "\n");
    } else if (argc >= 2 && (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0)) {
        as_help_program();
    } else if (argc < 2) {
        *status = as_error_set(AS_USAGE, "missing verb (try: allsum train, allsum --help)");
    } else if (argv[1][0] == '-') {
        *status = as_error_set(AS_USAGE, "expected a verb, found option '%s' (usage: allsum VERB [options])", argv[1]);
    } else {
        return false;
    }
    *status = *status != AS_OK ? *status : flush_results();
    return true;
}

int main(int argc, char **argv)
{
    as_context context = {.launch = as_launch_detect()};
    const char *no_color = getenv("NO_COLOR"), *term = getenv("TERM");
    context.log = (as_log){.write = write_line, .context = &context};
    context.terminal = context.launch.rank == 0 && isatty(STDERR_FILENO) == 1;
    context.color =
        context.terminal && (no_color == NULL || no_color[0] == '\0') && !(term != NULL && strcmp(term, "dumb") == 0);
    as_status status;
    if (run_plain(argc, argv, &status)) {
        return (int)finish(&context, status);
    }
    as_given *given = calloc((size_t)argc, sizeof *given);
    const char **argument = calloc((size_t)argc, sizeof *argument);
    if (given == NULL || argument == NULL) {
        status = as_error_set(AS_NOMEM, "out of memory for the command line");
    } else {
        status = run_verb(argc - 1, argv + 1, given, argument, &context);
    }
    status = finish(&context, status);
    free(given);
    free(argument);
    return (int)status;
}
