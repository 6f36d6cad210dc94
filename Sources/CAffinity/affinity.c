#define _GNU_SOURCE
#include "affinity.h"

#include <errno.h>
#include <sched.h>
#include <string.h>

int asof_affinity(unsigned char *mask, size_t bytes) {
    memset(mask, 0, bytes);
    return sched_getaffinity(0, bytes, (cpu_set_t *)(void *)mask) == 0 ? 0 : errno;
}
