/**
 * Preloaded (`node --import`) into a command under test: when it is done it stops, so that its memory can be searched.
 */
process.on('exit', () => process.kill(process.pid, 'SIGSTOP'));
