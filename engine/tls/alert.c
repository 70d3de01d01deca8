/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "tls/alert.h"

void alert_send(struct sock *sock, enum alert alert)
{
	const uint8_t record[] = { 21, 3, 3, 0, 2, 2 /* fatal */, (uint8_t)alert };

	(void)sock_send(sock, record, sizeof(record));
}
