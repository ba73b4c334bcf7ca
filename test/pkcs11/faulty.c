/*
 * A PKCS #11 module in front of a real one ($REAL_MODULE), which does what tokens do at the wrong time. $FAULT is
 * FUNCTION:CALL:WHAT, such as C_WrapKey:3:hang. WHAT is a number to return, or: crash, exit, hang; logout, before the
 * call; long, a length that is far too long, after it; text, a line on stdout and stderr first.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

typedef unsigned long ul;
typedef ul (*any)(ul, ul, ul, ul, ul, ul, ul, ul);

/* As in pkcs11f.h: 68 functions behind a version. */
struct list {
	ul version;
	any functions[68];
};

static struct list ours;
static struct list *real;
static int calls[68];
static const struct {
	const char *name;
	int index;
	int length; /* the argument that is a pointer to a length, if there is one */
} known[] = {
	{"C_Initialize", 0, -1},    {"C_GetSlotList", 4, 2},  {"C_OpenSession", 12, -1}, {"C_Login", 18, -1},
	{"C_CreateObject", 20, -1}, {"C_FindObjects", 27, 3}, {"C_Encrypt", 30, 4},      {"C_GenerateKey", 58, -1},
	{"C_WrapKey", 60, 5},       {"C_UnwrapKey", 61, -1},  {"C_Sign", 43, 4},
};

static ul fault(int which, ul a, ul b, ul c, ul d, ul e, ul f, ul g, ul h)
{
	int index = known[which].index;
	const char *text = getenv("FAULT");
	char name[64] = "", what[64] = "";
	int at = 0;

	calls[index]++;
	if (text == NULL || sscanf(text, "%63[^:]:%d:%63s", name, &at, what) != 3 || calls[index] != at ||
	    strcmp(name, known[which].name) != 0)
		what[0] = 0;
	if (!strcmp(what, "crash"))
		abort();
	if (!strcmp(what, "exit"))
		_exit(3);
	while (!strcmp(what, "hang"))
		sleep(1);
	if (!strcmp(what, "logout"))
		real->functions[19](a, 0, 0, 0, 0, 0, 0, 0);
	if (!strcmp(what, "text")) {
		puts("a line on stdout");
		fflush(stdout);
	}
	if (what[0] >= '0' && what[0] <= '9')
		return strtoul(what, NULL, 0);
	ul rv = real->functions[index](a, b, c, d, e, f, g, h);
	if (!strcmp(what, "long")) {
		ul arguments[] = {a, b, c, d, e, f, g, h};
		*(ul *)arguments[known[which].length] = 1UL << 40;
	}
	return rv;
}

#define WRAPPER(n) \
	static ul wrapper##n(ul a, ul b, ul c, ul d, ul e, ul f, ul g, ul h) \
	{                                                                    \
		return fault(n, a, b, c, d, e, f, g, h);                     \
	}
WRAPPER(0) WRAPPER(1) WRAPPER(2) WRAPPER(3) WRAPPER(4) WRAPPER(5)
WRAPPER(6) WRAPPER(7) WRAPPER(8) WRAPPER(9) WRAPPER(10)

static const any wrappers[] = {wrapper0, wrapper1, wrapper2, wrapper3, wrapper4, wrapper5,
			       wrapper6, wrapper7, wrapper8, wrapper9, wrapper10};

ul C_GetFunctionList(struct list **out)
{
	void *module = dlopen(getenv("REAL_MODULE"), RTLD_NOW);
	ul (*get)(struct list **) = module ? (ul(*)(struct list **))dlsym(module, "C_GetFunctionList") : NULL;

	if (get == NULL || get(&real) != 0)
		return 5;
	ours = *real;
	for (unsigned i = 0; i < sizeof(known) / sizeof(known[0]); i++)
		ours.functions[known[i].index] = wrappers[i];
	*out = &ours;
	return 0;
}
