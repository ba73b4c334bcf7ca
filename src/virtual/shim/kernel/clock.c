/*
 * The clock of the NIC is the host's CLOCK_MONOTONIC, in ns. libmlx5 turns its time stamps into time by what stands on
 * a page of the kernel's (struct mlx5_ib_clock_info), which is one of the context's file here: what was both clocks'
 * time when the context was opened. Left out: that they drift apart while it is open; the free-running counter itself.
 */
enum { CLOCK_SHIFT = 20 };

static void write_clock_info(struct context *c)
{
	struct mlx5_ib_clock_info *info = (struct mlx5_ib_clock_info *)(c->map + CONTEXT_CLOCK);
	struct timespec t;

	clock_gettime(CLOCK_REALTIME, &t);
	*info = (struct mlx5_ib_clock_info){
		.nsec = t.tv_sec * 1000000000ull + t.tv_nsec,
		.cycles = now_ns(),
		.mult = 1u << CLOCK_SHIFT,
		.shift = CLOCK_SHIFT,
		.mask = INT64_MAX,
		.overflow_period = INT64_MAX,
	};
}

/*
 * Where in the context's file an offset is that a program maps: bits 8 and up of its page number are a command, which
 * is for the page of the clock, or for a UAR.
 */
static off_t place_of_mapping(off_t offset)
{
	const long page = sysconf(_SC_PAGESIZE);

	return page <= CONTEXT_CLOCK && offset / page >> 8 == MLX5_IB_MMAP_CLOCK_INFO ? CONTEXT_CLOCK : offset;
}
