#include "CSymbols.h"

#include <dlfcn.h>
#include <stdio.h>

int asof_symbols_open(const char *path, const asof_symbol *symbols, size_t count, char *error, size_t size) {
    void *handle = dlopen(path, RTLD_NOW | RTLD_LOCAL);
    if (handle == NULL) {
        const char *reason = dlerror();
        snprintf(error, size, "%s", reason == NULL ? "it cannot be opened" : reason);
        return -1;
    }
    for (size_t index = 0; index < count; index++) {
        *symbols[index].place = dlsym(handle, symbols[index].name);
        if (*symbols[index].place == NULL) {
            snprintf(error, size, "it has no function %s", symbols[index].name);
            dlclose(handle);
            return -1;
        }
    }
    return 0;
}
