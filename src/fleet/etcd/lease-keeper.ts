/**
 * Signs of life of leases, on one stream that stays open: to open one for each sign costs a member several times as
 * much as the sign, and ten thousand hosts give a thousand of them each second.
 */
import {DekError} from '../../errors.js';
import type {MemberStream, Members} from './members.js';
import {decodeKeepAlive, encodeLease, METHODS} from './messages.js';
import {Patience} from './patience.js';

/** How long an answer may take. */
const ANSWER_MS = 3000;

export class LeaseKeeper {
  readonly #members: Members;
  #line: Promise<Line> | undefined;

  constructor(members: Members) {
    this.#members = members;
  }

  /** The seconds that the lease still has; 0: it is gone. Throws IO when the member of now gives no answer. */
  async keep(id: number): Promise<number> {
    this.#line ??= this.#open();
    return (await this.#line).ask(id);
  }

  async #open(): Promise<Line> {
    const forget = (): void => {
      this.#line = undefined;
    };
    try {
      return new Line(await this.#members.stream(METHODS.leaseKeepAlive), forget);
    } catch (error) {
      forget();
      throw error;
    }
  }
}

/** The stream, until it fails, ends or does not answer. */
class Line {
  readonly #member: MemberStream;
  readonly #onEnd: () => void;
  /** In the order of their questions, which is that of the answers. */
  readonly #waiting: ((seconds: number | undefined) => void)[] = [];
  #hasEnded = false;

  constructor(member: MemberStream, onEnd: () => void) {
    [this.#member, this.#onEnd] = [member, onEnd];
    const {stream, leave} = member;
    stream.on('data', (bytes: Uint8Array) => this.#hear(bytes));
    // One that ends while nobody asks says nothing against its member.
    const fail = (): void => this.#end(this.#waiting.length > 0 ? leave : () => {});
    stream.on('error', fail);
    stream.on('end', fail);
  }

  async ask(id: number): Promise<number> {
    const {stream, heard, giveUp} = this.#member;
    const before = heard();
    const seconds = await new Promise<number | undefined>((resolve) => {
      const patience = new Patience(ANSWER_MS, () => this.#end(() => giveUp(before)));
      this.#waiting.push((answer) => {
        patience.end();
        resolve(answer);
      });
      if (this.#hasEnded) this.#tellAll();
      else stream.write(encodeLease(id));
    });
    if (seconds !== undefined) return seconds;
    throw new DekError('IO', 'etcd: no sign of the lease');
  }

  #hear(bytes: Uint8Array): void {
    try {
      const seconds = decodeKeepAlive(bytes);
      this.#waiting.shift()?.(seconds);
    } catch {
      // Nobody would catch it here: what does not speak as etcd does is as lost.
      this.#end(this.#member.leave);
    }
  }

  #end(leave: () => void): void {
    if (this.#hasEnded) return;
    this.#hasEnded = true;
    this.#onEnd();
    leave();
    this.#tellAll();
    this.#member.stream.cancel();
  }

  #tellAll(): void {
    for (const tell of this.#waiting.splice(0)) tell(undefined);
  }
}
