/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "daemon/program.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

void program_find(const char *configured, const char *name, const char *in_build,
		  char path[PATH_MAX])
{
	static const char *const places[] = { "", NULL, "../libexec/postern/" };
	char self[PATH_MAX] = "";
	char *slash;
	ssize_t n = readlink("/proc/self/exe", self, sizeof(self) - 1);

	snprintf(path, PATH_MAX, "%s", configured);
	slash = n > 0 ? strrchr(self, '/') : NULL;
	if (path[0] != '\0' || !slash)
		return;
	*slash = '\0';
	for (unsigned i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
		if (snprintf(path, PATH_MAX, "%s/%s%s", self, places[i] ? places[i] : in_build,
			     name) < PATH_MAX &&
		    access(path, X_OK) == 0)
			return;
	}
}
