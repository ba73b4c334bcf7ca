/**
 * An RPMB in this process, written from JESD84-B51 and not with our codec, so that the one judges the other; and that
 * can be made to lie. QEMU's is the honest one: test/vm.
 */
import {createHmac, randomBytes} from 'node:crypto';
import type {Exchange, RpmbPort} from '../../../src/rpmb/port.js';

/** Alters an answer before it is given. */
export type Lie = (answer: Buffer, request: Buffer) => void;

export class FakeRpmb implements RpmbPort {
  readonly name = 'fake';
  readonly blocks = 16;
  key: Buffer | undefined;
  counter = 0;
  readonly data = Buffer.alloc(16 * 256);
  lie: Lie = () => {};
  /** What came, in its order. */
  readonly requests: Buffer[] = [];
  readonly answers: Buffer[] = [];

  exchange({frames, answers}: Exchange): Uint8Array {
    const request = Buffer.from(frames);
    this.requests.push(request);
    const answer = this.#answer(request, answers);
    this.answers.push(Buffer.from(answer));
    this.lie(answer, request);
    return answer;
  }

  close(): void {}

  /** Puts the MAC that belongs there into the last frame. */
  sign(answer: Buffer, key = this.key ?? randomBytes(32)): void {
    const hmac = createHmac('sha256', key);
    for (let at = 0; at < answer.length; at += 512) hmac.update(answer.subarray(at + 228, at + 512));
    hmac.digest().copy(answer, answer.length - 512 + 196);
  }

  #answer(request: Buffer, count: number): Buffer {
    const type = request.readUInt16BE(510);
    const answer = Buffer.alloc(512 * count);
    const address = request.readUInt16BE(504);
    const put = (result: number, frame = 0): void => {
      request.copy(answer, 512 * frame + 484, 484, 500);
      answer.writeUInt32BE(this.counter, 512 * frame + 500);
      answer.writeUInt16BE(address, 512 * frame + 504);
      answer.writeUInt16BE(result, 512 * frame + 508);
      answer.writeUInt16BE(type << 8, 512 * frame + 510);
    };
    if (type === 1) {
      put(this.key ? 5 : 0);
      this.key ??= Buffer.from(request.subarray(196, 228));
      return answer;
    }
    if (!this.key) {
      put(7);
      return answer;
    }
    if (type === 2) put(0);
    else if (type === 3) this.#write(request, address, put, answer);
    else {
      for (let i = 0; i < count; i++) {
        put(address + count > this.blocks ? 4 : 0, i);
        this.data.copy(answer, 512 * i + 228, (address + i) * 256, (address + i + 1) * 256);
      }
    }
    this.sign(answer);
    return answer;
  }

  #write(request: Buffer, address: number, put: (result: number) => void, answer: Buffer): void {
    const signed = Buffer.from(request);
    this.sign(signed);
    if (!signed.equals(request)) put(2);
    else if (request.readUInt32BE(500) !== this.counter) put(3);
    else if (address >= this.blocks) put(4);
    else {
      request.copy(this.data, address * 256, 228, 484);
      this.counter++;
      put(0);
    }
    // As QEMU's eMMC does, a refusal has no counter.
    if (answer.readUInt16BE(508) !== 0) answer.writeUInt32BE(0, 500);
    answer.fill(0, 484, 500);
  }
}
