/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "test/fuzz/http_drive.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
	return http_drive(HTTP_2, bytes, n);
}
