import { ScripError } from '@scrip/sdk';
import { program } from './program.js';

// What the user can do something about is a sentence; only a bug deserves a stack.
const explain = (error: unknown): string => {
  if (error instanceof ScripError) {
    const request = error.requestId === undefined ? '' : ` (request ${error.requestId})`;
    return `${error.code}: ${error.message}${request}`;
  }
  if (!(error instanceof Error)) return String(error);
  const isExpected = 'code' in error || error.name !== 'Error';
  return isExpected && !(error instanceof TypeError)
    ? error.message
    : (error.stack ?? error.message);
};

try {
  await program().parseAsync(process.argv);
} catch (error) {
  process.stderr.write(`scrip: ${explain(error)}\n`);
  process.exitCode = 1;
}
