"""What commands.ts runs beside dek: one process of Python with python3-cryptography.

usage and output are those of commands.sh, but rewrap also puts the new KEK's check value into the header.
"""
import base64
import json
import os
import sys

from cryptography.hazmat.primitives.ciphers.algorithms import AES
from cryptography.hazmat.primitives.cmac import CMAC
from cryptography.hazmat.primitives.keywrap import aes_key_unwrap, aes_key_wrap


def read(path):
    with open(path, "rb") as file:
        return file.read()


def check_value(kek):
    cmac = CMAC(AES(kek))
    cmac.update(bytes(16))
    return cmac.finalize()[:5].hex()


def entry(fields):
    return json.dumps(fields, separators=(",", ":")) + "\n"


def keygen(keys, kek_file):
    kek = read(kek_file)
    for i in range(int(keys)):
        wrapped = base64.b64encode(aes_key_wrap(kek, os.urandom(72))).decode()
        sys.stdout.write(entry({"name": f"vol-{i + 1}", "keySize": 256, "keytag": True, "wrapped": wrapped}))


def check(manifest, kek_file):
    kek = read(kek_file)
    with open(manifest) as lines:
        next(lines)
        for line in lines:
            aes_key_unwrap(kek, base64.b64decode(json.loads(line)["wrapped"]))


def rewrap(manifest, old_file, new_file):
    old, new = read(old_file), read(new_file)

    def anew(text):
        return base64.b64encode(aes_key_wrap(new, aes_key_unwrap(old, base64.b64decode(text)))).decode()

    with open(manifest) as lines:
        header = json.loads(next(lines))
        header["importKekKcv"] = check_value(new)
        header["wrappedCredential"] = anew(header["wrappedCredential"])
        sys.stdout.write(entry(header))
        for line in lines:
            fields = json.loads(line)
            fields["wrapped"] = anew(fields["wrapped"])
            sys.stdout.write(entry(fields))


def raw(operation, keys_file, kek_file, key_bytes):
    kek = read(kek_file)
    with open(keys_file, "rb") as keys:
        while key := keys.read(key_bytes):
            sys.stdout.buffer.write(operation(kek, key))


def wrap(keys_file, kek_file):
    raw(aes_key_wrap, keys_file, kek_file, 72)


def unwrap(keys_file, kek_file):
    raw(aes_key_unwrap, keys_file, kek_file, 80)


{"keygen": keygen, "check": check, "rewrap": rewrap, "wrap": wrap, "unwrap": unwrap}[sys.argv[1]](*sys.argv[2:])
