/** Which manifest it is, as commands tell it. */
import {toHex} from '../../bytes.js';
import type {Edition} from '../../manifest/fields/edition.js';

/** An edition in --json. */
export interface EditionJson {
  /** In hex. */
  id: string;
  generation: number;
  /** RFC 3339, as the next. */
  issued: string;
  notAfter: string | null;
  hosts: string[];
  nextLogin: {importKekId: number; importKekKcv: string | null; credentialId: number} | null;
}

export function editionJson({id, generation, issued, notAfter, hosts, nextLogin}: Edition): EditionJson {
  return {id: toHex(id), generation, issued, notAfter, hosts, nextLogin: nextLogin && loginJson(nextLogin)};
}

/** `generation 3 of 8f14e45f..., issued 2026-11-30T12:00:00Z` */
export function describeEdition({id, generation, issued}: EditionJson): string {
  return `generation ${generation} of manifest ${id}, issued ${issued}`;
}

function loginJson({
  importKekId,
  importKekKcv,
  credentialId,
}: NonNullable<Edition['nextLogin']>): NonNullable<EditionJson['nextLogin']> {
  return {importKekId, importKekKcv: importKekKcv && toHex(importKekKcv), credentialId};
}
