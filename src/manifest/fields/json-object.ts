/**
 * A line of JSON as an object of known members. JSON.parse takes more than a manifest may hold: of a member that
 * stands twice it keeps the last, 2.56e2 is 256, and \u0061 is a. Two programs could then read two things in one line,
 * so each of these is refused; spaces between the parts are not.
 */
import {fault} from '../fault.js';
import {assertText} from '../lines.js';

export type JsonObject = Record<string, unknown>;

/** The object that line number `line` holds. Throws BAD_INPUT unless it is one. */
export function parseObject(text: string, line: number): JsonObject {
  assertText(text, line);
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    // V8's message quotes the text, which may be anything.
    throw fault(line, null, 'is not JSON', line === 1 ? 'is it a manifest? dek inspect FILE tells' : undefined);
  }
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as JsonObject;
  throw fault(line, null, 'expected a JSON object');
}

/**
 * Throws BAD_INPUT when the object has a member that is not in `members`, or stands otherwise in `text` than
 * JSON.stringify writes it. Call it when each value has been checked and no string among them has a space in it.
 */
export function assertCanonical(value: JsonObject, text: string, line: number, members: ReadonlySet<string>): void {
  for (const name in value) if (!members.has(name)) throw fault(line, null, `unknown member${quoted(name)}`);
  const plain = JSON.stringify(value);
  if (plain === text || plain === text.replace(/[\t ]+/g, '')) return;
  const outermost = text.slice(1).replace(/\{[^{}]*\}/g, '');
  for (const name of members) {
    if (outermost.split(new RegExp(`"${name}"[\\t ]*:`)).length > 2) throw fault(line, name, 'stands twice');
  }
  throw fault(line, null, 'a name, a number or a string is not in its canonical form (no escapes, no 2.56e2)');
}

/** A member that has to be there, of an object that messages call `within`. Throws BAD_INPUT. */
export function member(value: JsonObject, name: string, line: number, within = ''): unknown {
  const found = value[name];
  if (found === undefined) throw fault(line, `${within}${name}`, 'missing');
  return found;
}

/** What a value is, for messages: numbers, booleans and null as they are, of others the type only. */
export function shown(value: unknown): string {
  if (Array.isArray(value)) return 'an array';
  if (typeof value === 'string') return 'a string';
  return typeof value === 'object' && value !== null ? 'an object' : String(value);
}

function quoted(name: string): string {
  return /^[A-Za-z][A-Za-z0-9_-]{0,23}$/.test(name) ? ` "${name}"` : '';
}
