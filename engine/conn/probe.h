/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef POSTERN_CONN_PROBE_H
#define POSTERN_CONN_PROBE_H

#include "conn/conn.h"

/* The steps of CONN_DIALLING and CONN_PROBING: what does the server want? */
enum conn_state probe_dial(struct conn *c);
enum conn_state probe_server(struct conn *c);
/* The end of the time of both. */
enum conn_state probe_late(struct conn *c);

#endif
