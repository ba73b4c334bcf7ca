/* QUERY_HCA_CAP: the pages that libmlx5 asks for. Left out: every capability that it does not look at. */

static int count_keys(const struct key *table)
{
	int count = 0;

	for (int i = 0; i < KEYS; i++)
		count += LOAD(table[i].valid);
	return count;
}

/* op_mod = page << 1 | current. The page starts 16 bytes into the out mailbox; bits count from the left. */
static void query_caps(const struct image *image, uint16_t op_mod, uint8_t *out, uint32_t outlen)
{
	uint8_t caps[4096] = {0};

	if (op_mod >> 1 == CAPS_GENERAL) {
		if (!LOAD(image->no_crypto_objects))
			put32(caps + 132, 1u << TYPE_DEK | 1u << TYPE_IMPORT_KEK | 1u << TYPE_CREDENTIAL |
						  1u << TYPE_LOGIN); /* general_obj_types 0x400/64 */
		caps[126] = (image->engines & 1 ? 0x40 : 0) | (image->engines & 2 ? 0x20 : 0); /* 0x3f1, 0x3f2 */
		caps[141] = image->engines ? 0xc0 : 0; /* 0x468 (the engine's bit up to rdma-core 41), crypto 0x469 */
		caps[54] = 0x01; /* port_type 0x1b6/2: Ethernet */
		caps[55] = 1; /* num_ports 0x1b8/8 */
		caps[66] = 0x01; /* sho 0x217: keys with a signature */
		caps[82] = WQE_MOST >> 8; /* max_wqe_sz_sq 0x290/16 */
		caps[144] = 0x80; /* sigerr_domain_and_sig_type 0x480 */
	} else if (op_mod >> 1 == CAPS_ROCE) {
		/* fl_rc_qp_when_roce_disabled 0x5, fl_rc_qp_when_roce_enabled 0x6 */
		caps[0] = LOAD(image->no_loopback) ? 0 : 0x06;
	} else if (op_mod >> 1 == CAPS_CRYPTO && image->engines) {
		if (image->wrapped_import) {
			caps[0] = (image->state != COMMISSIONING ? 0x80 : 0) |
				  (image->state == GOING_TO_COMMISSIONING ? 0x40 : 0);
			caps[3] = IMPORT_METHOD_AES;
		}
		caps[5] = image->log_max_num_deks & 31;
		caps[6] = caps[7] = 6; /* 2^6 == KEYS */
		caps[8] = image->failed_selftests >> 8;
		caps[9] = image->failed_selftests;
		caps[10] = count_keys(image->kek);
		caps[11] = count_keys(image->credential);
	}
	memcpy(out + 16, caps, outlen - 16 < sizeof(caps) ? outlen - 16 : sizeof(caps));
}
