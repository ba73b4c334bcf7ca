/*
 * What the firmware's commands are made of: opcodes, types of objects, statuses, syndromes, as in the PRM where it is
 * public. The syndromes are ours alone. Left out: every command that a DEK does not need.
 */

#define ADD(field, n) __atomic_fetch_add(&(field), (n), __ATOMIC_RELAXED)
#define LOAD(field) __atomic_load_n(&(field), __ATOMIC_ACQUIRE)
#define STORE(field, value) __atomic_store_n(&(field), (value), __ATOMIC_RELEASE)

enum opcode {
	QUERY_HCA_CAP = 0x100,
	CREATE_MKEY = 0x200,
	DESTROY_MKEY = 0x202,
	CREATE_CQ = 0x400,
	DESTROY_CQ = 0x401,
	CREATE_QP = 0x500,
	DESTROY_QP = 0x501,
	QP_TO_INIT = 0x502,
	QP_TO_RTR = 0x503,
	QP_TO_RTS = 0x504,
	QP_TO_ERROR = 0x507,
	QP_TO_RESET = 0x50a,
	CREATE_PSV = 0x600,
	DESTROY_PSV = 0x601,
	ACCESS_REGISTER = 0x805,
	CREATE_OBJECT = 0xa00,
	QUERY_OBJECT = 0xa02,
	DESTROY_OBJECT = 0xa03,
	ACCESS_REGISTER_USER = 0xb0c,
	QUERY_CRYPTO_STATE = 0xb14,
};
enum { TYPE_DEK = 0xc, TYPE_IMPORT_KEK = 0x1d, TYPE_CREDENTIAL = 0x1e, TYPE_LOGIN = 0x1f, EVENT_QUEUE = 7 };
enum { CRYPTO_OPERATIONAL = 0xc002, CRYPTO_COMMISSIONING, IMPORT_KEK_HANDLE, CREDENTIAL_HANDLE };
enum { KEY_PURPOSE_AES_XTS = 3, IMPORT_METHOD_AES = 4, CAPS_GENERAL = 0, CAPS_ROCE = 4, CAPS_CRYPTO = 0x1a };

enum status {
	OK = 0,
	BAD_OP = 2,
	BAD_PARAM = 3,
	BAD_SYS_STATE = 4,
	BAD_RES = 5,
	RES_BUSY = 6,
	LIM_ERR = 8,
	BAD_RES_STATE = 9,
	BAD_IX = 0xa,
	NO_RES = 0xf,
	BAD_INP_LEN = 0x50,
	BAD_OUTP_LEN = 0x51,
};

enum syndrome {
	NO_CRYPTO = 0x0d0001,
	NOT_OPERATIONAL,
	NOT_WRAPPED_IMPORT,
	SECOND_LOGIN,
	NO_SUCH_KEK,
	NO_SUCH_CREDENTIAL,
	CREDENTIAL_UNWRAP,
	CREDENTIAL_DIFFERS,
	LOGIN_NEEDED,
	LOGIN_INVALID,
	KEY_UNWRAP,
	KEYS_EQUAL = 0x0d000d,
	KEY_SIZE,
	KEY_PURPOSE,
	NO_SUCH_PD,
	NO_DEK_LEFT,
	OBJECT_TYPE,
	MAILBOX_LENGTH,
	MKEY_CONTEXT,
	QP_CONTEXT,
	QP_STATE,
	RESERVED_FIELD, /* a bit that this command has no name for, or a field that has to be zero */
	CQ_CONTEXT,
	NO_SUCH_REGISTER,
	NOT_PRIVILEGED, /* a user of DEVX */
	ALREADY_OPERATIONAL,
	TOKEN_NEEDED,
	NOT_AN_OFFICER,
	NO_ROOM_FOR_KEY,
	WRITE_OPERATION,
};

/* Whether the NIC does not hold to an assumption: `what` is of enum contrary. */
static bool is_contrary(const struct image *image, uint16_t what)
{
	return LOAD(image->contrary) & what;
}

/* What the firmware says of a command. */
struct verdict {
	uint8_t status;
	uint32_t syndrome;
};
#define DONE ((struct verdict){OK, 0})
#define REFUSE(status, syndrome) ((struct verdict){(status), (syndrome)})

/* The kernel's errno for a firmware status, where it has no mailbox to hand the status on (mlx5's cmd.c). */
static int status_errno(uint8_t status)
{
	switch (status) {
	case OK:
		return 0;
	case BAD_OP:
	case BAD_PARAM:
	case BAD_RES:
	case BAD_RES_STATE:
	case BAD_IX:
		return EINVAL;
	case RES_BUSY:
		return EBUSY;
	case LIM_ERR:
		return ENOMEM;
	case NO_RES:
		return EAGAIN;
	default:
		return EIO;
	}
}
