#ifndef ASOF_SPAWN_H
#define ASOF_SPAWN_H
#include <stddef.h>
#include <sys/types.h>

/// One descriptor of ours and the number the child sees it at.
typedef struct {
    int source;
    int target;
} asof_spawn_descriptor;

/// Starts argv[0] (an absolute path) with exactly this environment, `/` as its folder, default signals and an empty signal mask.
///
/// The child has the descriptors named, `/dev/null` for those of 0 to 2 that are not, and no others. With `new_session` it leaves
/// the caller's session and terminal. Costs no copy of the caller's memory (posix_spawn).
/// Returns 0, or the error number (an exec that fails included).
int asof_spawn(
    pid_t *pid,
    char *const argv[],
    char *const envp[],
    const asof_spawn_descriptor *descriptors,
    size_t count,
    int new_session
);

/// A pipe whose ends no other program started meanwhile inherits. Returns 0 or the error number.
int asof_pipe(int *reader, int *writer);

#endif
