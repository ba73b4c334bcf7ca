# docs/encrypted-store.md, from its own text: a volume whose key comes from a keyring of the kernel.
# vm: disk
. inside/checks.sh
. inside/product.sh
export DM_DISABLE_UDEV=1 # there is none here: dmsetup makes the nodes itself
modprobe -a virtio_blk dm_crypt xts ext4
umask 077
cp "$KIT/import-kek" /run/import-kek
head -c 32 /dev/urandom >/run/master-key

# Runs the block after `<!-- run: NAME -->`, up to the first command that fails.
document() {
  awk -v "mark=<!-- run: $1 -->" '$0 == mark {fences = 2} /^```$/ && fences > 0 {fences--; next} fences == 1' \
    "$DEK_ROOT/docs/encrypted-store.md" >/run/block
  [ -s /run/block ] || { echo "the document has no block $1"; return 99; }
  bash -e /run/block
}
all_run() { is "$(grep -c '^<!-- run' "$DEK_ROOT/docs/encrypted-store.md")" 9; }
table_tells_no_key() {
  dmsetup table --showkeys dek >/run/table
  grep -q :32:logon:dek:volume /run/table && ! grep -q "$(od -An -v -tx1 /run/volume-key | tr -d ' \n')" /run/table
}

# A session as a login makes one, so that the ring of the user has to be linked.
if [ -z "${IN_SESSION-}" ]; then
  trap - EXIT
  IN_SESSION=1 exec keyctl session - bash "$0"
fi

check 'the test knows all blocks of the document' all_run
check 'prepare' document prepare
check 'create' document create
check 'the table does not have the key' table_tells_no_key
check 'use' document use
says 'shows the manifest' '20 DEKs'
sync
check 'the open volume has it in plaintext' grep -qa vol-001 /dev/mapper/dek
check 'close' document close
check 'the disk has nothing of the manifest' sh -c '! grep -qa vol-001 /dev/vda'
ends 1 'without the key it does not open' document refused
says 'since there is none' 'Required key not available'
head -c 32 /dev/urandom | keyctl padd logon dek:volume @u >/dev/null
check 'with another key it opens' document refused
ends 32 'and has no file system' mount -t ext4 /dev/mapper/dek /var/lib/dek-store
dmsetup remove dek
keyctl clear @u
check 'with the key again it opens' document open
check 'and the manifest is there' document use

dd if=/var/lib/dek-store/manifest of=/dev/null iflag=direct status=none
check 'wipe' document wipe
ends 1 'without the key it does not go on' dmsetup resume dek
check 'set' document set
check 'and it can be read again' dd if=/dev/mapper/dek of=/dev/null bs=4096 count=64 iflag=direct
umount /var/lib/dek-store
dmsetup remove dek
check 'encrypted' document encrypted
check 'the blob is ciphertext' grep -q '^default user:dek-master 32 ' /var/lib/volume-key.blob
dmsetup remove dek-encrypted
