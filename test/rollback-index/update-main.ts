/** `update-main.js STORE ID GENERATION`: one update of a rollback index, between two marks that kill-before.c sees. */
import fs from 'node:fs';
import {READ_LIMIT} from '../../src/files/small-file.js';
import {RollbackIndex} from '../../src/rollback-index/rollback-index.js';
import {openStore} from '../../src/rollback-index/table.js';

const [spec, id, generation] = process.argv.slice(2) as [string, string, string];
const index = new RollbackIndex(await openStore(spec));
// What is loaded at the first use is no part of an update.
await index.read(READ_LIMIT);
const digest = new Uint8Array(32).fill(Number(generation) & 0xff);
fs.existsSync('/dek-begin');
await index.write({id: Buffer.from(id, 'hex'), generation: Number(generation), digest}, READ_LIMIT);
fs.existsSync('/dek-end');
