# dek rpmb on QEMU's eMMC, with mmc-utils as the other client, and with a TEE of our own that has the key.
# vm: emmc
. inside/checks.sh
. inside/product.sh
rpmb=/dev/mmcblk0rpmb
modprobe -a sdhci-pci mmc_block
comes 'the eMMC has an RPMB' test -c "$rpmb"
umask 077
cd /tmp || exit
head -c 32 /dev/urandom >key
head -c 32 /dev/urandom >other-key
head -c 768 /dev/urandom >data
tee() { node "$DEK_ROOT/dist/test/vm/inside/rpmb-request.js" "$@"; }
# What `dek rpmb info` says, in a line.
info() { dek rpmb info "$rpmb" --json "$@" | jq -c '[.bytes, .blocks, .hasKey, .isAuthentic, .writes]'; }
counter_of_mmc() { mmc rpmb read-counter "$rpmb"; }

check 'a new one has no key' is "$(info)" '[2097152,8192,false,false,null]'
ends 7 'and so not this one' dek rpmb info "$rpmb" --key file:key
ends 7 'and takes no write' dek rpmb write "$rpmb" data --key file:key
says 'for that reason' 'no key is programmed'
ends 2 'without a terminal and --yes no key is programmed' setsid dek rpmb program "$rpmb" --key file:key
says 'as it says' 'there is no terminal to ask at'
check 'nothing was done' is "$(info)" '[2097152,8192,false,false,null]'
ends 2 'nor when the answer is no' \
  script --quiet --return --command "dek rpmb program $rpmb --key file:key" /dev/null <<<no
says 'and the question names what it is about' 'for ever' BlueField
ends 2 'nor with a key of 16 bytes' sh -c "head -c 16 key | dek rpmb program $rpmb --key - --yes"
check 'nothing was done' is "$(info)" '[2097152,8192,false,false,null]'
check 'with --yes it is' dek rpmb program "$rpmb" --key file:key --yes
check 'and shows that it has it' is "$(info --key file:key)" '[2097152,8192,true,true,0]'
ends 5 'there is no second time' dek rpmb program "$rpmb" --key file:other-key --yes
ends 6 'another key is found out' dek rpmb info "$rpmb" --key file:other-key

check 'write' dek rpmb write "$rpmb" data --key file:key --address 2
echo "$said"
check 'each block counts' is "$(info --key file:key)" '[2097152,8192,true,true,3]'
check 'read' dek rpmb read "$rpmb" --key file:key --address 2 --blocks 3 --output back
check 'what was written' cmp data back
tail -c +257 data | head -c 256 >second
check 'read of one from the middle' sh -c "dek rpmb read $rpmb --key file:key --address 3 | cmp - second"
check 'mmc-utils reads the same' mmc rpmb read-block "$rpmb" 2 1 mmc-back key
check 'to the byte' sh -c 'head -c 256 data | cmp - mmc-back'
check 'and counts the same' counter_of_mmc
says 'three writes' 0x00000003
head -c 256 /dev/urandom >mmc-data
check 'mmc-utils writes' mmc rpmb write-block "$rpmb" 9 mmc-data key
check 'and we read it' sh -c "dek rpmb read $rpmb --key file:key --address 9 | cmp - mmc-data"
ends 6 'a write by another key is refused' dek rpmb write "$rpmb" mmc-data --key file:other-key
ends 6 'a read by another key too' dek rpmb read "$rpmb" --key file:other-key --output nothing
check 'and gives nothing out' test ! -e nothing
ends 2 'no block behind the last' dek rpmb read "$rpmb" --key file:key --address 8192
ends 2 'no data of another size' dek rpmb write "$rpmb" key --key file:key
check 'the key may come from a keyring' keyctl session - sh -c "
  keyctl link @u @s && keyctl padd user rpmb @u <key && dek rpmb info $rpmb --key keyring:user:rpmb"

# Frames of a TEE, unchanged, and its answers back.
tee key counter >request
check 'a TEE asks for the counter' dek rpmb read "$rpmb" --frames request --output answer
check 'and can believe the answer' is "$(tee key check answer)" '1 frames, type 2, result 0, counter 4, data 0, signed'
check 'the nonce is its own' sh -c 'cmp -s -i 484:484 -n 16 request answer'
{ tee key write 4 20 77; tee key write 5 21 78; } >requests
check 'it writes two blocks' dek rpmb write "$rpmb" --frames requests --output answers
check 'and has an answer to each' is "$(tail -c 512 answers >last; tee key check last)" \
  '1 frames, type 3, result 0, counter 6, data 0, signed'
tee key read 20 >request
check 'it reads them' dek rpmb read "$rpmb" --frames request --blocks 2 --output read-answer
check 'in one signed answer' is "$(tee key check read-answer)" '2 frames, type 4, result 0, counter 0, data 77, signed'
ends 4 'the same requests again are refused' dek rpmb write "$rpmb" --frames requests --output replayed
says 'by the counter' 'message 1 of 2 was refused: 3, the write counter is another'
check 'and the TEE has that answer' sh -c 'test "$(wc -c <replayed)" = 512'
tee other-key write 6 20 1 >request
ends 6 'requests of another TEE too' dek rpmb write "$rpmb" --frames request --output foreign
check 'the counter is the one of before' is "$(info --key file:key)" '[2097152,8192,true,true,6]'

ends 3 'no such device' dek rpmb info /dev/mmcblk7rpmb
ends 2 'the eMMC itself is no RPMB' dek rpmb info /dev/mmcblk0
ends 2 'nor is another node' dek rpmb info /dev/null
