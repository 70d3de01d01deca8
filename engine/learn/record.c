/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "learn/record.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

void record_free(struct record *record)
{
	free(record->issuer);
	free(record);
}

bool record_is_operators(const struct record *record)
{
	return record->state == LEARN_APPROVED || record->state == LEARN_FORBIDDEN;
}

static void record_host(const struct record *record, char host[LEARN_HOST_MAX])
{
	uint16_t n;
	const char *text = key_host(record->key, record->n, &n);

	memcpy(host, text, n);
	host[n] = '\0';
}

void record_read(const struct record *record, struct entry *entry)
{
	record_host(record, entry->host);
	key_server(record->key, &entry->server);
	entry->class = record->class;
	entry->state = record->state;
	entry->source = record->source;
	entry->tls_version = record->tls_version;
	entry->alert = record->alert;
	memcpy(entry->ca_names, record->ca_names, LEARN_DIGEST);
	memcpy(entry->server_key, record->server_key, LEARN_DIGEST);
	entry->issuer[0] = '\0';
	if (record->issuer)
		strcpy(entry->issuer, record->issuer);
	entry->first_seen = record->first_seen;
	entry->last_seen = record->last_seen;
	entry->expires = record->expires;
	entry->hits = record->hits;
	entry->decision = record->decision;
}

static int issuer_write(struct record *record, const char *issuer)
{
	char *text = NULL;

	if (strcmp(record->issuer ? record->issuer : "", issuer) == 0)
		return 0;
	if (*issuer != '\0') {
		text = strdup(issuer);
		if (!text)
			return -ENOMEM;
	}
	free(record->issuer);
	record->issuer = text;
	return 0;
}

int record_write(struct record *record, const struct entry *entry)
{
	if (issuer_write(record, entry->issuer) < 0)
		return -ENOMEM;
	record->class = (uint8_t)entry->class;
	record->state = (uint8_t)entry->state;
	record->source = (uint8_t)entry->source;
	record->tls_version = entry->tls_version;
	record->alert = entry->alert;
	memcpy(record->ca_names, entry->ca_names, LEARN_DIGEST);
	memcpy(record->server_key, entry->server_key, LEARN_DIGEST);
	record->first_seen = entry->first_seen;
	record->last_seen = entry->last_seen;
	record->expires = entry->expires;
	record->hits = entry->hits;
	record->decision = entry->decision;
	return 0;
}
