/** What wrap.ts found, as tables for a terminal and as the charts of bench/results/. */
import {mkdirSync, writeFileSync} from 'node:fs';
import {join} from 'node:path';
import {sourcePath} from './compile.js';
import type {KekBits} from './ecb.js';
import {table} from './stats.js';
import {barChart, lineChart} from './svg.js';
import {
  KEYS,
  type Operation,
  SHOWN,
  SIDES,
  type SideName,
  UNWRAPPED_KEYS,
  type WrapCost,
  type WrapCosts,
} from './wrap.js';

const MANY = [4096, 65_536, 1_000_000] as const;
const LIMIT = 'limit: AES-ECB of the same blocks';
const NAMES = Object.keys(SIDES) as SideName[];

/** The tables. */
export function renderWrap(found: WrapCosts): string {
  const buffers = new Map(found.limits.map(({kekBits, bufferBytes}) => [kekBits, bufferBytes]));
  const peaks = [...buffers].map(([kekBits, bytes]) => `${bytes} bytes (${kekBits}-bit KEK)`).join(', ');
  const layouts = found.limits.map(({kekBits, plaintextBytes}) => ({kekBits, plaintextBytes}));
  return [
    `AES key wrap, CPU time of one core, medians; AES-ECB by openssl speed in buffers of ${peaks}`,
    ...layouts.map(({kekBits, plaintextBytes}) => speeds(found, kekBits, plaintextBytes)),
    `wrapping, as ratios; OpenSSL in C as in the man page mlx5dv_dek_create(3)\n${ratios(found)}`,
    `${UNWRAPPED_KEYS} keys, keys a second\n${unwraps(found)}`,
    `how the time of ours grows, ${SHOWN.plaintextBytes} bytes, ${SHOWN.kekBits}-bit KEK\n${growth(found)}`,
  ].join('\n\n');
}

/** Keys a second of each side, a column for each N. */
function speeds(found: WrapCosts, kekBits: KekBits, plaintextBytes: number): string {
  const heading = [`${plaintextBytes} bytes, ${kekBits}-bit KEK: keys a second`, ...KEYS.map((keys) => `N = ${keys}`)];
  const rows = NAMES.map((side) => [
    SIDES[side],
    ...KEYS.map((keys) => {
      const cost = costOf(found, {side, kekBits, plaintextBytes, keys});
      return cost === undefined ? '' : short(1e9 / cost.cpuNs);
    }),
  ]);
  const limit = short(limitOf(found, kekBits, plaintextBytes));
  return table([heading, ...rows, [LIMIT, ...KEYS.map(() => limit)]]);
}

function ratios(found: WrapCosts): string {
  const rows = found.limits.map(({kekBits, plaintextBytes}) => {
    const ns = (side: SideName, keys: number): number => cpuNs(found, {side, kekBits, plaintextBytes, keys});
    return [
      `${plaintextBytes} bytes, ${kekBits}-bit KEK`,
      ...MANY.map((keys) => (ns('manpage', keys) / ns('ours', keys)).toFixed(1)),
      ...MANY.map((keys) => `${shareOfLimit(found, kekBits, plaintextBytes, keys).toFixed(0)} %`),
      (ns('node', 1) / ns('ours', 1)).toFixed(2),
    ];
  });
  const heading = ['', ...MANY.map((keys) => `/ OpenSSL, N = ${keys}`), ...MANY.map((keys) => `of ECB, N = ${keys}`)];
  return table([[...heading, '/ node, N = 1'], ...rows]);
}

function unwraps(found: WrapCosts): string {
  const rows = found.limits.map(({kekBits, plaintextBytes}) => {
    const ns = (operation: Operation, side: SideName): number =>
      cpuNs(found, {operation, side, kekBits, plaintextBytes, keys: UNWRAPPED_KEYS});
    const [unwrap, rewrap] = [ns('unwrap', 'ours'), ns('rewrap', 'ours')];
    const [unwrapC, rewrapC] = [ns('unwrap', 'manpage'), ns('unwrap', 'manpage') + ns('wrap', 'manpage')];
    return [
      `${plaintextBytes} bytes, ${kekBits}-bit KEK`,
      ...[unwrap, unwrapC].map((value) => short(1e9 / value)),
      (unwrapC / unwrap).toFixed(1),
      ...[rewrap, rewrapC].map((value) => short(1e9 / value)),
      (rewrapC / rewrap).toFixed(1),
    ];
  });
  return table([['', 'unwrap', 'OpenSSL in C', 'ratio', 'rewrap', 'OpenSSL in C', 'ratio'], ...rows]);
}

function growth(found: WrapCosts): string {
  const rows = KEYS.map((keys) => {
    const ns = cpuNs(found, {side: 'ours', ...SHOWN, keys});
    return [`${keys}`, ((ns * keys) / 1e6).toPrecision(3), ns.toFixed(0)];
  });
  return table([['N', 'ms', 'ns a key'], ...rows]);
}

/** Writes the figures and the charts to bench/results/. */
export function writeWrapResults(found: WrapCosts): void {
  const folder = sourcePath('results');
  mkdirSync(folder, {recursive: true});
  const write = (name: string, text: string): void => writeFileSync(join(folder, name), text);
  const of = (side: SideName, y: (ns: number, keys: number) => number): [number, number][] =>
    KEYS.map((keys) => [keys, y(cpuNs(found, {side, ...SHOWN, keys}), keys)]);
  const limit = limitOf(found, SHOWN.kekBits, SHOWN.plaintextBytes);
  const what = `keys of ${SHOWN.plaintextBytes} bytes under one ${SHOWN.kekBits}-bit KEK, one core`;
  const keys = {title: 'N, keys in a call', write: short};

  const rows = (list: readonly object[]): string => list.map((row) => JSON.stringify(row)).join(',\n');
  write('wrap.json', `{"costs": [\n${rows(found.costs)}\n], "limits": [\n${rows(found.limits)}\n]}\n`);
  write(
    'wrap-speed.svg',
    lineChart(`AES key wrap: ${what}`, keys, {title: 'keys a second', write: short}, [
      ...NAMES.map((side) => ({name: SIDES[side], points: of(side, (ns) => 1e9 / ns)})),
      {name: LIMIT, points: KEYS.map((n) => [n, limit] as const)},
    ]),
  );
  write(
    'wrap-time.svg',
    lineChart(`How the time grows: ${what}`, keys, {title: 'CPU time', write: shortTime}, [
      ...NAMES.map((side) => ({name: SIDES[side], points: of(side, (ns, n) => (ns * n) / 1e9)})),
      {name: LIMIT, points: KEYS.map((n) => [n, n / limit] as const)},
    ]),
  );
  write(
    'wrap-ratio.svg',
    barChart(
      "Times as fast as OpenSSL's key wrap in C, as mlx5dv_dek_create(3) calls it",
      MANY.map((n) => `${n.toLocaleString('en-US')} keys`),
      found.limits.map(({kekBits, plaintextBytes}) => ({
        name: `${plaintextBytes} B, ${kekBits}-bit KEK`,
        values: MANY.map((n) => {
          const at = {kekBits, plaintextBytes, keys: n};
          return cpuNs(found, {side: 'manpage', ...at}) / cpuNs(found, {side: 'ours', ...at});
        }),
      })),
    ),
  );
}

type Wanted = Pick<WrapCost, 'side' | 'kekBits' | 'plaintextBytes' | 'keys'> & {operation?: Operation};

function costOf({costs}: WrapCosts, wanted: Wanted): WrapCost | undefined {
  const all = Object.entries({operation: 'wrap', ...wanted});
  return costs.find((row) => all.every(([name, value]) => row[name as keyof WrapCost] === value));
}

function cpuNs(found: WrapCosts, wanted: Wanted): number {
  const cost = costOf(found, wanted);
  if (cost === undefined) throw new Error(`not measured: ${JSON.stringify(wanted)}`);
  return cost.cpuNs;
}

function limitOf({limits}: WrapCosts, kekBits: KekBits, plaintextBytes: number): number {
  return limits.find((limit) => limit.kekBits === kekBits && limit.plaintextBytes === plaintextBytes)!.keysPerSecond;
}

function shareOfLimit(found: WrapCosts, kekBits: KekBits, plaintextBytes: number, keys: number): number {
  const speed = 1e9 / cpuNs(found, {side: 'ours', kekBits, plaintextBytes, keys});
  return (100 * speed) / limitOf(found, kekBits, plaintextBytes);
}

/** Three digits and k or M. */
function short(value: number): string {
  const [divisor, unit] = value >= 1e6 ? [1e6, ' M'] : value >= 1000 ? [1000, ' k'] : [1, ''];
  return `${Number((value / divisor).toPrecision(3))}${unit}`;
}

/** A time in its unit: 1e-5 is 10 us. */
function shortTime(seconds: number): string {
  const [unit, name] =
    seconds >= 1 ? [1, 's'] : seconds >= 1e-3 ? [1e-3, 'ms'] : seconds >= 1e-6 ? [1e-6, 'us'] : [1e-9, 'ns'];
  return `${Number((seconds / unit).toPrecision(3))} ${name}`;
}
