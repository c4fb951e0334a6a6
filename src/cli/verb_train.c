/* allsum train [CONFIG...]: trains, or continues; without CONFIG the embedded digits. */
#include <math.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/fields.h"
#include "base/json_read.h"
#include "cli/launch.h"
#include "cli/refuse_run.h"
#include "cli/verb.h"
#include "run/bench.h"
#include "run/config_sections.h"
#include "run/lr_range.h"
#include "run/run.h"

enum {
    FORK_BYTES = 4200,
    FIELDS_MAX = 64,
    OWN_SETS = 5 /* of --fork 1, of --lr-range 3, of --members 1 */
};

static volatile sig_atomic_t stop_asked;

/* First signal: stop after this step. A second Ctrl-C or TERM ends the process at once. */
static void on_signal(int number)
{
    if (stop_asked != 0 && number != SIGUSR1) {
        signal(number, SIG_DFL);
        raise(number);
    }
    stop_asked = 1;
}

static void catch_signals(void)
{
    struct sigaction action = {.sa_handler = on_signal, .sa_flags = SA_RESTART};
    sigemptyset(&action.sa_mask);
    sigaction(SIGUSR1, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
    sigaction(SIGINT, &action, NULL);
    sigset_t early; /* SIGUSR1 may wait since as_launch_settle */
    sigemptyset(&early);
    sigaddset(&early, SIGUSR1);
    sigprocmask(SIG_UNBLOCK, &early, NULL);
}

/* "3h50m", "90s", "1.5h", "90" as seconds; false: neither. */
static bool read_units(const char *text, double *seconds)
{
    const char *const begin = text;
    *seconds = 0;
    while (*text != '\0') {
        static const char units[] = "dhms";
        static const double size[] = {86400, 3600, 60, 1};
        const size_t digits = strspn(text, "0123456789.");
        char number[32] = "";
        double value;
        if (digits == 0 || digits >= sizeof number) {
            return false;
        }
        memcpy(number, text, digits);
        const char *unit = text[digits] != '\0' ? strchr(units, text[digits]) : text == begin ? units + 3 : NULL;
        if (unit == NULL || !as_text_to_real(number, &value)) {
            return false;
        }
        *seconds += value * size[unit - units];
        text += digits + (text[digits] != '\0');
    }
    return true;
}

/* "3:50:00" or "1-12:00:00", as batch systems write it. */
static bool read_clock(const char *text, double *seconds)
{
    long long days = 0, hours = 0, minutes = 0, rest = 0;
    int end = 0;
    if (sscanf(text, "%4lld-%9lld:%2lld:%2lld%n", &days, &hours, &minutes, &rest, &end) != 4 || text[end] != '\0') {
        days = 0;
        end = 0;
        if (sscanf(text, "%9lld:%2lld:%2lld%n", &hours, &minutes, &rest, &end) != 3 || text[end] != '\0') {
            return false;
        }
    }
    *seconds = (double)(86400 * days + 3600 * hours + 60 * minutes + rest);
    return days >= 0 && hours >= 0 && minutes >= 0 && rest >= 0;
}

static as_status read_duration(const char *text, double *seconds)
{
    if ((!read_units(text, seconds) && !read_clock(text, seconds)) || !(*seconds > 0)) {
        AS_FAIL(AS_USAGE, "--max-time: expected a time like 90s, 30m, 3h50m or 3:50:00, found '%s'", text);
    }
    return AS_OK;
}

/* "1:02:03" or "2:03". */
static void write_time(double seconds, char text[16])
{
    if (!isfinite(seconds) || seconds > 359999) {
        snprintf(text, 16, "--");
        return;
    }
    const int s = (int)(seconds + 0.5);
    if (s >= 3600) {
        snprintf(text, 16, "%d:%02d:%02d", s / 3600, s / 60 % 60, s % 60);
    } else {
        snprintf(text, 16, "%d:%02d", s / 60, s % 60);
    }
}

typedef struct progress_line {
    double peak; /* FMA peak of all ranks' threads in flop/s; 0: not known */
    double drawn;
} progress_line;

/* One redrawn line: epoch, loss, rate, where the time goes, share of the arithmetic peak, time left. */
static void draw_progress(void *context, const as_run_progress *p)
{
    progress_line *line = context;
    const double now = as_clock_seconds();
    if (now - line->drawn < 0.1 && p->step < p->total_steps) {
        return;
    }
    line->drawn = now;
    double all = 0;
    for (int i = 0; i < AS_TIMES; i++) {
        all += p->times[i];
    }
    const double percent = all > 0 ? 100 / all : 0;
    char left[16], share[32] = "";
    write_time(p->seconds_left, left);
    if (line->peak > 0) {
        snprintf(share, sizeof share, " | %.0f%% of peak", 100 * p->flops_per_second / line->peak);
    }
    fprintf(
        stderr,
        "\r\033[Kstep %lld/%lld epoch %lld | loss %.4f | %.4g samples/s | data %.0f%% fwd %.0f%% bwd %.0f%% sum %.0f%% "
        "upd %.0f%%%s | %s left%s",
        (long long)p->step, (long long)p->total_steps, (long long)p->epoch, p->loss, p->samples_per_second,
        percent * p->times[AS_TIME_DATA], percent * p->times[AS_TIME_FORWARD], percent * p->times[AS_TIME_BACKWARD],
        percent * p->times[AS_TIME_SUM], percent * p->times[AS_TIME_UPDATE], share, left,
        p->step >= p->total_steps ? "\n" : "");
    fflush(stderr);
}

static void warn_about_binding(const as_context *context, int threads)
{
    const int cpus = as_launch_cpus_allowed();
    if (threads > cpus) {
        as_log_line(&context->log, AS_LOG_WARN,
                    "each rank has %d threads but may use %d core%s of %d; start it with launch/local, or give mpirun "
                    "--bind-to none or --map-by slot:PE=%d",
                    threads, cpus, cpus == 1 ? "" : "s", as_launch_cpus_online(), threads);
    }
}

static void read_resume(const as_context *context, as_run_options *o)
{
    const char *text = as_option_get(context, "resume");
    o->resume = AS_RESUME_AUTO;
    if (text != NULL && strcmp(text, "never") == 0) {
        o->resume = AS_RESUME_NEVER;
    } else if (text != NULL && strcmp(text, "auto") != 0) {
        o->resume = AS_RESUME_PATH;
        o->resume_path = text;
    }
}

static as_status read_options(const as_context *context, as_run_options *o)
{
    const char *time = as_option_get(context, "max-time");
    read_resume(context, o);
    AS_TRY(as_option_int(context, "max-steps-this-run", 1, INT64_MAX, &o->max_steps));
    o->watchdog = 600;
    AS_TRY(as_option_real(context, "watchdog", 0, 1e9, &o->watchdog));
    if (time != NULL) {
        AS_TRY(read_duration(time, &o->max_seconds));
    }
    AS_TRY(as_context_threads(context, &o->threads));
    return as_context_isa(context, &o->isa);
}

/* member: 0, or the number of one of several that are trained into folders of DIR. */
static as_status train(as_context *context, const as_config *config, as_run_options *o, int64_t member)
{
    char dir[512];
    progress_line drawn = {0};
    AS_TRY(as_context_world(context, &o->world));
    const char *out = as_option_get(context, "out");
    const int length = snprintf(dir, sizeof dir, "%s%s", out != NULL ? out : "runs/", out != NULL ? "" : config->name);
    if (length >= (int)sizeof dir - 24) {
        AS_FAIL(AS_USAGE, "--out: expected a path of less than %zu characters", sizeof dir - 24);
    }
    if (member > 0) {
        snprintf(dir + length, sizeof dir - (size_t)length, "/member-%lld", (long long)member);
    }
    o->config = config;
    o->dir = dir;
    o->stop = &stop_asked;
    o->version = ALLSUM_VERSION;
    o->log = &context->log;
    if (context->terminal && !context->quiet) {
        as_team *team = NULL;
        if (as_team_create(o->threads, &team) == AS_OK) {
            drawn.peak = as_bench_peak(team, as_kernels_get(o->isa, config->precision == 0 ? AS_FLOAT32 : AS_FLOAT64)) *
                         as_world_size(o->world);
            as_team_destroy(&team);
        }
        o->progress = draw_progress;
        o->progress_context = &drawn;
    }
    warn_about_binding(context, o->threads);
    as_run_result result;
    const as_status status = as_run_train(o, &result);
    if (as_world_rank(o->world) == 0 && (status == AS_OK || status == AS_TARGET) && result.finished) {
        as_text line = {0};
        as_text_add(&line, "%s: %lld steps in %.1f s", o->dir, (long long)result.steps, result.seconds);
        if (result.test.size > 0) {
            as_text_add(&line, "; test ");
            as_json_brief(result.test.data, &line);
        } else if (result.validation.size > 0) {
            as_text_add(&line, "; validation ");
            as_json_brief(result.validation.data, &line);
        } else if (isfinite(result.train_loss)) {
            as_text_add(&line, "; train loss %.5g", result.train_loss);
        }
        puts(line.data);
        as_text_free(&line);
    }
    as_text_free(&result.test);
    as_text_free(&result.validation);
    return status;
}

/* `--lr-range`: rates LOW to HIGH in STEPS steps, as overrides of the configuration. */
typedef struct range_sets {
    char text[3][128];
} range_sets;

static as_status read_range(const char *text, range_sets *out)
{
    char part[3][32] = {"", "", "100"};
    double low = 0, high = 0;
    int64_t steps = 0;
    int colons = 0;
    for (const char *s = text; *s != '\0'; s++) {
        colons += *s == ':' ? 1 : 0;
    }
    const int found = sscanf(text, "%31[^:]:%31[^:]:%31[^:]", part[0], part[1], part[2]);
    if (found != colons + 1 || found < 2 || !as_text_to_real(part[0], &low) || !as_text_to_real(part[1], &high) ||
        !as_text_to_int(part[2], &steps) || !(low > 0) || !(high > low) || high > 1e6 || steps < 2 || steps > 1000000) {
        AS_FAIL(AS_USAGE,
                "--lr-range: expected LOW:HIGH or LOW:HIGH:STEPS with 0 < LOW < HIGH <= 1e6 and 2 to 1000000 steps, "
                "found '%s'",
                text);
    }
    snprintf(out->text[0], sizeof out->text[0], "optimizer.lr=%.17g", high);
    snprintf(out->text[1], sizeof out->text[1], "schedule={type: sweep, from: %.17g}", low / high);
    snprintf(out->text[2], sizeof out->text[2], "train.steps=%lld", (long long)steps);
    return AS_OK;
}

static void print_range(const as_lr_range *range)
{
    puts("lr            loss          smooth");
    for (int i = 0; i < range->n; i++) {
        const as_lr_point *p = &range->point[i];
        printf("%-13.6g %-13.6g %.6g\n", p->lr, p->loss, p->smooth);
    }
    if (range->steepest < 0) {
        puts("no suggestion: the loss never falls; try lower rates");
        return;
    }
    printf("suggestion: lr %.2g, where the smooth loss falls fastest; it is lowest at %.2g%s\n",
           range->point[range->steepest].lr, range->point[range->best].lr,
           range->diverged ? ", and explodes after that" : "");
}

/* Nothing is written, and no run continues from it. */
static as_status find_range(as_context *context, const as_config *config, as_run_options *o)
{
    as_lr_range range;
    AS_TRY(as_context_world(context, &o->world));
    o->config = config;
    o->stop = &stop_asked;
    o->version = ALLSUM_VERSION;
    o->log = &context->log;
    warn_about_binding(context, o->threads);
    const as_status status = as_lr_range_run(o, &range);
    if (status == AS_OK && as_world_rank(o->world) == 0) {
        print_range(&range);
    }
    as_lr_range_free(&range);
    return status;
}

/* Several trainings that differ in their seed alone, each by a group of the processes; groups take turns where there
   are more members than processes. A member is the same run as its seed alone would give. */
static as_status train_members(as_context *context, int64_t members, int nsets, const char **sets, as_run_options *o)
{
    char seed[64];
    as_config config;
    AS_TRY(as_config_load(context->narguments, context->argument, nsets, sets, &config));
    const int64_t first = config.seed;
    as_config_destroy(&config);
    context->groups = (int)members;
    AS_TRY(as_context_world(context, &o->world));
    sets[nsets] = seed;
    for (int64_t k = as_world_group(o->world); k < members; k += as_world_groups(o->world)) {
        as_run_options own = *o;
        snprintf(seed, sizeof seed, "seed=%lld", (long long)(first + k));
        as_status status = as_config_load(context->narguments, context->argument, nsets + 1, sets, &config);
        if (status == AS_OK) {
            status = train(context, &config, &own, k + 1);
        }
        as_config_destroy(&config);
        AS_TRY(status);
    }
    return AS_OK;
}

/* --fork: the key start.from. */
static as_status fork_set(const char *from, char out[FORK_BYTES])
{
    const int length = snprintf(out, FORK_BYTES, "start.from=\"%s\"", from);
    if (length >= FORK_BYTES || strpbrk(from, "\"\\") != NULL) {
        AS_FAIL(AS_USAGE, "--fork: expected a path of less than %d bytes without quotes and backslashes, found '%s'",
                FORK_BYTES - 32, from);
    }
    return AS_OK;
}

/* --allow-change of a section that is none would be of no use, silently. */
static as_status check_allowed(int n, const char *const *allowed)
{
    const char *names[FIELDS_MAX + 1];
    int count = 0;
    for (const as_field *f = as_root_fields; f->name != NULL && count < FIELDS_MAX; f++) {
        names[count++] = f->name;
    }
    names[count] = NULL;
    for (int i = 0; i < n; i++) {
        char section[64];
        const int length = (int)strcspn(allowed[i], ".");
        snprintf(section, sizeof section, "%.*s", length, allowed[i]);
        bool known = false;
        for (int k = 0; k < count; k++) {
            known |= strcmp(section, names[k]) == 0;
        }
        const char *near = as_nearest_name(section, names);
        if (!known) {
            AS_FAIL(AS_USAGE, "--allow-change %s: unknown key '%s'%s%s%s", allowed[i], section,
                    near != NULL ? " (did you mean '" : "", near != NULL ? near : "", near != NULL ? "'?)" : "");
        }
    }
    return AS_OK;
}

static as_status run(as_context *context)
{
    const char *sets[AS_OPTION_TIMES + OWN_SETS], *allowed[AS_OPTION_TIMES];
    for (int i = 0; i < context->narguments; i++) {
        AS_TRY(as_refuse_run(context->argument[i]));
    }
    int nsets = as_option_all(context, "set", sets);
    const int nallow = as_option_all(context, "allow-change", allowed);
    AS_TRY(check_allowed(nallow, allowed));
    const char *const from = as_option_get(context, "fork");
    char fork_text[FORK_BYTES];
    if (from != NULL) {
        AS_TRY(fork_set(from, fork_text));
        sets[nsets++] = fork_text;
    }
    const char *const range = as_option_get(context, "lr-range");
    range_sets more;
    if (range != NULL) {
        AS_TRY(read_range(range, &more));
        for (int i = 0; i < 3; i++) {
            sets[nsets++] = more.text[i];
        }
    }
    catch_signals(); /* before MPI starts: a stop may be asked for at any time */
    as_run_options o = {.nallow = nallow, .allow = allowed};
    as_config config;
    int64_t members = 0;
    AS_TRY(read_options(context, &o));
    AS_TRY(as_option_int(context, "members", 1, 1000, &members));
    if (members > 0 &&
        (range != NULL || o.resume == AS_RESUME_PATH || as_option_get(context, "print-config") != NULL)) {
        AS_FAIL(AS_USAGE, "train: --members does not go with --lr-range, --print-config or --resume FILE");
    }
    if (members > 0) {
        return train_members(context, members, nsets, sets, &o);
    }
    as_status status = as_config_load(context->narguments, context->argument, nsets, sets, &config);
    if (status == AS_OK && as_option_get(context, "print-config") != NULL) {
        as_text text = {0};
        status = as_config_write(&config, &text);
        if (status == AS_OK && context->launch.rank == 0) {
            fputs(text.data, stdout);
        }
        as_text_free(&text);
    } else if (status == AS_OK) {
        status = range != NULL ? find_range(context, &config, &o) : train(context, &config, &o, 0);
    }
    as_config_destroy(&config);
    return status;
}

static const as_option options[] = {
    AS_OPTION_SET,
    {.name = "out", .letter = 'o', .value = "DIR", .help = "run directory (default runs/NAME); made, or continued"},
    AS_OPTION_THREADS,
    {.name = "resume",
     .value = "auto|never|FILE",
     .help = "auto: newest valid checkpoint of DIR; never: refuse if there is one; or a file to start DIR from"},
    {.name = "fork",
     .value = "RUN|FILE",
     .help = "a new training that begins with the weights of another run or file: the key start.from"},
    {.name = "allow-change",
     .value = "KEY",
     .help = "let a key differ from the checkpoint's configuration, e.g. optimizer.lr (repeatable)"},
    {.name = "max-steps-this-run", .value = "N", .help = "stop after N steps now: checkpoint and exit 75"},
    {.name = "max-time",
     .value = "TIME",
     .help = "stop in time for 90s, 30m, 3h50m or 3:50:00: checkpoint and exit 75"},
    {.name = "watchdog", .value = "SECONDS", .help = "end the job (74) after so long without progress (600; 0: never)"},
    {.name = "lr-range",
     .value = "LOW:HIGH[:STEPS]",
     .help = "find a learning rate: a training of 100 (STEPS) steps with rising rates, of which nothing is kept"},
    {.name = "members",
     .value = "M",
     .help = "train M models that differ in their seed (seed, seed + 1, ...) into DIR/member-1 ...: each by a group of "
             "ranks"},
    {.name = "print-config", .help = "print the resolved configuration and stop"},
    AS_OPTIONS_END,
};

const as_verb as_verb_train = {
    .name = "train",
    .arguments = "[CONFIG...]",
    .summary = "Train; the same command continues an unfinished run",
    .details =
        "Without CONFIG it trains a small network on the embedded digits. Later files win over earlier ones, --set\n"
        "over files. SIGUSR1, SIGTERM, SIGINT and a file STOP in the run directory end it after the running step\n"
        "with a checkpoint and exit code 75.\n",
    .options = options,
    .max_arguments = -1,
    .computes = true,
    .run = run,
};
