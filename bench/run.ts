/**
 * `npm run bench [-- --json] [BENCH ...]`: all benches, or those named of wrap, pages, memory, dcv, custody, cores,
 * commands, calls, concurrent, startup, fleet, service, signed and prove.
 */
import {benchCalls, renderCalls} from './calls.js';
import {benchCommands, renderCommands} from './commands.js';
import {benchConcurrent, renderConcurrent} from './concurrent.js';
import {benchCores, renderCores} from './cores.js';
import {benchCustody, renderCustody} from './custody.js';
import {benchDcv, renderDcv} from './dcv.js';
import {benchFleet, renderFleet} from './fleet.js';
import {benchMemory, renderMemory} from './memory.js';
import {benchPages, renderPages} from './pages.js';
import {benchProve, renderProve} from './prove.js';
import {benchService, renderService} from './service.js';
import {benchSigned, renderSigned} from './signed.js';
import {benchStartup, renderStartup} from './startup.js';
import {benchWrap} from './wrap.js';
import {renderWrap, writeWrapResults} from './wrap-report.js';

const BENCHES = {
  wrap: async () => {
    const costs = await benchWrap();
    writeWrapResults(costs);
    return told(costs, renderWrap);
  },
  pages: async () => told(await benchPages(), renderPages),
  memory: async () => told(await benchMemory(), renderMemory),
  dcv: async () => told(benchDcv(), renderDcv),
  custody: async () => told(await benchCustody(), renderCustody),
  cores: async () => told(await benchCores(), renderCores),
  commands: async () => told(await benchCommands(), renderCommands),
  calls: async () => told(await benchCalls(), renderCalls),
  concurrent: async () => told(await benchConcurrent(), renderConcurrent),
  startup: async () => told(await benchStartup(), renderStartup),
  fleet: async () => told(await benchFleet(), renderFleet),
  prove: async () => told(await benchProve(), renderProve),
  signed: async () => told(await benchSigned(), renderSigned),
  service: async () => told(await benchService(), renderService),
};

const json = process.argv.includes('--json');
const named = process.argv.slice(2).filter((argument) => argument !== '--json');
for (const name of named)
  if (!(name in BENCHES)) throw new Error(`no bench ${name}: ${Object.keys(BENCHES).join(', ')}`);
const found: Record<string, unknown> = {};
for (const [name, bench] of Object.entries(BENCHES)) {
  if (named.length > 0 && !named.includes(name)) continue;
  const {costs, text} = await bench();
  found[name] = costs;
  if (!json) console.log(`${text}\n`);
}
if (json) console.log(JSON.stringify(found, null, 2));

function told<Costs>(costs: Costs, render: (costs: Costs) => string): {costs: Costs; text: string} {
  return {costs, text: render(costs)};
}
