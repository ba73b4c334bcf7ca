/*
 * The GID of a NIC, as its sysfs says: fe80:: and its GUID. An address is that of a NIC of this directory, or of none:
 * a NIC may have none (dek virtual set gid=no), and its port may be down.
 */

static bool is_down(const struct nic *nic)
{
	return LOAD(nic->image->port_down);
}

static void make_gid(const struct nic *nic, uint8_t gid[16])
{
	const uint64_t guid = htobe64(nic->image->guid);

	memcpy(gid, (uint8_t[8]){0xfe, 0x80}, 8);
	memcpy(gid + 8, &guid, 8);
}

/* The NIC of a GID, or NULL. Call with the mutex. */
static struct nic *find_nic(const uint8_t gid[16])
{
	enum { MOST_DEVICES = 16 }; /* src/virtual/virtual.ts */
	uint8_t own[16];

	for (int i = 0; i < MAX_NICS && nics[i].image; i++) {
		make_gid(&nics[i], own);
		if (memcmp(gid, own, sizeof(own)) == 0)
			return LOAD(nics[i].image->no_gid) ? NULL : &nics[i];
	}
	for (int i = 0; i < MOST_DEVICES; i++) {
		const int error = errno;
		struct nic *nic = attach(i);

		errno = error;
		if (!nic)
			break;
		make_gid(nic, own);
		if (memcmp(gid, own, sizeof(own)) == 0)
			return LOAD(nic->image->no_gid) ? NULL : nic;
	}
	return NULL;
}
