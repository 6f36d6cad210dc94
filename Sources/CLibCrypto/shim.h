#ifndef ASOF_CLIBCRYPTO_SHIM_H
#define ASOF_CLIBCRYPTO_SHIM_H
#include <openssl/evp.h>
#include <openssl/hmac.h>
#endif
