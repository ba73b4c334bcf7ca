"""python3-cryptography's side of wrap.ts: usage, input and output are those of wrap.c, without its first argument."""
import hashlib
import sys
import time

from cryptography.hazmat.primitives.keywrap import aes_key_unwrap, aes_key_wrap

kek = bytes.fromhex(sys.argv[1])
plain_bytes = int(sys.argv[3])
with open(sys.argv[2], "rb") as file:
    data = file.read()
plaintexts = [data[i : i + plain_bytes] for i in range(0, len(data), plain_bytes)]
wrapped = []

for line in sys.stdin:
    op, keys, times = line.split()
    operation, given = (aes_key_wrap, plaintexts) if op == "wrap" else (aes_key_unwrap, wrapped)
    given = given[: int(keys)]
    cpu, wall = time.process_time_ns(), time.monotonic_ns()
    for _ in range(int(times)):
        made = [operation(kek, key) for key in given]
    cpu, wall = time.process_time_ns() - cpu, time.monotonic_ns() - wall
    if op == "wrap":
        wrapped = made
    print(cpu, wall, hashlib.sha256(b"".join(made)).hexdigest(), flush=True)
