// In C because Swift's Glibc module hides these extensions of glibc (2.34 and later).
#define _GNU_SOURCE
#include "asof_spawn.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <unistd.h>

static int add_descriptors(
    posix_spawn_file_actions_t *actions, const asof_spawn_descriptor *descriptors, size_t count
) {
    int last = 2;
    for (int target = 0; target <= 2; target++) {
        int named = 0;
        for (size_t i = 0; i < count; i++) named |= descriptors[i].target == target;
        if (named) continue;
        int code = posix_spawn_file_actions_addopen(actions, target, "/dev/null", O_RDWR, 0);
        if (code) return code;
    }
    for (size_t i = 0; i < count; i++) {
        int code = posix_spawn_file_actions_adddup2(actions, descriptors[i].source, descriptors[i].target);
        if (code) return code;
        if (descriptors[i].target > last) last = descriptors[i].target;
    }
    int code = posix_spawn_file_actions_addclosefrom_np(actions, last + 1);
    return code ? code : posix_spawn_file_actions_addchdir_np(actions, "/");
}

static int set_attributes(posix_spawnattr_t *attributes, int new_session) {
    sigset_t none, all;
    sigemptyset(&none);
    sigfillset(&all);
    int code = posix_spawnattr_setsigmask(attributes, &none);
    if (!code) code = posix_spawnattr_setsigdefault(attributes, &all);
    short flags = POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF;
    if (new_session) flags |= POSIX_SPAWN_SETSID;
    return code ? code : posix_spawnattr_setflags(attributes, flags);
}

int asof_spawn(
    pid_t *pid,
    char *const argv[],
    char *const envp[],
    const asof_spawn_descriptor *descriptors,
    size_t count,
    int new_session
) {
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attributes;
    int code = posix_spawn_file_actions_init(&actions);
    if (code) return code;
    code = posix_spawnattr_init(&attributes);
    if (!code) {
        code = add_descriptors(&actions, descriptors, count);
        if (!code) code = set_attributes(&attributes, new_session);
        if (!code) code = posix_spawn(pid, argv[0], &actions, &attributes, argv, envp);
        posix_spawnattr_destroy(&attributes);
    }
    posix_spawn_file_actions_destroy(&actions);
    return code;
}

int asof_pipe(int *reader, int *writer) {
    int ends[2];
    if (pipe2(ends, O_CLOEXEC) != 0) return errno;
    *reader = ends[0];
    *writer = ends[1];
    return 0;
}
