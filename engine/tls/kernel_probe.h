/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef POSTERN_TLS_KERNEL_PROBE_H
#define POSTERN_TLS_KERNEL_PROBE_H

/* What a kernel can do. TLS 1.3 has peers change keys, which Linux before 6.14 could not follow. */
#define KERNEL_TLS(X)                                                                              \
	X(KERNEL_TLS_NONE, "none")                                                                 \
	X(KERNEL_TLS_12, "TLS 1.2")                                                                \
	X(KERNEL_TLS_13, "TLS 1.2 and 1.3")

#define KERNEL_TLS_CONSTANT(constant, text) constant,
enum kernel_tls { KERNEL_TLS(KERNEL_TLS_CONSTANT) };
#undef KERNEL_TLS_CONSTANT

/* Has the kernel load its module, which it does for holders of CAP_NET_ADMIN alone. */
void kernel_tls_load(void);
/* Tries it, on a connection of this process with itself. Why it is no more, if it is not all. */
enum kernel_tls kernel_tls_probe(const char **ret_why);

const char *kernel_tls_text(enum kernel_tls ability);

#endif
