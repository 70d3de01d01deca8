/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "cli/hosts.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/hash.h"

/* A full table must be an answer, not an abort(). */
#define HASH_NONFATAL_OOM 1
#define HASH_FUNCTION(key, n, value) ((value) = (unsigned)hash_bytes(key, n))
#include <uthash.h>

enum { KEY_MAX = 2 + 16 + HELLO_HOST_MAX };

struct entry {
	struct host host; /* first: a host is its entry */
	UT_hash_handle hh;
	size_t n_key;
	uint8_t key[KEY_MAX]; /* port, address (zeros behind IPv4), name */
};

struct hosts {
	struct entry *entries;
	const struct trust *trust;
	struct host **sorted; /* NULL: not made, or no longer right */
};

struct hosts *hosts_new(const struct trust *trust)
{
	struct hosts *hosts = calloc(1, sizeof(*hosts));

	if (hosts)
		hosts->trust = trust;
	return hosts;
}

static void entry_free(struct entry *entry)
{
	certreq_deinit(&entry->host.request);
	ask_free(entry->host.probe);
	free(entry);
}

void hosts_free(struct hosts *hosts)
{
	struct entry *entry, *next;

	if (!hosts)
		return;
	HASH_ITER(hh, hosts->entries, entry, next)
	{
		HASH_DEL(hosts->entries, entry);
		entry_free(entry);
	}
	free(hosts->sorted);
	free(hosts);
}

static size_t key_of(const char *name, const union addr *server, uint8_t key[KEY_MAX])
{
	uint16_t port = addr_port(server);
	size_t n_address, n_name = strnlen(name, HELLO_HOST_MAX - 1);
	const uint8_t *address = addr_bytes(server, &n_address);

	memset(key, 0, 2 + 16);
	memcpy(key, &port, 2);
	if (address)
		memcpy(key + 2, address, n_address);
	memcpy(key + 2 + 16, name, n_name);
	return 2 + 16 + n_name;
}

static int find_or_add(struct hosts *hosts, const char *name, const union addr *server,
		       struct host **ret_host)
{
	uint8_t key[KEY_MAX];
	size_t n = key_of(name, server, key);
	struct entry *entry;

	HASH_FIND(hh, hosts->entries, key, n, entry);
	if (entry) {
		*ret_host = &entry->host;
		return 0;
	}
	if (hosts_count(hosts) >= HOSTS_MAX)
		return -ENOSPC;
	entry = calloc(1, sizeof(*entry));
	if (!entry)
		return -ENOMEM;
	memcpy(entry->key, key, n);
	entry->n_key = n;
	memcpy(entry->host.name, name, n - 2 - 16);
	entry->host.server = *server;
	HASH_ADD_KEYPTR(hh, hosts->entries, entry->key, n, entry);
	if (!entry->hh.tbl) {
		free(entry);
		return -ENOMEM;
	}
	free(hosts->sorted);
	hosts->sorted = NULL;
	*ret_host = &entry->host;
	return 0;
}

/* A chain is judged once for each key: most connections show the same one. */
static void note_chain(const struct hosts *hosts, struct host *host,
		       const struct sighting *sighting)
{
	char detail[VERIFY_DETAIL_SIZE];
	struct der chain[VERIFY_CHAIN_MAX];
	struct verify_subject subject = { .host = host->name, .server = &host->server };
	unsigned n = sighting_chain(sighting, chain, VERIFY_CHAIN_MAX);
	uint8_t digest[32];

	if (n == 0 || certificate_key_digest(chain[0], digest) < 0)
		return;
	if (host->has_key && memcmp(digest, host->key_sha256, sizeof(digest)) == 0)
		return;
	host->has_key = true;
	memcpy(host->key_sha256, digest, sizeof(digest));
	host->is_judged = hosts->trust;
	if (hosts->trust)
		host->verdict = verify_chain(hosts->trust, chain, n, &subject, detail);
}

int hosts_add(struct hosts *hosts, const union addr *server, const struct sighting *sighting)
{
	struct host *host;
	int r = find_or_add(hosts, sighting->host, server, &host);

	if (r < 0)
		return r;
	host->connections++;
	host->asks[sighting->ask]++;
	if (sighting->version >= 0x0300 && sighting->version < 0x0300 + HOST_VERSIONS)
		host->versions[sighting->version - 0x0300]++;
	if (sighting->server_alert) {
		host->n_server_alerts++;
		host->server_alert = sighting->server_alert;
	}
	if (sighting->client_alert) {
		host->n_client_alerts++;
		host->client_alert = sighting->client_alert;
	}
	note_chain(hosts, host, sighting);
	if (sighting->ask != SIGHTING_ASKED)
		return 0;
	host->answers[sighting->answer]++;
	if (!host->has_request) {
		r = sighting_request(sighting, &host->request);
		host->has_request = r == 0;
	}
	free(hosts->sorted); /* its place is another now */
	hosts->sorted = NULL;
	return r;
}

unsigned hosts_count(const struct hosts *hosts)
{
	return HASH_COUNT(hosts->entries);
}

enum host_asks host_asks(const struct host *host)
{
	if (host->asks[SIGHTING_ASKED] > 0)
		return HOST_ASKS_YES;
	if (host->probe && host->probe->result == ASK_ASKED)
		return HOST_ASKS_YES;
	if (host->probe && host->probe->result == ASK_NOT_ASKED)
		return HOST_ASKS_NO;
	/* What it does not do in TLS 1.2, it may do in 1.3. */
	return host->asks[SIGHTING_NOT_ASKED] > 0 && host->asks[SIGHTING_ENCRYPTED] == 0
		       ? HOST_ASKS_NO
		       : HOST_ASKS_UNKNOWN;
}

const struct certreq *host_request(const struct host *host)
{
	if (host->has_request)
		return &host->request;
	return host->probe && host->probe->result == ASK_ASKED ? &host->probe->request : NULL;
}

bool host_is_judged(const struct host *host, enum verify_result *ret_verdict)
{
	bool is_probed = host->probe && host->probe->is_judged;

	if (is_probed)
		*ret_verdict = host->probe->verdict; /* it proved that it has the key, too */
	else if (host->is_judged)
		*ret_verdict = host->verdict;
	return is_probed || host->is_judged;
}

static int compare(const void *a, const void *b)
{
	const struct host *one = *(struct host *const *)a, *other = *(struct host *const *)b;
	int asks = (int)host_asks(one) - (int)host_asks(other);
	int names = strcmp(one->name, other->name);
	size_t n_one, n_other;
	const uint8_t *at_one = addr_bytes(&one->server, &n_one);
	const uint8_t *at_other = addr_bytes(&other->server, &n_other);

	if (asks != 0)
		return asks;
	if (names != 0)
		return names;
	if (n_one != n_other)
		return n_one < n_other ? -1 : 1;
	names = memcmp(at_one, at_other, n_one);
	return names ? names : (int)addr_port(&one->server) - (int)addr_port(&other->server);
}

struct host *const *hosts_sorted(struct hosts *hosts)
{
	unsigned n = 0;

	if (!hosts->sorted) {
		hosts->sorted = calloc(hosts_count(hosts) + 1, sizeof(struct host *));
		if (!hosts->sorted)
			return NULL;
	}
	for (struct entry *entry = hosts->entries; entry; entry = entry->hh.next)
		hosts->sorted[n++] = &entry->host;
	if (n > 0)
		qsort(hosts->sorted, n, sizeof(struct host *), compare);
	return hosts->sorted;
}
