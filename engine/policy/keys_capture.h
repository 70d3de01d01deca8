/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef POSTERN_POLICY_KEYS_CAPTURE_H
#define POSTERN_POLICY_KEYS_CAPTURE_H

/* The keys about what is recorded of decrypted traffic. See keys.h. */
#define KEYS_CAPTURE(X)                                                                            \
	X("capture.folder", capture.folder, path_or_none, "none",                                  \
	  "folder of the captures of decrypted traffic, or none")                                  \
	X("capture.listen", capture.listen, local, "none",                                         \
	  "where PCAP-over-IP is served: a loopback address with port, a path, or none")           \
	X("capture.default", capture.is_default, boolean, "false",                                 \
	  "whether that is captured of which no rule says it")                                     \
	X("capture.ports", capture.ports, capture_ports, "plain",                                  \
	  "the ports of servers in captures")                                                      \
	X("capture.size", capture.size, count, "100", "MiB after which a new file is begun")       \
	X("capture.age", capture.age, duration, "1h", "how old a file may be until then")          \
	X("capture.files", capture.n_files, count, "50", "files that are kept")                    \
	X("tls.key_log", tls.key_log, path_or_none, "none",                                        \
	  "file of the keys of every connection, or none")

#endif
