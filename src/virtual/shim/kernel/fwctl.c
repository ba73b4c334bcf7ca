/*
 * /dev/fwctl/fwctlN (Linux 6.15, mlx5_fwctl): firmware commands for administrators, by one ioctl. A descriptor is a
 * memory file that names the device; nothing is kept behind it. Without its entry in sysfs there is no such device.
 * Left out: every command that the kernel lets through and this firmware does not know, which answers BAD_OP.
 */
#include <linux/ioctl.h>
#include <linux/types.h>

/* As <fwctl/fwctl.h> and <fwctl/mlx5.h> of Linux 6.15 describe them; older linux-libc-dev has neither. */
struct fwctl_info_call {
	uint32_t size, flags, device_type, data_bytes;
	uint64_t data;
};
struct fwctl_rpc_call {
	uint32_t size, scope, in_bytes, out_bytes;
	uint64_t in, out;
};
#define FWCTL_INFO_CALL _IO(0x9a, 0)
#define FWCTL_RPC_CALL _IO(0x9a, 1)
enum { FWCTL_MLX5 = 1, TOOLS_RESOURCES = 4, SCOPE_CONFIGURATION = 0, SCOPE_READ_ONLY = 1, SCOPE_MOST = 3 };
enum { FWCTL_BYTES = 40961, RPC_BYTES_MOST = 2 << 20 };
#define FWCTL_MAGIC "mlx5vfwc"

struct fwctl_file {
	char magic[8];
	uint32_t device, era;
};

static bool has_fwctl(int index)
{
	const char *directory = getenv("DEK_VIRTUAL");
	char path[PATH_BYTES];

	return snprintf(path, sizeof(path), "%s/sysfs/class/fwctl/fwctl%d", directory ? directory : "", index) <
		       (int)sizeof(path) &&
	       syscall(SYS_faccessat, AT_FDCWD, path, F_OK) == 0;
}

/* Call with the mutex, for a NIC that can be opened. -1 and errno. */
static int make_fwctl(const struct nic *nic, int index, int flags)
{
	const struct fwctl_file file = {FWCTL_MAGIC, index, LOAD(nic->image->era)};
	int fd = syscall(SYS_memfd_create, "fwctl", flags & O_CLOEXEC ? 1 /* MFD_CLOEXEC */ : 0);

	if (fd >= 0 && (pwrite(fd, &file, sizeof(file), 0) != sizeof(file) || ftruncate(fd, FWCTL_BYTES) != 0)) {
		real_close(fd);
		errno = ENOMEM;
		fd = -1;
	}
	return fd;
}

static bool read_fwctl(int fd, struct fwctl_file *file)
{
	int error = errno;
	struct stat st;
	bool is = fd >= 0 && real_fstat(fd, &st) == 0 && S_ISREG(st.st_mode) && st.st_size == FWCTL_BYTES &&
		  pread(fd, file, sizeof(*file), 0) == sizeof(*file) && memcmp(file->magic, FWCTL_MAGIC, 8) == 0;

	errno = error;
	return is;
}

/* What mlx5_fwctl lets through, of what this firmware knows. */
static bool passes(const uint8_t *in, uint32_t scope)
{
	switch (get_field(in, F_OPCODE)) {
	case QUERY_HCA_CAP:
		return true;
	case ACCESS_REGISTER:
	case ACCESS_REGISTER_USER:
		return get_field(in, F_OP_MOD) == REGISTER_WRITE || scope >= SCOPE_READ_ONLY;
	case QUERY_CRYPTO_STATE:
	case QUERY_OBJECT:
		return scope >= SCOPE_READ_ONLY;
	default:
		return false;
	}
}

/* The command, with the mutex held. Its status is in the mailbox: a refusal is no error of the ioctl. */
static int run_fwctl(struct nic *nic, const uint8_t *in, uint32_t inlen, uint8_t *out, uint32_t outlen)
{
	const uint16_t opcode = get_field(in, F_OPCODE);
	const bool is_register = opcode == ACCESS_REGISTER || opcode == ACCESS_REGISTER_USER;
	struct verdict v;

	if (take_time(nic->image, opcode) && (!usable(nic) || LOAD(nic->image->gone)))
		return ENODEV;
	ADD(nic->image->commands, 1);
	v = verdict_of_faults(nic->image, is_register ? ACCESS_REGISTER : opcode,
			      is_register ? get_field(in, F_REGISTER_ID) : 0);
	memset(out, 0, outlen);
	if (v.status == OK && is_register)
		v = access_register(nic, in, inlen, out, outlen);
	else if (v.status == OK && opcode == QUERY_HCA_CAP)
		query_caps(nic->image, get_field(in, F_OP_MOD), out, outlen);
	else if (v.status == OK)
		v = REFUSE(BAD_OP, OBJECT_TYPE);
	answer_of(nic->image, out, v, 0);
	return 0;
}

static int fwctl_rpc(struct nic *nic, struct fwctl_rpc_call *call)
{
	const uint8_t *in = (const uint8_t *)(uintptr_t)call->in;
	uint8_t *out = (uint8_t *)(uintptr_t)call->out;

	if (call->size < sizeof(*call))
		return EINVAL;
	if (call->in_bytes > RPC_BYTES_MOST || call->out_bytes > RPC_BYTES_MOST || call->in_bytes < 16 ||
	    call->out_bytes < 16)
		return EMSGSIZE;
	if (call->scope > SCOPE_MOST)
		return EOPNOTSUPP;
	if (call->in < 4096 || call->out < 4096)
		return EFAULT;
	return passes(in, call->scope) ? run_fwctl(nic, in, call->in_bytes, out, call->out_bytes) : EBADMSG;
}

static int fwctl_info(struct fwctl_info_call *call)
{
	const uint32_t info[] = {1, TOOLS_RESOURCES}; /* the user's id, and what it may do */
	uint8_t *data = (uint8_t *)(uintptr_t)call->data;

	if (call->size < sizeof(*call))
		return EINVAL;
	if (call->flags)
		return EOPNOTSUPP;
	if (call->data_bytes && call->data < 4096)
		return EFAULT;
	if (call->data_bytes)
		memset(data, 0, call->data_bytes);
	if (call->data_bytes)
		memcpy(data, info, call->data_bytes < sizeof(info) ? call->data_bytes : sizeof(info));
	call->device_type = FWCTL_MLX5;
	call->data_bytes = sizeof(info);
	return 0;
}

/* Call with the mutex. Returns an errno. */
static int fwctl_ioctl(const struct fwctl_file *file, unsigned long request, void *argument)
{
	struct nic *nic = attach(file->device);

	if (!nic || !usable(nic) || LOAD(nic->image->gone) || LOAD(nic->image->era) != file->era)
		return ENODEV;
	if ((uintptr_t)argument < 4096)
		return EFAULT;
	return request == FWCTL_RPC_CALL ? fwctl_rpc(nic, argument) : fwctl_info(argument);
}
