#include <cstring>

#include "segment_page.h"

namespace asof {
namespace {

using arrow::Status;

// The values of a page that stand next to each other, nulls left out.
struct Dense {
    Bytes values;
    // One a row; null = every row has a value, and its rank is its number.
    const uint8_t *validity;
    const uint32_t *ranks;
};

template <typename T>
void copy(const Dense &dense, const int64_t *rows, int64_t count, T *out, uint8_t *validity) {
    const uint8_t *values = dense.values.start;
    if (!dense.validity && !rows) {
        std::memcpy(out, values, static_cast<size_t>(count) * sizeof(T));
        if (validity) std::memset(validity, 1, static_cast<size_t>(count));
        return;
    }
    if (!dense.validity) {
        for (int64_t at = 0; at < count; at++) std::memcpy(out + at, values + rows[at] * sizeof(T), sizeof(T));
        if (validity) std::memset(validity, 1, static_cast<size_t>(count));
        return;
    }
    for (int64_t at = 0; at < count; at++) {
        int64_t row = rows ? rows[at] : at;
        if (validity) validity[at] = dense.validity[row];
        T value{};
        if (dense.validity[row]) std::memcpy(&value, values + dense.ranks[row] * sizeof(T), sizeof(T));
        std::memcpy(out + at, &value, sizeof(T));
    }
}

void copy_bits(const Dense &dense, const int64_t *rows, int64_t count, uint8_t *out, uint8_t *validity) {
    for (int64_t at = 0; at < count; at++) {
        int64_t row = rows ? rows[at] : at;
        bool is_valid = !dense.validity || dense.validity[row];
        if (validity) validity[at] = is_valid;
        int64_t bit = dense.validity ? dense.ranks[row] : row;
        out[at] = is_valid ? dense.values.start[bit >> 3] >> (bit & 7) & 1 : 0;
    }
}

bool fits(parquet::Type::type physical, asof_kind kind) {
    switch (kind) {
        case ASOF_BOOL: return physical == parquet::Type::BOOLEAN;
        case ASOF_INT32: return physical == parquet::Type::INT32;
        case ASOF_INT64:
        case ASOF_TIMESTAMP: return physical == parquet::Type::INT64;
        case ASOF_FLOAT32: return physical == parquet::Type::FLOAT;
        case ASOF_FLOAT64: return physical == parquet::Type::DOUBLE;
        default: return false;
    }
}

}  // namespace

Status read_fixed(
    SegmentFile &file,
    Chunk &chunk,
    asof_type type,
    WantedRows wanted,
    uint8_t *values,
    uint8_t *validity,
    bool *has_nulls
) {
    if (!fits(chunk.type, type.kind) || chunk.max_repetition != 0 || chunk.max_definition > 1)
        return Status::IOError("a column is of another type");
    auto &scratch = Scratch::of_this_thread();
    const int64_t width = type.kind == ASOF_BOOL ? 1 : type.kind == ASOF_INT32 || type.kind == ASOF_FLOAT32 ? 4 : 8;
    *has_nulls = false;
    return for_each_page(chunk, wanted, scratch.offsets, [&](size_t number, const int64_t *rows, int64_t count, int64_t to) {
        ARROW_ASSIGN_OR_RAISE(auto body, load_page(file, chunk, number, scratch.page));
        Dense dense{body, nullptr, nullptr};
        int64_t present = chunk.pages[number].rows;
        if (chunk.max_definition > 0 && chunk.nulls == 0) {
            ARROW_RETURN_NOT_OK(skip_levels(dense.values));
        } else if (chunk.max_definition > 0) {
            ARROW_RETURN_NOT_OK(take_levels(dense.values, 1, present, scratch.levels));
            int64_t rank = rank_rows(scratch);
            if (rank != present) {
                dense.validity = scratch.validity.data();
                dense.ranks = scratch.ranks.data();
                *has_nulls = true;
            }
            present = rank;
        }
        int64_t needed = type.kind == ASOF_BOOL ? (present + 7) / 8 : present * width;
        if (dense.values.count != needed) return Status::IOError("a page has another number of values");
        uint8_t *out = values + to * width;
        uint8_t *flags = validity ? validity + to : nullptr;
        if (type.kind == ASOF_BOOL)
            copy_bits(dense, rows, count, out, flags);
        else if (width == 4)
            copy(dense, rows, count, reinterpret_cast<uint32_t *>(out), flags);
        else
            copy(dense, rows, count, reinterpret_cast<uint64_t *>(out), flags);
        return Status::OK();
    });
}

}  // namespace asof
