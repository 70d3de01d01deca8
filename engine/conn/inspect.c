/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "conn/inspect.h"

#include <stdlib.h>

#include "conn/conn.h"

struct inspection {
	struct conn *conn;
};

static bool is_wanted(const struct conn *conn)
{
	(void)conn;
	return false;
}

void inspect_begin(struct conn *conn)
{
	struct inspection *inspection = is_wanted(conn) ? calloc(1, sizeof(*inspection)) : NULL;

	if (!inspection)
		return;
	inspection->conn = conn;
	conn->inspection = inspection;
	for (unsigned way = TO_SERVER; way <= TO_CLIENT; way++)
		relay_show(&conn->relay[way], inspection, way);
}

void inspect_end(struct conn *conn)
{
	if (!conn->inspection)
		return;
	for (unsigned way = TO_SERVER; way <= TO_CLIENT; way++)
		relay_show(&conn->relay[way], NULL, way);
	free(conn->inspection);
	conn->inspection = NULL;
}

void inspect_see(struct inspection *inspection, unsigned way, const uint8_t *bytes, size_t n)
{
	(void)inspection;
	(void)way;
	(void)bytes;
	(void)n;
}

void inspect_finish(struct inspection *inspection, unsigned way)
{
	(void)inspection;
	(void)way;
}
