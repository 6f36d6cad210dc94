#pragma once

#include <arrow/type.h>

namespace asof {

using arrow::Type;

// What types and units are, by their id.

inline bool integer_id(Type::type id) { return arrow::is_integer(id); }
inline bool float_id(Type::type id) { return id == Type::HALF_FLOAT || id == Type::FLOAT || id == Type::DOUBLE; }
inline bool text_id(Type::type id) {
    return id == Type::STRING || id == Type::LARGE_STRING || id == Type::STRING_VIEW;
}
inline bool bytes_id(Type::type id) {
    return id == Type::BINARY || id == Type::LARGE_BINARY || id == Type::BINARY_VIEW
        || id == Type::FIXED_SIZE_BINARY;
}
inline bool list_id(Type::type id) {
    return id == Type::LIST || id == Type::LARGE_LIST || id == Type::FIXED_SIZE_LIST;
}
// Types without a counterpart whose values have a text that says everything.
inline bool has_exact_text(Type::type id) {
    return arrow::is_decimal(id) || id == Type::TIME32 || id == Type::TIME64;
}
inline Type::type element_id(const arrow::DataType &type) { return type.field(0)->type()->id(); }
inline Type::type dictionary_id(const arrow::DataType &type) {
    return static_cast<const arrow::DictionaryType &>(type).value_type()->id();
}
inline int64_t per_second(arrow::TimeUnit::type unit) {
    constexpr int64_t counts[] = {1, 1000, 1000000, 1000000000};
    return counts[static_cast<int>(unit)];
}

}  // namespace asof
