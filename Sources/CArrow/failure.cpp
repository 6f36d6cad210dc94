#include "failure.h"

#include <cstdlib>
#include <cstring>

namespace asof {

asof_status fail(
    asof_failure *failure,
    asof_status status,
    const std::string &reason,
    int64_t row,
    const std::string &value
) {
    asof_failure_clear(failure);
    failure->status = status;
    failure->row = row;
    failure->reason = strdup(reason.c_str());
    failure->value = strdup(value.c_str());
    return status;
}

}  // namespace asof

void asof_failure_clear(asof_failure *failure) {
    free(failure->reason);
    free(failure->value);
    *failure = asof_failure{};
}
