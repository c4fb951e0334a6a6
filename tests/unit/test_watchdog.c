/* The watchdog of one process: ends a hung one with 74 and says where it hangs; silent while there is progress, and
   after a pause of the whole process. Several ranks: tests/mpi. */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/clock.h"
#include "comm/watchdog.h"

static void to_pipe(void *context, as_log_level level, const char *line)
{
    (void)level;
    dprintf(*(const int *)context, "%s\n", line);
}

/* Steps every 50 ms for a while, then hangs for `hang` seconds; limit 0.6 s. */
static int child(int out, double steps, unsigned hang)
{
    as_world *world;
    as_watchdog *dog;
    const as_log log = {.write = to_pipe, .context = &out};
    if (as_world_open(&(as_world_options){.launched = false}, &world) != AS_OK ||
        as_watchdog_start(world, 0.6, &log, &dog) != AS_OK) {
        return 1;
    }
    const double begin = as_clock_seconds();
    for (int64_t step = 0; as_clock_seconds() - begin < steps; step++) {
        as_watchdog_stamp(dog, "computing", step);
        usleep(50000);
    }
    as_watchdog_stamp(dog, "a checkpoint", 41);
    sleep(hang);
    as_watchdog_stop(&dog);
    as_world_close(&world);
    return 0;
}

typedef struct ending {
    int status;
    double seconds;
    char said[512];
} ending;

/* pause: seconds after the start at which the child is stopped for a second; 0: never. */
static ending run(double steps, unsigned hang, double pause)
{
    ending e = {0};
    int ends[2];
    assert_int_equal(pipe(ends), 0);
    const double begin = as_clock_seconds();
    const pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        close(ends[0]);
        _exit(child(ends[1], steps, hang));
    }
    close(ends[1]);
    if (pause > 0) {
        usleep((useconds_t)(pause * 1e6));
        kill(pid, SIGSTOP);
        sleep(1);
        kill(pid, SIGCONT);
    }
    assert_int_equal(waitpid(pid, &e.status, 0), pid);
    e.seconds = as_clock_seconds() - begin;
    const ssize_t n = read(ends[0], e.said, sizeof e.said - 1);
    e.said[n > 0 ? n : 0] = '\0';
    close(ends[0]);
    return e;
}

static void test_a_hang_ends_with_74_and_its_place(void **state)
{
    (void)state;
    const ending e = run(0.1, 20, 0);
    assert_true(WIFEXITED(e.status));
    assert_int_equal(WEXITSTATUS(e.status), 74);
    assert_true(e.seconds < 10);
    assert_non_null(strstr(e.said, "no progress for"));
    assert_non_null(strstr(e.said, "1 rank waits in 'a checkpoint' of step 41"));
}

static void test_progress_keeps_it_silent(void **state)
{
    (void)state;
    const ending e = run(1.5, 0, 0);
    assert_true(WIFEXITED(e.status));
    assert_int_equal(WEXITSTATUS(e.status), 0);
    assert_string_equal(e.said, "");
}

static void test_time_in_which_the_process_was_stopped_does_not_count(void **state)
{
    (void)state;
    const ending e = run(2, 0, 0.5);
    assert_true(WIFEXITED(e.status));
    assert_int_equal(WEXITSTATUS(e.status), 0);
    assert_string_equal(e.said, "");
}

static void test_no_limit_is_no_watchdog(void **state)
{
    (void)state;
    as_world *world;
    as_watchdog *dog;
    assert_int_equal(as_world_open(&(as_world_options){.launched = false}, &world), AS_OK);
    assert_int_equal(as_watchdog_start(world, 0, NULL, &dog), AS_OK);
    assert_null(dog);
    as_watchdog_stamp(dog, "computing", 1);
    as_watchdog_stop(&dog);
    as_world_close(&world);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_hang_ends_with_74_and_its_place),
        cmocka_unit_test(test_progress_keeps_it_silent),
        cmocka_unit_test(test_time_in_which_the_process_was_stopped_does_not_count),
        cmocka_unit_test(test_no_limit_is_no_watchdog),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
