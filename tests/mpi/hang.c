/* A job that goes wrong: the last rank stops or dies in the middle of a step while the others wait in the sum.
   usage: hang stop|late|kill|idle|none [limit=SECONDS] [p2p]
   stop: SIGSTOP to itself; late: rank 0 does, with the stamp of the sum already on it; kill: SIGKILL to itself; idle:
   sleeps; none: steps with pauses below the limit, exit 0. */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/error.h"
#include "comm/sum.h"
#include "comm/watchdog.h"

enum { N = 5000, STEPS = 12, BAD_STEP = 3 };

static void print_line(void *context, as_log_level level, const char *line)
{
    fprintf(stderr, "rank %d, level %d: %s\n", *(const int *)context, (int)level, line);
}

static void go_wrong(const char *how)
{
    if (strcmp(how, "stop") == 0) {
        raise(SIGSTOP);
    } else if (strcmp(how, "kill") == 0) {
        raise(SIGKILL);
    } else if (strcmp(how, "idle") == 0) {
        sleep(60);
    }
}

static as_status steps(as_world *world, as_team *team, as_sum *sum, as_watchdog *dog, const char *how)
{
    for (int step = 0; step < STEPS; step++) {
        as_watchdog_stamp(dog, "forward", step);
        as_sum_clear(sum);
        if (step == BAD_STEP && as_world_rank(world) == as_world_size(world) - 1) {
            go_wrong(how);
        }
        usleep(strcmp(how, "none") == 0 ? 100000 : 1000);
        as_watchdog_stamp(dog, "sum", step);
        if (step == BAD_STEP && as_world_rank(world) == 0 && strcmp(how, "late") == 0) {
            go_wrong("stop");
        }
        AS_TRY(as_sum_reduce(sum, team));
    }
    return AS_OK;
}

int main(int argc, char **argv)
{
    as_world_options options = {.launched = true};
    double limit = 2;
    for (int i = 2; i < argc; i++) {
        options.p2p = options.p2p || strcmp(argv[i], "p2p") == 0;
        sscanf(argv[i], "limit=%lf", &limit);
    }
    as_world *world;
    as_lanes lanes;
    as_team *team;
    as_sum *sum;
    as_watchdog *dog;
    if (argc < 2 || as_world_open(&options, &world) != AS_OK || as_lanes_create(24, world, &lanes) != AS_OK ||
        as_team_create(1, &team) != AS_OK ||
        as_sum_create(world, &lanes, as_kernels_get(AS_PORTABLE, AS_FLOAT32), N, NULL, &sum) != AS_OK) {
        fprintf(stderr, "cannot start: %s\n", as_error_message());
        return 1;
    }
    int rank = as_world_rank(world);
    const as_log log = {.write = print_line, .context = &rank};
    if (as_watchdog_start(world, limit, &log, &dog) != AS_OK) {
        fprintf(stderr, "cannot watch: %s\n", as_error_message());
        return 1;
    }
    const as_status status = steps(world, team, sum, dog, argv[1]);
    as_watchdog_stop(&dog);
    as_sum_destroy(&sum);
    as_team_destroy(&team);
    as_lanes_destroy(&lanes);
    as_world_close(&world);
    return (int)status;
}
