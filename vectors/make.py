#!/usr/bin/python3
"""Makes the vectors of this folder with python3-cryptography, or with --check compares them with the files.

README.md says what the vectors are. None of the project's own code takes part. Runs on Debian's python3-cryptography.
"""
import hashlib
import json
import pathlib
import sys

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.cmac import CMAC
from cryptography.hazmat.primitives.kdf.kbkdf import KBKDFCMAC, CounterLocation, Mode
from cryptography.hazmat.primitives.keywrap import (
    InvalidUnwrap, aes_key_unwrap, aes_key_wrap, aes_key_wrap_with_padding)

HERE = pathlib.Path(__file__).parent
DEFAULT_IV = bytes.fromhex('a6' * 8)


def pattern(first, count):
    """count bytes that anyone can see are no secret: first, first + 1, ..."""
    return bytes((first + i) % 256 for i in range(count))


KEKS = {'kek128': pattern(0x00, 16), 'kek256': pattern(0x00, 32)}
KEYTAG = b'keytag:1'
CREDENTIAL = pattern(0xc0, 40)
# RFC 3394 sections 4.1 to 4.6: KEK bytes, plaintext bytes, ciphertext as printed there.
RFC3394 = {
    '4.1': (16, 16, '1FA68B0A8112B447 AEF34BD8FB5A7B82 9D3E862371D2CFE5'),
    '4.2': (24, 16, '96778B25AE6CA435 F92B5B97C050AED2 468AB8A17AD84E5D'),
    '4.3': (32, 16, '64E8C3F9CE0F5BA2 63E9777905818A2A 93C8191E7D6E8AE7'),
    '4.4': (24, 24, '031D33264E15D332 68F24EC260743EDC E1C6C7DDEE725A93 6BA814915C6762D2'),
    '4.5': (32, 24, 'A8F9BC1612C68B3F F6E6F4FBE30E71E4 769C8B80A32CB895 8CD5D17D6B254DA1'),
    '4.6': (32, 32, '28C9F404C4B810F4 CBCCB35CFB87F826 3F5786E2D80ED326 CBC7F0E71A99F43B FB988B9B7A02DD21'),
}


def dek(key_bytes, keytag):
    return pattern(0x10, key_bytes) + pattern(0x80, key_bytes) + (KEYTAG if keytag else b'')


def wrap_with_iv(kek, iv, plaintext):
    """RFC 3394 section 2.2.1 with any IV, which aes_key_wrap does not offer."""
    encrypt = Cipher(algorithms.AES(kek), modes.ECB()).encryptor().update
    a, r = iv, [plaintext[i:i + 8] for i in range(0, len(plaintext), 8)]
    for j in range(6):
        for i in range(len(r)):
            b = encrypt(a + r[i])
            a = (int.from_bytes(b[:8], 'big') ^ (len(r) * j + i + 1)).to_bytes(8, 'big')
            r[i] = b[8:]
    return a + b''.join(r)


def flipped(data, bit):
    return bytes(byte ^ (0x80 >> bit % 8 if i == bit // 8 else 0) for i, byte in enumerate(data))


def good(name, kek, plaintext):
    return {'id': name, 'kek': kek.hex(), 'plaintext': plaintext.hex(), 'wrapped': aes_key_wrap(kek, plaintext).hex()}


def bad(name, kek, wrapped, error='UNWRAP_FAILED'):
    try:
        plaintext = aes_key_unwrap(kek, wrapped)
        half = len(plaintext) // 16 * 8
        assert error == 'EQUAL_KEYS' and plaintext[:half] == plaintext[half:2 * half], name
    except InvalidUnwrap:
        assert error == 'UNWRAP_FAILED', name
    return {'id': name, 'kek': kek.hex(), 'wrapped': wrapped.hex(), 'error': error}


def rfc3394():
    def vectors(wanted):
        for section, (kek_bytes, data_bytes, wrapped) in RFC3394.items():
            if (kek_bytes == 24) == wanted:
                # The RFC's data is 00112233 ... EEFF, then 00010203 ...
                data = (bytes(0x11 * i for i in range(16)) + pattern(0, 16))[:data_bytes]
                vector = good('rfc3394-' + section, pattern(0, kek_bytes), data)
                assert vector['wrapped'] == wrapped.replace(' ', '').lower(), section
                yield vector

    vectors_of_16_and_32, vectors_of_24 = list(vectors(False)), list(vectors(True))
    kek, wrapped = KEKS['kek128'], bytes.fromhex(vectors_of_16_and_32[0]['wrapped'])
    refused = [bad(f'rfc3394-4.1-bit-{bit}', kek, flipped(wrapped, bit)) for bit in (0, 63, 64, 191)]
    return {'kind': 'kw', 'title': 'RFC 3394 section 4', 'vectors': vectors_of_16_and_32, 'refused': refused,
            'kek24': vectors_of_24}


def deks():
    layouts = [(bits, tag, dek(bits // 8, tag)) for bits in (128, 256) for tag in (False, True)]
    vectors, refused = [], []
    for kek_name, kek in KEKS.items():
        for bits, tag, plaintext in layouts:
            name = f'dek-{bits}{"-keytag" if tag else ""}-{kek_name}'
            vectors.append(good(name, kek, plaintext))
            key = plaintext[:bits // 8]
            refused.append(bad(name + '-equal-keys', kek, aes_key_wrap(kek, key + key + (KEYTAG if tag else b'')), 'EQUAL_KEYS'))
            refused.append(bad(name + '-kwp', kek, aes_key_wrap_with_padding(kek, plaintext)))
            refused.append(bad(name + '-other-kek', bytes(reversed(kek)), aes_key_wrap(kek, plaintext)))
    for i in range(8):
        kek, plaintext = KEKS['kek256'], layouts[3][2]
        assert wrap_with_iv(kek, DEFAULT_IV, plaintext) == aes_key_wrap(kek, plaintext)
        refused.append(bad(f'dek-256-keytag-kek256-iv-byte-{i}', kek, wrap_with_iv(kek, flipped(DEFAULT_IV, 8 * i + 7), plaintext)))
    return {'kind': 'dek', 'title': 'DEKs in the four layouts', 'vectors': vectors, 'refused': refused}


def credentials():
    vectors, refused = [], []
    for kek_name, kek in KEKS.items():
        name = f'credential-{kek_name}'
        vectors.append(good(name, kek, CREDENTIAL))
        wrapped = aes_key_wrap(kek, CREDENTIAL)
        refused.append(bad(name + '-other-kek', bytes(reversed(kek)), wrapped))
        refused.append(bad(name + '-last-bit', kek, flipped(wrapped, 383)))
    return {'kind': 'credential', 'title': 'Credentials', 'vectors': vectors, 'refused': refused}


def kcvs():
    def vector(name, kek):
        mac = CMAC(algorithms.AES(kek))
        mac.update(bytes(16))
        return {'id': 'kcv-' + name, 'kek': kek.hex(), 'kcv': mac.finalize()[:5].hex()}

    # Between them both branches of the doubling in SP 800-38B section 6.1: AES(0) with its first bit set, and not.
    more = {'zero128': bytes(16), 'zero256': bytes(32), 'ones128': b'\xff' * 16, 'ones256': b'\xff' * 32}
    return {'kind': 'kcv', 'title': 'Key check values', 'vectors': [vector(n, k) for n, k in {**KEKS, **more}.items()]}


def dcv_of(key1, key2):
    tweak = int.from_bytes(b'mlx5-dek DCV v1.', 'little')
    units = b''
    for unit in (0, 1):
        xts = Cipher(algorithms.AES(key1 + key2), modes.XTS((tweak + unit).to_bytes(16, 'little'))).encryptor()
        units += xts.update(bytes(512)) + xts.finalize()
    return hashlib.sha256(b'dek-dcv-v1' + units).digest()[:16]


def dcvs():
    def vector(name, dek):
        half = (len(dek) - len(dek) % 32) // 2
        key1, key2 = dek[:half], dek[half:2 * half]
        wrong = dcv_of(key2, key1), dcv_of(key1[::-1], key2[::-1]), dcv_of(key2[::-1], key1[::-1])
        return {'id': 'dcv-' + name, 'dek': dek.hex(), 'dcv': dcv_of(key1, key2).hex(),
                'hints': b''.join(value[:2] for value in wrong).hex()}

    made = {f'{bits}{"-keytag" if tag else ""}': dek(bits // 8, tag) for bits in (128, 256) for tag in (False, True)}
    # The highest bit of a mask is carried in some of these, and not in others.
    more = {f'pattern-{first:02x}': pattern(first, 32) for first in (0x00, 0x40, 0xa0, 0xf0)}
    return {'kind': 'dcv', 'title': 'DEK check values', 'vectors': [vector(n, d) for n, d in {**made, **more}.items()]}


def kcv_of(kek):
    mac = CMAC(algorithms.AES(kek))
    mac.update(bytes(16))
    return mac.finalize()[:5]


def envelope(key, name, not_after, blob_key, data):
    """dek-envelope(5), version 1."""
    label = (b'dek-seal' + bytes([1]) + kcv_of(key) + not_after.to_bytes(8, 'big') +
             bytes([len(name.encode())]) + name.encode())
    name_key = KBKDFCMAC(algorithms.AES, Mode.CounterMode, 32, 4, 4, CounterLocation.BeforeFixed,
                         b'dek-envelope-v1', label, None).derive(key)
    chunks = [data[at:at + 65536] for at in range(0, len(data), 65536)] or [b'']
    sealed = b''.join(
        AESGCM(blob_key).encrypt(i.to_bytes(11, 'big') + bytes([i == len(chunks) - 1]), chunk, None)
        for i, chunk in enumerate(chunks))
    return label + aes_key_wrap(name_key, blob_key) + sealed


def envelopes():
    key, blob_key = pattern(0x40, 32), pattern(0xb0, 32)
    cases = [('empty', 'empty', 0, 0), ('kek', 'import-kek', 32, 0), ('dated', 'import-kek', 32, 1924991999),
             ('utf8', 'Schl\u00fcssel 1', 7, 0), ('longest-name', 'n' * 255, 1, 0),
             ('chunk', 'a chunk', 65536, 0), ('two-chunks', 'two chunks', 65537, 0), ('three', 'three', 150000, 0)]

    def vector(identity, name, size, not_after):
        sealed = envelope(key, name, not_after, blob_key, bytes(i % 251 for i in range(size)))
        small = {'envelope': sealed.hex()} if size < 1000 else {}
        return {'id': 'envelope-' + identity, 'key': key.hex(), 'blobKey': blob_key.hex(), 'name': name,
                'notAfter': not_after, 'dataBytes': size, **small, 'sha256': hashlib.sha256(sealed).hexdigest()}

    return {'kind': 'envelope', 'title': 'Envelopes; byte i of the data is i mod 251',
            'vectors': [vector(*case) for case in cases]}


def nvidia():
    # The wrapped key of DPDK's cryptodev_mlx5_autotest: the only wrapped DEK that was published by someone else. Its KEK is
    # zero, its key1 equals its key2, and its keytag is zero.
    wrapped = ('94d8aed774bf51f12d190b9ab3dc1ea95cc547c1bb94dbfa2b1e54a576ad074b'
               '46e0aaf9f75c642d8f041772e58dfe9c')
    vector = good('nvidia-dpdk-128-keytag', bytes(16), pattern(0, 16) + pattern(0, 16) + bytes(8))
    assert vector['wrapped'] == wrapped
    return {'kind': 'kw', 'title': 'NVIDIA, by way of DPDK', 'vectors': [vector], 'refused': []}


def main():
    check = sys.argv[1:] == ['--check']
    for name, make in {'rfc3394': rfc3394, 'dek': deks, 'credential': credentials, 'kcv': kcvs, 'dcv': dcvs, 'nvidia': nvidia,
                       'envelope': envelopes}.items():
        path, text = HERE / f'{name}.json', json.dumps(make(), indent=2) + '\n'
        if not check:
            path.write_text(text)
        elif path.read_text() != text:
            sys.exit(f'{path.name} differs from what python3-cryptography computes')


main()
