/** What people write for a source: sources/table.ts lists the forms. For what is wrapped it may be a plain path too. */
import fs from 'node:fs';
import {DekError} from '../errors.js';
import {nameOf, type Source} from './sources/source.js';
import {kindOf, SOURCE_FORMS, SOURCES, WRAPPERS} from './sources/table.js';

/**
 * The source of a secret. The text is not repeated unless it is a path: it may be a key that someone put in its place.
 */
export async function sourceOf(spec: string, title: string): Promise<Source> {
  const source = await parseSource(spec, title);
  if (source) return source;
  if (kindOf(spec, WRAPPERS)) {
    throw new DekError(
      'BAD_ARGUMENT',
      `"${title}" has to come to this process, and ${spec.replace(/:.*/s, '')}: does not`,
      {
        hint: `only an import KEK can stay where it is; otherwise name a source: ${SOURCE_FORMS}`,
      },
    );
  }
  const hint = fs.existsSync(spec) ? `for a file write file:${spec}` : `name a source: ${SOURCE_FORMS}`;
  throw new DekError('BAD_ARGUMENT', `"${title}" is not a source`, {hint});
}

/** The source of something wrapped. */
export async function ciphertextSource(spec: string, title: string): Promise<Source> {
  const source = (await parseSource(spec, title)) ?? {name: nameOf(spec, spec, title), path: spec};
  return {...source, isPrivate: false, isCiphertext: true};
}

/** Undefined when `spec` has the form of none of the sources. */
async function parseSource(spec: string, title: string): Promise<Source | undefined> {
  const found = kindOf(spec, SOURCES);
  // An empty descriptor is standard input, which is written in another way.
  if (!found || spec === 'fd:') return undefined;
  return (await found.kind.load()).sourceOf(found.rest, title);
}

/** Throws BAD_ARGUMENT when two of the sources of one command are one stream, which can be read only once. */
export function assertDistinctStreams(...specs: readonly (string | undefined)[]): void {
  const all = specs.flatMap((spec) => (spec === undefined ? [] : [spec, ...sourcesIn(spec)]));
  const streams = all.map((spec) => (spec === '-' ? 'fd:0' : spec)).filter((spec) => spec.startsWith('fd:'));
  if (new Set(streams.map((spec) => Number(spec.slice(3)))).size === streams.length) return;
  throw new DekError('BAD_ARGUMENT', 'two inputs come from one stream, which can be read only once', {
    hint: 'give one of them as file:PATH, or as fd:N with another descriptor',
  });
}

/** The sources that a URI names in its query: of a PIN, a certificate, a TLS key. */
function sourcesIn(spec: string): string[] {
  if (!/^(?:pkcs11|kmip):/.test(spec)) return [];
  return [...spec.matchAll(/[?&](?:pin-source|cert|key)=([^&]*)/g)].map(([, source]) => source!);
}
