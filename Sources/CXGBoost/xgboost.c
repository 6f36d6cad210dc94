#include "CXGBoost.h"

#include "CSymbols.h"

int asof_xgboost_open(const char *path, asof_xgboost *library, char *error, size_t size) {
    const asof_symbol symbols[] = {
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
    return asof_symbols_open(path, symbols, sizeof symbols / sizeof symbols[0], error, size);
}
