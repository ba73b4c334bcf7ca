/**
 * Whether a secret stands in the memory of another process: `search PID FILE`. Ends with 1 where it does, with 2 where
 * the search itself finds nothing of what is there for certain.
 */
import fs from 'node:fs';
import {needlesOf, searchMemory} from '../../support/process/memory.js';

const [pid, file] = process.argv.slice(2);
const control = {name: 'control', bytes: Buffer.from('DEK_AGENT_OPTIONS')};
process.kill(Number(pid), 'SIGSTOP');
const hits = searchMemory(Number(pid), [control, ...needlesOf('KEK', fs.readFileSync(file!))]);
process.kill(Number(pid), 'SIGCONT');
const found = hits.map(({needle}) => needle).filter((needle) => needle !== 'control');
console.log(`${hits.length - found.length} controls; ${found.join()}`);
process.exit(found.length > 0 ? 1 : hits.length > 0 ? 0 : 2);
