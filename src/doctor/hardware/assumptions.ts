/** The assumptions about firmware of docs/virtual-connectx.md, by their numbers there, in a line each. */

export const ASSUMPTIONS: Readonly<Record<number, string>> = {
  1: 'status of each refusal: an id that is not there BAD_IX, a credential or a key that is altered BAD_PARAM',
  2: 'a second login in one context is BAD_RES_STATE',
  3: 'a KEK or credential that is loaded again under its id is a new one',
  4: 'a PD goes while DEKs of it live',
  5: 'key1 == key2 is accepted',
  6: 'bytes behind the key are ignored',
  7: 'a NIC that is not operational says BAD_SYS_STATE',
  8: 'a DEK in ERROR stays so; object ids are not used twice',
  9: 'a plaintext-import NIC refuses logins, and its DEKs are queried without one',
  10: 'firmware commands cost time, refused ones too',
  11: 'a NIC that was gone comes back empty',
  12: 'key1 is the data key, key2 the tweak key',
  13: 'the tweak counts data units as IEEE 1619 says',
  14: 'data units and where an access may begin',
  15: 'another keytag is an error of the work request',
  16: 'a DEK outlives its login for memory keys',
  17: 'force loopback does not look at the port',
  18: 'a QP whose process is dead moves nothing',
  19: 'a full completion queue makes its QPs wait',
  20: 'CRCs of signatures',
  21: 'a signature that does not match is told once',
  22: 'a datagram longer than its receive',
  23: "a BSF that the UMR's mask does not name",
  24: 'the order of an atomic operand',
  25: 'CRYPTO_OPERATIONAL is taken once',
  26: 'the layout of a wrapped import KEK',
  27: 'the lowest free id is given',
  28: "the registers take an officer's login",
  29: 'IMPORT_KEK and CREDENTIAL objects go with their context',
  30: 'users of DEVX at the registers get BAD_OP',
};

/** Why no report can judge the others. */
export const NOT_ASKED: Readonly<Record<number, string>> = {
  3: 'a crypto officer would have to delete a KEK and to load it again',
  11: 'the NIC would have to be reset, which takes it from all who use it',
  14: 'proofs have whole data units of 512 bytes; tests of rdma-core have others',
  18: 'a service would have to be killed while it moves data',
  ...Object.fromEntries(
    [19, 20, 21, 22, 23, 24].map((number) => [number, "no part of making or using a DEK; rdma-core's own tests ask"]),
  ),
  ...Object.fromEntries(
    [25, 26, 27, 28, 29].map((number) => [number, "the crypto officer's half: his KEK and credential would be needed"]),
  ),
};
