/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef POSTERN_POLICY_KEYS_ICAP_H
#define POSTERN_POLICY_KEYS_ICAP_H

/* The keys about bodies that an ICAP server judges. See keys.h. */
#define KEYS_ICAP(X)                                                                               \
	X("icap.url", icap.url, icap_url, "\"\"",                                                  \
	  "the ICAP service that judges bodies, such as icap://127.0.0.1:1344/virus_scan")         \
	X("icap.default", icap.is_default, boolean, "true",                                        \
	  "whether those are judged of which no rule says it")                                     \
	X("icap.requests", icap.requests, boolean, "false",                                        \
	  "whether the bodies of requests are judged, too")                                        \
	X("icap.timeout", icap.timeout, duration, "30s", "for the verdict on a body")              \
	X("icap.on_failure", icap.on_failure, pass_or_block, "block",                              \
	  "bodies that cannot be judged")                                                          \
	X("icap.oversized", icap.oversized, pass_or_block, "pass",                                 \
	  "bodies that are larger than icap.max_body")                                             \
	X("icap.max_body", icap.max_body, icap_size, "8M", "the largest body that is judged")      \
	X("icap.max_memory", icap.max_memory, icap_size, "64M",                                    \
	  "bodies that wait, in each worker")                                                      \
	X("icap.connections", icap.connections, icap_connections, "8",                             \
	  "connections of each worker to the ICAP server")

#endif
