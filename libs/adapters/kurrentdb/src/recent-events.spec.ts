import { describe, expect, it } from '@jest/globals';
import * as fc from 'fast-check';
import { LOG_START, type StoredEvent } from '@scrip/kernel';
import { RecentEvents } from './recent-events.js';

const event = (position: number, stream: string): StoredEvent => ({
  stream,
  revision: 0,
  position,
  at: 1,
  type: 'Happened',
  version: 1,
  data: { position },
  meta: { key: String(position), hash: 'h', actor: 'test' },
});

describe('the last events in memory', () => {
  it('are those of the log, or none, wherever it is read from', () => {
    fc.assert(
      fc.property(
        fc.array(fc.tuple(fc.integer({ min: 1, max: 9 }), fc.constantFrom('a-1', 'b-1', 'ab-1'))),
        fc.integer({ min: 1, max: 6 }),
        fc.integer({ min: 1, max: 8 }),
        (steps, events, limit) => {
          const recent = new RecentEvents(LOG_START, { events });
          const log: StoredEvent[] = [];
          let position = 0;
          for (const [step, stream] of steps) {
            position += step;
            log.push(event(position, stream));
            expect(recent.add(event(position, stream))).toBe(true);
            expect(recent.add(event(position, stream))).toBe(false);
          }
          expect(recent.reached).toBe(log.at(-1)?.position ?? LOG_START);
          for (const category of [undefined, 'a', 'b'])
            for (let after = LOG_START; after <= position + 1; after += 1) {
              const missing = log.filter((one) => one.position > after);
              const found = recent.since(after, limit, category);
              if (found === undefined) expect(missing.length).toBeGreaterThan(events);
              else
                expect(found).toEqual(
                  missing
                    .filter(({ stream }) => stream.startsWith(category ?? ''))
                    .filter(({ stream }) => category !== 'a' || stream === 'a-1')
                    .slice(0, limit),
                );
            }
        },
      ),
    );
  });

  it('are bounded by their size, too', () => {
    const recent = new RecentEvents(LOG_START, { characters: 40 });
    for (let position = 1; position < 10; position += 1) recent.add(event(position, 'a-1'));
    expect(recent.since(LOG_START, 10)).toBeUndefined();
    expect(recent.since(8, 10)).toHaveLength(1);
  });
});
