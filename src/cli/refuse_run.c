/* A run is named by -o, what is trained by a configuration: whoever gives the folder or a checkpoint of it alone is
   told both. */
#include "cli/refuse_run.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/error.h"
#include "io/states.h"
#include "io/yaml.h"
#include "run/config.h"

enum { NAME = 4096 };

/* "finished at step 23", from status.json; whether it is finished. */
static bool read_state(const char *dir, char text[128])
{
    char name[NAME];
    as_document *document = NULL;
    as_node *root = NULL;
    bool finished = false;
    snprintf(name, sizeof name, "%s/status.json", dir);
    snprintf(text, 128, "of unknown state");
    if (access(name, R_OK) == 0 && as_document_create(&document) == AS_OK &&
        as_yaml_read(document, name, &root) == AS_OK) {
        const as_node *const word = as_node_get(root, "status"), *const step = as_node_get(root, "step");
        if (word != NULL && word->kind == AS_NODE_SCALAR && step != NULL && step->kind == AS_NODE_SCALAR) {
            snprintf(text, 128, "%.40s at step %.40s", word->text, step->text);
            finished = strcmp(word->text, "finished") == 0;
        }
    }
    as_document_destroy(&document);
    return finished;
}

/* The key that says how long a run with this configuration trains; NULL: it stops by itself. */
static const char *length_key(const char *path)
{
    as_config config;
    const bool good = as_config_load(1, &path, 0, NULL, &config) == AS_OK;
    const char *const key = !good || config.statistic ? NULL : config.train.epochs > 0 ? "epochs" : "steps";
    as_config_destroy(&config);
    return key;
}

static as_status refuse_run(const char *dir, const char *config)
{
    char state[128];
    const bool finished = read_state(dir, state);
    const char *const key = finished ? length_key(config) : NULL;
    if (key != NULL) {
        AS_FAIL(AS_USAGE,
                "%s: expected a configuration, found a run, %s; to train on: allsum train %s -o %s -s train.%s=MORE "
                "--allow-change train.%s",
                dir, state, config, dir, key, key);
    }
    if (finished) {
        AS_FAIL(AS_USAGE, "%s: expected a configuration, found a run, %s; to judge it: allsum eval %s", dir, state,
                dir);
    }
    AS_FAIL(AS_USAGE, "%s: expected a configuration, found a run, %s; to go on: allsum train %s -o %s", dir, state,
            config, dir);
}

as_status as_refuse_run(const char *path)
{
    struct stat info;
    char config[NAME], members[AS_MEMBERS_TEXT];
    int64_t step;
    if (stat(path, &info) != 0) {
        return AS_OK;
    }
    if (!S_ISDIR(info.st_mode)) {
        if (S_ISREG(info.st_mode) && as_state_step(path, &step) == AS_OK) {
            AS_FAIL(AS_USAGE,
                    "%s: expected a configuration, found a checkpoint of step %lld; to begin with its weights: "
                    "--fork %s; to go on with its run: allsum train RUN/config.yaml -o RUN",
                    path, (long long)step, path);
        }
        return AS_OK;
    }
    snprintf(config, sizeof config, "%s/config.yaml", path);
    if (access(config, F_OK) == 0) {
        return refuse_run(path, config);
    }
    int64_t *member = NULL, n = 0;
    AS_TRY(as_state_members(path, &member, &n));
    free(member);
    if (n > 0) {
        AS_FAIL(AS_USAGE,
                "%s: expected a configuration, found the folder of an ensemble%s; to go on: allsum train "
                "%s/member-1/config.yaml -o %s --members %lld",
                path, as_state_members_text(path, members), path, path, (long long)n);
    }
    return AS_OK;
}
