/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What is taken for a request that may be sent again is the whole of the bytes, no part of them;
 * and whatever it was, the answer is one well-formed answer that names nothing else.
 */
#undef NDEBUG /* checks that are compiled out check nothing */
#include <assert.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "conn/request.h"

static void check_answer(const struct request *request)
{
	static const char begin[] = "HTTP/1.1 307 Temporary Redirect\r\nLocation: https://";
	static char text[REQUEST_REDIRECT_MAX];
	size_t n = request_redirect(request, text), lines = 0;

	assert(n < sizeof(text) && strlen(text) == n);
	assert(strncmp(text, begin, strlen(begin)) == 0);
	assert(strcmp(text + n - 4, "\r\n\r\n") == 0);
	for (size_t i = 0; i < n; i++) {
		assert((text[i] >= ' ' && text[i] < 0x7f) || text[i] == '\r' || text[i] == '\n');
		assert((text[i] == '\n') == (i > 0 && text[i - 1] == '\r'));
		lines += text[i] == '\n';
	}
	assert(lines == 6);
	assert(memcmp(text + strlen(begin), request->authority, request->authority_length) == 0);
	assert(text[strlen(begin) + request->authority_length] == '/');
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
	struct request request, other;
	uint8_t *copy;

	if (!request_read(bytes, n, &request))
		return 0;
	assert(memcmp(bytes + n - 4, "\r\n\r\n", 4) == 0);
	assert((const uint8_t *)request.target > bytes && request.target_length < n);
	assert((const uint8_t *)request.authority > (const uint8_t *)request.target);
	check_answer(&request);
	(void)request_is_for(&request, "www.example");
	copy = malloc(n + 1);
	assert(copy);
	memcpy(copy, bytes, n);
	copy[n] = 'x';
	assert(!request_read(copy, n - 1, &other) && !request_read(copy, n + 1, &other));
	free(copy);
	return 0;
}
