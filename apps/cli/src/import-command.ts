import { Command } from 'commander';
import { ScripClient } from '@scrip/sdk';
import { count, credits, duration } from './format.js';
import {
  type ImportOptions,
  OptionsError,
  countOption,
  identityOf,
  mappingOf,
  namesOption,
  priceOption,
} from './import-options.js';
import { progressDisplay } from './progress.js';
import { type ImportResult, importUsage } from './usage-import/import-usage.js';
import { statePath } from './usage-import/import-state.js';
import { rejectsPath } from './usage-import/rejects-file.js';

/** The exit code of an import that came to its end with rejects. */
const EXIT_REJECTS = 2;
/** The exit code of an import that was interrupted. */
const EXIT_STOPPED = 130;

const BATCH_MAX = 1_000;
const IN_FLIGHT_MAX = 32;
const URL_DEFAULT = 'http://127.0.0.1:7070';

const HELP = `
Amounts: (input tokens × input price + output tokens × output price) ÷ 1 000, computed exactly and rounded once per
line to the nearest micro-credit, half up. Lines that come to zero cost nothing and are not sent.

A second run changes nothing. Progress is kept in <file>.scrip-import.json: a run that broke off goes on, a finished
import is not repeated. Lines that cannot be imported go to <file>.rejects.csv with their number, a code and a reason.

With several requests in flight, lines of one account may reach the ledger out of order: use --in-flight 1 where it
matters which lines are refused when an account runs out.

Exit codes: 0 all lines imported, 1 the import failed (run it again to go on), 2 finished with rejects, 130 stopped.

Example:
  scrip import usage conv.csv --account team-chat --service llm_conversation --time-column TIMESTAMP \\
    --input-column ContextTokens --input-price 0.25 --output-column GeneratedTokens --output-price 1`;

/** `scrip import`: brings usage from files into the ledger. */
export const importCommand = (): Command =>
  new Command('import').description('bring data into the ledger').addCommand(usageCommand());

const usageCommand = (): Command =>
  new Command('usage')
    .description('consume credits for each line of a CSV file with a header')
    .argument('<file.csv>')
    .option('--account <id>', 'the account of all lines')
    .option('--account-column <name>', 'the column that names the account')
    .option('--service <name>', 'the service of all lines')
    .option('--service-column <name>', 'the column that names the service')
    .option('--time-column <name>', 'when the use occurred: ISO 8601; UTC where no zone is given')
    .option('--input-column <name>', 'the column that counts input tokens')
    .option('--output-column <name>', 'the column that counts output tokens')
    .option('--input-price <price>', 'credits per 1 000 input tokens', priceOption)
    .option('--output-price <price>', 'credits per 1 000 output tokens', priceOption)
    .option('--amount-column <name>', 'the column of credits, instead of tokens and prices')
    .option('--details-columns <names>', 'columns kept as details, comma-separated', namesOption)
    .option('--url <url>', 'the ledger (SCRIP_URL)', process.env['SCRIP_URL'] ?? URL_DEFAULT)
    .option('--key <key>', 'the API key; better given as SCRIP_API_KEY')
    .option('--batch <lines>', 'lines per request', countOption(BATCH_MAX), BATCH_MAX)
    .option('--in-flight <requests>', 'requests at a time', countOption(IN_FLIGHT_MAX), 4)
    .option('--restart', 'forget what an earlier run did')
    .option('--resend', 'send lines again that were on their way more than 24 hours ago')
    .addHelpText('after', HELP)
    .action(runImport);

const runImport = async (file: string, options: ImportOptions): Promise<void> => {
  const mapping = mappingOf(options);
  const client = new ScripClient({ baseUrl: options.url, apiKey: apiKeyOf(options) });
  const stop = new AbortController();
  const interrupt = (): void => {
    process.stderr.write('\nStopping after what is in flight …\n');
    stop.abort();
  };
  process.once('SIGINT', interrupt).once('SIGTERM', interrupt);
  const display = progressDisplay(process.stderr);
  const started = performance.now();
  try {
    const result = await importUsage({
      file,
      mapping,
      client,
      options: identityOf(options),
      batchSize: options.batch,
      requestsInFlight: options.inFlight,
      restart: options.restart ?? false,
      resend: options.resend ?? false,
      now: Date.now,
      signal: stop.signal,
      onProgress: display.show,
    });
    display.stop();
    process.stdout.write(summaryOf(file, result, performance.now() - started));
    process.exitCode = exitCodeOf(result);
  } catch (error) {
    display.stop();
    throw error;
  } finally {
    process.off('SIGINT', interrupt).off('SIGTERM', interrupt);
  }
};

const apiKeyOf = ({ key }: ImportOptions): string => {
  const apiKey = key ?? process.env['SCRIP_API_KEY'];
  if (apiKey !== undefined && apiKey !== '') return apiKey;
  throw new OptionsError('Give the API key: SCRIP_API_KEY=scrip_… or --key.');
};

const exitCodeOf = ({ ending, state }: ImportResult): number => {
  if (ending === 'stopped') return EXIT_STOPPED;
  return state.rejected > 0 ? EXIT_REJECTS : 0;
};

const summaryOf = (file: string, result: ImportResult, ms: number): string => {
  const { accepted, micro_credits, free, rejected } = result.state;
  return [
    headlineOf(file, result, ms),
    `accepted  ${linesText(accepted)}, ${credits(BigInt(micro_credits))} credits`,
    `free      ${linesText(free)}`,
    `rejected  ${linesText(rejected)}${rejected > 0 ? `, in ${rejectsPath(file)}` : ''}`,
    '',
  ].join('\n');
};

const linesText = (lines: number): string => `${count(lines)} ${lines === 1 ? 'line' : 'lines'}`;

const headlineOf = (
  file: string,
  { ending, state, resumedAfter }: ImportResult,
  ms: number,
): string => {
  switch (ending) {
    case 'finished before':
      return `${file} was imported already, on ${state.finished_at ?? state.updated_at}. Nothing was sent.`;
    case 'stopped':
      return `${file}: stopped after line ${count(state.lines_done)}; run again to go on (${statePath(file)}).`;
    case 'finished': {
      const resumed = resumedAfter > 0 ? ` (resumed after line ${count(resumedAfter)})` : '';
      return `${file}: imported in ${duration(ms)}${resumed}.`;
    }
  }
};
