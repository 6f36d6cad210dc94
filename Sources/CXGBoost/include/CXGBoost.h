#ifndef ASOF_XGBOOST_H
#define ASOF_XGBOOST_H
#include <stddef.h>
#include <stdint.h>

// What of XGBoost's C interface is used, declared here so that nothing of it is needed to build. Only the process that fits a
// model opens the library.

typedef void *asof_xgboost_matrix;
typedef void *asof_xgboost_booster;

/// The functions of one opened library. Those that return int return 0 where they succeed; `last_error` says what went wrong.
typedef struct {
    void (*version)(int *major, int *minor, int *patch);
    const char *(*last_error)(void);
    int (*set_global_config)(const char *json);
    /// `array`: an array interface as JSON, by which the values are found in memory; they are copied.
    int (*matrix_from_dense)(const char *array, const char *config, asof_xgboost_matrix *);
    int (*matrix_set_info)(asof_xgboost_matrix, const char *field, const char *array);
    int (*matrix_set_texts)(asof_xgboost_matrix, const char *field, const char **texts, uint64_t count);
    int (*matrix_free)(asof_xgboost_matrix);
    int (*booster_create)(const asof_xgboost_matrix *, uint64_t count, asof_xgboost_booster *);
    int (*booster_free)(asof_xgboost_booster);
    int (*booster_set)(asof_xgboost_booster, const char *name, const char *value);
    int (*booster_set_texts)(asof_xgboost_booster, const char *field, const char **texts, uint64_t count);
    int (*booster_update)(asof_xgboost_booster, int round, asof_xgboost_matrix);
    /// `text`: as in "[0]\tvalid-logloss:0.5", valid until the next call.
    int (*booster_evaluate)(
        asof_xgboost_booster, int round, asof_xgboost_matrix *, const char **names, uint64_t count, const char **text
    );
    int (*booster_slice)(asof_xgboost_booster, int begin, int end, int step, asof_xgboost_booster *);
    int (*booster_save)(asof_xgboost_booster, const char *config, uint64_t *length, const char **bytes);
    int (*booster_load)(asof_xgboost_booster, const void *bytes, uint64_t length);
    int (*booster_predict)(
        asof_xgboost_booster, asof_xgboost_matrix, const char *config, const uint64_t **shape, uint64_t *dimensions,
        const float **values
    );
    int (*booster_scores)(
        asof_xgboost_booster, const char *config, uint64_t *feature_count, const char ***features, uint64_t *dimensions,
        const uint64_t **shape, const float **scores
    );
} asof_xgboost;

/// Opens the library at `path`. Returns 0, or -1 with what is wrong in `error`. It stays open until the process ends.
int asof_xgboost_open(const char *path, asof_xgboost *library, char *error, size_t size);

#endif
