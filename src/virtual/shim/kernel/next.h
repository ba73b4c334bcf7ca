/* The functions that those of interpose.c stand in front of. */

static void *next_symbol(const char *name)
{
	int error = errno;
	void *symbol = dlsym(RTLD_NEXT, name);

	errno = error;
	return symbol;
}

/* A function pointer named `real` to the next definition of `name`. */
#define REAL(type, name, ...)                                                                                          \
	static type (*real)(__VA_ARGS__);                                                                              \
	if (!real)                                                                                                     \
	real = (type(*)(__VA_ARGS__))next_symbol(name)
