/** A member that gave no answer in time, in the shape of what gRPC says of one that is lost. */
export class NoAnswer extends Error {
  /** gRPC's DEADLINE_EXCEEDED. */
  readonly code = 4;
  readonly details: string;

  constructor(timeoutMs: number) {
    super('no answer');
    this.details = `it gives no answer for ${Math.round(timeoutMs / 100) / 10} s`;
  }
}
