# A fresh machine with its service manager running: systemd as process 1 of namespaces of its own, in a root of
# fresh-root.sh that has it installed. To be sourced after it.

booted_pid= booted_group=

boot() { # ROOT
    local root=$1 mounted unshare_pid
    # A group of its own: the manager believes that all groups below its root are its.
    mounted=$(awk '$3 == "cgroup2" { print $2; exit }' /proc/self/mounts)
    [ -n "$mounted" ] || fail "no cgroup2 is mounted; systemd needs one"
    booted_group=$mounted/asof-lane-$$
    mkdir "$booted_group"
    sh -c 'echo $$ >"$1/cgroup.procs"; shift; exec "$@"' sh "$booted_group" \
        unshare --mount --uts --ipc --pid --net --cgroup --fork --kill-child sh -eu -c '
        root=$1
        mount --make-rprivate /
        mount --bind "$root" "$root"
        mount -t proc -o nosuid,nodev,noexec proc "$root/proc"
        mount -t sysfs -o nosuid,nodev,noexec,ro sysfs "$root/sys"
        mount -t cgroup2 -o nosuid,nodev,noexec cgroup2 "$root/sys/fs/cgroup"
        mount -t tmpfs -o mode=755,nosuid tmpfs "$root/dev"
        for node in "null 1 3" "zero 1 5" "full 1 7" "random 1 8" "urandom 1 9" "tty 5 0"; do
            set -- $node
            mknod -m 666 "$root/dev/$1" c "$2" "$3"
        done
        mkdir "$root/dev/pts" "$root/dev/shm"
        mount -t devpts -o newinstance,ptmxmode=0666,mode=620 devpts "$root/dev/pts"
        mount -t tmpfs -o mode=1777 tmpfs "$root/dev/shm"
        ln -s pts/ptmx "$root/dev/ptmx"
        ln -s /proc/self/fd "$root/dev/fd"
        mount -t tmpfs -o mode=755,nosuid,nodev tmpfs "$root/run"
        hostname fresh
        # In a root that was only changed into, no user namespace can be made.
        mkdir -p "$root/.old"
        cd "$root"
        pivot_root . .old
        umount -l /.old
        rmdir /.old
        exec env -i container=lane PATH=/usr/sbin:/usr/bin:/sbin:/bin /lib/systemd/systemd --log-level=info --show-status=no
    ' sh "$root" >"$ASOF_LANE_FOLDER/console.txt" 2>&1 &
    unshare_pid=$!
    for _ in $(seq 200); do
        booted_pid=$(pgrep -P "$unshare_pid" | head -n 1) || true
        [ -z "$booted_pid" ] || ! booted systemctl is-system-running 2>/dev/null | grep -Eqx 'running|degraded' || return 0
        kill -0 "$unshare_pid" 2>/dev/null || break
        sleep 0.2
    done
    tail -n 30 "$ASOF_LANE_FOLDER/console.txt" >&2
    fail "systemd has not started in $root"
}

# Runs a command in the machine that is running.
booted() { # COMMAND...
    nsenter --target "$booted_pid" --mount --uts --ipc --net --pid --cgroup --root --wd \
        env -i PATH=/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LANG=C.UTF-8 DEBIAN_FRONTEND=noninteractive "$@"
}

# Ends all processes of the machine.
power_off() {
    [ -n "$booted_pid" ] || return 0
    kill -KILL "$booted_pid" 2>/dev/null || true
    booted_pid=
    # Its processes are gone a moment later; its groups can be removed then, the innermost first.
    for _ in $(seq 50); do
        find "$booted_group" -depth -type d -exec rmdir {} \; 2>/dev/null || true
        [ -e "$booted_group" ] || return 0
        sleep 0.2
    done
}
