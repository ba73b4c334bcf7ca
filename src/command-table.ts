/** All commands, by the words after `dek`. Each is loaded when it is asked for, and nothing of another. */
import type {CommandClass} from './cli/base.js';

export const COMMANDS: Readonly<Record<string, () => Promise<{default: CommandClass}>>> = {
  agent: () => import('./commands/agent.js'),
  apply: () => import('./commands/apply.js'),
  create: () => import('./commands/create.js'),
  'credential wrap': () => import('./commands/credential/wrap.js'),
  destroy: () => import('./commands/destroy.js'),
  'device list': () => import('./commands/device/list.js'),
  'device show': () => import('./commands/device/show.js'),
  keygen: () => import('./commands/keygen.js'),
  list: () => import('./commands/list.js'),
  login: () => import('./commands/login.js'),
  logout: () => import('./commands/logout.js'),
  'manifest check': () => import('./commands/manifest/check.js'),
  prove: () => import('./commands/prove.js'),
  query: () => import('./commands/query.js'),
  rewrap: () => import('./commands/rewrap.js'),
  run: () => import('./commands/run.js'),
  selftest: () => import('./commands/selftest.js'),
  status: () => import('./commands/status.js'),
  unwrap: () => import('./commands/unwrap.js'),
  'virtual create': () => import('./commands/virtual/create.js'),
  'virtual exec': () => import('./commands/virtual/exec.js'),
  'virtual set': () => import('./commands/virtual/set.js'),
  'virtual show': () => import('./commands/virtual/show.js'),
  wrap: () => import('./commands/wrap.js'),
};
