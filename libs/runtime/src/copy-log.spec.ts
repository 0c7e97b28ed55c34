import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { type EventStore, type Instant, type StoredEvent } from '@scrip/kernel';
import fc from 'fast-check';
import { numRuns, timeoutMs } from '../../../test/properties/runs.js';
import { LogsDiffer } from './copy-append.js';
import {
  Between,
  Crash,
  type Fate,
  Faulty,
  Slicing,
  TestFolder,
  allOf,
  appendTo,
  command,
  keptOf,
} from './copy-log.fixture.js';
import { type CopyOptions, type CopyResult, copyLog } from './copy-log.js';
import { StoreSilent } from './patiently.js';

const HOUR = 3_600_000;
const START = 1_700_000_000_000;
/** No run of a property needs more, whatever its fates. */
const RUNS_MAX = 100;

jest.setTimeout(timeoutMs);

let from: TestFolder;
let to: TestFolder;
let source: EventStore;
let target: EventStore;

const begin = async (): Promise<void> => {
  from = new TestFolder();
  to = new TestFolder();
  source = await from.open();
  target = await to.open();
};
const end = async (): Promise<void> => {
  await from.remove();
  await to.remove();
};

const copy = (
  options: Partial<CopyOptions> = {},
  [of, into]: readonly [EventStore, EventStore] = [source, target],
): Promise<CopyResult> =>
  copyLog(of, into, {
    signal: new AbortController().signal,
    onInstant: to.reach,
    ...options,
    limits: { pauseMs: 0, pageEvents: 5, ...options.limits },
  });

/** A command of a random log: of which stream, which key, how long after the one before, and with how many events. */
const commands = fc.array(
  fc.record({
    stream: fc.constantFrom('account-a', 'account-b', 'tenant-t', 'account-c'),
    key: fc.constantFrom('k', 'l', 'm', 'n', 'o'),
    afterHours: fc.constantFrom(0, 0, 0, 1, 5, 13, 26),
    size: fc.constantFrom(1, 1, 1, 2, 3, 7),
    joins: fc.boolean(),
  }),
  { minLength: 1, maxLength: 60, size: 'max' },
);
const fates = fc.array(
  fc.constantFrom<Fate>('well', 'well', 'refused', 'lost', 'silent', 'crash before', 'crash after'),
  { minLength: 5, maxLength: 40, size: 'max' },
);
const limits = fc.record({
  pageEvents: fc.integer({ min: 1, max: 20 }),
  appendsAtOnce: fc.integer({ min: 1, max: 4 }),
  eventsMax: fc.integer({ min: 1, max: 8 }),
  charactersMax: fc.constantFrom(1, 500, 100_000),
});

/** The latest command of each key, by stream and key, as the source had it. */
const latest = (events: readonly StoredEvent[]): Map<string, readonly StoredEvent[]> => {
  const found = new Map<string, StoredEvent[]>();
  for (const event of events) {
    const name = `${event.stream} ${event.meta.key}`;
    const known = found.get(name);
    if (known?.[0]?.meta.hash === event.meta.hash) known.push(event);
    else found.set(name, [event]);
  }
  return found;
};

const withoutPositions = (events: readonly StoredEvent[] | undefined): readonly object[] =>
  (events ?? []).map(({ position: _, ...event }) => event);

describe('a copy of a log', () => {
  it('is equal in all but positions, whatever fails, once a run comes to its end', async () => {
    const seen = { crashes: 0, reuses: 0, runs: 0 };
    const property = fc.asyncProperty(
      commands,
      fates,
      limits,
      fc.boolean(),
      fc.array(fc.boolean(), { maxLength: 10 }),
      async (all, faults, bounds, isSliced, reopens) => {
        await begin();
        try {
          const last = await fill(all);
          const left = [...faults];
          let result: CopyResult | undefined;
          for (let run = 0; result === undefined && run < RUNS_MAX; run += 1) {
            seen.runs += 1;
            const of = isSliced ? new Slicing(source) : source;
            result = await copy({ limits: bounds }, [of, new Faulty(target, left)]).catch(
              (error: unknown) => {
                if (!(error instanceof Crash)) throw error;
                seen.crashes += 1;
                return undefined;
              },
            );
            if (reopens.shift() === true) target = await to.open();
          }
          const wanted = await keptOf(source);
          expect(await keptOf(target)).toEqual(wanted);
          expect(result).toMatchObject({ ending: 'verified', events: wanted.length });
          seen.reuses += await expectKeysKnown(last);
        } finally {
          await end();
        }
      },
    );
    await fc.assert(property, { numRuns: numRuns(12) });
    // Copies in which nothing happened would prove nothing.
    expect(seen.crashes).toBeGreaterThan(10);
    expect(seen.reuses).toBeGreaterThan(10);
  });

  /** Writes a random log; commands that join come in one append. Gives the instant of the last. */
  const fill = async (
    all: readonly Readonly<{
      stream: string;
      key: string;
      afterHours: number;
      size: number;
      joins: boolean;
    }>[],
  ): Promise<Instant> => {
    let at = START;
    for (const [index, { stream, key, afterHours, size, joins }] of all.entries()) {
      at += afterHours * HOUR;
      from.reach(at);
      const own = command(key, at, size, `command ${index}`);
      const other = command(`${key} too`, at, 2, `beside ${index}`);
      await appendTo(source, stream, joins ? [other, own] : [own]);
    }
    return at;
  };

  /** In the copy, a ledger finds every command of the last 24 hours by its key, whole. Gives how many keys came again. */
  const expectKeysKnown = async (now: Instant): Promise<number> => {
    const events = await allOf(source);
    const checked = await to.open(true);
    for (const [, own] of latest(events)) {
      const [first] = own;
      if (first === undefined || first.at <= now - 24 * HOUR) continue;
      const { stream, meta } = first;
      const found = await checked.findCommands(stream, [meta.key, `${meta.key} too`]);
      expect(withoutPositions(found.get(meta.key))).toEqual(withoutPositions(own));
    }
    target = checked;
    return new Set(events.map(({ meta }) => meta.hash)).size - latest(events).size;
  };
});

describe('copying a log', () => {
  beforeEach(begin);
  afterEach(end);

  const fillBoth = async (count = 30): Promise<void> => {
    for (let index = 0; index < count; index += 1)
      await appendTo(source, `s${index % 3}`, [command(`k${index}`, START + index, 2, `${index}`)]);
  };

  it('leaves a target alone that holds something else, and says where', async () => {
    await fillBoth();
    await appendTo(target, 's0', [command('k0', START, 2, '0')]);
    await appendTo(target, 's1', [command('k1', START + 1, 1, 'other')]);
    const before = await allOf(target);
    const onMatched = jest.fn();
    const copying = copy({ onMatched });
    await expect(copying).rejects.toThrow(LogsDiffer);
    await expect(copying).rejects.toMatchObject({ stream: 's1', revision: 0 });
    expect(await allOf(target)).toEqual(before);
    expect(onMatched).not.toHaveBeenCalled();
  });

  it.each([
    ['a stream that the source does not have', 't', 0],
    ['more of a stream than the source has', 's1', 20],
  ])('leaves a target alone that holds %s', async (_, stream, revision) => {
    await fillBoth();
    await copy();
    await appendTo(target, stream, [command('more', START, 1)]);
    const before = await allOf(target);
    await expect(copy()).rejects.toMatchObject({ stream, revision });
    expect(await allOf(target)).toEqual(before);
  });

  it('leaves a target alone that holds a part of a command', async () => {
    await fillBoth();
    const [first] = await allOf(source);
    const { meta, at, type, version, data } = first ?? ({} as StoredEvent);
    await target.append('s0', -1, [{ meta, at, events: [{ type, version, data }] }]);
    await expect(copy()).rejects.toThrow('a part of a command only');
    expect(await allOf(target)).toHaveLength(1);
  });

  it('stops when it is told to, after what is in flight, and goes on later', async () => {
    await fillBoth();
    const stop = new AbortController();
    const stopped = await copy({
      signal: stop.signal,
      onProgress: ({ step, events }) => {
        if (step === 'copying' && events >= 10) stop.abort();
      },
    });
    expect(stopped.ending).toBe('stopped');
    expect(stopped.copied).toBeGreaterThanOrEqual(10);
    expect(stopped.copied).toBeLessThan(30);
    expect(await allOf(target)).toHaveLength(stopped.copied);
    expect(await copy()).toMatchObject({ ending: 'verified', copied: 60 - stopped.copied });
    expect(await copy()).toMatchObject({ ending: 'verified', copied: 0, events: 60, streams: 3 });
  });

  it('says so when the source was written to meanwhile, and copies that the next time', async () => {
    await fillBoth();
    const written = new (class extends Between {
      #reads = 0;
      override async head(): Promise<number> {
        this.#reads += 1;
        // The copy has come to its end, and begins to verify.
        if (this.#reads === 2) await appendTo(source, 's2', [command('late', START, 1)]);
        return super.head();
      }
    })(source);
    const copying = copy({}, [written, target]);
    await expect(copying).rejects.toThrow('The logs differ in s2 at revision 20');
    await expect(copying).rejects.toThrow('Stop whatever still writes to it');
    expect(await copy()).toMatchObject({ ending: 'verified', copied: 1 });
  });

  it('finds an event that the target has changed, though it was appended well', async () => {
    await fillBoth();
    const changing = new (class extends Faulty {
      override append(
        ...[stream, expected, all]: Parameters<EventStore['append']>
      ): ReturnType<EventStore['append']> {
        const changed = all.map(({ at, ...rest }) => ({
          ...rest,
          at: stream === 's1' && expected > 9 ? at + 1 : at,
        }));
        return super.append(stream, expected, changed);
      }
    })(target, []);
    await expect(copy({}, [source, changing])).rejects.toMatchObject({
      stream: 's1',
      revision: 12,
    });
  });

  it('finds the latest of the commands of one key, though both were of one page', async () => {
    for (const [index, at] of [START, START + 26 * HOUR].entries()) {
      from.reach(at);
      await appendTo(source, 's', [command('k', at, 2, `${index}`), command(`l${index}`, at)]);
    }
    await copy({ limits: { pageEvents: 100 } });
    const found = await target.findCommands('s', ['k', 'l0', 'l1']);
    expect([...found.values()].flat().map(({ revision }) => revision)).toEqual([3, 4, 2, 5]);
  });

  it('stops at once where something else writes to the stream of the target', async () => {
    await fillBoth();
    const rival = new (class extends Between {
      override async append(
        ...args: Parameters<EventStore['append']>
      ): ReturnType<EventStore['append']> {
        const [stream, expected] = args;
        if (stream === 's1' && expected === 5)
          await this.inner.append(stream, expected, [command('rival', START, 1)]);
        return super.append(...args);
      }
    })(target);
    await expect(copy({}, [source, rival])).rejects.toMatchObject({ stream: 's1', revision: 6 });
    expect((await allOf(target)).length).toBeLessThan(30);
  });

  it('goes on behind another run that writes the same', async () => {
    await fillBoth();
    const other = new (class extends Between {
      override async append(
        ...args: Parameters<EventStore['append']>
      ): ReturnType<EventStore['append']> {
        const [stream, expected, all] = args;
        await this.inner.append(stream, expected, all.slice(0, 1));
        return super.append(...args);
      }
    })(target);
    const copied = await copy({ limits: { pageEvents: 20 } }, [source, other]);
    expect(copied).toMatchObject({ ending: 'verified', events: 60 });
    expect(await keptOf(target)).toEqual(await keptOf(source));
  });

  it('lets go of keys as old as the source lets go of', async () => {
    await fillBoth(3);
    for (const hours of [25, 50, 51]) {
      const at = START + hours * HOUR;
      await appendTo(source, 't', [command(`after ${hours}`, at)]);
    }
    await copy({ limits: { pageEvents: 1 } });
    const checked = await to.open(true);
    const keys = ['k0', 'after 25', 'after 50'];
    expect((await checked.findCommands('s0', keys)).size).toBe(0);
    expect((await checked.findCommands('t', keys)).size).toBe(2);
  });

  it('gives up on a target that does not answer, and says how to go on', async () => {
    await fillBoth();
    const silent = new Faulty(target, Array<Fate>(100).fill('lost'));
    const copying = copy({ limits: { triesMax: 3 } }, [source, silent]);
    await expect(copying).rejects.toThrow(StoreSilent);
    await expect(copying).rejects.toThrow('No answer. Run the same command again to go on.');
  });
});
