#include "CXGBoost.h"

#include <dlfcn.h>
#include <stdio.h>

typedef struct {
    const char *name;
    void **place;
} symbol;

int asof_xgboost_open(const char *path, asof_xgboost *library, char *error, size_t size) {
    void *handle = dlopen(path, RTLD_NOW | RTLD_LOCAL);
    if (handle == NULL) {
        const char *reason = dlerror();
        snprintf(error, size, "%s", reason == NULL ? "it cannot be opened" : reason);
        return -1;
    }
    const symbol symbols[] = {
        {"XGBoostVersion", (void **)&library->version},
        {"XGBGetLastError", (void **)&library->last_error},
        {"XGBSetGlobalConfig", (void **)&library->set_global_config},
        {"XGDMatrixCreateFromDense", (void **)&library->matrix_from_dense},
        {"XGDMatrixSetInfoFromInterface", (void **)&library->matrix_set_info},
        {"XGDMatrixSetStrFeatureInfo", (void **)&library->matrix_set_texts},
        {"XGDMatrixFree", (void **)&library->matrix_free},
        {"XGBoosterCreate", (void **)&library->booster_create},
        {"XGBoosterFree", (void **)&library->booster_free},
        {"XGBoosterSetParam", (void **)&library->booster_set},
        {"XGBoosterSetStrFeatureInfo", (void **)&library->booster_set_texts},
        {"XGBoosterUpdateOneIter", (void **)&library->booster_update},
        {"XGBoosterEvalOneIter", (void **)&library->booster_evaluate},
        {"XGBoosterSlice", (void **)&library->booster_slice},
        {"XGBoosterSaveModelToBuffer", (void **)&library->booster_save},
        {"XGBoosterLoadModelFromBuffer", (void **)&library->booster_load},
        {"XGBoosterPredictFromDMatrix", (void **)&library->booster_predict},
        {"XGBoosterFeatureScore", (void **)&library->booster_scores},
    };
    for (size_t index = 0; index < sizeof symbols / sizeof symbols[0]; index++) {
        *symbols[index].place = dlsym(handle, symbols[index].name);
        if (*symbols[index].place == NULL) {
            snprintf(error, size, "it has no function %s", symbols[index].name);
            dlclose(handle);
            return -1;
        }
    }
    return 0;
}
