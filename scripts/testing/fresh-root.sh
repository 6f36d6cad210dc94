# Fresh machines for lanes: a Debian made by debootstrap, what is run in it, and the counting of what passed. To be sourced, by
# bash, as root; the lane's name is $lane.

fail() { echo "$lane: $*" >&2; exit 1; }

passed=0 failed=0

# A minimal Debian, kept for the lane's next run; its path.
fresh_debian() { # SUITE
    local base=$ASOF_LANE_FOLDER/$1
    if [ ! -e "$base.complete" ]; then
        rm -rf "$base"
        debootstrap --variant=minbase "$1" "$base" >"$ASOF_LANE_FOLDER/debootstrap-$1.txt" 2>&1 ||
            { tail -n 20 "$ASOF_LANE_FOLDER/debootstrap-$1.txt" >&2; fail "debootstrap failed; is Debian's mirror reachable?"; }
        touch "$base.complete"
    fi
    echo "$base"
}

# A copy of it, in which nothing is started when it is installed; its path.
fresh_root() { # SUITE NAME
    local base root=$ASOF_LANE_FOLDER/$2
    base=$(fresh_debian "$1")
    rm -rf "$root"
    cp -a "$base" "$root"
    cp /etc/resolv.conf "$root/etc/resolv.conf"
    printf '#!/bin/sh\nexit 101\n' >"$root/usr/sbin/policy-rc.d"
    chmod 755 "$root/usr/sbin/policy-rc.d"
    echo "$root"
}

# Runs a command in a root; with it end all processes that it started.
inside() { # ROOT NETWORK COMMAND...: NETWORK is with-network or without-network
    local root=$1 namespaces=(--mount --uts --ipc --pid --fork --kill-child)
    [ "$2" = with-network ] || namespaces+=(--net)
    shift 2
    unshare "${namespaces[@]}" sh -eu -c '
        root=$1
        shift
        mount -t proc proc "$root/proc"
        mount -t tmpfs tmpfs "$root/dev/shm" 2>/dev/null || { mkdir -p "$root/dev/shm"; mount -t tmpfs tmpfs "$root/dev/shm"; }
        hostname fresh
        exec env -i PATH=/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LANG=C.UTF-8 DEBIAN_FRONTEND=noninteractive \
            chroot "$root" "$@"
    ' sh "$root" "$@"
}

check() { # WHAT COMMAND...
    local what=$1 log
    shift
    log=$(mktemp)
    if "$@" >"$log" 2>&1 </dev/null; then
        passed=$((passed + 1))
        echo "passed: $what"
    else
        failed=$((failed + 1))
        echo "FAILED: $what"
        sed 's/^/    /' "$log"
    fi
    rm -f "$log"
}

# Runs package-round by a command, and counts its steps.
count_round() { # COMMAND...
    local log
    log=$(mktemp)
    "$@" 2>&1 </dev/null | tee "$log" || true
    passed=$((passed + $(grep -c '^passed: ' "$log" || true)))
    failed=$((failed + $(grep -c '^FAILED: ' "$log" || true)))
    grep -qx 'round: done' "$log" || failed=$((failed + 1))
    rm -f "$log"
}

closing() {
    echo "$lane: $passed passed, $failed failed"
    [ "$failed" -eq 0 ]
}
