/**
 * Text that comes from outside, a path for one, on its way to a terminal: without the characters that move the cursor,
 * begin a line, or turn the direction of the text around. A file's name may hold any of them.
 */

/** C0, DEL and C1; what sets the direction of text; what ends a line or a paragraph. */
const CONTROLS = /[\p{Cc}\p{Bidi_Control}\u2028\u2029]/gu;
/** Those of them that JSON.stringify leaves as they are. It breaks no line within a string. */
const CONTROLS_IN_JSON = /(?!\n)[\p{Cc}\p{Bidi_Control}\u2028\u2029]/gu;

const SHORT: Readonly<Record<string, string>> = {'\n': '\\n', '\r': '\\r', '\t': '\\t'};

/** `text` as one line, each control character as an escape: `\n`, `\x1b`, `\u202e`. */
export function printable(text: string): string {
  return text.replace(CONTROLS, (control) => SHORT[control] ?? escapeOf(control));
}

/**
 * The JSON text of `value`, with the control characters that JSON would let through as escapes: the value is the same.
 */
export function jsonText(value: unknown, indent?: number): string {
  const text = JSON.stringify(value, null, indent);
  return text.replace(CONTROLS_IN_JSON, (control) => `\\u${hex(control, 4)}`);
}

function escapeOf(control: string): string {
  return control < '\u0100' ? `\\x${hex(control, 2)}` : `\\u${hex(control, 4)}`;
}

function hex(character: string, digits: number): string {
  return character.charCodeAt(0).toString(16).padStart(digits, '0');
}
