// Objects in storage that speaks S3, by Arrow's file system for it. Plain C, as asof_arrow.h is.
#ifndef ASOF_OBJECTS_H
#define ASOF_OBJECTS_H

#include "asof_arrow.h"

#ifdef __cplusplus
extern "C" {
#endif

// Threads may share it.
typedef struct asof_objects asof_objects;

// Opens Arrow's library for S3, a file of its own beside Arrow's, which stays open until the process ends, and connects nowhere yet.
// `uri` is s3://BUCKET?OPTIONS, of which the options are Arrow's. NULL on failure.
asof_objects *asof_objects_open(const char *uri, asof_failure *failure);

typedef struct asof_object {
    bool exists;
    int64_t bytes;
    // µs since 1970-01-01 UTC; 0 = not told.
    int64_t modified;
    // As the storage tells it, without quotes; empty where it does not.
    char etag[128];
} asof_object;

// Paths are BUCKET/KEY. An object that is not there is no failure.
asof_status asof_objects_find(asof_objects *objects, const char *path, asof_object *found, asof_failure *failure);

// Calls `visit` for each object below `path`, which need not exist, however deep; names in no order, without etag.
asof_status asof_objects_list(
    asof_objects *objects,
    const char *path,
    void (*visit)(void *context, const char *path, int64_t bytes),
    void *context,
    asof_failure *failure
);

// Writes all of an object to `descriptor`, from its place on. An object that is replaced meanwhile is a failure.
// `goes_on` is asked now and then; where it says no, the call fails.
asof_status asof_objects_fetch(
    asof_objects *objects,
    const char *path,
    int descriptor,
    bool (*goes_on)(void *context),
    void *context,
    asof_object *fetched,
    asof_failure *failure
);

// Removes an object; one that is not there is no failure.
asof_status asof_objects_remove(asof_objects *objects, const char *path, asof_failure *failure);

// An object on its way. Nobody sees anything of it before asof_upload_finish.
typedef struct asof_upload asof_upload;

// Sends all bytes of `descriptor`, which stays open. NULL on failure; nothing is left behind in the storage then.
asof_upload *asof_upload_send(
    asof_objects *objects,
    const char *path,
    int descriptor,
    bool (*goes_on)(void *context),
    void *context,
    asof_failure *failure
);
// Puts what was sent under its name at once, in place of what is there.
asof_status asof_upload_finish(asof_upload *upload, asof_object *written, asof_failure *failure);
// An upload that was not finished is given up, and the storage told to forget its parts.
void asof_upload_free(asof_upload *upload);

// As asof_segment_open, of an object. What is read of it is kept in a temporary file without a name as long as it is open, in
// blocks of some MiB. `etag` NULL or empty = any.
asof_segment *asof_segment_open_object(
    asof_objects *objects,
    const char *path,
    const char *etag,
    int64_t bytes,
    int64_t tail_bytes,
    uint32_t tail_crc,
    asof_failure *failure
);

#ifdef __cplusplus
}
#endif

#endif
