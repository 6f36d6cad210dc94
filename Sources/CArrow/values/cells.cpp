#include "cells.h"

#include <arrow/scalar.h>

#include <algorithm>

#include "type_ids.h"

namespace asof {

std::string shown(const arrow::Array &array, int64_t row) {
    auto scalar = array.GetScalar(row);
    if (!scalar.ok()) return "?";
    std::string text = (*scalar)->ToString();
    // Arrow writes a list's type before it.
    if (list_id(array.type_id())) text.erase(0, std::min(text.find('['), text.size()));
    // The C string that this becomes ends at the first NUL.
    for (size_t at; (at = text.find('\0')) != std::string::npos;) text.replace(at, 1, "\uFFFD");
    return text;
}

asof_status bad_value(const arrow::Array &array, int64_t row, const char *reason, asof_failure *failure) {
    return fail(failure, ASOF_VALUE, reason, row, shown(array, row));
}

}  // namespace asof
