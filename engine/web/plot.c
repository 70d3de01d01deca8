/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "web/plot.h"

#include <math.h>
#include <stdio.h>

enum {
	WIDTH = 600,
	HEIGHT = 170,
	LEFT = 58, /* of the lines; before it the numbers */
	RIGHT = 592,
	TOP = 10,
	BOTTOM = 146,
	GRID = 2, /* lines above zero */
};

double plot_ceiling(double value)
{
	double power = pow(10, floor(log10(value)));

	if (!(value > 0))
		return 1;
	if (value <= power)
		return power;
	return value <= 2 * power ? 2 * power : value <= 5 * power ? 5 * power : 10 * power;
}

const char *plot_number(enum plot_unit unit, double value, char number[PLOT_NUMBER])
{
	static const char *const prefixes[] = { "", "k", "M", "G", "T" };
	unsigned i = 0;

	if (isnan(value) || value == 0) {
		snprintf(number, PLOT_NUMBER, isnan(value) ? "–" : "0");
		return number;
	}
	switch (unit) {
	case PLOT_PER_SECOND:
		snprintf(number, PLOT_NUMBER,
			 value < 10 && value != floor(value) ? "%.1f/s" : "%.0f/s", value);
		break;
	case PLOT_BYTES:
		for (; value >= 1000 && i < 4; i++)
			value /= 1000;
		snprintf(number, PLOT_NUMBER, value < 10 && i > 0 ? "%.1f %sB/s" : "%.0f %sB/s",
			 value, prefixes[i]);
		break;
	case PLOT_SECONDS:
		if (value < 1)
			snprintf(number, PLOT_NUMBER, value < 0.01 ? "%.1f ms" : "%.0f ms",
				 value * 1000);
		else
			snprintf(number, PLOT_NUMBER, "%.1f s", value);
		break;
	case PLOT_PERCENT:
		snprintf(number, PLOT_NUMBER, value < 0.1 ? "%.1f %%" : "%.0f %%", value * 100);
		break;
	}
	return number;
}

static double greatest(const struct plot *plot)
{
	double most = 0;

	for (unsigned s = 0; s < plot->n_series; s++)
		for (unsigned i = 0; i < plot->n; i++)
			if (plot->values[s][i] > most) /* never true of NAN */
				most = plot->values[s][i];
	return most;
}

static void draw_grid(struct text *text, enum plot_unit unit, double top)
{
	char number[PLOT_NUMBER];

	for (unsigned i = 0; i <= GRID; i++) {
		int y = BOTTOM - (BOTTOM - TOP) * (int)i / GRID;

		text_add(text, "<line class=\"grid\" x1=\"%d\" y1=\"%d\" x2=\"%d\" y2=\"%d\"/>",
			 LEFT, y, RIGHT, y);
		text_add(text,
			 "<text class=\"tick\" x=\"%d\" y=\"%d\" text-anchor=\"end\">%s</text>",
			 LEFT - 6, y + 4, plot_number(unit, top * i / GRID, number));
	}
	text_add(text,
		 "<text class=\"tick\" x=\"%d\" y=\"%d\">10 min ago</text>"
		 "<text class=\"tick\" x=\"%d\" y=\"%d\" text-anchor=\"middle\">5 min</text>"
		 "<text class=\"tick\" x=\"%d\" y=\"%d\" text-anchor=\"end\">now</text>",
		 LEFT, HEIGHT - 6, (LEFT + RIGHT) / 2, HEIGHT - 6, RIGHT, HEIGHT - 6);
}

static void draw_series(struct text *text, const struct plot *plot, unsigned s, double top)
{
	bool is_drawing = false;

	text_add(text, "<path class=\"line s%u\" d=\"", s);
	for (unsigned i = 0; i < plot->n; i++) {
		double value = plot->values[s][i];

		if (isnan(value)) {
			is_drawing = false;
			continue;
		}
		text_add(text, "%c%.1f %.1f", is_drawing ? 'L' : 'M',
			 RIGHT - (double)(RIGHT - LEFT) * i / (PLOT_N - 1),
			 BOTTOM - (BOTTOM - TOP) * value / top);
		/* One alone would be a line of no length: round caps show it as a point. */
		if (!is_drawing && (i + 1 == plot->n || isnan(plot->values[s][i + 1])))
			text_put(text, "h0");
		is_drawing = true;
	}
	text_put(text, "\"/>");
}

/* Names with their newest values: what the colours mean, and what nobody has to read off lines. */
static void draw_legend(struct text *text, const struct plot *plot)
{
	char number[PLOT_NUMBER];

	text_put(text, "<ul class=\"legend\">");
	for (unsigned s = 0; s < plot->n_series; s++)
		text_add(text, "<li><i class=\"s%u\"></i>%s <b>%s</b></li>", s, plot->names[s],
			 plot_number(plot->unit, plot->n > 0 ? plot->values[s][0] : NAN, number));
	text_put(text, "</ul>");
}

void plot_draw(struct text *text, const struct plot *plot)
{
	double top = plot_ceiling(greatest(plot));

	if (plot->unit == PLOT_PERCENT && top > 1)
		top = ceil(greatest(plot));
	text_add(text, "<figure><figcaption>%s</figcaption>", plot->title);
	draw_legend(text, plot);
	text_add(text, "<svg viewBox=\"0 0 %d %d\" role=\"img\" aria-label=\"%s\">", WIDTH, HEIGHT,
		 plot->title);
	draw_grid(text, plot->unit, top);
	/* The first series is drawn last, above the others. */
	for (unsigned s = plot->n_series; s-- > 0;)
		draw_series(text, plot, s, top);
	text_put(text, "</svg></figure>\n");
}
