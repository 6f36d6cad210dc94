#ifndef ASOF_ARROW_H
#define ASOF_ARROW_H
#endif
