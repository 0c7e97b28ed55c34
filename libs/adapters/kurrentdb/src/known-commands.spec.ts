import { describe, expect, it } from '@jest/globals';
import * as fc from 'fast-check';
import {
  CommandIndex,
  type IndexedCommands,
  LOG_START,
  NO_STREAM,
  RevisionConflict,
  StoreUnavailable,
} from '@scrip/kernel';
import { KnownCommands } from './known-commands.js';
import type { Reader } from './reader.js';
import type { KurrentEvent } from './stored-events.js';

/** A stream of commands on paper, and what an index has of it. */
class Paper extends CommandIndex {
  readonly events: KurrentEvent[] = [];
  indexed = LOG_START;
  isDown = false;
  read = 0;

  write(key: string, count: number): void {
    const first = this.events.length;
    for (let index = 0; index < count; index += 1) {
      const revision = first + index;
      const stored = {
        ...{
          stream: 's',
          revision,
          position: 10 * revision,
          at: 1,
          type: 'T',
          version: 1,
          data: {},
        },
        meta: { key, hash: 'h', actor: 'a' },
      };
      this.events.push({ stored, first, count, last: first + count - 1, created: Date.now() });
    }
  }

  get reader(): Pick<Reader, 'stream' | 'streamBack' | 'eventAt'> {
    return {
      stream: async (_, from, limit) => this.#counted(this.events.slice(from, from + limit)),
      streamBack: async (_, from, limit) => {
        const end = from === 'end' ? this.events.length : from + 1;
        return this.#counted(this.events.slice(Math.max(end - limit, 0), end).reverse());
      },
      eventAt: async (position) => this.events.find(({ stored }) => stored.position === position),
    };
  }

  #counted(events: readonly KurrentEvent[]): readonly KurrentEvent[] {
    this.read += events.length;
    return events;
  }

  override async position(): Promise<number> {
    if (this.isDown) throw new Error('Down');
    return this.indexed;
  }

  override async find(stream: string, keys: readonly string[]): Promise<IndexedCommands> {
    if (this.isDown) throw new Error('Down');
    const known = this.events.filter(({ stored }) => stored.position <= this.indexed);
    const places = new Map(
      known
        .filter(({ stored }) => stream === 's' && keys.includes(stored.meta.key))
        .map(({ stored, first, count }) => [stored.meta.key, { revision: first, count }]),
    );
    return { position: this.indexed, places };
  }
}

/** Not a double: most of those are next to nothing. */
const part = fc.integer({ min: 0, max: 1_000 }).map((thousandths) => thousandths / 1_000);
const count = fc.integer({ min: 1, max: 3 });

/** What happens next: to the stream, to the index, to what is known, or that somebody asks. */
const step = fc.oneof(
  { weight: 2, arbitrary: fc.tuple(fc.constant('others write' as const), count) },
  { weight: 3, arbitrary: fc.tuple(fc.constant('append' as const), count) },
  fc.tuple(fc.constant('index' as const), part),
  fc.tuple(fc.constantFrom('index fails' as const, 'index works' as const), part),
  fc.tuple(fc.constant('read' as const), part),
  fc.tuple(fc.constant('doubt' as const), part),
  { weight: 3, arbitrary: fc.tuple(fc.constant('ask' as const), part) },
  fc.tuple(fc.constant('ask for now' as const), part),
);

type Ask = (expected: number, keys: readonly string[]) => Promise<unknown>;

/** Does a step that is no question. */
const change = (paper: Paper, known: KnownCommands, what: string, amount: number): void => {
  const { length } = paper.events;
  const key = `k${String(length)}`;
  switch (what) {
    case 'others write':
      paper.write(key, amount);
      return;
    case 'append':
      paper.write(key, amount);
      known.tails.appended('s', length - 1, [
        [key, { revision: length, count: amount, position: 10 * (length + amount - 1) }],
      ]);
      return;
    case 'index':
      paper.indexed = Math.max(paper.indexed, 10 * Math.floor(amount * length) - 10);
      return;
    case 'index fails':
    case 'index works':
      paper.isDown = what === 'index fails';
      return;
    case 'read':
      known.observed('s', paper.events.slice(Math.floor(amount * length)));
      return;
    default: {
      const tail = known.tails.of('s');
      if (tail !== undefined) tail.isUnsure = true;
    }
  }
};

/** Asks for all keys there are, and compares with the stream. Tells whether there was an answer. */
const isAnswered = async (paper: Paper, expected: number, ask: Ask): Promise<boolean> => {
  const keys = new Set(paper.events.map(({ stored }) => stored.meta.key));
  const found = await ask(expected, [...keys, 'never']).catch((error: unknown) => error);
  if (found instanceof StoreUnavailable || found instanceof RevisionConflict) return false;
  if (!(found instanceof Map)) throw found;
  expect(found.has('never')).toBe(false);
  for (const { stored, first: revision, count: events } of paper.events)
    // Those of later events may be known, and need not.
    if (stored.revision <= expected || found.has(stored.meta.key))
      expect(found.get(stored.meta.key)).toMatchObject({ revision, count: events });
  return true;
};

describe('what is known of commands', () => {
  it('is all that the stream has seen, or nothing at all, whatever was read, indexed and forgotten', async () => {
    let [asked, answered] = [0, 0];
    await fc.assert(
      fc.asyncProperty(
        fc.array(step, { maxLength: 40 }),
        fc.integer({ min: 1, max: 4 }),
        fc.integer({ min: 2, max: 30 }),
        async (steps, firstPageEvents, keysMax) => {
          const paper = new Paper();
          const known = new KnownCommands({
            ...{ reader: paper.reader, index: paper, now: Date.now },
            limits: { positionAgeMs: 0, indexRestMs: 0, firstPageEvents, keysMax },
          });
          const usedUpTo: Ask = (expected, keys) => known.usedUpTo('s', expected, keys);
          const usedByNow: Ask = (_, keys) => known.usedByNow('s', keys);
          for (const [what, amount] of steps) {
            const { length } = paper.events;
            const expected = what === 'ask' ? Math.floor(amount * (length + 1)) - 1 : length - 1;
            if (what !== 'ask' && what !== 'ask for now') change(paper, known, what, amount);
            else {
              asked += 1;
              const ask = what === 'ask' ? usedUpTo : usedByNow;
              if (await isAnswered(paper, expected, ask)) answered += 1;
            }
          }
        },
      ),
      { numRuns: process.env['SCRIP_LONG'] === '1' ? 20_000 : 1_000 },
    );
    expect(answered).toBeGreaterThan(asked / 2);
  });

  it('takes few events where the index is near, and none where the tail is known', async () => {
    const paper = new Paper();
    for (let command = 0; command < 1_000; command += 1) paper.write(`k${String(command)}`, 1);
    paper.indexed = 9_900;
    const options = { reader: paper.reader, index: paper, now: Date.now };
    const known = new KnownCommands({ ...options, limits: { positionAgeMs: 0 } });
    expect(await known.usedUpTo('s', 999, ['k5', 'k995', 'new'])).toHaveProperty('size', 2);
    expect(paper.read).toBeLessThanOrEqual(32);
    paper.read = 0;
    paper.indexed = 9_990;
    expect(await known.usedUpTo('s', 999, ['k5', 'k995', 'new'])).toHaveProperty('size', 2);
    expect([paper.read, known.tails.keys]).toEqual([0, 0]);
    expect(await known.usedUpTo('t', NO_STREAM, ['k5'])).toHaveProperty('size', 0);
    expect(paper.read).toBe(0);
  });

  it('is kept while the index is down, though others write to the stream, too', async () => {
    const paper = new Paper();
    for (let command = 0; command < 1_000; command += 1) paper.write(`k${String(command)}`, 1);
    paper.indexed = 9_990;
    const options = { reader: paper.reader, index: paper, now: Date.now };
    const known = new KnownCommands({ ...options, limits: { positionAgeMs: 0 } });
    expect(await known.usedUpTo('s', 999, ['k5'])).toHaveProperty('size', 1);
    paper.isDown = true;
    expect(await known.usedUpTo('s', 999, ['k5'])).toHaveProperty('size', 1);
    paper.read = 0;
    for (let more = 1_000; more < 1_010; more += 1) {
      paper.write(`k${String(more)}`, 1);
      known.observed('s', paper.events.slice(more));
      expect(await known.usedUpTo('s', more, ['k5', `k${String(more)}`])).toHaveProperty('size', 2);
    }
    expect(paper.read).toBe(0);
  });

  it('comes from the index again after its rest, though the clock stands still', async () => {
    const paper = new Paper();
    paper.write('k', 1);
    paper.indexed = 0;
    paper.isDown = true;
    const options = { reader: paper.reader, index: paper, now: () => 1_000 };
    const known = new KnownCommands({ ...options, limits: { indexRestMs: 20 } });
    await known.usedUpTo('s', 0, ['k']);
    paper.isDown = false;
    expect(known.tails.keys).toBe(1);
    await new Promise((resolve) => setTimeout(resolve, 40));
    await known.usedUpTo('s', 0, ['k']);
    // What the index has is not kept.
    expect(known.tails.keys).toBe(0);
  });
});
