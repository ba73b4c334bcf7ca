/**
 * The part of a TEE: makes frames with a key that nobody else has, `rpmb-request KEYFILE write|read|counter ...` to
 * stdout, `rpmb-request KEYFILE check FILE` for an answer. Written without our codec, which it judges.
 */
import {createHmac} from 'node:crypto';
import fs from 'node:fs';

const [keyFile, what, ...args] = process.argv.slice(2);
const key = fs.readFileSync(keyFile!);
const frame = (): Buffer => Buffer.alloc(512);
const mac = (bytes: Buffer): Buffer => {
  const hmac = createHmac('sha256', key);
  for (let at = 0; at < bytes.length; at += 512) hmac.update(bytes.subarray(at + 228, at + 512));
  return hmac.digest();
};

if (what === 'write') {
  // COUNTER ADDRESS BYTE: a block of that byte
  const [counter, address, byte] = args.map(Number) as [number, number, number];
  const bytes = frame().fill(byte, 228, 484);
  bytes.writeUInt32BE(counter, 500);
  bytes.writeUInt16BE(address, 504);
  bytes.writeUInt16BE(1, 506);
  bytes.writeUInt16BE(3, 510);
  mac(bytes).copy(bytes, 196);
  process.stdout.write(bytes);
} else if (what === 'read' || what === 'counter') {
  const bytes = frame();
  bytes.fill(0x5a, 484, 500);
  bytes.writeUInt16BE(Number(args[0] ?? 0), 504);
  bytes.writeUInt16BE(what === 'read' ? 4 : 2, 510);
  process.stdout.write(bytes);
} else {
  const bytes = fs.readFileSync(args[0]!);
  const isSigned = mac(bytes).equals(bytes.subarray(bytes.length - 512 + 196, bytes.length - 512 + 228));
  const type = bytes.readUInt16BE(510);
  console.log(
    `${bytes.length / 512} frames, type ${type >> 8}, result ${bytes.readUInt16BE(508)}, counter ` +
      `${bytes.readUInt32BE(500)}, data ${bytes[228]}, ${isSigned ? 'signed' : 'not signed'}`,
  );
}
