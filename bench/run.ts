/** `npm run bench [-- --json]`: all benches, one after the other. */
import {benchCalls, renderCalls} from './calls.js';
import {benchStartup, renderStartup} from './startup.js';

const calls = await benchCalls();
if (process.argv.includes('--json')) {
  const startup = await benchStartup();
  console.log(JSON.stringify({calls, startup}, null, 2));
} else {
  console.log(`${renderCalls(calls)}\n`);
  console.log(renderStartup(await benchStartup()));
}
