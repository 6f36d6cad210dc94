// Parquet and Arrow IPC files as flat columns, and decompression, by Apache Arrow C++; objects in storage: asof_objects.h. Plain C: nothing throws across, every failure is an asof_failure.
#ifndef ASOF_ARROW_H
#define ASOF_ARROW_H

#include <stdbool.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef enum asof_kind {
    ASOF_BOOL = 0,
    ASOF_INT32,
    ASOF_INT64,
    ASOF_FLOAT32,
    ASOF_FLOAT64,
    ASOF_STRING,
    ASOF_BYTES,
    // µs since 1970-01-01 UTC.
    ASOF_TIMESTAMP,
    // `dimensions` float32 a row.
    ASOF_VECTOR,
    ASOF_LIST_INT64,
    ASOF_LIST_STRING,
} asof_kind;

typedef struct asof_type {
    asof_kind kind;
    int32_t dimensions;
    // Of times that are finer than µs: whether they move up to the next one, not down.
    bool rounds_up;
} asof_type;

// What integers count as times: 0 = they do not.
typedef enum asof_time_unit {
    ASOF_UNIT_NONE = 0,
    ASOF_UNIT_S,
    ASOF_UNIT_MS,
    ASOF_UNIT_US,
    ASOF_UNIT_NS,
} asof_time_unit;

// How integers are read as times. Those from 1970 on and before `early_until_us` are refused with `early_reason`.
typedef struct asof_times {
    asof_time_unit unit;
    int64_t early_until_us;
    const char *early_reason;
} asof_times;

typedef enum asof_status {
    ASOF_OK = 0,
    // The file cannot be read or written; `reason` is Arrow's.
    ASOF_FILE,
    // The value in row `row` of the batch, from 0, is not one of the type asked for.
    ASOF_VALUE,
    // No value of the column can be one of the type asked for; `value` is the column's type.
    ASOF_COLUMN_TYPE,
} asof_status;

// The strings are owned by the failure; asof_failure_clear frees them. NULL where there is no memory for them.
typedef struct asof_failure {
    asof_status status;
    int64_t row;
    char *reason;
    char *value;
} asof_failure;

void asof_failure_clear(asof_failure *failure);

// One column of a batch of n rows. Null rows have a zero or empty slot.
typedef struct asof_column {
    // n bytes, 1 = has a value; NULL = all have.
    const uint8_t *validity;
    // Fixed width: n values (bool: one byte each; vector: n * dimensions floats). list(int64): the elements.
    const void *values;
    // string, bytes: n + 1 offsets into `bytes`. Lists: n + 1 element numbers.
    const int64_t *offsets;
    // list(string): element count + 1 offsets into `bytes`.
    const int64_t *element_offsets;
    const uint8_t *bytes;
    // Times: n distances in ns to the finer times that were read; NULL = none was finer than µs.
    const uint16_t *moved_ns;
} asof_column;

typedef enum asof_format {
    ASOF_PARQUET = 0,
    // The file format, which Feather version 2 is; read as this also the stream format.
    ASOF_IPC,
    // Only written: to pipes, too.
    ASOF_IPC_STREAM,
} asof_format;

typedef struct asof_reader asof_reader;

// Takes ownership of `descriptor`, of a regular file that is not empty, also on failure. NULL on failure.
asof_reader *asof_reader_open(int descriptor, asof_format format, asof_failure *failure);
void asof_reader_free(asof_reader *reader);

int32_t asof_reader_column_count(const asof_reader *reader);
// -1 where only reading to the end tells.
int64_t asof_reader_row_count(const asof_reader *reader);
// Bytes of the file that are read; -1 where the share of rows tells better.
int64_t asof_reader_position(const asof_reader *reader);
// Valid while the reader lives.
const char *asof_reader_column_name(const asof_reader *reader, int32_t column);
const char *asof_reader_column_type_text(const asof_reader *reader, int32_t column);
// The type that keeps every value of the column; false where there is none.
bool asof_reader_column_type(const asof_reader *reader, int32_t column, asof_type *type);

// The kind by which a column leaves as it came, and the text of its type where no kind is that (see passed.h), else NULL;
// false where nothing here holds it. The text is valid while the reader lives.
bool asof_reader_spine_type(const asof_reader *reader, int32_t column, asof_type *type, const char **passed);

// Chooses the columns to read, by number, and as what: `passed` has for each the text of a passed type or NULL. Batches have at most `batch_rows` rows, and fewer where the
// file's sizes say that they would have more than about `batch_bytes`.
asof_status asof_reader_select(
    asof_reader *reader,
    int32_t count,
    const int32_t *columns,
    const asof_type *types,
    const char *const *passed,
    asof_times times,
    int64_t batch_rows,
    int64_t batch_bytes,
    asof_failure *failure
);
// Decodes the next batch. Returns its row count, 0 at the end, -1 on failure.
int64_t asof_reader_next(asof_reader *reader, asof_failure *failure);
// Narrows what asof_reader_column converts to `count` rows of the batch from `first` on; failures count from there.
asof_status asof_reader_window(asof_reader *reader, int64_t first, int64_t count, asof_failure *failure);
// Converts selected column `index` of the batch; `column` is valid until the same column is converted again or the next
// batch is decoded. After ASOF_VALUE it holds the rows before `failure->row`.
asof_status asof_reader_column(asof_reader *reader, int32_t index, asof_column *column, asof_failure *failure);

// For a process that takes and gives back large pieces of memory all the time: it keeps them. To be called first of all.
void asof_keep_memory(void);

// At most so many threads encode and compress what is written. Default: one for each core.
void asof_set_threads(int32_t count);

typedef struct asof_writer asof_writer;

// Takes ownership of `descriptor`, also on failure. NULL on failure. `passed` has for each column the text of a passed type,
// or NULL.
asof_writer *asof_writer_open(
    int descriptor,
    asof_format format,
    int32_t count,
    const char *const *names,
    const asof_type *types,
    const char *const *passed,
    asof_failure *failure
);
asof_status asof_writer_write(asof_writer *writer, const asof_column *columns, int64_t rows, asof_failure *failure);
// Writes the footer and closes the descriptor.
asof_status asof_writer_finish(asof_writer *writer, asof_failure *failure);
void asof_writer_free(asof_writer *writer);

// Segments: Parquet files of sorted history, not compressed, fixed widths PLAIN, with page checksums and a page index.
typedef struct asof_segment_writer asof_segment_writer;

// Takes ownership of `descriptor`, also on failure. The first `required` columns have no nulls; the file is sorted by the
// first `sorted`. `ids` are the columns' field ids in Parquet, -1 = none. NULL on failure.
asof_segment_writer *asof_segment_writer_open(
    int descriptor,
    int32_t count,
    int32_t required,
    int32_t sorted,
    const char *const *names,
    const asof_type *types,
    const int32_t *ids,
    asof_failure *failure
);
// Writes one row group.
asof_status asof_segment_writer_write(
    asof_segment_writer *writer,
    const asof_column *columns,
    int64_t rows,
    asof_failure *failure
);
// Writes page index and footer, with a text of ours in it, and closes the descriptor. `*tail_start`: the byte at which
// page index and footer begin.
asof_status asof_segment_writer_finish(
    asof_segment_writer *writer,
    const char *key,
    const char *value,
    int64_t *tail_start,
    asof_failure *failure
);
void asof_segment_writer_free(asof_segment_writer *writer);

// An open segment. Every call but the last may be made by several threads at once.
typedef struct asof_segment asof_segment;

// Takes ownership of `descriptor`, also on failure. NULL where the file is not `bytes` long, or its last `tail_bytes`,
// page index and footer, do not have the CRC-32 `tail_crc`.
asof_segment *asof_segment_open(
    int descriptor,
    int64_t bytes,
    int64_t tail_bytes,
    uint32_t tail_crc,
    asof_failure *failure
);
void asof_segment_free(asof_segment *segment);

int64_t asof_segment_row_count(const asof_segment *segment);
int32_t asof_segment_group_count(const asof_segment *segment);
// -1 where the footer does not tell.
int64_t asof_segment_group_rows(const asof_segment *segment, int32_t group);
// The number of a column; -1 where there is none of this name.
int32_t asof_segment_find(const asof_segment *segment, const char *name);
// How the file has the numbers of a column: as int32, int64 (timestamps, too), float32 or float64; ASOF_BYTES for all else.
asof_kind asof_segment_kind(const asof_segment *segment, int32_t column);
// A text of the footer, valid while the segment is open; NULL where there is none.
const char *asof_segment_text(const asof_segment *segment, const char *key);
// The smallest and greatest value of an int64 or timestamp column in a group; false where they are not known.
bool asof_segment_range(const asof_segment *segment, int32_t group, int32_t column, int64_t *low, int64_t *high);
// Bytes of pages that were read so far, by all threads.
int64_t asof_segment_bytes_read(const asof_segment *segment);
// About how many bytes a column's values are in memory, all groups together: of texts their length, whatever the encoding.
int64_t asof_segment_value_bytes(const asof_segment *segment, int32_t column);

// Reads `count` values of fixed width to `values` (bool: one byte each, 0 where null) and as many flags to `validity`,
// 1 = has a value, unless that is NULL. `rows`: ascending numbers within the group; NULL = all, `count` being the group's. Every page that is
// touched is checked against its checksum, unless it was found right before.
asof_status asof_segment_read_fixed(
    asof_segment *segment,
    int32_t group,
    int32_t column,
    asof_type type,
    const int32_t *rows,
    int64_t count,
    void *values,
    uint8_t *validity,
    bool *has_nulls,
    asof_failure *failure
);

// Memory for values of any width.
typedef struct asof_values asof_values;
// NULL where memory is out.
asof_values *asof_values_new(void);
void asof_values_free(asof_values *values);

// The same for texts, vectors and lists; `column` is valid until `values` is used again.
asof_status asof_segment_read_variable(
    asof_segment *segment,
    int32_t group,
    int32_t column,
    asof_type type,
    const int32_t *rows,
    int64_t count,
    asof_values *values,
    asof_column *flat,
    asof_failure *failure
);

// CRC-32 as zlib has it; `previous` is 0 or that of the bytes before.
uint32_t asof_crc32(uint32_t previous, const void *bytes, int64_t count);

typedef enum asof_compression {
    ASOF_GZIP = 0,
    ASOF_ZSTD,
} asof_compression;

// Decompresses a stream of gzip members or zstd frames, one after the other.
typedef struct asof_decompressor asof_decompressor;

asof_decompressor *asof_decompressor_open(asof_compression compression, asof_failure *failure);
// Takes up to `*input_bytes` of `input`, writes up to `*output_bytes` to `output`, and sets both to what it did. At least
// one of them is positive where `*input_bytes` was. Memory is bounded by the format's window.
asof_status asof_decompressor_run(
    asof_decompressor *decompressor,
    const uint8_t *input,
    int64_t *input_bytes,
    uint8_t *output,
    int64_t *output_bytes,
    asof_failure *failure
);
// Whether a member or frame has begun and not ended: an end of the input here is a truncation.
bool asof_decompressor_is_inside(const asof_decompressor *decompressor);
void asof_decompressor_free(asof_decompressor *decompressor);

#ifdef __cplusplus
}
#endif

#endif
