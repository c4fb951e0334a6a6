/* Files for the tests of this folder: one file of several datasets, written by any number of ranks. */
#ifndef CHECKPOINT_FILES_H
#define CHECKPOINT_FILES_H

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "io/h5_write.h"

/* Value of element i of dataset d: anything that differs everywhere. */
static inline float file_value(int d, int64_t i)
{
    return (float)((i * 2654435761 + d * 97) % 1000003) * 0.5f;
}

/* Writes three datasets of n floats and a text; every rank brings its consecutive share of each. */
static inline as_status file_write(as_world *world, const char *path, int64_t n, uint8_t digest[32])
{
    static const char *const names[] = {"/params/a/weight", "/optimizer/m/a/weight", "/optimizer/v/a/weight"};
    const int rank = as_world_rank(world), size = as_world_size(world);
    const int64_t first = n * rank / size, count = n * (rank + 1) / size - first;
    float *data = malloc(3 * (size_t)count * sizeof *data + 1);
    as_h5_piece piece[3];
    as_h5_item item[4];
    for (int d = 0; d < 3; d++) {
        for (int64_t i = 0; data != NULL && i < count; i++) {
            data[d * count + i] = file_value(d, first + i);
        }
        piece[d] = (as_h5_piece){.first = first, .count = count, .data = data + d * count};
        item[d] = (as_h5_item){
            .name = names[d], .type = AS_F32, .rank = 1, .dim = &n, .npieces = count > 0 ? 1 : 0, .piece = &piece[d]};
    }
    item[3] = (as_h5_item){.name = "/config", .text = "seed: 1\n"};
    const as_h5_attribute attribute = {.name = "step", .value = n};
    const as_status status = as_h5_write(world, path, 1, &attribute, 4, item, digest);
    free(data);
    return status;
}

/* Files of a folder whose names start with a prefix. */
static inline int count_files(const char *folder, const char *prefix)
{
    int n = 0;
    DIR *handle = opendir(folder);
    const struct dirent *entry = NULL;
    while (handle != NULL && (entry = readdir(handle)) != NULL) {
        n += strncmp(entry->d_name, prefix, strlen(prefix)) == 0 && entry->d_name[strspn(entry->d_name, ".")] != '\0';
    }
    if (handle != NULL) {
        closedir(handle);
    }
    return n;
}

#endif
