/** What a tree has to be for a release: each check gives what is wrong, a line each, with what to do. */
import {execFileSync} from 'node:child_process';
import {existsSync, readdirSync, readFileSync} from 'node:fs';
import {join} from 'node:path';
import type {Interfaces} from '@oclif/core';
import {completions, manualPages} from '../committed.js';

/** A tree, and the version that it is to be released as. */
export interface Candidate {
  root: string;
  version: string;
  /** `2026-11-30`: no release is of a later day. */
  today: string;
}

type Check = (candidate: Candidate) => string[];

/** All that is wrong. */
export function faultsOf(candidate: Candidate): string[] {
  return CHECKS.flatMap((check) => check(candidate));
}

const CHECKS: readonly Check[] = [commits, changelog, debianChangelog, versions, fileNames, library, generated];

/** The tag of a release. */
export function tagOf(version: string): string {
  return `v${version}`;
}

export function git(root: string, ...args: string[]): string {
  return execFileSync('git', args, {cwd: root, encoding: 'utf8'});
}

function commits({root, version}: Candidate): string[] {
  const faults: string[] = [];
  const changes = git(root, 'status', '--porcelain').trimEnd();
  if (changes !== '') faults.push(`the tree has changes that are not committed:\n${changes.replace(/^/gm, '  ')}`);
  const tag = tagOf(version);
  if (git(root, 'tag', '--list', tag) !== '')
    faults.push(`the tag ${tag} is there already: a release has another version`);
  return faults;
}

function changelog(candidate: Candidate): string[] {
  const {version, today} = candidate;
  const [title = ''] = read(candidate, 'CHANGELOG.md').match(/^## .*$/m) ?? [];
  const [, of, date] = /^## (\S+) \((\d{4}-\d\d-\d\d)\)$/.exec(title) ?? [];
  if (of !== version) return [`CHANGELOG.md begins with "${title}": it has to be "## ${version} (${today})"`];
  if (!isDay(date!) || date! > today) return [`CHANGELOG.md dates ${version} ${date}, and today is ${today}`];
  return [];
}

/** Its date is that of every file in the packages. */
function debianChangelog(candidate: Candidate): string[] {
  const text = read(candidate, 'debian/changelog');
  const of = /^dek \((.*?)\) /.exec(text)?.[1];
  if (of !== candidate.version) return [`debian/changelog begins with ${of}: add ${candidate.version}, as dch does`];
  const date = new Date(/^ -- .*> {2}(.*)$/m.exec(text)?.[1] ?? '');
  const released = /^## \S+ \((.*)\)$/m.exec(read(candidate, 'CHANGELOG.md'))?.[1];
  const day = Number.isNaN(date.getTime()) ? 'no day' : date.toISOString().slice(0, 10);
  return released === undefined || day === released
    ? []
    : [`debian/changelog is of ${day}, and CHANGELOG.md of ${released} (in UTC): they have to agree`];
}

function versions(candidate: Candidate): string[] {
  const lock = json<{version: string; packages: Record<string, {version: string}>}>(candidate, 'package-lock.json');
  const found: Record<string, string | undefined> = {
    'package.json': json<{version: string}>(candidate, 'package.json').version,
    'package-lock.json': lock.packages['']?.version === lock.version ? lock.version : undefined,
    'virtual-connectx/package.json': json<{version: string}>(candidate, 'virtual-connectx/package.json').version,
  };
  return Object.entries(found)
    .filter(([, version]) => version !== candidate.version)
    .map(([file, version]) => `${file} has the version ${version ?? 'in one place'}, not ${candidate.version}`);
}

/** The names of packages and images that documents tell people to install. */
function fileNames(candidate: Candidate): string[] {
  const name = /\b(?:dek|mlx5-dek|virtual-connectx|libmlx5dek\w*)[-_:](\d+\.\d+\.\d+(?:-(?:rc|beta|alpha)[.\d]*\d)?)/g;
  const documents = readdirSync(join(candidate.root, 'docs')).filter((file) => file.endsWith('.md'));
  const naming = ['README.md', 'contrib/kubernetes/dek-agent.yaml', ...documents.map((file) => `docs/${file}`)];
  return naming.flatMap((file) => {
    const others = [...read(candidate, file).matchAll(name)].filter(([, version]) => version !== candidate.version);
    return [...new Set(others.map(([text]) => text))].map((text) => `${file} names ${text}, not ${candidate.version}`);
  });
}

/** libmlx5dek has a version of its own, whose first number is its soname's and its package's. */
function library(candidate: Candidate): string[] {
  const makefile = read(candidate, 'client/Makefile');
  const [, major] = /^VERSION = (\d+)\./m.exec(makefile) ?? [];
  const [, soname] = /^SONAME = libmlx5dek\.so\.(\d+)$/m.exec(makefile) ?? [];
  const [, name] = /^Package: libmlx5dek(\d+)$/m.exec(read(candidate, 'debian/control')) ?? [];
  if (major === soname && soname === name) return [];
  return [`libmlx5dek is ${major} in client/Makefile's VERSION, ${soname} in its SONAME, ${name} in debian/control`];
}

function generated(candidate: Candidate): string[] {
  if (!existsSync(join(candidate.root, 'oclif.manifest.json'))) return ['build first: npm run build'];
  const manifest = json<Interfaces.Manifest>(candidate, 'oclif.manifest.json');
  const stale = (files: [string, string][], command: string): string[] =>
    files
      .filter(([file, text]) => !existsSync(join(candidate.root, file)) || read(candidate, file) !== text)
      .map(([file]) => `${file} is not what the commands say: ${command}`);
  return [
    ...stale(manualPages(manifest, read(candidate, 'man/dek.1')), 'npm run man'),
    ...stale(completions(manifest), 'npm run completion'),
  ];
}

function isDay(text: string): boolean {
  return !Number.isNaN(Date.parse(text)) && new Date(text).toISOString().startsWith(text);
}

function read({root}: Candidate, file: string): string {
  return readFileSync(join(root, file), 'utf8');
}

function json<T>(candidate: Candidate, file: string): T {
  return JSON.parse(read(candidate, file)) as T;
}
