/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef POSTERN_TLS_FINGERPRINT_H
#define POSTERN_TLS_FINGERPRINT_H

#include "tls/hello.h"

enum {
	FINGERPRINT_JA3_SIZE = 33, /* 32 hexadecimal digits and a NUL */
	FINGERPRINT_JA4_SIZE = 37, /* t13d1516h2_8daaf6152771_e5627efa2ab1 and a NUL */
};

/* JA3 (MD5 of the published string form) and JA4 (TLS client form, over TCP). */
void fingerprint_ja3(const struct hello *hello, char ret_ja3[FINGERPRINT_JA3_SIZE]);
void fingerprint_ja4(const struct hello *hello, char ret_ja4[FINGERPRINT_JA4_SIZE]);

#endif
