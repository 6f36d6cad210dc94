#ifndef ASOF_KAFKA_H
#define ASOF_KAFKA_H
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

// What of librdkafka's C interface is used, declared here so that nothing of it is needed to build. The library is opened by
// asof_kafka_open(), only in the process that reads topics. Names and layouts are those that its interface has kept since
// version 1.0 (its SONAME is librdkafka.so.1).

typedef struct rd_kafka_s rd_kafka_t;
typedef struct rd_kafka_topic_s rd_kafka_topic_t;
typedef struct rd_kafka_conf_s rd_kafka_conf_t;
typedef struct rd_kafka_queue_s rd_kafka_queue_t;

/// A record, or an event of its partition where `err` is not 0.
typedef struct {
    int err;
    rd_kafka_topic_t *rkt;
    int32_t partition;
    /// NULL = a tombstone; of an event its text.
    void *payload;
    size_t len;
    void *key;
    size_t key_len;
    int64_t offset;
    void *owner;
} asof_kafka_message;

typedef struct {
    char *topic;
    int32_t partition;
    int64_t offset;
    void *metadata;
    size_t metadata_size;
    void *opaque;
    int err;
    void *owner;
} asof_kafka_partition;

typedef struct {
    int count;
    int size;
    asof_kafka_partition *elements;
} asof_kafka_partition_list;

typedef struct {
    int32_t id;
    int err;
    int32_t leader;
    int replica_count;
    int32_t *replicas;
    int isr_count;
    int32_t *isrs;
} asof_kafka_metadata_partition;

typedef struct {
    char *topic;
    int partition_count;
    asof_kafka_metadata_partition *partitions;
    int err;
} asof_kafka_metadata_topic;

typedef struct {
    int32_t id;
    char *host;
    int port;
} asof_kafka_metadata_broker;

typedef struct {
    int broker_count;
    asof_kafka_metadata_broker *brokers;
    int topic_count;
    asof_kafka_metadata_topic *topics;
    int32_t origin_id;
    char *origin_name;
} asof_kafka_metadata;

enum {
    ASOF_KAFKA_CONSUMER = 1,
    ASOF_KAFKA_CONF_OK = 0,
    ASOF_KAFKA_PARTITION_EOF = -191,
    ASOF_KAFKA_AUTO_OFFSET_RESET = -140,
    ASOF_KAFKA_UNKNOWN_TOPIC = -188,
    ASOF_KAFKA_UNKNOWN_PARTITION = -190,
    ASOF_KAFKA_TIMED_OUT = -185,
    ASOF_KAFKA_ALL_BROKERS_DOWN = -187,
    ASOF_KAFKA_TRANSPORT = -195,
};

/// The functions of one opened library.
typedef struct {
    const char *(*version_str)(void);
    rd_kafka_conf_t *(*conf_new)(void);
    void (*conf_destroy)(rd_kafka_conf_t *);
    int (*conf_set)(rd_kafka_conf_t *, const char *name, const char *value, char *error, size_t size);
    void (*conf_set_log_cb)(rd_kafka_conf_t *, void (*)(const rd_kafka_t *, int, const char *, const char *));
    void (*conf_set_opaque)(rd_kafka_conf_t *, void *);
    void *(*opaque)(const rd_kafka_t *);
    /// Takes the configuration where it succeeds.
    rd_kafka_t *(*create)(int type, rd_kafka_conf_t *, char *error, size_t size);
    void (*destroy_flags)(rd_kafka_t *, int flags);
    int (*poll_set_consumer)(rd_kafka_t *);
    rd_kafka_queue_t *(*queue_get_consumer)(rd_kafka_t *);
    void (*queue_destroy)(rd_kafka_queue_t *);
    /// One message or event, or NULL after the time.
    asof_kafka_message *(*consumer_poll)(rd_kafka_t *, int timeout_ms);
    /// Waits for the whole time unless `count` come.
    ssize_t (*consume_batch_queue)(rd_kafka_queue_t *, int timeout_ms, asof_kafka_message **, size_t count);
    void (*message_destroy)(asof_kafka_message *);
    /// ms since 1970, -1 = unknown; `type`: 0 = none, 1 = the producer's, 2 = the broker's.
    int64_t (*message_timestamp)(const asof_kafka_message *, int *type);
    asof_kafka_partition_list *(*partitions_new)(int size);
    asof_kafka_partition *(*partitions_add)(asof_kafka_partition_list *, const char *topic, int32_t partition);
    void (*partitions_destroy)(asof_kafka_partition_list *);
    int (*assign)(rd_kafka_t *, const asof_kafka_partition_list *);
    int (*query_watermark_offsets)(rd_kafka_t *, const char *topic, int32_t, int64_t *low, int64_t *high, int timeout_ms);
    int (*offsets_for_times)(rd_kafka_t *, asof_kafka_partition_list *, int timeout_ms);
    char *(*cluster_id)(rd_kafka_t *, int timeout_ms);
    void (*mem_free)(rd_kafka_t *, void *);
    rd_kafka_topic_t *(*topic_new)(rd_kafka_t *, const char *, void *conf);
    void (*topic_destroy)(rd_kafka_topic_t *);
    int (*metadata)(rd_kafka_t *, int all_topics, rd_kafka_topic_t *only, const asof_kafka_metadata **, int timeout_ms);
    void (*metadata_destroy)(const asof_kafka_metadata *);
    const char *(*err2str)(int);
} asof_kafka;

/// Opens the library at `path`, or by a bare name where the loader looks for libraries.
///
/// Returns 0 and fills `library`, or -1 and writes what is wrong to `error`. What was opened stays so until the process ends.
int asof_kafka_open(const char *path, asof_kafka *library, char *error, size_t size);

/// The newest line that a client logged as an error, such as why it cannot connect: that comes as no error of a call.
typedef struct asof_kafka_log asof_kafka_log;

asof_kafka_log *asof_kafka_log_new(void);
/// Once the client has ended.
void asof_kafka_log_free(asof_kafka_log *log);
/// Writes the line, empty where there is none, with a NUL at its end.
void asof_kafka_log_text(asof_kafka_log *log, char *text, size_t size);

/// Has the clients of the configuration log to `log` and nowhere else; lines that tell of no error are thrown away.
void asof_kafka_keep_log(const asof_kafka *library, rd_kafka_conf_t *conf, asof_kafka_log *log);

#endif
