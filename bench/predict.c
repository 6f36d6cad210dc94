// The kernels of Sources/CForest against XGBoost's C API, in one process on one thread: the same model, the same rows.
//   predict LIBXGBOOST MODEL.ubj FLAT ROWS ROW_COUNT WIDTH SECONDS
// Prints for each batch size: rows, ours µs a row, peer µs a row, ours CPU µs a row, peer CPU µs a row, rows whose bits are equal, rows compared.
#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "CForest.h"

static void *library;

static void *function(const char *name) {
    void *found = dlsym(library, name);
    if (!found) { fprintf(stderr, "no %s\n", name); exit(1); }
    return found;
}

static double seconds(clockid_t clock) {
    struct timespec now;
    clock_gettime(clock, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static void *all(const char *path, size_t *size) {
    FILE *file = fopen(path, "rb");
    if (!file) { perror(path); exit(1); }
    fseek(file, 0, SEEK_END);
    *size = (size_t)ftell(file);
    rewind(file);
    void *bytes = malloc(*size);
    if (fread(bytes, 1, *size, file) != *size) { perror(path); exit(1); }
    fclose(file);
    return bytes;
}

static asof_forest forest;
static void *booster, *proxy;
static size_t width;
static int (*predict)(void *, const char *, const char *, void *, const uint64_t **, uint64_t *, const float **);

static void ours(const float *rows, size_t count, float *out) { asof_forest_margins(&forest, rows, count, out); }

static void peer(const float *rows, size_t count, float *out) {
    char array[160];
    snprintf(array, sizeof array, "{\"data\":[%zu,true],\"shape\":[%zu,%zu],\"typestr\":\"<f4\",\"version\":3}", (size_t)rows, count, width);
    const char *config = "{\"type\":1,\"iteration_begin\":0,\"iteration_end\":0,\"strict_shape\":true,\"missing\":NaN,\"cache_id\":0,\"training\":false}";
    const uint64_t *shape;
    uint64_t dimensions;
    const float *values;
    if (predict(booster, array, config, proxy, &shape, &dimensions, &values)) { fprintf(stderr, "predict failed\n"); exit(1); }
    memcpy(out, values, count * sizeof *out);
}

// µs a row: by the clock and of the CPU.
static void measure(
    void (*side)(const float *, size_t, float *), const float *rows, size_t total, size_t batch, float *out, double length, double *wall, double *cpu) {
    size_t done = 0, at = 0;
    double begin = seconds(CLOCK_MONOTONIC), cpu_begin = seconds(CLOCK_PROCESS_CPUTIME_ID), now;
    do {
        for (int turn = 0; turn < 8; turn++) {
            side(rows + at * width, batch, out + at);
            done += batch;
            at = at + 2 * batch <= total ? at + batch : 0;
        }
        now = seconds(CLOCK_MONOTONIC);
    } while (now - begin < length);
    *wall = (now - begin) * 1e6 / (double)done;
    *cpu = (seconds(CLOCK_PROCESS_CPUTIME_ID) - cpu_begin) * 1e6 / (double)done;
}

int main(int argc, char **argv) {
    if (argc != 8) return 2;
    library = dlopen(argv[1], RTLD_NOW);
    if (!library) { fprintf(stderr, "%s\n", dlerror()); return 1; }
    size_t size;
    void *model = all(argv[2], &size);
    int (*create)(void *, uint64_t, void **) = function("XGBoosterCreate");
    int (*load)(void *, const void *, uint64_t) = function("XGBoosterLoadModelFromBuffer");
    int (*set)(void *, const char *, const char *) = function("XGBoosterSetParam");
    int (*make_proxy)(void **) = function("XGProxyDMatrixCreate");
    predict = function("XGBoosterPredictFromDense");
    if (create(NULL, 0, &booster) || load(booster, model, size) || set(booster, "nthread", "1") || make_proxy(&proxy)) return 1;
    // FLAT: numbers of trees and nodes, the base, roots, nodes.
    uint32_t *flat = all(argv[3], &size);
    width = (size_t)atol(argv[6]);
    forest.trees = flat[0];
    forest.base = (const float *)&flat[2];
    forest.roots = &flat[3];
    forest.nodes = (const asof_forest_node *)&flat[3 + forest.trees];
    forest.groups = calloc(forest.trees, sizeof(uint16_t));
    forest.outputs = 1;
    forest.width = width;
    float *rows = all(argv[4], &size);
    size_t total = (size_t)atol(argv[5]);
    float *mine = malloc(total * sizeof(float)), *theirs = malloc(total * sizeof(float));
    ours(rows, total, mine);
    peer(rows, total, theirs);
    size_t equal = 0;
    for (size_t row = 0; row < total; row++) equal += memcmp(mine + row, theirs + row, sizeof(float)) == 0;
    const size_t batches[] = {1, 1000};
    for (int index = 0; index < 2; index++) {
        double wall[2], cpu[2];
        measure(ours, rows, total, batches[index], mine, atof(argv[7]), &wall[0], &cpu[0]);
        measure(peer, rows, total, batches[index], theirs, atof(argv[7]), &wall[1], &cpu[1]);
        printf("%zu %f %f %f %f %zu %zu\n", batches[index], wall[0], wall[1], cpu[0], cpu[1], equal, total);
    }
    return 0;
}
