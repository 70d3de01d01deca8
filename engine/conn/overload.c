/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "conn/overload.h"

#include "base/log.h"
#include "conn/conn.h"
#include "conn/worker.h"
#include "net/tproxy.h"

enum { SAY_AGAIN_MS = 10000 };

static void say(struct worker *worker, uint64_t waited)
{
	struct overload *overload = &worker->overload;
	uint64_t now = worker->loop.now;

	overload->n++;
	if (overload->said != 0 && now - overload->said < SAY_AGAIN_MS)
		return;
	log_warning("overload: a hello has waited for %llu ms; %llu connections of this worker "
		    "were not judged",
		    (unsigned long long)waited, (unsigned long long)overload->n);
	*overload = (struct overload){ .said = now };
}

bool overload_is_late(struct conn *c)
{
	const struct config *config = config_of(c);
	uint64_t waited;

	if (config->overload.policy == ON_OVERLOAD_WAIT)
		return false;
	waited = tproxy_last_heard(c->client.fd);
	if (waited <= config->overload.delay)
		return false;
	say(c->worker, waited);
	return true;
}
