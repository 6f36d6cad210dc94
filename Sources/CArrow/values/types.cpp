#include <arrow/type.h>

#include <optional>
#include <string>

#include "convert.h"
#include "passed.h"
#include "type_ids.h"

namespace asof {

std::optional<asof_type> natural_type(const arrow::DataType &type) {
    auto id = type.id();
    if (id == Type::EXTENSION) {
        auto storage = known_storage(type);
        return storage ? natural_type(*storage) : std::nullopt;
    }
    if (id == Type::DICTIONARY) {
        id = dictionary_id(type);
        if (!text_id(id) && !bytes_id(id)) return std::nullopt;
    }
    if (id == Type::BOOL) return asof_type{ASOF_BOOL, 0, false};
    if (id == Type::UINT32 || id == Type::UINT64 || id == Type::INT64) return asof_type{ASOF_INT64, 0, false};
    if (integer_id(id)) return asof_type{ASOF_INT32, 0, false};
    if (id == Type::DOUBLE) return asof_type{ASOF_FLOAT64, 0, false};
    if (float_id(id)) return asof_type{ASOF_FLOAT32, 0, false};
    if (id == Type::TIMESTAMP || id == Type::DATE32 || id == Type::DATE64) return asof_type{ASOF_TIMESTAMP, 0, false};
    if (text_id(id) || has_exact_text(id) || id == Type::NA) return asof_type{ASOF_STRING, 0, false};
    if (bytes_id(id)) return asof_type{ASOF_BYTES, 0, false};
    if (list_id(id)) {
        auto element = element_id(type);
        if (integer_id(element)) return asof_type{ASOF_LIST_INT64, 0, false};
        if (text_id(element)) return asof_type{ASOF_LIST_STRING, 0, false};
        if (id == Type::FIXED_SIZE_LIST && (element == Type::FLOAT || element == Type::HALF_FLOAT))
            return asof_type{ASOF_VECTOR, static_cast<const arrow::FixedSizeListType &>(type).list_size(), false};
    }
    return std::nullopt;
}

bool is_convertible(const arrow::DataType &from, asof_type to, asof_time_unit unit, std::string *hint) {
    auto id = from.id();
    *hint = "cast the column before, or change the feature's type";
    if (id == Type::NA) return true;
    if (auto storage = known_storage(from)) return is_convertible(*storage, to, unit, hint);
    if (id == Type::DICTIONARY) {
        id = dictionary_id(from);
        if (!text_id(id) && !bytes_id(id))
            return is_convertible(*static_cast<const arrow::DictionaryType &>(from).value_type(), to, unit, hint);
        return (to.kind == ASOF_STRING && text_id(id)) || (to.kind == ASOF_BYTES && bytes_id(id));
    }
    switch (to.kind) {
        case ASOF_BOOL: return id == Type::BOOL;
        case ASOF_INT32:
        case ASOF_INT64: return integer_id(id) || float_id(id);
        case ASOF_FLOAT32:
        case ASOF_FLOAT64: return integer_id(id) || float_id(id);
        case ASOF_STRING: return text_id(id) || has_exact_text(id);
        case ASOF_BYTES: return bytes_id(id);
        case ASOF_TIMESTAMP:
            if ((integer_id(id) || float_id(id) || arrow::is_decimal(id)) && unit == ASOF_UNIT_NONE) {
                *hint = "they are numbers; say their unit with --time-unit s|ms|us|ns";
                return false;
            }
            return integer_id(id) || id == Type::TIMESTAMP || id == Type::DATE32 || id == Type::DATE64;
        case ASOF_VECTOR: return list_id(id) && (float_id(element_id(from)) || integer_id(element_id(from)));
        case ASOF_LIST_INT64: return list_id(id) && (integer_id(element_id(from)) || float_id(element_id(from)));
        case ASOF_LIST_STRING: return list_id(id) && text_id(element_id(from));
    }
    return false;
}

}  // namespace asof
