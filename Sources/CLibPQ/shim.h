#ifndef ASOF_CLIBPQ_SHIM_H
#define ASOF_CLIBPQ_SHIM_H
#include <libpq-fe.h>
#endif
