// The functions of XGBoost's C API that trainers use, found at run time in a library that the caller names. Declared here,
// since the wheel that has the library has no header; the signatures are those of 3.4.
#ifndef ASOF_XGBOOST_TABLE_H
#define ASOF_XGBOOST_TABLE_H

#include <stddef.h>
#include <stdint.h>

typedef void *asof_xgboost_matrix;
typedef void *asof_xgboost_booster;

// Each but the first two returns 0, or -1 and then `last_error` says why, in this thread.
typedef struct {
    void (*version)(int *major, int *minor, int *patch);
    const char *(*last_error)(void);
    int (*register_log)(void (*callback)(const char *));
    int (*matrix_dense)(const char *data, const char *config, asof_xgboost_matrix *out);
    int (*matrix_info)(asof_xgboost_matrix matrix, const char *field, const char *data);
    int (*matrix_texts)(asof_xgboost_matrix matrix, const char *field, const char **texts, uint64_t count);
    int (*matrix_free)(asof_xgboost_matrix matrix);
    int (*booster_create)(const asof_xgboost_matrix *matrices, uint64_t count, asof_xgboost_booster *out);
    int (*booster_free)(asof_xgboost_booster booster);
    int (*set_param)(asof_xgboost_booster booster, const char *name, const char *value);
    int (*set_texts)(asof_xgboost_booster booster, const char *field, const char **texts, uint64_t count);
    int (*update)(asof_xgboost_booster booster, int round, asof_xgboost_matrix train);
    int (*evaluate)(
        asof_xgboost_booster booster, int round, asof_xgboost_matrix *matrices, const char **names, uint64_t count,
        const char **out);
    int (*slice)(asof_xgboost_booster booster, int begin, int end, int step, asof_xgboost_booster *out);
    int (*save)(asof_xgboost_booster booster, const char *config, uint64_t *count, const char **out);
    int (*load)(asof_xgboost_booster booster, const void *bytes, uint64_t count);
    int (*predict_dense)(
        asof_xgboost_booster booster, const char *values, const char *config, asof_xgboost_matrix proxy,
        const uint64_t **shape, uint64_t *dimensions, const float **out);
    int (*proxy_create)(asof_xgboost_matrix *out);
    int (*feature_score)(
        asof_xgboost_booster booster, const char *config, uint64_t *count, const char ***features,
        uint64_t *dimensions, const uint64_t **shape, const float **scores);
} asof_xgboost_table;

// Opens the library and finds the functions; it stays open to the end of the process. Returns 0, or -1 and then `problem`
// (of `capacity` bytes, at least 1) says what failed.
int asof_xgboost_open(const char *path, asof_xgboost_table *table, char *problem, size_t capacity);

#endif
