/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "conn/pinning.h"

#include "base/clock.h"
#include "conn/count.h"
#include "conn/report.h"
#include "conn/worker.h"
#include "tls/alert.h"

static bool is_watched(const struct conn *c)
{
	return config_of(c)->pinned.policy != ON_PINNED_OFF && c->chain_verdict == VERIFY_OK &&
	       c->hello->has_sni;
}

static struct pinned_client client_of(struct conn *c)
{
	if (c->ja4[0] == '\0')
		fingerprint_ja4(c->hello, c->ja4);
	return (struct pinned_client){ .address = c->client_addr, .program = c->ja4 };
}

bool pinning_passes(struct conn *c)
{
	struct pinned_client client;

	if (config_of(c)->pinned.policy != ON_PINNED_PASS || !is_watched(c))
		return false;
	client = client_of(c);
	return pinned_is(c->worker->engine->pinned, &client, c->hello->host, clock_us());
}

void pinning_accepted(struct conn *c)
{
	struct pinned_client client;

	if (!is_watched(c))
		return;
	client = client_of(c);
	pinned_accepted(c->worker->engine->pinned, &client, c->hello->host, clock_us());
}

/* What clients say that know another certificate, or another authority (RFC 8446 section 6.2). */
static bool is_about_the_leaf(uint8_t alert)
{
	return alert == ALERT_UNKNOWN_CA || alert == ALERT_BAD_CERTIFICATE ||
	       alert == ALERT_CERTIFICATE_UNKNOWN;
}

void pinning_refused(struct conn *c)
{
	struct pinned_client client;
	struct pinned_count count;

	if (!is_watched(c) || !is_about_the_leaf(session_alert(c->downstream)))
		return;
	client = client_of(c);
	if (pinned_refused(c->worker->engine->pinned, &client, c->hello->host, clock_us(),
			   &count) == PINNED_NEW) {
		report_pinned(c, &count);
		count_pinned(c, &count);
	}
}
