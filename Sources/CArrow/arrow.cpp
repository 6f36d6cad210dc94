#include "asof_arrow.h"
#include <arrow/api.h>
