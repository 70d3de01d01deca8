/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef POSTERN_FLEET_GENERATION_H
#define POSTERN_FLEET_GENERATION_H

#include <limits.h>

#include "fleet/bundle.h"

/*
 * Where bundles are put on a box, beside its configuration:
 *
 *	fleet.d/SERIAL-DIGEST/	what was in one bundle, as it was; never changed afterwards
 *	fleet			a link to the folder fleet in one of them: that is in force
 *
 * To put another in force is to rename one link over the other, so that a power cut at any moment
 * leaves one of the two. The name in the link is all there is to know of what is in force. A file
 * `adopted` in a generation says that its learned servers were taken in.
 */

enum { GENERATION_ID_MAX = 20 + 1 + 16 + 1 };

struct generations {
	char base[PATH_MAX]; /* of the configuration; with a slash, or "" */
	int lock;
};

/* Of the configuration file of this path; -EBUSY: another process has them. */
int generations_open(const char *config_path, struct generations *ret_generations,
		     struct bundle_error *ret_error);
void generations_close(struct generations *generations);

/* That in force; "": none. -EEXIST: fleet is a folder of the box's own. */
int generations_current(const struct generations *generations, char ret_id[GENERATION_ID_MAX],
			struct bundle_error *ret_error);

/* The same bundle has the same. */
int generation_id(const struct bundle *bundle, char ret_id[GENERATION_ID_MAX]);
/* 0 of "" */
uint64_t generation_serial(const char *id);

/* On the disk, or not at all. */
int generation_put(const struct generations *generations, const char *id,
		   const struct bundle *bundle, struct bundle_error *ret_error);
/* In force from now on; "": none is. */
int generation_switch(const struct generations *generations, const char *id,
		      struct bundle_error *ret_error);
/* A file of it: "fleet", "learned.json", seen from where the configuration is. False: too long. */
bool generation_path(const struct generations *generations, const char *id, const char *name,
		     char ret_path[PATH_MAX]);
void generation_remove(const struct generations *generations, const char *id);
int generation_mark_adopted(const struct generations *generations, const char *id,
			    struct bundle_error *ret_error);
/* The one whose learned servers were taken in last: `current`, or one before it; "": none. */
void generations_adopted(const struct generations *generations, const char *current,
			 char ret_id[GENERATION_ID_MAX]);
/* Removes all but these, up to NULL; any may be "". */
void generations_tidy(const struct generations *generations, const char *const *kept);

#endif
