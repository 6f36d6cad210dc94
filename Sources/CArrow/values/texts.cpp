#include "texts.h"

#include <arrow/util/utf8.h>

#include <string_view>

namespace asof {
namespace {

constexpr int64_t text_bytes_max = 1 << 20;

const char *text_refusal(std::string_view text, bool is_string) {
    if (static_cast<int64_t>(text.size()) > text_bytes_max) return "it has more than 1048576 bytes";
    if (!is_string) return nullptr;
    if (text.find('\0') != std::string_view::npos) return "it contains U+0000, which PostgreSQL cannot store in text";
    if (!arrow::util::ValidateUTF8(reinterpret_cast<const uint8_t *>(text.data()), static_cast<int64_t>(text.size())))
        return "it is not valid UTF-8";
    return nullptr;
}

// Appends texts `first..<first + count` of `array`, whose `view(row)` is a string_view, and their end offsets.
// Returns the row that is refused, or -1.
template <typename View>
int64_t append_texts(
    const arrow::Array &array,
    int64_t first,
    int64_t count,
    bool is_string,
    std::vector<int64_t> &offsets,
    std::vector<uint8_t> &bytes,
    const char *&reason,
    View view
) {
    for (int64_t row = first; row < first + count; row++) {
        if (!array.IsNull(row)) {
            const auto &text = view(row);
            if ((reason = text_refusal(text, is_string))) return row;
            auto data = reinterpret_cast<const uint8_t *>(text.data());
            bytes.insert(bytes.end(), data, data + text.size());
        }
        offsets.push_back(static_cast<int64_t>(bytes.size()));
    }
    return -1;
}

}  // namespace

int64_t append_any_texts(
    const arrow::Array &array,
    int64_t first,
    int64_t count,
    bool is_string,
    std::vector<int64_t> &offsets,
    std::vector<uint8_t> &bytes,
    const char *&reason
) {
    auto append = [&](auto view) {
        return append_texts(array, first, count, is_string, offsets, bytes, reason, view);
    };
    switch (array.type_id()) {
        case Type::STRING:
        case Type::BINARY:
            return append([&](int64_t row) { return static_cast<const arrow::BinaryArray &>(array).GetView(row); });
        case Type::LARGE_STRING:
        case Type::LARGE_BINARY:
            return append([&](int64_t row) {
                return static_cast<const arrow::LargeBinaryArray &>(array).GetView(row);
            });
        case Type::STRING_VIEW:
        case Type::BINARY_VIEW:
            return append([&](int64_t row) { return static_cast<const arrow::BinaryViewArray &>(array).GetView(row); });
        case Type::FIXED_SIZE_BINARY:
            return append([&](int64_t row) {
                return static_cast<const arrow::FixedSizeBinaryArray &>(array).GetView(row);
            });
        default: return append([&](int64_t row) { return shown(array, row); });
    }
}

asof_status texts(const arrow::Array &array, bool is_string, ColumnData &data, asof_failure *failure) {
    const char *reason = nullptr;
    int64_t bad;
    if (array.type_id() == Type::DICTIONARY) {
        const auto &dictionary = static_cast<const arrow::DictionaryArray &>(array);
        std::vector<int64_t> offsets{0};
        std::vector<uint8_t> bytes;
        int64_t words = dictionary.dictionary()->length();
        bad = append_any_texts(*dictionary.dictionary(), 0, words, is_string, offsets, bytes, reason);
        // A bad word that no row uses harms nobody, so the first row that uses one is looked for.
        for (int64_t row = 0; row < array.length(); row++) {
            if (!array.IsNull(row)) {
                auto word = dictionary.GetValueIndex(row);
                if (word < 0 || word >= words) return fail(failure, ASOF_VALUE, "its dictionary has no such word", row, "");
                if (dictionary.dictionary()->IsNull(word)) {
                    data.validity.resize(static_cast<size_t>(array.length()), 1);
                    data.validity[static_cast<size_t>(row)] = 0;
                } else if (bad >= 0 && word >= bad) {
                    return bad_value(array, row, reason, failure);
                } else {
                    auto at = static_cast<size_t>(word);
                    data.bytes.insert(data.bytes.end(), bytes.begin() + offsets[at], bytes.begin() + offsets[at + 1]);
                }
            }
            data.offsets.push_back(static_cast<int64_t>(data.bytes.size()));
        }
        return ASOF_OK;
    }
    bad = append_any_texts(array, 0, array.length(), is_string, data.offsets, data.bytes, reason);
    return bad < 0 ? ASOF_OK : bad_value(array, bad, reason, failure);
}

}  // namespace asof
