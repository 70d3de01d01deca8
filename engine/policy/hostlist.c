/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "policy/hostlist.h"

#include "policy/listfile.h"
#include "policy/mistake.h"
#include "policy/pattern.h"

static int add(const struct listfile *file, const char *entry, unsigned line, void *owner,
	       struct config_error *ret_error)
{
	struct pattern pattern;
	const char *problem = pattern_parse(entry, &pattern);

	if (problem)
		return mistake(ret_error, file->path, line, NULL, "'%.300s' is no host pattern: %s",
			       entry, problem);
	return ruleset_add_host(owner, &pattern);
}

int hostlist_read(const char *path, struct ruleset *rules, struct config_error *ret_error)
{
	const struct listfile file = { .path = path, .has_comments_behind = true, .add = add };

	return listfile_read(&file, rules, ret_error);
}
