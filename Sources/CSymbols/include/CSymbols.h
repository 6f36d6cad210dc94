#pragma once

#include <stddef.h>

// A library that is opened while the program runs, since most runs do without it.

typedef struct {
    const char *name;
    void **place;
} asof_symbol;

// Opens a library and puts the addresses of its functions into their places.
//
// Its own symbols stay its own: a program may have another version of what it uses. It stays open until the process ends.
// Returns 0, or -1 with the reason in `error`, which has `size` bytes: the library is not open then.
int asof_symbols_open(const char *path, const asof_symbol *symbols, size_t count, char *error, size_t size);
