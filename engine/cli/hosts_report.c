/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "cli/hosts_report.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/names.h"

enum { NAMES_SHOWN = 8 };

const char *host_asks_text(enum host_asks asks)
{
	switch (asks) {
	case HOST_ASKS_YES:
		return "asks";
	case HOST_ASKS_UNKNOWN:
		return "unknown";
	case HOST_ASKS_NO:
		return "does not ask";
	}
	return "";
}

const char *hosts_endpoint(const union addr *server, char text[HOSTS_ENDPOINT_SIZE])
{
	char address[ADDR_TEXT_MAX];

	snprintf(text, HOSTS_ENDPOINT_SIZE, server->sa.sa_family == AF_INET6 ? "[%s]:%u" : "%s:%u",
		 addr_text(server, address), addr_port(server));
	return text;
}

/* --- text --- */

void hosts_report_request(const struct certreq *request, const char *indent, FILE *file)
{
	unsigned shown = request->n_kept < NAMES_SHOWN ? request->n_kept : NAMES_SHOWN;

	if (request->n_names == 0)
		fprintf(file, "%sof any CA\n", indent);
	for (unsigned i = 0; i < shown; i++)
		fprintf(file, "%sof %s\n", indent, request->names[i]);
	if (request->n_names > shown)
		fprintf(file, "%sof %u more\n", indent, request->n_names - shown);
}

static void print_versions(const struct host *host, FILE *file)
{
	const char *between = "";

	for (unsigned i = 0; i < HOST_VERSIONS; i++) {
		if (host->versions[i] == 0)
			continue;
		fprintf(file, "%s%s", between, names_version((uint16_t)(0x0300 + i)));
		between = ", ";
	}
	if (*between == '\0')
		fputs("version not seen", file);
}

static void print_alert(const char *who, unsigned n, uint8_t alert, FILE *file)
{
	const char *name = names_alert(alert);

	if (n > 0)
		fprintf(file, "; %u ended by the %s's alert (%s)", n, who, name ? name : "unknown");
}

/* "3 connections (TLSv1.2); asked in 3, a certificate sent in 2, none in 1" */
static void print_evidence(const struct host *host, FILE *file)
{
	static const char *const words[HOST_ASKS] = {
		[SIGHTING_UNSEEN] = "not seen whole", [SIGHTING_ENCRYPTED] = "encrypted",
		[SIGHTING_RESUMED] = "resumed",       [SIGHTING_NOT_ASKED] = "not asked",
		[SIGHTING_ASKED] = "asked",
	};
	const char *between = "; ";

	fprintf(file, "%u connection%s (", host->connections, host->connections == 1 ? "" : "s");
	print_versions(host, file);
	fputc(')', file);
	for (unsigned i = HOST_ASKS; i-- > 0;) {
		if (host->asks[i] == 0)
			continue;
		fprintf(file, "%s%s in %u", between, words[i], host->asks[i]);
		between = ", ";
	}
	if (host->answers[SIGHTING_CERTIFICATE] > 0)
		fprintf(file, "; a certificate sent in %u", host->answers[SIGHTING_CERTIFICATE]);
	if (host->answers[SIGHTING_EMPTY] > 0)
		fprintf(file, "; an empty one in %u", host->answers[SIGHTING_EMPTY]);
	print_alert("server", host->n_server_alerts, host->server_alert, file);
	print_alert("client", host->n_client_alerts, host->client_alert, file);
}

static void print_probe(const struct ask *ask, const char *indent, FILE *file)
{
	const char *version = names_version(ask->version);

	switch (ask->result) {
	case ASK_ASKED:
		fprintf(file, "%sprobed: asks (%s)\n", indent, version ? version : "?");
		break;
	case ASK_NOT_ASKED:
		fprintf(file, "%sprobed: does not ask (%s)\n", indent, version ? version : "?");
		break;
	case ASK_FAILED:
		fprintf(file, "%sprobed: no answer: %s\n", indent, ask->detail);
		break;
	}
}

static void print_host(const struct host *host, FILE *file)
{
	char endpoint[HOSTS_ENDPOINT_SIZE];
	enum verify_result verdict;

	fprintf(file, "%s  %s  %s\n  ", *host->name ? host->name : "(no name)",
		hosts_endpoint(&host->server, endpoint), host_asks_text(host_asks(host)));
	print_evidence(host, file);
	fputc('\n', file);
	if (host->probe)
		print_probe(host->probe, "  ", file);
	if (host_request(host))
		hosts_report_request(host_request(host), "  ", file);
	if (host_is_judged(host, &verdict) && verdict != VERIFY_OK)
		fprintf(file, "  its certificate does not verify: %s\n", verify_text(verdict));
}

int hosts_report_text(struct hosts *hosts, FILE *file)
{
	struct host *const *sorted = hosts_sorted(hosts);

	if (!sorted)
		return -ENOMEM;
	for (unsigned i = 0; i < hosts_count(hosts); i++)
		print_host(sorted[i], file);
	return 0;
}

/* --- JSON --- */

static int put(json_t *object, const char *key, json_t *value)
{
	return json_object_set_new(object, key, value);
}

static int put_request(json_t *object, const struct certreq *request)
{
	json_t *names = json_array();
	int r = put(object, "n_ca_names", json_integer(request->n_names));

	for (unsigned i = 0; i < request->n_kept; i++)
		r |= json_array_append_new(names, json_string(request->names[i]));
	return r | put(object, "ca_names", names);
}

static int put_key(json_t *object, const uint8_t digest[32])
{
	char text[65];

	for (unsigned i = 0; i < 32; i++)
		snprintf(text + 2 * i, 3, "%02x", digest[i]);
	return put(object, "key_sha256", json_string(text));
}

json_t *hosts_report_ask(const struct ask *ask)
{
	static const char *const words[] = {
		[ASK_ASKED] = "yes",
		[ASK_NOT_ASKED] = "no",
		[ASK_FAILED] = "unknown",
	};
	const char *version = names_version(ask->version);
	json_t *object = json_object();
	int r = put(object, "asks", json_string(words[ask->result]));

	if (version)
		r |= put(object, "version", json_string(version));
	if (ask->result == ASK_ASKED)
		r |= put_request(object, &ask->request);
	if (ask->is_judged)
		r |= put(object, "verdict", json_string(verify_text(ask->verdict)));
	if (ask->has_key)
		r |= put_key(object, ask->key_sha256);
	if (ask->detail[0] != '\0')
		r |= put(object, "detail", json_string(ask->detail));
	if (r == 0)
		return object;
	json_decref(object);
	return NULL;
}

/* An object that counts: one member for each that is not 0. */
static json_t *json_counts(const unsigned *counts, unsigned n, const char *(*name_of)(unsigned))
{
	json_t *object = json_object();
	int r = 0;

	for (unsigned i = 0; i < n; i++)
		if (counts[i] > 0)
			r |= put(object, name_of(i), json_integer(counts[i]));
	if (r == 0)
		return object;
	json_decref(object);
	return NULL;
}

static const char *version_name(unsigned i)
{
	return names_version((uint16_t)(0x0300 + i));
}

#define WORD(name, word) [name] = word,
static const char *ask_name(unsigned i)
{
	static const char *const words[] = { SIGHTING_ASKS(WORD) };

	return words[i];
}

static const char *answer_name(unsigned i)
{
	static const char *const words[] = { SIGHTING_ANSWERS(WORD) };

	return words[i];
}
#undef WORD

static int put_alert(json_t *object, const char *key, unsigned n, uint8_t alert)
{
	const char *name = names_alert(alert);
	json_t *value;

	if (n == 0)
		return 0;
	value = json_pack("{s:i, s:s}", "connections", (int)n, "last", name ? name : "unknown");
	return put(object, key, value);
}

static int put_host(json_t *object, const struct host *host)
{
	static const char *const asks[] = {
		[HOST_ASKS_YES] = "yes",
		[HOST_ASKS_UNKNOWN] = "unknown",
		[HOST_ASKS_NO] = "no",
	};
	char address[ADDR_TEXT_MAX];
	enum verify_result verdict;
	int r = 0;

	if (host->name[0] != '\0')
		r |= put(object, "host", json_string(host->name));
	r |= put(object, "address", json_string(addr_text(&host->server, address)));
	r |= put(object, "port", json_integer(addr_port(&host->server)));
	r |= put(object, "asks", json_string(asks[host_asks(host)]));
	r |= put(object, "connections", json_integer(host->connections));
	r |= put(object, "versions", json_counts(host->versions, HOST_VERSIONS, version_name));
	r |= put(object, "asked", json_counts(host->asks, HOST_ASKS, ask_name));
	r |= put(object, "answered", json_counts(host->answers, HOST_ANSWERS, answer_name));
	r |= put_alert(object, "server_alerts", host->n_server_alerts, host->server_alert);
	r |= put_alert(object, "client_alerts", host->n_client_alerts, host->client_alert);
	if (host_request(host))
		r |= put_request(object, host_request(host));
	if (host_is_judged(host, &verdict))
		r |= put(object, "verdict", json_string(verify_text(verdict)));
	if (host->has_key)
		r |= put_key(object, host->key_sha256);
	if (host->probe)
		r |= put(object, "probe", hosts_report_ask(host->probe));
	return r;
}

int hosts_report_json(struct hosts *hosts, FILE *file)
{
	struct host *const *sorted = hosts_sorted(hosts);
	int r = sorted ? 0 : -ENOMEM;

	for (unsigned i = 0; r == 0 && i < hosts_count(hosts); i++) {
		json_t *object = json_object();

		if (put_host(object, sorted[i]) != 0 ||
		    json_dumpf(object, file, JSON_COMPACT) != 0 || fputc('\n', file) == EOF)
			r = -ENOMEM;
		json_decref(object);
	}
	return r;
}

/* --- rules --- */

enum group {
	GROUP_PASS,
	GROUP_DOUBTFUL, /* the chain does not verify */
	GROUP_NAMELESS,
	GROUP_NONE, /* does not ask, as far as is known */
};

static enum group group_of(const struct host *host)
{
	enum verify_result verdict;

	if (host_asks(host) != HOST_ASKS_YES)
		return GROUP_NONE;
	if (host->name[0] == '\0')
		return GROUP_NAMELESS;
	return host_is_judged(host, &verdict) && verdict != VERIFY_OK ? GROUP_DOUBTFUL : GROUP_PASS;
}

static void print_comment(const struct host *host, FILE *file)
{
	char endpoint[HOSTS_ENDPOINT_SIZE];
	enum verify_result verdict;

	fprintf(file, "      # %s: ", hosts_endpoint(&host->server, endpoint));
	print_evidence(host, file);
	fputc('\n', file);
	if (host->probe)
		print_probe(host->probe, "      #   ", file);
	hosts_report_request(host_request(host), "      #   ", file);
	if (!host_is_judged(host, &verdict))
		fputs("      #   its certificate was not judged\n", file);
	else if (verdict != VERIFY_OK)
		fprintf(file, "      #   its certificate does not verify: %s\n",
			verify_text(verdict));
}

static void print_entry(const struct host *host, FILE *file)
{
	char address[ADDR_TEXT_MAX];

	switch (group_of(host)) {
	case GROUP_PASS:
		fprintf(file, "      - \"%s\"\n", host->name);
		break;
	case GROUP_DOUBTFUL:
		fprintf(file, "      #- \"%s\"\n", host->name);
		break;
	case GROUP_NAMELESS:
		fprintf(file, "  #- pass: {server: \"%s\", port: %u}\n",
			addr_text(&host->server, address), addr_port(&host->server));
		break;
	case GROUP_NONE:
		break;
	}
}

/* A name may be at several addresses: its comments stand above the one entry. */
static unsigned print_group(struct host *const *sorted, unsigned n, enum group group,
			    const char *title, FILE *file)
{
	unsigned printed = 0;

	for (unsigned i = 0; i < n; i++) {
		const struct host *host = sorted[i];
		bool is_last = true;

		if (group_of(host) != group)
			continue;
		if (printed++ == 0)
			fputs(title, file);
		print_comment(host, file);
		for (unsigned j = i + 1; j < n && strcmp(sorted[j]->name, host->name) == 0; j++)
			is_last &= group_of(sorted[j]) != group;
		if (is_last || group == GROUP_NAMELESS)
			print_entry(host, file);
	}
	return printed;
}

int hosts_report_rules(struct hosts *hosts, FILE *file)
{
	struct host *const *sorted = hosts_sorted(hosts);
	unsigned n = hosts_count(hosts), i = 0;
	time_t now = time(NULL);
	char text[32];
	struct tm parts;

	if (!sorted)
		return -ENOMEM;
	gmtime_r(&now, &parts);
	strftime(text, sizeof(text), "%Y-%m-%d %H:%M", &parts);
	while (i < n && group_of(sorted[i]) != GROUP_PASS)
		i++;
	fprintf(file,
		"# Hosts that ask for client certificates, as postern saw them until %s UTC.\n"
		"# A file for conf.d: read it, then check it with postern check.\n"
		"rules:%s\n",
		text, i < n ? "" : " []"); /* then what follows is comments */
	print_group(sorted, n, GROUP_PASS, "  - pass:\n", file);
	print_group(sorted, n, GROUP_DOUBTFUL,
		    "      # Below are hosts whose certificate does not verify: not passed.\n",
		    file);
	print_group(sorted, n, GROUP_NAMELESS,
		    "  # Below are servers that clients did not name: not passed.\n", file);
	return 0;
}
