/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef POSTERN_BASE_REGISTRY_H
#define POSTERN_BASE_REGISTRY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * What the engine speaks of the registries of TLS, and the lists of it that an owner writes: names
 * of IANA with commas between them, "all", or "recommended".
 */

enum { CODEPOINTS_MAX = 32 };

struct codepoints {
	uint16_t n;
	uint16_t at[CODEPOINTS_MAX];
};

struct registry {
	const char *example;           /* the name of one */
	const char *(*name)(uint16_t); /* see names.h */
	const struct codepoints all;   /* those that are recommended come first */
	uint16_t n_recommended;
};

extern const struct registry registry_suites;     /* recommended: RFC 9325 section 4.2 */
extern const struct registry registry_groups;     /* all of them */
extern const struct registry registry_signatures; /* all of them */

bool codepoints_have(const struct codepoints *codepoints, uint16_t code);

/* In the order written. False: a name that is not there, or twice; none at all. */
bool registry_read(const struct registry *registry, const char *text,
		   struct codepoints *ret_codepoints);

/* As registry_read() would read it; cut off where it does not fit. */
void registry_write(const struct registry *registry, const struct codepoints *codepoints,
		    char *text, size_t size);

#endif
