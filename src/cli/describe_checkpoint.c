/* Checkpoints and run directories for `allsum info`. */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#include "base/error.h"
#include "base/hash.h"
#include "base/json_read.h"
#include "cli/describe.h"
#include "io/h5_contents.h"
#include "io/states.h"
#include "io/yaml.h"

static void add_attributes(const as_h5_contents *file, as_description *d)
{
    as_text_add(&d->text, " ");
    for (int i = 0; i < file->nattributes; i++) {
        const as_h5_attribute *a = &file->attribute[i];
        if (a->text != NULL) {
            as_text_add(&d->text, "%s %s %s", i == 0 ? "" : ",", a->name, a->text);
            as_json_text(&d->json, a->name, a->text);
        } else {
            as_text_add(&d->text, "%s %s %lld", i == 0 ? "" : ",", a->name, (long long)a->value);
            as_json_int(&d->json, a->name, a->value);
        }
    }
    as_text_add(&d->text, "\n");
}

static void add_item(const as_h5_stored *item, as_description *d)
{
    char text[128];
    as_shape shape = {.rank = item->rank < AS_SHAPE_MAX ? item->rank : AS_SHAPE_MAX};
    memcpy(shape.dim, item->dim, (size_t)shape.rank * sizeof shape.dim[0]);
    as_text_add(&d->text, "  %-40s %-8s %-16s %12lld\n", item->name, as_dtype_name(item->type),
                as_shape_text(&shape, text, sizeof text), (long long)as_h5_stored_count(item));
    as_json_open(&d->json, NULL, '{');
    as_json_text(&d->json, "name", item->name);
    as_json_text(&d->json, "type", as_dtype_name(item->type));
    as_json_open(&d->json, "shape", '[');
    for (int axis = 0; axis < item->rank; axis++) {
        as_json_int(&d->json, NULL, item->dim[axis]);
    }
    as_json_close(&d->json, ']');
    as_json_close(&d->json, '}');
}

/* The table of parameters, and their number. */
static void add_parameters(const as_h5_contents *file, as_description *d)
{
    int64_t total = 0;
    as_json_open(&d->json, "parameters", '[');
    for (int i = 0; i < file->nitems; i++) {
        if (strncmp(file->item[i].name, "/params/", 8) == 0) {
            add_item(&file->item[i], d);
            total += as_h5_stored_count(&file->item[i]);
        }
    }
    as_json_close(&d->json, ']');
    as_json_int(&d->json, "parameter_count", total);
    as_text_add(&d->text, "  %lld parameters\n", (long long)total);
}

/* "/optimizer/m/dense_1/weight" -> "m": each slot once. */
static void add_slots(const as_h5_contents *file, as_description *d)
{
    const char *last = "";
    size_t length = 0;
    int slots = 0;
    as_json_open(&d->json, "optimizer", '[');
    for (int i = 0; i < file->nitems; i++) {
        const char *name = file->item[i].name;
        if (strncmp(name, "/optimizer/", 11) != 0) {
            continue;
        }
        const size_t n = strcspn(name + 11, "/");
        if (n == length && strncmp(last, name + 11, n) == 0) {
            continue;
        }
        last = name + 11;
        length = n;
        char slot[256];
        snprintf(slot, sizeof slot, "%.*s", (int)n, last);
        as_json_text(&d->json, NULL, slot);
        as_text_add(&d->text, "%s%s", slots++ == 0 ? "  optimizer state: " : ", ", slot);
    }
    as_json_close(&d->json, ']');
    as_text_add(&d->text, "%s", slots > 0 ? "\n" : "");
}

static as_status add_progress(const as_h5_contents *file, as_description *d)
{
    static const char *const names[] = {"index", "best_step", "stale", "has_best", "finished"};
    as_json_open(&d->json, "progress", '{');
    for (int i = 0; i < 5; i++) {
        char name[64];
        int64_t value = 0;
        uint8_t bytes[8] = {0};
        snprintf(name, sizeof name, "/progress/%s", names[i]);
        const as_h5_stored *item = as_h5_contents_find(file, name);
        if (item == NULL || item->text || item->rank != 0) {
            continue;
        }
        AS_TRY(as_h5_contents_read(file, item, 0, 1, bytes));
        memcpy(&value, bytes, item->type == AS_U8 ? 1 : sizeof value);
        as_json_int(&d->json, names[i], value);
        if (strcmp(names[i], "finished") == 0) {
            as_text_add(&d->text, "  training %s\n", value != 0 ? "finished" : "not finished");
        }
    }
    as_json_close(&d->json, '}');
    return AS_OK;
}

static as_status describe(const as_h5_contents *file, as_description *d)
{
    char size[32], digits[65];
    as_text_add(&d->text, "%s: checkpoint, %s\n", file->path, as_size_text((double)file->total, size));
    as_json_text(&d->json, "kind", "checkpoint");
    as_json_text(&d->json, "path", file->path);
    as_json_int(&d->json, "bytes", file->total);
    as_json_text(&d->json, "digest", as_sha256_text(file->digest, digits));
    add_attributes(file, d);
    AS_TRY(add_progress(file, d));
    add_parameters(file, d);
    add_slots(file, d);
    as_text_add(&d->text, "  digest %s\n", digits);
    char *config = NULL;
    AS_TRY(as_h5_contents_text(file, "/config", &config));
    if (d->config) {
        as_text_add(&d->text, "\n%s", config);
        as_json_text(&d->json, "config", config);
    }
    as_document *document = NULL;
    as_node *root = NULL;
    as_status status = as_document_create(&document);
    status = status == AS_OK ? as_yaml_parse(document, file->path, config, &root) : status;
    status = status == AS_OK ? as_describe_model(file->path, root, d) : status;
    as_document_destroy(&document);
    free(config);
    return status;
}

as_status as_describe_checkpoint(const char *path, as_description *out)
{
    as_h5_contents *file = NULL;
    AS_TRY(as_h5_contents_open(path, &file));
    const as_status status = describe(file, out);
    as_h5_contents_close(&file);
    return status;
}

/* Whether a job holds the lock of a run; where that cannot be found out, too. */
static bool is_held(const char *run)
{
    char name[4096];
    snprintf(name, sizeof name, "%s/LOCK", run);
    const int file = open(name, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    const bool held = file < 0 || flock(file, LOCK_SH | LOCK_NB) != 0;
    if (file >= 0) {
        close(file); /* gives it back */
    }
    return held;
}

/* Members of the status file (JSON is YAML): scalars only, as "finished, step 3, ..." for people. */
static void add_status(const char *run, const char *path, as_description *d)
{
    as_document *document = NULL;
    as_node *root = NULL;
    if (access(path, R_OK) != 0 || as_document_create(&document) != AS_OK) {
        return;
    }
    if (as_yaml_read(document, path, &root) == AS_OK && root != NULL && root->kind == AS_NODE_MAP) {
        as_text_add(&d->text, "  status:");
        as_json_open(&d->json, "status", '{');
        for (int64_t i = 0; i < root->count; i++) {
            const as_node *const value = root->item[i];
            if (value->kind == AS_NODE_SCALAR) {
                const bool first = strcmp(root->key[i], "status") == 0;
                const bool none = strcmp(root->key[i], "checkpoint") == 0 && value->text[0] == '\0';
                as_text_add(&d->text, "%s %s%s%s", i == 0 ? "" : ",", first ? "" : root->key[i], first ? "" : " ",
                            none ? "none" : value->text);
                const bool raw = !value->quoted && as_json_valid(value->text);
                (raw ? as_json_raw : as_json_text)(&d->json, root->key[i], value->text);
            }
        }
        as_json_close(&d->json, '}');
        as_text_add(&d->text, "\n");
        if (as_node_is(as_node_get(root, "status"), "running") && !is_held(run)) {
            as_json_bool(&d->json, "killed", true);
            as_text_add(&d->text, "  no job holds %s/LOCK: it was killed; the same command continues\n", run);
        }
    }
    as_document_destroy(&document);
}

/* The last whole line of a file of at most 64 KiB lines. */
static void add_last_line(const char *path, as_description *d)
{
    enum { TAIL = 65536 };
    FILE *file = fopen(path, "rb");
    char *tail = file == NULL ? NULL : calloc(1, TAIL + 1);
    if (tail != NULL && fseek(file, 0, SEEK_END) == 0) {
        const long size = ftell(file);
        if (size > 0 && fseek(file, size > TAIL ? size - TAIL : 0, SEEK_SET) == 0) {
            size_t n = fread(tail, 1, TAIL, file);
            while (n > 0 && tail[n - 1] == '\n') {
                tail[--n] = '\0';
            }
            const char *newline = strrchr(tail, '\n'), *line = newline == NULL ? tail : newline + 1;
            as_text_add(&d->text, "  last metrics: ");
            as_json_brief(line, &d->text);
            as_text_add(&d->text, "\n");
            const bool whole = n > 0 && line[0] == '{' && as_json_valid(line); /* not cut off where a run was killed */
            (whole ? as_json_raw : as_json_text)(&d->json, "last_metrics", line);
        }
    }
    free(tail);
    if (file != NULL) {
        fclose(file);
    }
}

static void add_checkpoint(const char *path, as_description *d)
{
    char size[32];
    as_h5_contents *file = NULL;
    const bool good = as_h5_contents_open(path, &file) == AS_OK;
    as_json_open(&d->json, NULL, '{');
    as_json_text(&d->json, "path", path);
    if (good) {
        const as_h5_attribute *step = as_h5_contents_attribute(file, "step");
        as_text_add(&d->text, "  %-48s step %lld, %s\n", path, (long long)(step == NULL ? -1 : step->value),
                    as_size_text((double)file->total, size));
        as_json_int(&d->json, "step", step == NULL ? -1 : step->value);
        as_json_int(&d->json, "bytes", file->total);
    } else {
        as_text_add(&d->text, "  damaged: %s\n", as_error_message());
        as_json_text(&d->json, "damaged", as_error_message());
    }
    as_json_close(&d->json, '}');
    as_h5_contents_close(&file);
}

/* What a statistical model of the run has estimated, as far as it has come. */
static as_status add_model(const char *path, bool some, as_description *out)
{
    char name[4096];
    as_document *document = NULL;
    as_node *root = NULL;
    snprintf(name, sizeof name, "%s/config.yaml", path);
    if (!some || access(name, R_OK) != 0) {
        return AS_OK;
    }
    AS_TRY(as_document_create(&document));
    as_status status = as_yaml_read(document, name, &root);
    status = status == AS_OK ? as_describe_model(path, root, out) : status;
    as_document_destroy(&document);
    return status;
}

/* The runs of an ensemble, one after another. */
static as_status describe_members(const char *path, int64_t n, const int64_t *member, as_description *out)
{
    char name[4096];
    as_text_add(&out->text, "%s: %lld member%s of an ensemble\n", path, (long long)n, n == 1 ? "" : "s");
    as_json_text(&out->json, "kind", "members");
    as_json_text(&out->json, "path", path);
    as_json_open(&out->json, "members", '[');
    for (int64_t i = n - 1; i >= 0; i--) {
        snprintf(name, sizeof name, "%s/member-%lld", path, (long long)member[i]);
        as_json_open(&out->json, NULL, '{');
        AS_TRY(as_describe_run(name, out));
        as_json_close(&out->json, '}');
    }
    as_json_close(&out->json, ']');
    return AS_OK;
}

/* A folder that is no run: of members, or of something else. */
static as_status describe_folder(const char *path, as_description *out)
{
    int64_t *member = NULL, n = 0;
    AS_TRY(as_state_members(path, &member, &n));
    const as_status status =
        n > 0 ? describe_members(path, n, member, out)
              : as_error_set(AS_DATA, "%s: not a run directory (no status.json, no checkpoints)", path);
    free(member);
    return status;
}

as_status as_describe_run(const char *path, as_description *out)
{
    char name[4096];
    int64_t *step = NULL, n = 0;
    snprintf(name, sizeof name, "%s/status.json", path);
    AS_TRY(as_state_list(path, &step, &n));
    if (n == 0 && access(name, F_OK) != 0) {
        free(step);
        return describe_folder(path, out);
    }
    as_text_add(&out->text, "%s: run directory\n", path);
    as_json_text(&out->json, "kind", "run");
    as_json_text(&out->json, "path", path);
    add_status(path, name, out);
    snprintf(name, sizeof name, "%s/metrics.jsonl", path);
    add_last_line(name, out);
    as_json_open(&out->json, "checkpoints", '[');
    for (int64_t i = 0; i < n; i++) {
        as_state_path(path, step[i], name, sizeof name);
        add_checkpoint(name, out);
    }
    free(step);
    static const char *const names[] = {"best.h5", "final.h5"};
    for (int i = 0; i < 2; i++) {
        snprintf(name, sizeof name, "%s/%s", path, names[i]);
        if (access(name, F_OK) == 0) {
            add_checkpoint(name, out);
        }
    }
    as_json_close(&out->json, ']');
    return add_model(path, n > 0 || access(name, F_OK) == 0, out);
}
