// A load generator for servers that speak RESP: sends one kind of request on many connections, counts replies and latencies.
//
// Closed loop (no --rate): each connection sends --pipeline requests, waits for all their replies, and sends again. This finds
// the highest rate.
//
// Open loop (--rate R): requests are due at random times of mean rate R (a Poisson process, the same for the same --seed), and
// are sent when they are due, whether or not earlier ones were answered. A latency counts from the time at which the request
// was due, not from when it was sent, so a server that stalls is charged for every request that came due meanwhile. In a closed
// loop those requests would never have been made, and the stall would be one slow request among thousands.
//
// One thread with epoll: what it does for a request is one send, one recv and a walk over the reply's lengths, less than any
// server that answers it. `cpu_seconds` and `late_p99_us` (how long after its time a request was sent) say whether that held.
//
// The request is read from a file; each "__rand_int__" in it becomes a random number below --keys, with leading zeros, in
// twelve digits, so that lengths stay.
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum {
    CONNECTIONS_MAX = 1024,
    PIPELINE_MAX = 1024,
    SECONDS_MAX = 600,
    // Requests of a connection that may be unanswered; an open loop that gets here is over what the server can do.
    WAITING_MAX = 1 << 15,
    REQUEST_BYTES_MAX = 4 << 20,
    PLACES_MAX = 4096,
    DRAIN_SECONDS = 30,
};

static void fail(const char *what) {
    fprintf(stderr, "load: %s%s%s\n", what, errno ? ": " : "", errno ? strerror(errno) : "");
    exit(1);
}

static uint64_t now_ns(void) {
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (uint64_t)time.tv_sec * 1000000000u + (uint64_t)time.tv_nsec;
}

// xorshift64*: fast, and good enough to choose keys.
static uint64_t random_state;
static uint64_t random_next(void) {
    random_state ^= random_state >> 12;
    random_state ^= random_state << 25;
    random_state ^= random_state >> 27;
    return random_state * 2685821657736338717u;
}

// Counts of durations in buckets of 1/64 of their power of two: exact below 64 ns, within 1.6 % above.
struct histogram {
    uint64_t counts[64 * 60];
    uint64_t total, largest;
};
static int bucket(uint64_t value) {
    if (value < 64) return (int)value;
    int shift = 63 - __builtin_clzll(value) - 6;
    return (shift + 1) * 64 + (int)((value >> shift) - 64);
}
static void record(struct histogram *histogram, uint64_t value) {
    histogram->counts[bucket(value)]++;
    histogram->total++;
    if (value > histogram->largest) histogram->largest = value;
}
// The upper end, in µs, of the bucket in which the quantile lies.
static double quantile_us(const struct histogram *histogram, double share) {
    uint64_t rank = (uint64_t)ceil(share * (double)histogram->total), seen = 0;
    for (int index = 0; index < 64 * 60; index++) {
        seen += histogram->counts[index];
        if (seen >= rank && seen > 0) {
            if (index < 64) return index / 1e3;
            int shift = index / 64 - 1;
            double top = (double)((uint64_t)(index % 64 + 65) << shift);
            return (top < (double)histogram->largest ? top : (double)histogram->largest) / 1e3;
        }
    }
    return 0;
}

struct connection {
    int socket;
    // Bytes to be sent, and replies not read to their end.
    char *out, *in;
    size_t out_at, out_end, out_room, in_at, in_end, in_room;
    // Elements of the reply at `in_at` that are not read yet; 0 = at the start of a reply.
    int64_t elements;
    // Times (ns) that the latencies of unanswered requests count from, in a ring.
    uint64_t *due;
    uint32_t due_first, due_count;
    int is_write_awaited;
};

static struct connection connections[CONNECTIONS_MAX];
static char request[REQUEST_BYTES_MAX];
static size_t request_size, places[PLACES_MAX];
static int place_count, epoll;
static uint64_t keys = 1, sent, answered, errors, nulls, bytes_in, measured_from;
static struct histogram latencies, lateness;
static char first_error[256];

static void read_request(const char *path) {
    int file = open(path, O_RDONLY);
    if (file < 0) fail(path);
    ssize_t size = read(file, request, sizeof request);
    if (size <= 0 || size == sizeof request) fail("the request's file is empty or too large");
    request_size = (size_t)size;
    close(file);
    for (char *at = request; (at = memmem(at, request_size - (size_t)(at - request), "__rand_int__", 12)); at += 12) {
        if (place_count == PLACES_MAX) fail("too many __rand_int__ in the request");
        places[place_count++] = (size_t)(at - request);
    }
}

static void queue_request(struct connection *connection, uint64_t due) {
    if (connection->due_count == WAITING_MAX) {
        fprintf(stderr, "load: %d requests of one connection are unanswered: the rate is beyond the server\n", WAITING_MAX);
        exit(2);
    }
    if (connection->out_at == connection->out_end) connection->out_at = connection->out_end = 0;
    if (connection->out_end + request_size > connection->out_room) {
        memmove(connection->out, connection->out + connection->out_at, connection->out_end - connection->out_at);
        connection->out_end -= connection->out_at;
        connection->out_at = 0;
        while (connection->out_end + request_size > connection->out_room) connection->out_room = connection->out_room * 2 + 4096;
        connection->out = realloc(connection->out, connection->out_room);
        if (!connection->out) fail("no memory");
    }
    char *start = connection->out + connection->out_end;
    memcpy(start, request, request_size);
    for (int place = 0; place < place_count; place++) {
        // The high half times the number of keys: as even as a remainder, without the division.
        uint64_t value = (uint64_t)(((unsigned __int128)random_next() * keys) >> 64);
        for (int digit = 11; digit >= 0; digit--, value /= 10) start[places[place] + (size_t)digit] = (char)('0' + value % 10);
    }
    connection->out_end += request_size;
    connection->due[(connection->due_first + connection->due_count++) % WAITING_MAX] = due;
    sent++;
}

static void flush(struct connection *connection) {
    while (connection->out_at < connection->out_end) {
        ssize_t count = send(
            connection->socket, connection->out + connection->out_at, connection->out_end - connection->out_at, MSG_NOSIGNAL
        );
        if (count < 0 && errno == EINTR) continue;
        if (count < 0 && errno != EAGAIN) fail("the server closed a connection (send)");
        if (count < 0) break;
        connection->out_at += (size_t)count;
    }
    int is_blocked = connection->out_at < connection->out_end;
    if (is_blocked == connection->is_write_awaited) return;
    struct epoll_event event = {.events = EPOLLIN | (is_blocked ? EPOLLOUT : 0), .data.ptr = connection};
    if (epoll_ctl(epoll, EPOLL_CTL_MOD, connection->socket, &event) < 0) fail("epoll_ctl");
    connection->is_write_awaited = is_blocked;
}

static void reply_ended(struct connection *connection, uint64_t now) {
    if (connection->due_count == 0) fail("a reply that nobody asked for");
    uint64_t due = connection->due[connection->due_first];
    connection->due_first = (connection->due_first + 1) % WAITING_MAX;
    connection->due_count--;
    answered++;
    if (due >= measured_from) record(&latencies, now > due ? now - due : 0);
}

// Reads elements as far as they are there; a length is taken from its line, and what it counts is skipped.
static void parse(struct connection *connection, uint64_t now) {
    while (connection->in_at < connection->in_end) {
        char *start = connection->in + connection->in_at;
        size_t size = connection->in_end - connection->in_at;
        char *newline = memchr(start, '\n', size);
        if (!newline) break;
        size_t line = (size_t)(newline - start) + 1;
        if (connection->elements == 0) connection->elements = 1;
        int64_t inner = 0;
        switch (start[0]) {
        case '-':
            if (errors++ == 0) snprintf(first_error, sizeof first_error, "%.*s", (int)(line - 2), start);
            break;
        case '$': case '=': {
            long long length = atoll(start + 1);
            if (length < 0) { nulls++; break; }
            // All of it must be there: the next reply begins behind it.
            if (size < line + (size_t)length + 2) return;
            line += (size_t)length + 2;
            break;
        }
        case '_': nulls++; break;
        case '*': case '~': case '>': inner = atoll(start + 1); break;
        case '%': inner = 2 * atoll(start + 1); break;
        case '+': case ':': case ',': case '#': case '(': break;
        default: errno = 0; fail("a reply that is not RESP");
        }
        if (inner < 0) { nulls++; inner = 0; }
        connection->in_at += line;
        bytes_in += line;
        connection->elements += inner - 1;
        if (connection->elements == 0) reply_ended(connection, now);
    }
}

static void receive(struct connection *connection) {
    if (connection->in_at == connection->in_end) {
        connection->in_at = connection->in_end = 0;
    } else if (connection->in_room - connection->in_end < 65536) {
        memmove(connection->in, connection->in + connection->in_at, connection->in_end - connection->in_at);
        connection->in_end -= connection->in_at;
        connection->in_at = 0;
    }
    if (connection->in_room - connection->in_end < 65536) {
        connection->in_room = connection->in_room * 2 + 131072;
        connection->in = realloc(connection->in, connection->in_room);
        if (!connection->in) fail("no memory");
    }
    ssize_t count = recv(connection->socket, connection->in + connection->in_end, connection->in_room - connection->in_end, 0);
    if (count < 0 && (errno == EAGAIN || errno == EINTR)) return;
    if (count <= 0) fail("the server closed a connection");
    connection->in_end += (size_t)count;
    parse(connection, now_ns());
}

static void open_connection(struct connection *connection, int port) {
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    connection->socket = socket(AF_INET, SOCK_STREAM, 0);
    if (connection->socket < 0 || connect(connection->socket, (struct sockaddr *)&address, sizeof address) < 0) fail("connect");
    int one = 1;
    setsockopt(connection->socket, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    fcntl(connection->socket, F_SETFL, O_NONBLOCK);
    connection->due = malloc(WAITING_MAX * sizeof(uint64_t));
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = connection};
    if (!connection->due || epoll_ctl(epoll, EPOLL_CTL_ADD, connection->socket, &event) < 0) fail("epoll_ctl");
}

// Waits for sockets until a time; `spins` = without giving the CPU away, which is exact where the generator has its own.
static void wait_for_sockets(uint64_t until, int spins) {
    struct epoll_event events[256];
    uint64_t now = now_ns();
    uint64_t left = until > now ? until - now : 0;
    struct timespec timeout = {.tv_sec = (time_t)(left / 1000000000u), .tv_nsec = (long)(left % 1000000000u)};
    if (spins) timeout.tv_sec = timeout.tv_nsec = 0;
    int count = epoll_pwait2(epoll, events, 256, &timeout, NULL);
    if (count < 0 && errno != EINTR) fail("epoll_pwait2 (Linux 5.11 or newer)");
    for (int index = 0; index < count; index++) {
        struct connection *connection = events[index].data.ptr;
        if (events[index].events & (EPOLLIN | EPOLLERR | EPOLLHUP)) receive(connection);
        if (events[index].events & EPOLLOUT) flush(connection);
    }
}

static uint64_t in_flight(void) { return sent - answered; }

// Goes on beyond its end until there was a reply at all: a short run on a busy machine still has a rate.
static void run_closed(int count, int pipeline, uint64_t end) {
    uint64_t answered_before = answered;
    while (1) {
        uint64_t now = now_ns();
        if (now >= end && (answered > answered_before || now >= end + DRAIN_SECONDS * 1000000000ull)) break;
        for (int index = 0; index < count; index++) {
            struct connection *connection = &connections[index];
            if (connection->due_count > 0) continue;
            for (int request = 0; request < pipeline; request++) queue_request(connection, now);
            flush(connection);
        }
        wait_for_sockets(now < end ? end : now + 100000000u, 0);
    }
}

static void run_open(int count, double rate, uint64_t start, uint64_t end, int spins) {
    double due = (double)start;
    int next = 0;
    while (1) {
        uint64_t now = now_ns();
        if (due >= (double)end) break;
        while (due <= (double)now && due < (double)end) {
            struct connection *connection = &connections[next];
            next = (next + 1) % count;
            queue_request(connection, (uint64_t)due);
            if (due >= (double)measured_from) record(&lateness, now - (uint64_t)due);
            flush(connection);
            due += -log(((double)(random_next() >> 11) + 1) / 9007199254740993.0) * 1e9 / rate;
            now = now_ns();
        }
        wait_for_sockets((uint64_t)due, spins);
    }
}

int main(int argc, char **argv) {
    int port = 0, count = 50, pipeline = 1, spins = 0;
    double seconds = 1, warmup = 0, rate = 0;
    const char *path = NULL;
    random_state = 88172645463325252u;
    for (int index = 1; index < argc; index++) {
        const char *name = argv[index];
        if (!strcmp(name, "--spin")) { spins = 1; continue; }
        const char *value = index + 1 < argc ? argv[++index] : "";
        if (!strcmp(name, "--port")) port = atoi(value);
        else if (!strcmp(name, "--connections")) count = atoi(value);
        else if (!strcmp(name, "--pipeline")) pipeline = atoi(value);
        else if (!strcmp(name, "--seconds")) seconds = atof(value);
        else if (!strcmp(name, "--warmup")) warmup = atof(value);
        else if (!strcmp(name, "--rate")) rate = atof(value);
        else if (!strcmp(name, "--keys")) keys = strtoull(value, NULL, 10);
        else if (!strcmp(name, "--seed")) random_state ^= strtoull(value, NULL, 10) * 0x9E3779B97F4A7C15u;
        else if (!strcmp(name, "--request")) path = value;
        else fail("unknown option; see the top of load.c");
    }
    errno = 0;
    if (!path || port <= 0 || count < 1 || count > CONNECTIONS_MAX || pipeline < 1 || pipeline > PIPELINE_MAX || !(seconds > 0)
        || !(warmup >= 0) || seconds + warmup > SECONDS_MAX || !(rate >= 0) || keys == 0)
        fail("--port P --request FILE [--connections C] [--pipeline N] [--rate R] [--seconds S] [--warmup S] [--keys K] [--seed N] [--spin]");
    // Timers as exact as the kernel can.
    prctl(PR_SET_TIMERSLACK, 1ul);
    read_request(path);
    epoll = epoll_create1(0);
    for (int index = 0; index < count; index++) open_connection(&connections[index], port);

    uint64_t start = now_ns();
    measured_from = start + (uint64_t)(warmup * 1e9);
    uint64_t end = measured_from + (uint64_t)(seconds * 1e9), answered_before = 0;
    struct rusage before, after;
    // The part before the measurement is a run of its own, so that rates count whole replies only.
    if (warmup > 0) {
        if (rate > 0) run_open(count, rate, start, measured_from, spins);
        else run_closed(count, pipeline, measured_from);
        answered_before = answered;
    }
    getrusage(RUSAGE_SELF, &before);
    uint64_t begin = now_ns();
    if (rate > 0) run_open(count, rate, measured_from, end, spins);
    else run_closed(count, pipeline, end);
    double elapsed = (double)(now_ns() - begin) / 1e9;
    getrusage(RUSAGE_SELF, &after);
    uint64_t answered_within = answered - answered_before;
    for (uint64_t drained = now_ns() + DRAIN_SECONDS * 1000000000ull; in_flight() > 0 && now_ns() < drained;)
        wait_for_sockets(drained, 0);

    double cpu = (double)(after.ru_utime.tv_sec - before.ru_utime.tv_sec + after.ru_stime.tv_sec - before.ru_stime.tv_sec)
        + (double)(after.ru_utime.tv_usec - before.ru_utime.tv_usec + after.ru_stime.tv_usec - before.ru_stime.tv_usec) / 1e6;
    printf(
        "{\"answered\": %llu, \"unanswered\": %llu, \"seconds\": %.4f, \"per_second\": %.2f, \"errors\": %llu, \"nulls\": %llu, "
        "\"bytes\": %llu, \"p50_us\": %.1f, \"p99_us\": %.1f, \"p999_us\": %.1f, \"max_us\": %.1f, \"late_p99_us\": %.1f, "
        "\"cpu_seconds\": %.4f}\n",
        (unsigned long long)answered, (unsigned long long)in_flight(), elapsed, (double)answered_within / elapsed,
        (unsigned long long)errors, (unsigned long long)nulls, (unsigned long long)bytes_in, quantile_us(&latencies, 0.5),
        quantile_us(&latencies, 0.99), quantile_us(&latencies, 0.999), (double)latencies.largest / 1e3,
        quantile_us(&lateness, 0.99), cpu
    );
    if (errors) fprintf(stderr, "load: first error: %s\n", first_error);
    return errors || in_flight() ? 1 : 0;
}
