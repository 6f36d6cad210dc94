#include "CKafka.h"

#include "CSymbols.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

int asof_kafka_open(const char *path, asof_kafka *library, char *error, size_t size) {
    const asof_symbol symbols[] = {
        {"rd_kafka_version_str", (void **)&library->version_str},
        {"rd_kafka_conf_new", (void **)&library->conf_new},
        {"rd_kafka_conf_destroy", (void **)&library->conf_destroy},
        {"rd_kafka_conf_set", (void **)&library->conf_set},
        {"rd_kafka_conf_set_log_cb", (void **)&library->conf_set_log_cb},
        {"rd_kafka_conf_set_opaque", (void **)&library->conf_set_opaque},
        {"rd_kafka_opaque", (void **)&library->opaque},
        {"rd_kafka_new", (void **)&library->create},
        {"rd_kafka_destroy_flags", (void **)&library->destroy_flags},
        {"rd_kafka_poll_set_consumer", (void **)&library->poll_set_consumer},
        {"rd_kafka_queue_get_consumer", (void **)&library->queue_get_consumer},
        {"rd_kafka_queue_destroy", (void **)&library->queue_destroy},
        {"rd_kafka_consumer_poll", (void **)&library->consumer_poll},
        {"rd_kafka_consume_batch_queue", (void **)&library->consume_batch_queue},
        {"rd_kafka_message_destroy", (void **)&library->message_destroy},
        {"rd_kafka_message_timestamp", (void **)&library->message_timestamp},
        {"rd_kafka_topic_partition_list_new", (void **)&library->partitions_new},
        {"rd_kafka_topic_partition_list_add", (void **)&library->partitions_add},
        {"rd_kafka_topic_partition_list_destroy", (void **)&library->partitions_destroy},
        {"rd_kafka_assign", (void **)&library->assign},
        {"rd_kafka_query_watermark_offsets", (void **)&library->query_watermark_offsets},
        {"rd_kafka_offsets_for_times", (void **)&library->offsets_for_times},
        {"rd_kafka_clusterid", (void **)&library->cluster_id},
        {"rd_kafka_mem_free", (void **)&library->mem_free},
        {"rd_kafka_topic_new", (void **)&library->topic_new},
        {"rd_kafka_topic_destroy", (void **)&library->topic_destroy},
        {"rd_kafka_metadata", (void **)&library->metadata},
        {"rd_kafka_metadata_destroy", (void **)&library->metadata_destroy},
        {"rd_kafka_err2str", (void **)&library->err2str},
    };
    return asof_symbols_open(path, symbols, sizeof symbols / sizeof symbols[0], error, size);
}

struct asof_kafka_log {
    pthread_mutex_t lock;
    char text[512];
};

// Of the library that was opened: a process opens one.
static void *(*opaque_of)(const rd_kafka_t *);

asof_kafka_log *asof_kafka_log_new(void) {
    asof_kafka_log *log = calloc(1, sizeof *log);
    if (log == NULL) abort();
    pthread_mutex_init(&log->lock, NULL);
    return log;
}

void asof_kafka_log_free(asof_kafka_log *log) {
    pthread_mutex_destroy(&log->lock);
    free(log);
}

void asof_kafka_log_text(asof_kafka_log *log, char *text, size_t size) {
    pthread_mutex_lock(&log->lock);
    snprintf(text, size, "%s", log->text);
    pthread_mutex_unlock(&log->lock);
}

// On threads of the library.
static void keep(const rd_kafka_t *client, int level, const char *facility, const char *text) {
    (void)facility;
    asof_kafka_log *log = client == NULL ? NULL : opaque_of(client);
    if (log == NULL || level > 3 || text == NULL) return;
    pthread_mutex_lock(&log->lock);
    snprintf(log->text, sizeof log->text, "%s", text);
    pthread_mutex_unlock(&log->lock);
}

void asof_kafka_keep_log(const asof_kafka *library, rd_kafka_conf_t *conf, asof_kafka_log *log) {
    opaque_of = library->opaque;
    library->conf_set_opaque(conf, log);
    library->conf_set_log_cb(conf, keep);
}
