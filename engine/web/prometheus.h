/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef POSTERN_WEB_PROMETHEUS_H
#define POSTERN_WEB_PROMETHEUS_H

#include "base/metrics.h"
#include "base/status.h"
#include "web/queues.h"
#include "web/text.h"

/*
 * The numbers in Prometheus' text format 0.0.4. Name, type and meaning of each are one line here;
 * doc/metrics.md has the same lines. Those that may be zero are there from the beginning, so that
 * the first of its kind is seen as an increase.
 */
#define PROMETHEUS_METRICS(X)                                                                      \
	X(build, "postern_build_info", "gauge", "The version, always 1.")                          \
	X(start, "postern_start_time_seconds", "gauge",                                            \
	  "When the counters began, in seconds since 1970.")                                       \
	X(alive, "postern_alive", "gauge", "Whether all processes answer, as /healthz says.")      \
	X(ready, "postern_ready", "gauge",                                                         \
	  "Whether new connections are judged as well, as /readyz says.")                          \
	X(door, "postern_door", "gauge",                                                           \
	  "What becomes of new connections: 1 for the state that holds.")                          \
	X(on_failure, "postern_on_failure", "gauge",                                               \
	  "The mode: what becomes of new connections in a failure, 1 for the one that holds.")     \
	X(quic, "postern_quic_mode", "gauge", "What is done about QUIC, 1 for what holds.")        \
	X(rules, "postern_rules_loaded", "gauge", "Whether these packet filter rules are there.")  \
	X(unjudged, "postern_unjudged_connections_total", "counter",                               \
	  "New connections that nobody judged, since the rules were loaded.")                      \
	X(judged, "postern_judged_total", "counter",                                               \
	  "First packets of new connections that the gate judged.")                                \
	X(queue_length, "postern_queue_length", "gauge",                                           \
	  "Packets that wait in the kernel's queue for the gate.")                                 \
	X(queue_dropped, "postern_queue_dropped_total", "counter",                                 \
	  "Packets that found the kernel's queue full, or the gate's socket.")                     \
	X(accepted, "postern_connections_accepted_total", "counter",                               \
	  "Connections that reached the engine.")                                                  \
	X(open, "postern_connections_open", "gauge", "Connections of the engine now.")             \
	X(connections, "postern_connections_total", "counter",                                     \
	  "Connections that have ended, by fate and reason (doc/reasons.md).")                     \
	X(ends, "postern_connection_ends_total", "counter",                                        \
	  "The same connections, by how they ended.")                                              \
	X(bytes, "postern_bytes_total", "counter",                                                 \
	  "Bytes carried, while they flow; of intercepted connections the plaintext.")             \
	X(kernel_tls, "postern_kernel_tls_total", "counter",                                       \
	  "Ways of intercepted connections that the kernel carried from then on.")                 \
	X(handshakes, "postern_handshakes_total", "counter",                                       \
	  "TLS handshakes of the engine that came to their end.")                                  \
	X(handshake, "postern_handshake_seconds", "histogram",                                     \
	  "Time of the engine's TLS handshakes, failed ones too.")                                 \
	X(phase, "postern_phase_seconds", "histogram",                                             \
	  "Time in the other phases before bytes flow.")                                           \
	X(setup, "postern_setup_seconds", "histogram",                                             \
	  "Time from accepting a connection until its bytes flow.")                                \
	X(greeted_early, "postern_greeted_early_total", "counter",                                 \
	  "Clients that were greeted while their server answered.")                                \
	X(certgen, "postern_certgen_requests_total", "counter",                                    \
	  "Forged certificates asked of certgen, by what it answered.")                            \
	X(certgen_time, "postern_certgen_seconds", "histogram", "Time until certgen's answer.")    \
	X(cached, "postern_certgen_cached_total", "counter",                                       \
	  "Forged certificates that the worker had already.")                                      \
	X(unrecorded, "postern_certgen_unrecorded_total", "counter",                               \
	  "Forged certificates that were not recorded, since the engine started.")                 \
	X(learned, "postern_learned_entries", "gauge", "Learned servers, by class and state.")     \
	X(stored, "postern_learned_store_up", "gauge",                                             \
	  "Whether the store of learned servers takes what it is given.")                          \
	X(alerts, "postern_alerts_total", "counter",                                               \
	  "Alerts: of the event log, and those about the door.")                                   \
	X(lost, "postern_events_lost_total", "counter",                                            \
	  "Events that could not be written, since the engine started.")                           \
	X(workers, "postern_workers", "gauge", "Worker threads of the engine; 0: not ready.")      \
	X(worker_open, "postern_worker_connections", "gauge", "Connections of this worker now.")   \
	X(worker_accepted, "postern_worker_accepted_total", "counter",                             \
	  "Connections that this worker accepted.")                                                \
	X(worker_cpu, "postern_worker_cpu_seconds_total", "counter",                               \
	  "Processor time of this worker's thread.")                                               \
	X(worker_age, "postern_worker_beat_age_seconds", "gauge",                                  \
	  "Time since this worker was last able to accept.")                                       \
	X(starts, "postern_process_starts_total", "counter",                                       \
	  "How often this process was started since posternd was.")                                \
	X(draining, "postern_draining_engines", "gauge",                                           \
	  "Older engines that still carry connections, after upgrades.")

struct prometheus {
	const struct status *status;
	const struct metrics *metrics;
	const struct queues *queues;
	uint64_t now; /* ms, clock_us() */
};

void prometheus_write(struct text *text, const struct prometheus *numbers);

/* A list for people and tests: each line "name<TAB>type<TAB>meaning". */
const char *prometheus_list(void);

#endif
