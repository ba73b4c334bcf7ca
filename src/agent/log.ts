/** The agent's log: JSON lines on stderr, one an event. Fields are facts, never key material. */

export type Log = (level: 'info' | 'warn' | 'error', event: string, fields?: Record<string, unknown>) => void;

const LEVELS = ['info', 'warn', 'error'];

/** A log that leaves out what is below `least`. */
export function openLog(least: 'info' | 'warn'): Log {
  return (level, event, fields = {}) => {
    if (LEVELS.indexOf(level) < LEVELS.indexOf(least)) return;
    process.stderr.write(`${JSON.stringify({time: new Date().toISOString(), level, event, ...fields})}\n`);
  };
}
