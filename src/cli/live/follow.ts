/** What goes on as it happens, for a program or a log: `--follow`. */
import {stopSignal} from './stop-signal.js';

/**
 * Calls `print` with each item until they end, or until Ctrl-C or SIGTERM: that ends the process at once, whatever is
 * waited for, with `process.exitCode`. Their signal fires then. Throws what `items` and `print` throw.
 */
export async function follow<T>(
  items: (signal: AbortSignal) => AsyncIterable<T>,
  print: (item: T) => void,
): Promise<void> {
  const stop = new AbortController();
  void stopSignal().then(() => {
    stop.abort();
    // What comes next has a line of its own, below the ^C that the terminal shows.
    if (process.stdout.isTTY) process.stdout.write('\n');
    process.exit();
  });
  for await (const item of items(stop.signal)) print(item);
}
