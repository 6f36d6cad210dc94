#include "xgboost_table.h"

#include <dlfcn.h>
#include <stdio.h>
#include <string.h>

int asof_xgboost_open(const char *path, asof_xgboost_table *table, char *problem, size_t capacity) {
    void *library = dlopen(path, RTLD_NOW | RTLD_LOCAL);
    if (!library) {
        snprintf(problem, capacity, "%s", dlerror());
        return -1;
    }
    // In the table's order.
    static const char *const names[] = {
        "XGBoostVersion", "XGBGetLastError", "XGBRegisterLogCallback", "XGDMatrixCreateFromDense",
        "XGDMatrixSetInfoFromInterface", "XGDMatrixSetStrFeatureInfo", "XGDMatrixFree", "XGBoosterCreate", "XGBoosterFree",
        "XGBoosterSetParam", "XGBoosterSetStrFeatureInfo", "XGBoosterUpdateOneIter", "XGBoosterEvalOneIter", "XGBoosterSlice",
        "XGBoosterSaveModelToBuffer", "XGBoosterLoadModelFromBuffer", "XGBoosterPredictFromDense",
        "XGProxyDMatrixCreate", "XGBoosterFeatureScore",
    };
    enum { count = sizeof names / sizeof names[0] };
    _Static_assert(sizeof(asof_xgboost_table) == count * sizeof(void *), "a name for each function");
    void *found[count];
    for (int i = 0; i < count; i++) {
        found[i] = dlsym(library, names[i]);
        if (!found[i]) {
            snprintf(problem, capacity, "it has no %s", names[i]);
            dlclose(library);
            return -1;
        }
    }
    memcpy(table, found, sizeof found);
    return 0;
}
