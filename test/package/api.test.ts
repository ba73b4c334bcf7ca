/**
 * The public modules, as their declarations show them: every type that they name is exported, every name is explained.
 */
import fs from 'node:fs';
import {join} from 'node:path';
import {fileURLToPath} from 'node:url';
import {expect} from 'chai';
import {type Declaration, exportsOf, signatureOf} from '../../scripts/site/reference/declarations.js';

const ROOT = fileURLToPath(new URL('../../../', import.meta.url));
const {exports} = JSON.parse(fs.readFileSync(join(ROOT, 'package.json'), 'utf8')) as {
  exports: Record<string, string | {types: string}>;
};
const MODULES = Object.entries(exports).flatMap(([name, target]) =>
  typeof target === 'string' ? [] : [{name: name.replace(/^\./, 'mlx5-dek'), file: join(ROOT, target.types)}],
);

for (const {name, file} of MODULES) {
  describe(name, () => {
    const declared = exportsOf(file);

    it('exports what it runs', async () => {
      const values = declared.filter(({kind}) => kind === 'function' || kind === 'const').map(({name}) => name);
      expect(Object.keys(await import(file.replace(/\.d\.ts$/, '.js')))).to.include.members(values);
      expect(values).to.have.length.above(2);
    });

    it('exports every type that its declarations name', () => {
      const names = new Set(declared.map((declaration) => declaration.name));
      for (const declaration of declared) {
        const missing = typesIn(declaration).filter((type) => !names.has(type) && !BUILT_IN.has(type));
        expect(missing, declaration.name).to.deep.equal([]);
      }
    });

    it('shows callers no constructor and no part that is not theirs', () => {
      for (const {kind, text} of declared) {
        // An error can be made by anybody.
        if (kind === 'class' && !/ extends Error\b/.test(text))
          expect(text).to.not.match(/\bconstructor\(|^ {4}static /m);
      }
    });

    for (const declaration of declared) {
      it(`explains ${declaration.name}`, () => {
        expect(faultsOf(declaration, declaration.name)).to.deep.equal([]);
      });
    }
  });
}

/** What is missing in the comments of a declaration and its members. */
function faultsOf(declaration: Declaration, path: string): string[] {
  const {kind, comment, members} = declaration;
  const own = comment === '' && needsWords(declaration) ? [`${path}: no comment`] : [];
  if (comment !== '' && (kind === 'function' || kind === 'method')) {
    const {parameters, returns} = signatureOf(declaration);
    const explained = [...comment.matchAll(/@param (\w+)/g)].map(([, name]) => name!);
    const named = parameters.filter((name) => name !== '{}');
    if (explained.length !== parameters.length || named.some((name) => !explained.includes(name))) {
      own.push(`${path}: @param ${parameters}`);
    }
    if (!/^(void|Promise<void>)$/.test(returns) && !comment.includes('@returns ')) own.push(`${path}: @returns`);
    if (!comment.includes('@throws ')) own.push(`${path}: @throws`);
  }
  return [
    ...own,
    ...members.filter(({name}) => name !== 'constructor').flatMap((m) => faultsOf(m, `${path}.${m.name}`)),
  ];
}

/** Of a property the name and the type say it, but of bytes and numbers not how many, and of what. */
function needsWords({kind, name, text}: Declaration): boolean {
  if (kind !== 'property') return true;
  const isPlain = /: (readonly )?(number|Uint8Array)(\[\]| \| .*)?;$/.test(text.trim());
  return isPlain && !/(Us|Ms|Bytes|Id|seconds)$/.test(name);
}

/** The names of types in a declaration, but its own type parameters. */
function typesIn({name, text}: Declaration): string[] {
  const [head = ''] = text.split(/[={(]/);
  const declared = [...head.matchAll(/[<,]\s*(\w+)/g), ...text.matchAll(/\[(\w+) in /g)];
  const parameters = declared.map(([, parameter]) => parameter!);
  const found = text.replace(/'[^']*'|typeof \w+/g, '').matchAll(/(?<![.\w])[A-Z]\w*(?!\w*\??:)/g);
  return [...new Set([...found].map(([type]) => type))].filter((type) => type !== name && !parameters.includes(type));
}

const BUILT_IN = new Set([
  ...['AbortSignal', 'AsyncGenerator', 'AsyncIterable', 'Buffer', 'Error', 'ErrorOptions', 'Iterable', 'NodeJS'],
  ...['Omit', 'Partial', 'Pick', 'Promise', 'Readonly', 'ReadonlyMap', 'Record', 'Symbol', 'URL', 'Uint8Array'],
]);
