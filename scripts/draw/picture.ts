/**
 * A picture from its text: boxes in columns and rows, with arrows between them, up, down, or to either side in a row. A
 * line of the text is one of these, or a comment that begins with #; anything else is an error:
 *
 *     title | of the picture
 *     column | ID | heading
 *     box | ID | COLUMN ROW | name | what it does
 *     secret | ID | COLUMN ROW | name | what is there in plaintext: a box of another colour
 *     heading | COLUMN ROW | text without a box
 *     arrow | FROM | TO | what passes
 */
import {escaped} from './escape.js';

const BOX = {width: 330, height: 46} as const;
const STEP = {x: 420, y: 68} as const;
const ORIGIN = {x: 20, y: 92} as const;
const STYLE = `text { font: 12px sans-serif; fill: #59636e } .name { font: bold 13px sans-serif; fill: #1f2328 }
  .title { font: bold 17px sans-serif; fill: #1f2328 } .back { fill: #fff } .box { fill: #f6f8fa; stroke: #59636e }
  .secret { fill: #fff8c5; stroke: #9a6700; stroke-width: 1.5 }
  .arrow { fill: none; stroke: #0969da; stroke-width: 1.5 } .head { fill: #0969da } .middle { text-anchor: middle }
  @media (prefers-color-scheme: dark) { text { fill: #9198a1 } .name, .title { fill: #f0f6fc } .back { fill: #0d1117 }
  .box { fill: #151b23; stroke: #9198a1 } .secret { fill: #2e2611; stroke: #d29922 }
  .arrow { stroke: #4493f8 } .head { fill: #4493f8 } }`;

/** The upper left corner of a box. */
interface Place {
  x: number;
  y: number;
}

/** The picture of a source, as SVG. */
export function drawPicture(source: string): string {
  const columns = new Map<string, number>();
  const boxes = new Map<string, Place>();
  const parts: string[] = [];
  let hasSecrets = false;
  let height = 0;
  let name = '';
  const known = <T>(map: ReadonlyMap<string, T>, name: string, line: number): T => {
    const value = map.get(name);
    if (value === undefined) throw new Error(`line ${line}: there is no "${name}" above it`);
    return value;
  };
  const at = (where: string, line: number): Place => {
    const [column, row] = where.split(' ');
    const place = {x: known(columns, column!, line), y: ORIGIN.y + Number(row) * STEP.y};
    height = Math.max(height, place.y + BOX.height + 20);
    return place;
  };
  const drawBox = (kind: string, place: Place, id: string, name: string, what: string): void => {
    boxes.set(id, place);
    const x = place.x + BOX.width / 2;
    parts.push(
      rectangle(kind, place.x, place.y, BOX.width, BOX.height),
      label(x, place.y + (what === '' ? 28 : 19), name, 'name middle'),
      label(x, place.y + 36, what, 'middle'),
    );
  };
  const draw: Record<string, (line: number, ...words: string[]) => void> = {
    title(_, text) {
      name = escaped(text!);
      parts.push(label(ORIGIN.x, 32, text!, 'title'));
    },
    column(_, id, heading) {
      const x = ORIGIN.x + columns.size * STEP.x;
      columns.set(id!, x);
      parts.push(label(x, 66, heading!, 'name'));
    },
    heading(line, where, text) {
      const {x, y} = at(where!, line);
      parts.push(label(x, y + BOX.height / 2 + 12, text!, 'name'));
    },
    box: (line, id, where, name, what) => drawBox('box', at(where!, line), id!, name!, what!),
    secret(line, id, where, name, what) {
      hasSecrets = true;
      drawBox('secret', at(where!, line), id!, name!, what!);
    },
    arrow(line, from, to, text = '') {
      parts.push(...arrow(known(boxes, from!, line), known(boxes, to!, line), text));
    },
  };
  for (const [i, text] of source.split('\n').entries()) {
    if (text === '' || text.startsWith('#')) continue;
    const [kind, ...words] = text.split('|').map((word) => word.trim());
    const drawOne = draw[kind!];
    if (!drawOne) throw new Error(`line ${i + 1}: "${kind}" is not a kind of line`);
    drawOne(i + 1, ...words);
  }
  if (hasSecrets) {
    parts.push(rectangle('secret', ORIGIN.x, height, 24, 14), label(ORIGIN.x + 34, height + 12, 'a key in plaintext'));
    height += 34;
  }
  const size = [ORIGIN.x * 2 + (columns.size - 1) * STEP.x + BOX.width, height];
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${size.join(' ')}" role="img" aria-label="${name}">`,
    `<title>${name}</title>`,
    `<style>${STYLE}</style>`,
    `<rect class="back" width="${size[0]}" height="${size[1]}"/>`,
    ...parts.filter((part) => part !== ''),
    '</svg>\n',
  ].join('\n');
}

/** Up or down within a column, to either side within a row. */
function arrow(from: Place, to: Place, text: string): string[] {
  if (from.x === to.x) {
    const x = from.x + BOX.width / 2;
    const [begin, end, way] = from.y < to.y ? [from.y + BOX.height, to.y, 1] : [from.y, to.y + BOX.height, -1];
    return [
      `<path class="arrow" d="M${x} ${begin}V${end - 6 * way}"/>`,
      `<path class="head" d="M${x - 4} ${end - 8 * way}h8l-4 ${8 * way}z"/>`,
      label(x + 10, (begin + end) / 2 + 4, text),
    ];
  }
  if (from.y !== to.y) throw new Error('an arrow from column to column stays in its row');
  const y = from.y + BOX.height / 2;
  const [begin, end, way] = from.x < to.x ? [from.x + BOX.width, to.x, 1] : [from.x, to.x + BOX.width, -1];
  return [
    `<path class="arrow" d="M${begin} ${y}H${end - 6 * way}"/>`,
    `<path class="head" d="M${end - 8 * way} ${y - 4}v8l${8 * way}-4z"/>`,
    label((begin + end) / 2, y - 8, text, 'middle'),
  ];
}

function rectangle(kind: string, x: number, y: number, width: number, height: number): string {
  const radius = Math.min(6, height / 3);
  return `<rect class="${kind}" x="${x}" y="${y}" width="${width}" height="${height}" rx="${radius}"/>`;
}

function label(x: number, y: number, text: string, kind = ''): string {
  return text && `<text${kind && ` class="${kind}"`} x="${x}" y="${y}">${escaped(text)}</text>`;
}
