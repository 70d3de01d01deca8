/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "policy/reason.h"

#define WORD(name, word, meaning) [name] = word,

const char *fate_text(enum fate fate)
{
	static const char *const words[] = { FATES(WORD) };

	return words[fate];
}

const char *reason_text(enum reason reason)
{
	static const char *const words[] = { REASONS(WORD) };

	return words[reason];
}

const char *end_text(enum end end)
{
	static const char *const words[] = { ENDS(WORD) };

	return words[end];
}

#define FATE_LINE(name, word, meaning) "fate\t" word "\t" meaning "\n"
#define REASON_LINE(name, word, meaning) "reason\t" word "\t" meaning "\n"
#define END_LINE(name, word, meaning) "end\t" word "\t" meaning "\n"

const char *reason_lists(void)
{
	return FATES(FATE_LINE) REASONS(REASON_LINE) ENDS(END_LINE);
}
