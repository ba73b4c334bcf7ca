/** `fd:N`, an open descriptor; and `-`, standard input. */
import type {Source} from './source.js';

export function sourceOf(number: string, title: string): Source | undefined {
  if (number === '') return {name: `"${title}" standard input`, fd: 0, isPrivate: false};
  if (!/^\d{1,9}$/.test(number)) return undefined;
  return {name: `"${title}" fd:${number}`, fd: Number(number), isPrivate: false};
}
