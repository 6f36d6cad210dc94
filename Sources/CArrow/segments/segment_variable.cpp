#include <cstring>
#include <limits>

#include "segment_page.h"

namespace asof {
namespace {

using arrow::Status;

Status other_count() { return Status::IOError("a page has another number of values"); }

// Texts that follow one another, each behind its length: where each begins and ends.
Status walk_texts(Bytes values, int64_t count, std::vector<int64_t> &starts) {
    starts.clear();
    int64_t at = 0;
    for (int64_t index = 0; index < count; index++) {
        uint32_t length = 0;
        if (values.count - at < 4) return other_count();
        std::memcpy(&length, values.start + at, 4);
        if (length > values.count - at - 4) return other_count();
        starts.push_back(at + 4);
        at += 4 + static_cast<int64_t>(length);
    }
    // As if another text followed.
    starts.push_back(at + 4);
    return at == values.count ? Status::OK() : other_count();
}

// The texts of one page, by rank: of the page itself, or of the chunk's dictionary.
struct Texts {
    const uint8_t *bytes;
    const std::vector<int64_t> &starts;
    const uint32_t *numbers;

    void append(int64_t rank, std::vector<uint8_t> &out) const {
        auto index = static_cast<size_t>(numbers ? numbers[rank] : rank);
        out.insert(out.end(), bytes + starts[index], bytes + starts[index + 1] - 4);
    }
};

struct Dictionary {
    std::vector<int64_t> starts;
    bool is_loaded = false;
};

Status load_dictionary(SegmentFile &file, Chunk &chunk, Scratch &scratch, Dictionary &dictionary) {
    if (dictionary.is_loaded) return Status::OK();
    if (chunk.dictionary.bytes == 0) return Status::IOError("a page's dictionary is missing");
    ARROW_ASSIGN_OR_RAISE(auto body, load_page(file, chunk, chunk.pages.size(), scratch.dictionary));
    // A dictionary's page says how many texts it has, but nothing else does: they end where it ends.
    int64_t at = 0;
    while (at < body.count) {
        uint32_t length = 0;
        if (body.count - at < 4) return other_count();
        std::memcpy(&length, body.start + at, 4);
        if (length > body.count - at - 4) return other_count();
        dictionary.starts.push_back(at + 4);
        at += 4 + static_cast<int64_t>(length);
    }
    dictionary.starts.push_back(at + 4);
    dictionary.is_loaded = true;
    return Status::OK();
}

Status numbers_of(Bytes values, int64_t count, size_t dictionary_count, std::vector<uint32_t> &numbers) {
    numbers.resize(static_cast<size_t>(count));
    if (count == 0) return Status::OK();
    if (values.count < 1) return other_count();
    if (decode_hybrid(values.start + 1, values.count - 1, values.start[0], count, numbers.data()) < 0) return other_count();
    for (uint32_t number : numbers)
        if (number >= dictionary_count) return Status::IOError("a value is not in the dictionary");
    return Status::OK();
}

Status read_texts(SegmentFile &file, Chunk &chunk, WantedRows wanted, ColumnData &data) {
    auto &scratch = Scratch::of_this_thread();
    Dictionary dictionary;
    std::vector<int64_t> starts;
    return for_each_page(chunk, wanted, scratch.offsets, [&](size_t number, const int64_t *rows, int64_t count, int64_t) {
        ARROW_ASSIGN_OR_RAISE(auto values, load_page(file, chunk, number, scratch.page));
        int64_t present = chunk.pages[number].rows;
        bool has_nulls = false;
        if (chunk.max_definition > 0 && chunk.nulls == 0) {
            ARROW_RETURN_NOT_OK(skip_levels(values));
        } else if (chunk.max_definition > 0) {
            ARROW_RETURN_NOT_OK(take_levels(values, 1, present, scratch.levels));
            int64_t rank = rank_rows(scratch);
            has_nulls = rank != present;
            present = rank;
        }
        bool is_encoded = chunk.pages[number].is_dictionary_encoded;
        if (is_encoded) {
            ARROW_RETURN_NOT_OK(load_dictionary(file, chunk, scratch, dictionary));
            ARROW_RETURN_NOT_OK(numbers_of(values, present, dictionary.starts.size() - 1, scratch.numbers));
        } else {
            ARROW_RETURN_NOT_OK(walk_texts(values, present, starts));
        }
        int64_t dictionary_header = is_encoded ? chunk.header_bytes[chunk.pages.size()].load() : 0;
        Texts texts{
            is_encoded ? scratch.dictionary.data() + dictionary_header : values.start,
            is_encoded ? dictionary.starts : starts, is_encoded ? scratch.numbers.data() : nullptr};
        for (int64_t at = 0; at < count; at++) {
            int64_t row = rows ? rows[at] : at;
            bool is_valid = !has_nulls || scratch.validity[static_cast<size_t>(row)];
            data.validity.push_back(is_valid);
            if (is_valid) texts.append(has_nulls ? scratch.ranks[static_cast<size_t>(row)] : row, data.bytes);
            data.offsets.push_back(static_cast<int64_t>(data.bytes.size()));
        }
        return Status::OK();
    });
}

// A page's number of levels stands in its header only, which no checksum covers: were it another, rows or elements would
// be missing or left over.
//
// Where each row's elements lie in a page of lists: row r has the elements from `firsts[r]` to `firsts[r + 1]`.
// `scratch.validity` tells which rows have a value.
Status shape_lists(Bytes &body, const Page &page, int64_t levels, Scratch &scratch, std::vector<int64_t> &firsts) {
    ARROW_RETURN_NOT_OK(take_levels(body, 1, levels, scratch.repetitions));
    ARROW_RETURN_NOT_OK(take_levels(body, 2, levels, scratch.levels));
    firsts.clear();
    scratch.validity.clear();
    int64_t elements = 0;
    for (size_t at = 0; at < static_cast<size_t>(levels); at++) {
        if (scratch.repetitions[at] == 0) {
            firsts.push_back(elements);
            scratch.validity.push_back(scratch.levels[at] > 0);
        }
        elements += scratch.levels[at] == 2;
    }
    if (static_cast<int64_t>(firsts.size()) != page.rows || (levels > 0 && scratch.repetitions[0] != 0))
        return Status::IOError("a page has another number of rows");
    firsts.push_back(elements);
    return Status::OK();
}

// How many levels a page of lists has, which only its header says: one for each element, which takes four bytes at least,
// and one for each row without any.
arrow::Result<int64_t> level_count(const Scratch &scratch, const Page &page) {
    PageHeader header;
    if (!parse_header(scratch.page.data(), static_cast<int64_t>(scratch.page.size()), header) || header.values < 0)
        return Status::IOError("a page has no header");
    if (header.values > page.rows + page.bytes / 4) return other_count();
    return header.values;
}

Status read_lists(SegmentFile &file, Chunk &chunk, asof_type type, WantedRows wanted, ColumnData &data) {
    auto &scratch = Scratch::of_this_thread();
    bool is_text = type.kind == ASOF_LIST_STRING;
    const int64_t width = type.kind == ASOF_VECTOR ? 4 : 8;
    std::vector<int64_t> firsts;
    std::vector<int64_t> starts;
    if (is_text) data.element_offsets.push_back(0);
    return for_each_page(chunk, wanted, scratch.offsets, [&](size_t number, const int64_t *rows, int64_t count, int64_t) {
        ARROW_ASSIGN_OR_RAISE(auto values, load_page(file, chunk, number, scratch.page));
        ARROW_ASSIGN_OR_RAISE(auto levels, level_count(scratch, chunk.pages[number]));
        ARROW_RETURN_NOT_OK(shape_lists(values, chunk.pages[number], levels, scratch, firsts));
        if (is_text) {
            ARROW_RETURN_NOT_OK(walk_texts(values, firsts.back(), starts));
        } else if (values.count != firsts.back() * width) {
            return other_count();
        }
        Texts texts{values.start, starts, nullptr};
        for (int64_t at = 0; at < count; at++) {
            auto row = static_cast<size_t>(rows ? rows[at] : at);
            int64_t first = firsts[row];
            int64_t elements = firsts[row + 1] - first;
            data.validity.push_back(scratch.validity[row]);
            if (type.kind == ASOF_VECTOR && elements != (scratch.validity[row] ? type.dimensions : 0))
                return Status::IOError("a vector has another length");
            if (is_text) {
                for (int64_t element = first; element < first + elements; element++) {
                    texts.append(element, data.bytes);
                    data.element_offsets.push_back(static_cast<int64_t>(data.bytes.size()));
                }
            } else {
                const uint8_t *start = values.start + first * width;
                data.values.insert(data.values.end(), start, start + elements * width);
                // A null vector has a slot of zeros.
                if (type.kind == ASOF_VECTOR && !scratch.validity[row])
                    data.values.resize(data.values.size() + static_cast<size_t>(type.dimensions * width));
            }
            data.offsets.push_back(data.offsets.back() + elements);
        }
        return Status::OK();
    });
}

}  // namespace

Status read_variable(SegmentFile &file, Chunk &chunk, asof_type type, WantedRows wanted, ColumnData &data) {
    data.offsets.push_back(0);
    switch (type.kind) {
        case ASOF_STRING:
        case ASOF_BYTES:
            if (chunk.type != parquet::Type::BYTE_ARRAY || chunk.max_repetition != 0 || chunk.max_definition > 1) break;
            return read_texts(file, chunk, wanted, data);
        case ASOF_VECTOR:
        case ASOF_LIST_INT64:
        case ASOF_LIST_STRING: {
            auto element = type.kind == ASOF_VECTOR       ? parquet::Type::FLOAT
                           : type.kind == ASOF_LIST_INT64 ? parquet::Type::INT64
                                                          : parquet::Type::BYTE_ARRAY;
            if (chunk.type != element || chunk.max_repetition != 1 || chunk.max_definition != 2) break;
            return read_lists(file, chunk, type, wanted, data);
        }
        default: break;
    }
    return Status::IOError("a column is of another type");
}

}  // namespace asof
