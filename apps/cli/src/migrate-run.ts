import {
  type CopyProgress,
  type CopyResult,
  type StorePlace,
  migrate,
  parseStorePlace,
  shownPlace,
} from '@scrip/runtime';
import { count, duration } from './format.js';
import { type Shown, displayOn } from './progress.js';

/** The options of `scrip migrate` as commander gives them. */
export type MigrateOptions = Readonly<{ from: string; to: string }>;

/** The exit code of a migration that was interrupted. */
const EXIT_STOPPED = 130;

/** Runs a migration, shows how far it is, and says what to do next. */
export const runMigrate = async (options: MigrateOptions): Promise<void> => {
  const from = parseStorePlace(options.from);
  const to = parseStorePlace(options.to);
  const stop = new AbortController();
  const interrupt = (): void => {
    process.stderr.write('\nStopping after what is in flight …\n');
    stop.abort();
  };
  process.once('SIGINT', interrupt).once('SIGTERM', interrupt);
  const display = displayOn(process.stderr);
  const started = performance.now();
  process.stderr.write(noteOn(from, to));
  try {
    const result = await migrate({
      from,
      to,
      signal: stop.signal,
      onProgress: (progress) => {
        display.show(shownOf(progress));
      },
    });
    display.stop();
    process.stdout.write(summaryOf(from, to, result, performance.now() - started));
    if (result.ending === 'stopped') process.exitCode = EXIT_STOPPED;
  } finally {
    display.stop();
    process.off('SIGINT', interrupt).off('SIGTERM', interrupt);
  }
};

const noteOn = (...places: readonly StorePlace[]): string =>
  places
    .filter(({ kind }) => kind === 'kurrentdb')
    .map((place) => `Make sure that nobody writes to ${shownPlace(place)} meanwhile.\n`)
    .join('');

const shownOf = ({ step, share, events }: CopyProgress): Shown => {
  const so = `${step} · ${eventsText(events)}`;
  const percent = Math.floor(share * 100);
  return { done: percent, total: 100, beside: so, line: `${percent} % · ${so}`, step };
};

const summaryOf = (from: StorePlace, to: StorePlace, result: CopyResult, ms: number): string => {
  const [old, fresh] = [shownPlace(from), shownPlace(to)];
  if (result.ending === 'stopped')
    return `Stopped after ${eventsText(result.copied)} copied by this run; run again to go on.\n`;
  const { copied, events, streams, digest } = result;
  const before = copied < events ? ` ${eventsText(events - copied)} had been copied before.` : '';
  return [
    `Copied ${eventsText(copied)} from ${old} to ${fresh} in ${duration(ms)}.${before}`,
    `Verified: both hold the same ${eventsText(events)} in ${count(streams)} ${streams === 1 ? 'stream' : 'streams'}, SHA-256 ${digest}.`,
    '',
    `Start the ledger on ${fresh} now. Its first start builds the views from the events.`,
    `API keys are events, so all keys stay valid there${from.kind === 'embedded' ? ', and so does the one in admin.key of the old folder' : ''}. Keys of commands of the last 24 hours are known there, too.`,
    `Do not start the ledger on ${old} again: what it wrote there would be missing in the new store.`,
    '',
  ].join('\n');
};

const eventsText = (events: number): string =>
  `${count(events)} ${events === 1 ? 'event' : 'events'}`;
