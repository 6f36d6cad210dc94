#pragma once

#include <vector>

#include "page.h"
#include "segment.h"

namespace asof {

// Memory that a thread uses again from page to page.
struct Scratch {
    std::vector<uint8_t> page;
    std::vector<uint8_t> dictionary;
    std::vector<uint32_t> levels;
    std::vector<uint32_t> repetitions;
    std::vector<uint32_t> numbers;
    std::vector<uint8_t> validity;
    std::vector<uint32_t> ranks;
    std::vector<int64_t> offsets;

    static Scratch &of_this_thread();
};

struct Bytes {
    const uint8_t *start = nullptr;
    int64_t count = 0;
};

// Reads page `number` of a chunk, `pages.size()` for its dictionary, into `memory`, and checks it where nobody has: what
// comes back is the page as it was written.
arrow::Result<Bytes> load_page(
    SegmentFile &file,
    Chunk &chunk,
    size_t number,
    std::vector<uint8_t> &memory
);

// A page's levels, cut off `body`: `count` numbers of at most `max`.
arrow::Status take_levels(Bytes &body, int max, int64_t count, std::vector<uint32_t> &out);

arrow::Status skip_levels(Bytes &body);

// Makes validity and ranks, the number of values before each row, from levels of 0 and 1. Returns the values' number.
int64_t rank_rows(Scratch &scratch);

// Calls `use(page number, rows within the page, their count, place of the first in the result)` for each page that
// holds wanted rows. `rows` null = all rows of the page.
template <typename Use>
arrow::Status for_each_page(const Chunk &chunk, WantedRows wanted, std::vector<int64_t> &local, Use use) {
    if (!wanted.rows) {
        for (size_t number = 0; number < chunk.pages.size(); number++) {
            const Page &page = chunk.pages[number];
            ARROW_RETURN_NOT_OK(use(number, static_cast<const int64_t *>(nullptr), page.rows, page.first_row));
        }
        return arrow::Status::OK();
    }
    int64_t done = 0;
    size_t number = 0;
    int64_t last = 0;
    while (done < wanted.count) {
        int64_t row = wanted.rows[done];
        if (row < last || row >= chunk.rows) return arrow::Status::Invalid("rows that do not ascend within the group");
        while (row >= chunk.pages[number].first_row + chunk.pages[number].rows) number++;
        const Page &page = chunk.pages[number];
        local.clear();
        int64_t first = done;
        while (done < wanted.count) {
            row = wanted.rows[done];
            if (row < last) return arrow::Status::Invalid("rows that do not ascend within the group");
            if (row >= page.first_row + page.rows) break;
            last = row;
            local.push_back(row - page.first_row);
            done++;
        }
        ARROW_RETURN_NOT_OK(use(number, static_cast<const int64_t *>(local.data()), done - first, first));
    }
    return arrow::Status::OK();
}

}  // namespace asof
