/*
 * A program of the tests that is driven by lines: a command a line on stdin, an answer a line on stdout. Included by
 * client.c, traffic.c and officer.c.
 */
#include <stdio.h>
#include <string.h>

#define MAX_WORDS 11

struct command {
	const char *name;
	/* Its words, the name first; those that are missing or empty are NULL. */
	void (*run)(char **word);
};

/* Until stdin ends. */
static void talk(const struct command *commands, size_t count)
{
	static char line[1 << 20];

	while (fgets(line, sizeof(line), stdin)) {
		char *word[MAX_WORDS + 1] = {NULL}, *rest = line;
		size_t i = 0;

		for (int n = 0; n < MAX_WORDS; n++) {
			word[n] = strsep(&rest, " \n");
			if (word[n] && !*word[n])
				word[n] = NULL;
		}
		while (i < count && strcmp(commands[i].name, word[0] ? word[0] : "") != 0)
			i++;
		if (i == count)
			printf("unknown\n");
		else
			commands[i].run(word);
		fflush(stdout);
	}
}
