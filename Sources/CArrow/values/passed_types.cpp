#include <arrow/array/builder_base.h>
#include <arrow/extension/json.h>
#include <arrow/extension/uuid.h>
#include <arrow/type.h>

#include <charconv>
#include <string_view>

#include "passed.h"
#include "type_ids.h"

namespace asof {
namespace {

constexpr arrow::TimeUnit::type units[] = {
    arrow::TimeUnit::SECOND, arrow::TimeUnit::MILLI, arrow::TimeUnit::MICRO, arrow::TimeUnit::NANO};
constexpr const char *unit_texts[] = {"s", "ms", "us", "ns"};

std::string unit_text(arrow::TimeUnit::type unit) { return unit_texts[static_cast<int>(unit)]; }

bool is_extension(const arrow::DataType &type, std::string_view name) {
    return type.id() == Type::EXTENSION
        && static_cast<const arrow::ExtensionType &>(type).extension_name() == name;
}

// Of a timestamp: whether its values are moments, not readings of whatever clock.
bool has_zone(const arrow::DataType &type) {
    return !static_cast<const arrow::TimestampType &>(type).timezone().empty();
}

std::shared_ptr<arrow::DataType> integer_type(std::string_view text) {
    for (const auto &type :
         {arrow::int8(), arrow::int16(), arrow::int32(), arrow::int64(), arrow::uint8(), arrow::uint16(),
          arrow::uint32(), arrow::uint64()})
        if (text == type->name()) return type;
    return nullptr;
}

asof_type of(asof_kind kind) { return asof_type{kind, 0, false}; }

}  // namespace

std::shared_ptr<arrow::DataType> known_storage(const arrow::DataType &type) {
    if (!is_extension(type, "arrow.uuid") && !is_extension(type, "arrow.json")) return nullptr;
    return static_cast<const arrow::ExtensionType &>(type).storage_type();
}

bool is_wrapped(const arrow::DataType &type) {
    if (type.id() != Type::DICTIONARY) return type.id() == Type::EXTENSION;
    return !text_id(dictionary_id(type)) && !bytes_id(dictionary_id(type));
}

arrow::Result<std::shared_ptr<arrow::Array>> decoded(const std::shared_ptr<arrow::Array> &array) {
    if (array->type_id() == Type::EXTENSION) return static_cast<const arrow::ExtensionArray &>(*array).storage();
    if (array->type_id() != Type::DICTIONARY) return array;
    const auto &dictionary = static_cast<const arrow::DictionaryArray &>(*array);
    const auto &words = *dictionary.dictionary();
    std::unique_ptr<arrow::ArrayBuilder> builder;
    ARROW_RETURN_NOT_OK(arrow::MakeBuilder(arrow::default_memory_pool(), words.type(), &builder));
    arrow::ArraySpan span(*words.data());
    for (int64_t row = 0; row < array->length(); row++) {
        if (array->IsNull(row)) {
            ARROW_RETURN_NOT_OK(builder->AppendNull());
            continue;
        }
        auto word = dictionary.GetValueIndex(row);
        if (word < 0 || word >= words.length()) return arrow::Status::Invalid("a dictionary has no word ", word);
        ARROW_RETURN_NOT_OK(builder->AppendArraySlice(span, word, 1));
    }
    return builder->Finish();
}

std::optional<asof_type> spine_type(const std::shared_ptr<arrow::DataType> &type, std::string &passed) {
    if (is_extension(*type, "arrow.uuid")) {
        passed = "uuid";
        return of(ASOF_BYTES);
    }
    if (is_extension(*type, "arrow.json")) {
        passed = "json";
        return of(ASOF_STRING);
    }
    if (type->id() == Type::EXTENSION) return std::nullopt;
    // A dictionary is a way of storing values, not a type of them.
    if (type->id() == Type::DICTIONARY)
        return spine_type(static_cast<const arrow::DictionaryType &>(*type).value_type(), passed);
    auto pass = [&](asof_kind kind, std::string text) {
        passed = std::move(text);
        return of(kind);
    };
    switch (type->id()) {
        case Type::INT8:
        case Type::INT16:
        case Type::UINT8:
        case Type::UINT16: return pass(ASOF_INT32, type->name());
        case Type::INT32: return of(ASOF_INT32);
        case Type::UINT32:
        case Type::UINT64: return pass(ASOF_INT64, type->name());
        case Type::HALF_FLOAT: return pass(ASOF_FLOAT32, "float16");
        case Type::DECIMAL32:
        case Type::DECIMAL64:
        case Type::DECIMAL128:
        case Type::DECIMAL256: {
            const auto &decimal = static_cast<const arrow::DecimalType &>(*type);
            return pass(
                ASOF_STRING, "decimal" + std::to_string(decimal.bit_width()) + "("
                    + std::to_string(decimal.precision()) + "," + std::to_string(decimal.scale()) + ")");
        }
        case Type::DATE32: return pass(ASOF_INT32, "date32");
        case Type::DATE64: return pass(ASOF_INT64, "date64");
        case Type::TIME32:
        case Type::TIME64:
            return pass(ASOF_INT64, "time(" + unit_text(static_cast<const arrow::TimeType &>(*type).unit()) + ")");
        case Type::DURATION:
            return pass(
                ASOF_INT64, "duration(" + unit_text(static_cast<const arrow::DurationType &>(*type).unit()) + ")");
        case Type::TIMESTAMP: {
            const auto &time = static_cast<const arrow::TimestampType &>(*type);
            if (time.unit() == arrow::TimeUnit::MICRO && time.timezone() == "UTC") return of(ASOF_TIMESTAMP);
            return pass(
                ASOF_INT64,
                "timestamp(" + unit_text(time.unit()) + (time.timezone().empty() ? "" : "," + time.timezone()) + ")");
        }
        case Type::INTERVAL_MONTHS: return pass(ASOF_INT32, "interval(month)");
        case Type::INTERVAL_DAY_TIME: return pass(ASOF_BYTES, "interval(day_time)");
        case Type::INTERVAL_MONTH_DAY_NANO: return pass(ASOF_BYTES, "interval(month_day_nano)");
        case Type::FIXED_SIZE_BINARY:
            return pass(
                ASOF_BYTES,
                "bytes(" + std::to_string(static_cast<const arrow::FixedSizeBinaryType &>(*type).byte_width()) + ")");
        case Type::NA: return pass(ASOF_STRING, "null");
        case Type::LIST:
        case Type::LARGE_LIST:
            if (integer_id(element_id(*type)) && element_id(*type) != Type::INT64)
                return pass(ASOF_LIST_INT64, "list(" + type->field(0)->type()->name() + ")");
            return natural_type(*type);
        case Type::FIXED_SIZE_LIST: {
            auto count = static_cast<const arrow::FixedSizeListType &>(*type).list_size();
            if (integer_id(element_id(*type)))
                return pass(
                    ASOF_LIST_INT64, "list(" + type->field(0)->type()->name() + "," + std::to_string(count) + ")");
            // Others would leave as lists of another type.
            if (element_id(*type) != Type::FLOAT) return std::nullopt;
            return natural_type(*type);
        }
        default: return natural_type(*type);
    }
}

arrow::Result<std::shared_ptr<arrow::DataType>> passed_type(const std::string &text) {
    if (auto integer = integer_type(text)) return integer;
    if (text == "float16") return arrow::float16();
    if (text == "date32") return arrow::date32();
    if (text == "date64") return arrow::date64();
    if (text == "null") return arrow::null();
    if (text == "uuid") return arrow::extension::uuid();
    if (text == "json") return arrow::extension::json();
    if (text == "interval(month)") return arrow::month_interval();
    if (text == "interval(day_time)") return arrow::day_time_interval();
    if (text == "interval(month_day_nano)") return arrow::month_day_nano_interval();
    auto open = text.find('(');
    if (open == std::string::npos || text.back() != ')') return arrow::Status::Invalid("no type '", text, "'");
    std::string name = text.substr(0, open);
    std::string inside = text.substr(open + 1, text.size() - open - 2);
    std::string first = inside.substr(0, inside.find(','));
    std::string second = first.size() < inside.size() ? inside.substr(first.size() + 1) : "";
    auto number = [](const std::string &digits, int32_t &out) {
        auto end = digits.data() + digits.size();
        auto result = std::from_chars(digits.data(), end, out);
        return result.ec == std::errc() && result.ptr == end;
    };
    for (size_t index = 0; index < 4; index++) {
        if (first != unit_texts[index]) continue;
        if (name == "duration") return arrow::duration(units[index]);
        if (name == "timestamp") return arrow::timestamp(units[index], second);
        if (name == "time") return index < 2 ? arrow::time32(units[index]) : arrow::time64(units[index]);
    }
    int32_t one = 0, two = 0;
    if (name == "bytes" && number(first, one)) return arrow::fixed_size_binary(one);
    if (name == "list") {
        auto element = integer_type(first);
        if (element && second.empty()) return arrow::list(arrow::field("item", element));
        if (element && number(second, one)) return arrow::fixed_size_list(arrow::field("item", element), one);
    }
    if (number(first, one) && number(second, two)) {
        if (name == "decimal32") return arrow::Decimal32Type::Make(one, two);
        if (name == "decimal64") return arrow::Decimal64Type::Make(one, two);
        if (name == "decimal128") return arrow::Decimal128Type::Make(one, two);
        if (name == "decimal256") return arrow::Decimal256Type::Make(one, two);
    }
    return arrow::Status::Invalid("no type '", text, "'");
}

bool is_passable(const arrow::DataType &given, const arrow::DataType &to) {
    const arrow::DataType *from = &given;
    if (given.id() == Type::DICTIONARY) from = static_cast<const arrow::DictionaryType &>(given).value_type().get();
    if (from->id() == Type::NA) return true;
    switch (to.id()) {
        case Type::HALF_FLOAT: return from->id() == Type::HALF_FLOAT;
        case Type::DECIMAL32:
        case Type::DECIMAL64:
        case Type::DECIMAL128:
        case Type::DECIMAL256: return arrow::is_decimal(from->id());
        case Type::DATE32:
        case Type::DATE64: return from->id() == Type::DATE32 || from->id() == Type::DATE64;
        case Type::TIME32:
        case Type::TIME64: return from->id() == Type::TIME32 || from->id() == Type::TIME64;
        // Parquet may have another unit, and only UTC for any zone; whether there is one it tells.
        case Type::TIMESTAMP: return from->id() == Type::TIMESTAMP && has_zone(*from) == has_zone(to);
        case Type::DURATION: return from->id() == Type::DURATION;
        case Type::EXTENSION: {
            const auto &storage = static_cast<const arrow::ExtensionType &>(to).storage_type();
            return from->Equals(to) || from->id() == storage->id();
        }
        case Type::FIXED_SIZE_BINARY: return bytes_id(from->id()) || is_extension(*from, "arrow.uuid");
        case Type::LIST:
        case Type::FIXED_SIZE_LIST: return list_id(from->id()) && integer_id(element_id(*from));
        default: return integer_id(to.id()) ? integer_id(from->id()) : from->id() == to.id();
    }
}

}  // namespace asof
