/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef POSTERN_CONN_NOTES_H
#define POSTERN_CONN_NOTES_H

#include <stdbool.h>
#include <stdint.h>

#include "tls/sighting.h"

/* For the event at its end: what is known of a leg that is gone, as the members of objects. */
struct conn_notes {
	char *upstream, *tls, *request; /* owned; NULL: nothing */
	bool was_asked;                 /* seen in a passed handshake */
	enum sighting_answer answer;
	uint8_t answer_alert;
};

#endif
