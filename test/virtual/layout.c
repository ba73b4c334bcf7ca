/*
 * Prints the layout of the NVRAM image and of the file of a context as the C compiler sees it: a name and a number a
 * line.
 */
#include "image.h"
#include "context.h"
#include <stdio.h>

#define FIELD(type, field) printf(#type "." #field " %zu\n", offsetof(struct type, field))
#define SIZE(type) printf(#type ".size %zu\n", sizeof(struct type))

int main(void)
{
	FIELD(image, magic);
	FIELD(image, version);
	FIELD(image, bytes);
	FIELD(image, wrapped_import);
	FIELD(image, state);
	FIELD(image, engines);
	FIELD(image, log_max_num_deks);
	FIELD(image, gone);
	FIELD(image, parallel);
	FIELD(image, failed_selftests);
	FIELD(image, latency_us);
	FIELD(image, open_errno);
	FIELD(image, guid);
	FIELD(image, root_key);
	FIELD(image, service_us);
	FIELD(image, policy);
	FIELD(image, tweak);
	FIELD(image, port_down);
	FIELD(image, no_gid);
	FIELD(image, no_loopback);
	FIELD(image, devx_registers);
	FIELD(image, contrary);
	FIELD(image, next_object);
	FIELD(image, slots_used);
	FIELD(image, next_qpn);
	FIELD(image, next_mkey);
	FIELD(image, next_psv);
	FIELD(image, era);
	FIELD(image, next_serial);
	FIELD(image, contexts_made);
	FIELD(image, pds_made);
	FIELD(image, logins_made);
	FIELD(image, deks_made);
	FIELD(image, commands);
	FIELD(image, refused);
	FIELD(image, work_requests);
	FIELD(image, bytes_encrypted);
	FIELD(image, bytes_decrypted);
	FIELD(image, firmware_free);
	FIELD(image, no_crypto_objects);
	FIELD(image, lane_free);
	FIELD(image, kek);
	FIELD(image, credential);
	FIELD(image, fault);
	FIELD(image, dek_error);
	FIELD(image, slot);
	SIZE(image);
	FIELD(key, id);
	FIELD(key, generation);
	FIELD(key, valid);
	FIELD(key, bytes);
	FIELD(key, role);
	FIELD(key, secret);
	FIELD(key, owner);
	SIZE(key);
	FIELD(fault, active);
	FIELD(fault, status);
	FIELD(fault, opcode);
	FIELD(fault, type);
	FIELD(fault, syndrome);
	FIELD(fault, left);
	FIELD(fault, hits);
	SIZE(fault);
	FIELD(dek_error, active);
	FIELD(dek_error, by);
	FIELD(dek_error, id);
	FIELD(dek_error, before);
	FIELD(dek_error, opaque);
	FIELD(dek_error, hits);
	SIZE(dek_error);
	FIELD(slot, serial);
	FIELD(slot, used);
	FIELD(slot, era);
	FIELD(slot, deks);
	SIZE(slot);
	FIELD(shared, magic);
	FIELD(shared, device);
	FIELD(shared, slot);
	FIELD(shared, serial);
	FIELD(shared, era);
	FIELD(shared, count);
	SIZE(shared);
	FIELD(object, kind);
	FIELD(object, id);
	FIELD(object, serial);
	SIZE(object);
	printf("IMAGE_VERSION %d\nKEYS %d\nRULES %d\nLANES %d\nSLOTS %d\nALWAYS %u\n", IMAGE_VERSION, KEYS, RULES,
	       LANES, SLOTS, ALWAYS);
	printf("IMAGE_MAGIC %s\nCONTEXT_MAGIC %s\n", IMAGE_MAGIC, CONTEXT_MAGIC);
	printf("CONTEXT_HEADER %d\nCONTEXT_RECORDS %d\nOBJECTS %u\n", CONTEXT_HEADER, CONTEXT_RECORDS, OBJECTS);
	printf("KINDS %d %d %d %d %d %d %d\n", PD, LOGIN, DEK, CQ, QP, MR, MKEY);
	return 0;
}
