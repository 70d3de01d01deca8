/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "learn/store.h"

#include <errno.h>
#include <string.h>

int store_new(const char *url, uint64_t keep, struct store **ret_store)
{
	static const char sqlite[] = "sqlite:";

	if (strcmp(url, "none") == 0) {
		*ret_store = NULL;
		return 0;
	}
	if (url[0] == '/')
		return store_sqlite_new(url, ret_store);
	if (strncmp(url, sqlite, strlen(sqlite)) == 0 && url[strlen(sqlite)] != '\0')
		return store_sqlite_new(url + strlen(sqlite), ret_store);
	if (strncmp(url, "redis", 5) == 0)
		return store_redis_new(url, keep, ret_store);
	return -EINVAL;
}

void store_free(struct store *store)
{
	if (store)
		store->ops->free(store);
}
