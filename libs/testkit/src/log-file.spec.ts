import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { randomUUID } from 'node:crypto';
import { appendFile, mkdtemp, readFile, rm, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DurableLog } from './durable-log.js';
import type { AppendOutcome } from './kurrent-log.js';
import { LogCorrupt, type ProposedEvent } from './log-frames.js';

let folder: string;
let file: string;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'kurrent-log-'));
  file = join(folder, 'log.bin');
});

afterEach(() => rm(folder, { recursive: true }));

const open = (): Promise<DurableLog> => DurableLog.open({ folder, sync: true, limits: {} });

const proposed = (type: string): ProposedEvent => ({
  ...{ id: randomUUID(), type, isJson: false },
  ...{ data: Buffer.from(`data of ${type}`), metadata: Buffer.from([1, 2, 3]) },
});

const append = (store: DurableLog, stream: string, ...types: string[]): Promise<AppendOutcome> =>
  store.append(stream, 'any', types.map(proposed));

/** What is read, as plain data. */
const shown = (store: DurableLog): readonly unknown[] =>
  [...store.log.readAll('start', 'forwards')].map((event) => ({
    ...event,
    ...{ data: Buffer.from(event.data).toString(), metadata: [...event.metadata] },
  }));

describe('a log that is opened again', () => {
  it('has the same events at the same positions, which are where they begin in the file', async () => {
    const store = await open();
    await append(store, 'one-ü', 'A', 'Bé');
    await append(store, 'two', 'C');
    const before = shown(store);
    await store.close();
    const again = await open();
    expect(shown(again)).toEqual(before);
    expect(before).toHaveLength(3);
    const content = await readFile(file);
    for (const { position, type } of again.log.readAll('start', 'forwards'))
      expect(content.subarray(position, position + 60).toString()).toContain(type);
    await append(again, 'one-ü', 'D');
    expect([...again.log.readStream('one-ü', 'start', 'forwards')]).toMatchObject([
      { revision: 0 },
      { revision: 1 },
      { revision: 2, type: 'D' },
    ]);
    await again.close();
  });

  it('knows its ids, and the metadata of its streams', async () => {
    const store = await open();
    const event = proposed('A');
    await store.append('one', 'any', [event, proposed('B')]);
    const metadata = { ...proposed('$metadata'), data: Buffer.from('{"$maxCount":1}') };
    await store.append('$$one', 'any', [metadata]);
    await store.close();
    const again = await open();
    expect(await again.append('one', 'any', [event])).toMatchObject({ result: 'repeated' });
    expect([...again.log.readStream('one', 'start', 'forwards')]).toMatchObject([{ type: 'B' }]);
    await again.close();
  });

  it('has lost the append that was cut off, whole, wherever that was cut', async () => {
    const store = await open();
    await append(store, 'one', 'A');
    const whole = (await readFile(file)).length;
    await append(store, 'one', 'B', 'C');
    await store.close();
    const content = await readFile(file);
    for (let length = content.length - 1; length >= whole; length -= 7) {
      await writeFile(file, content.subarray(0, length));
      const torn = await open();
      expect(shown(torn)).toMatchObject([{ type: 'A' }]);
      expect(await append(torn, 'one', 'D')).toMatchObject({ revision: 1 });
      await torn.close();
      const again = await open();
      expect(shown(again)).toMatchObject([{ type: 'A' }, { type: 'D' }]);
      await again.close();
    }
  });

  it('has lost an append whose bytes were never written though the file had grown', async () => {
    const store = await open();
    await append(store, 'one', 'A');
    await store.close();
    await appendFile(file, Buffer.alloc(100));
    const torn = await open();
    expect(shown(torn)).toMatchObject([{ type: 'A' }]);
    await torn.close();
  });

  it('is refused where what follows shows that it was spoilt', async () => {
    const store = await open();
    await append(store, 'one', 'A');
    const { length } = await readFile(file);
    await append(store, 'one', 'B');
    await store.close();
    const content = await readFile(file);
    content.writeUInt8(255, length - 1);
    await writeFile(file, content);
    await expect(open()).rejects.toThrow(LogCorrupt);
    await writeFile(file, 'something else altogether');
    await expect(open()).rejects.toThrow(LogCorrupt);
    await truncate(file, 0);
    await (await open()).close();
  });
});

describe('an append', () => {
  it('is read by nobody before it is in the file', async () => {
    const store = await open();
    const appending = append(store, 'one', 'A');
    expect(store.log.exists('one')).toBe(false);
    expect(shown(store)).toEqual([]);
    const following = store.log.followAll('start');
    expect(following.next().value).toBeUndefined();
    await appending;
    expect(following.next().value).toMatchObject({ type: 'A' });
    expect(shown(store)).toHaveLength(1);
    await store.close();
  });

  it('that repeats one still on its way is answered after that one', async () => {
    const store = await open();
    const event = proposed('A');
    const ends: string[] = [];
    const first = store.append('one', 'no_stream', [event]).then(() => ends.push('first'));
    const again = store.append('one', 'no_stream', [event]).then(({ result }) => ends.push(result));
    const wrong = store.append('one', 'no_stream', [proposed('B')]);
    expect(await wrong).toEqual({ result: 'wrong_expected_revision', current: 0 });
    expect(ends).toEqual([]);
    await Promise.all([first, again]);
    expect(ends).toEqual(['first', 'repeated']);
    await store.close();
  });

  it('shares its write with others that wait, and all are there', async () => {
    const store = await open();
    await Promise.all(Array.from({ length: 500 }, (_, index) => append(store, `s-${index}`, 'A')));
    await store.close();
    const again = await open();
    expect(shown(again)).toHaveLength(500);
    await again.close();
  });
});
