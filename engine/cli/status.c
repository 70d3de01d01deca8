/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "base/status.h"
#include "cli/cli.h"
#include "tls/kernel_probe.h"

static void format_moment(uint64_t us, char text[64])
{
	time_t seconds = (time_t)(us / 1000000);
	struct tm parts;

	localtime_r(&seconds, &parts);
	strftime(text, 64, "%Y-%m-%d %H:%M:%S %z", &parts);
}

static void print_failure(const struct status *status)
{
	char from[64];
	uint64_t until = status->failed_until ? status->failed_until : clock_wall_us();

	if (status->failed_from == 0)
		return;
	format_moment(status->failed_from, from);
	printf("last failure      from %s%s, %.1f s, %llu new connections: %s\n", from,
	       status->failed_until ? "" : ", goes on", (double)(until - status->failed_from) / 1e6,
	       (unsigned long long)status->failed_unjudged,
	       status_why_text((enum status_why)status->failed_why));
}

/* Nobody who looks at the box may miss that it writes what others hold to be secret. */
static void print_records(const struct status *status)
{
	static const char *const where[2][2] = { { "", "served live" },
						 { "in files", "in files and served live" } };

	if (status->has_capture_files || status->has_capture_listener)
		printf("DECRYPTED         traffic is recorded, %s (%u clients): %llu packets, %llu "
		       "lost; %llu pieces dropped before\n",
		       where[status->has_capture_files & 1][status->has_capture_listener & 1],
		       (unsigned)status->capture_clients,
		       (unsigned long long)status->capture_packets,
		       (unsigned long long)status->capture_lost,
		       (unsigned long long)status->capture_dropped);
	if (status->has_key_log)
		printf("KEY LOG           the keys of every connection are written to a file\n");
}

static void print_text(const struct status *status, enum status_door door, const char *why)
{
	static const char *const quic[] = { "reject", "allow", "by-host" };
	char since[64];

	format_moment(status->door_since, since);
	printf("door              %s%s%s\n", status_door_text(door), *why ? ": " : "", why);
	printf("since             %s\n", since);
	printf("on failure        %s\n",
	       status->mode ? "closed: new connections are dropped"
			    : "open: new connections are forwarded without inspection");
	printf("rules             %s%s%s%s\n", status->has_iptables ? "iptables" : "",
	       status->has_iptables && status->has_nftables ? " " : "",
	       status->has_nftables ? "nftables" : "",
	       status->has_iptables || status->has_nftables ? "" : "not loaded");
	printf("FORWARD rules     %s\n",
	       status->forwards_first ? "asked before a connection is intercepted" : "not asked");
	printf("QUIC              %s\n", quic[status->quic % 3]);
	printf("workers           %u\n", (unsigned)status->n_workers);
	printf("connections       %u now, %llu since the engine started\n",
	       (unsigned)status->n_connections, (unsigned long long)status->n_flows);
	printf("judged by queue   %llu intercept, %llu pass; QUIC: %llu pass, %llu reject\n",
	       (unsigned long long)status->judged_intercept,
	       (unsigned long long)status->judged_pass, (unsigned long long)status->quic_pass,
	       (unsigned long long)status->quic_reject);
	printf("not judged        %llu new connections since the rules were loaded\n",
	       (unsigned long long)status->unjudged);
	if (status->kernel_tls > 0)
		printf("kernel TLS        %s\n",
		       kernel_tls_text((enum kernel_tls)(status->kernel_tls - 1)));
	if (status->unrecorded)
		printf("not recorded      %llu forged certificates since the engine started\n",
		       (unsigned long long)status->unrecorded);
	if (status->draining)
		printf("draining          %u older engines\n", (unsigned)status->draining);
	print_records(status);
	print_failure(status);
}

/* Absent while nothing is recorded. */
static void set_records(json_t *json, const struct status *status)
{
	if (status->has_capture_files || status->has_capture_listener)
		json_object_set_new(json, "capture",
				    json_pack("{s:b, s:b, s:i, s:I, s:I, s:I}", "files",
					      (int)status->has_capture_files, "listener",
					      (int)status->has_capture_listener, "clients",
					      (int)status->capture_clients, "packets",
					      (json_int_t)status->capture_packets, "lost",
					      (json_int_t)status->capture_lost, "dropped",
					      (json_int_t)status->capture_dropped));
	if (status->has_key_log)
		json_object_set_new(json, "key_log", json_true());
}

static json_t *json_of(const struct status *status, enum status_door door, const char *why)
{
	static const char *const quic[] = { "reject", "allow", "by-host" };

	return json_pack(
		"{s:s, s:s, s:I, s:s, s:b, s:b, s:b, s:s, s:{s:i, s:i, s:i, s:i, s:i}, s:i, s:i, "
		"s:I,"
		" s:i, s:I, s:I, s:{s:I, s:I, s:I, s:I}, s:I, s:I, s:{s:I, s:I, s:I, s:s}}",
		"door", status_door_text(door), "why", why, "since_us",
		(json_int_t)status->door_since, "on_failure", status->mode ? "closed" : "open",
		"iptables", (int)status->has_iptables, "nftables", (int)status->has_nftables,
		"forward_rules", (int)status->forwards_first, "quic", quic[status->quic % 3],
		"pids", "supervisor", (int)status->supervisor, "engine", (int)status->engine,
		"certgen", (int)status->certgen, "gate", (int)status->gate, "web", (int)status->web,
		"workers", (int)status->n_workers, "connections", (int)status->n_connections,
		"flows", (json_int_t)status->n_flows, "draining", (int)status->draining,
		"engine_starts", (json_int_t)status->engine_starts, "gate_starts",
		(json_int_t)status->gate_starts, "judged", "intercept",
		(json_int_t)status->judged_intercept, "pass", (json_int_t)status->judged_pass,
		"quic_pass", (json_int_t)status->quic_pass, "quic_reject",
		(json_int_t)status->quic_reject, "unjudged", (json_int_t)status->unjudged,
		"unrecorded", (json_int_t)status->unrecorded, "failure", "from_us",
		(json_int_t)status->failed_from, "until_us", (json_int_t)status->failed_until,
		"unjudged", (json_int_t)status->failed_unjudged, "why",
		status_why_text((enum status_why)status->failed_why));
}

/* Absent where it is not wanted. */
static void set_kernel_tls(json_t *json, const struct status *status)
{
	if (status->kernel_tls > 0)
		json_object_set_new(
			json, "kernel_tls",
			json_string(kernel_tls_text((enum kernel_tls)(status->kernel_tls - 1))));
}

static int print_json(const struct status *status, enum status_door door, const char *why)
{
	json_t *json = json_of(status, door, why);
	char *text;

	if (json) {
		set_records(json, status);
		set_kernel_tls(json, status);
	}
	text = json ? json_dumps(json, JSON_INDENT(2)) : NULL;
	if (text)
		puts(text);
	free(text);
	json_decref(json);
	return text ? CLI_OK : cli_fail(CLI_FAILURE, "status: out of memory");
}

int cli_status(const struct cli *cli)
{
	const struct status *status;
	enum status_door door;
	const char *why;
	int code = CLI_OK;
	int r = status_open(cli->config->status_file, &status);

	if (r == -EPROTO)
		return cli_fail(CLI_FAILURE, "status: %s: of another version of posternd",
				cli->config->status_file);
	if (r == -ENOENT)
		return cli_fail(CLI_FAILURE, "status: %s: posternd has not run since boot",
				cli->config->status_file);
	if (r < 0)
		return cli_fail(CLI_FAILURE, "status: %s: %s", cli->config->status_file,
				strerror(-r));
	door = status_door_now(status, clock_us() / 1000, &why);
	if (cli->json)
		code = print_json(status, door, why);
	else
		print_text(status, door, why);
	status_close(status);
	return code == CLI_OK && door != STATUS_DOOR_ARMED ? CLI_FAILURE : code;
}
