/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef POSTERN_WEB_PLOT_H
#define POSTERN_WEB_PLOT_H

#include "web/history.h"
#include "web/text.h"

/* Lines over the time of the history, as SVG. Their colours are the style sheet's: classes s0... */

enum { PLOT_SERIES = 4, PLOT_N = HISTORY_N - 1 };

enum plot_unit { PLOT_PER_SECOND, PLOT_BYTES, PLOT_SECONDS, PLOT_PERCENT };

struct plot {
	const char *title;
	enum plot_unit unit;
	unsigned n_series;
	const char *names[PLOT_SERIES];
	double values[PLOT_SERIES][PLOT_N]; /* 0 is the newest; NAN: a gap */
	unsigned n;                         /* of each */
};

void plot_draw(struct text *text, const struct plot *plot);

enum { PLOT_NUMBER = 24 };
/* "1.2 MB/s"; returns `number`. */
const char *plot_number(enum plot_unit unit, double value, char number[PLOT_NUMBER]);

/* The least of 1, 2 and 5 times a power of ten that is not below `value`. */
double plot_ceiling(double value);

#endif
