#pragma once

#include <arrow/array.h>
#include <arrow/result.h>
#include <arrow/type.h>

#include <memory>
#include <optional>
#include <string>

#include "convert.h"

namespace asof {

// Columns of types that no feature has, which leave as they came. Their types have a text, Swift's PassedType, and their
// values a carrier: a kind of asof_column.

// What an extension type that is known here, UUID or JSON, is stored as; null for any other type.
std::shared_ptr<arrow::DataType> known_storage(const arrow::DataType &type);

// Whether `convert` only reads columns of `type` after `decoded`: dictionaries of texts it reads as they are.
bool is_wrapped(const arrow::DataType &type);

// `array` without a dictionary or extension around it.
arrow::Result<std::shared_ptr<arrow::Array>> decoded(const std::shared_ptr<arrow::Array> &array);

// The kind that columns of `type` are read as to leave as they came, and the passed type's text where it is one. None
// where nothing here holds them.
std::optional<asof_type> spine_type(const std::shared_ptr<arrow::DataType> &type, std::string &passed);

// The type that has this text.
arrow::Result<std::shared_ptr<arrow::DataType>> passed_type(const std::string &text);

// Whether values of `from` can be read as `to`, a passed type.
bool is_passable(const arrow::DataType &from, const arrow::DataType &to);

// Fills `data` with the rows of `array` as the carrier of `type`. Only for types that are passable.
asof_status convert_passed(
    const arrow::Array &array,
    const arrow::DataType &type,
    ColumnData &data,
    asof_failure *failure
);

// `column`, the carrier of `type`, as Arrow data. Adds its size to `bytes`.
arrow::Result<std::shared_ptr<arrow::ArrayData>> passed_data(
    const std::shared_ptr<arrow::DataType> &type,
    const asof_column &column,
    int64_t rows,
    int64_t &bytes
);

}  // namespace asof
