import { describe, expect, it } from '@jest/globals';
import { streamOfAccount } from '@scrip/accounts';
import {
  type Clock,
  type CommandRequest,
  Execution,
  type Message,
  type Page,
  type RangeQuery,
  SystemClock,
  type View,
  ViewReader,
} from '@scrip/kernel';
import { pino } from 'pino';
import { DueTimer } from './due-timer.js';

/** Shows the same lots as due however often it is asked: views that never catch up. */
class StaleViews extends ViewReader {
  readonly #due: readonly string[];

  constructor(due: readonly string[]) {
    super();
    this.#due = due;
  }

  override get(): Promise<undefined> {
    return Promise.resolve(undefined);
  }

  override range<D>({ name }: View<D>, { limit, cursor = '0' }: RangeQuery): Promise<Page<D>> {
    const start = Number(cursor);
    const end = start + limit;
    const page = name === 'lots' ? this.#due.slice(start, end) : [];
    // As much of a lot's document as is asked for.
    const items = page.map((account) => ({ account, due: 1 }) as D);
    return Promise.resolve(
      end < this.#due.length && name === 'lots' ? { items, cursor: String(end) } : { items },
    );
  }

  override position(): Promise<number> {
    return Promise.resolve(0);
  }
}

/** Notes what it is asked to settle, and cannot settle some. */
class NotingExecution extends Execution {
  readonly asked: string[] = [];
  readonly #broken: ReadonlySet<string>;

  constructor(broken: readonly string[]) {
    super({ store: {} as never, snapshots: {} as never, random: () => 0 });
    this.#broken = new Set(broken.map(streamOfAccount));
  }

  override run(_: unknown, { stream }: CommandRequest<Message>): Promise<never> {
    this.asked.push(stream);
    return this.#broken.has(stream)
      ? Promise.reject(new Error('its events are damaged'))
      : // Nobody looks at the outcome.
        Promise.resolve({} as never);
  }
}

const looked = async (
  due: readonly string[],
  execution: NotingExecution,
  looks: number,
): Promise<void> => {
  const clock: Clock = new SystemClock();
  const log = pino({ level: 'silent' });
  const timer = new DueTimer({ views: new StaleViews(due), execution, clock, log, everyMs: 1 });
  timer.start();
  const wanted = due.length * looks;
  for (let tries = 0; tries < 500 && execution.asked.length < wanted; tries += 1)
    await new Promise((resolve) => setTimeout(resolve, 2));
  await timer.stop();
};

describe('the timer', () => {
  it('settles all that is due at one look, however much that is and whatever the views show', async () => {
    const due = Array.from({ length: 2_500 }, (_, index) => `t/a${String(index)}`);
    const execution = new NotingExecution([]);
    await looked(due, execution, 1);
    const first = execution.asked.slice(0, due.length);
    expect(first).toEqual(due.map(streamOfAccount));
  });

  it('passes over what it could not settle, for a while', async () => {
    const due = ['t/broken', 't/sound'];
    const execution = new NotingExecution(['t/broken']);
    await looked(due, execution, 3);
    const times = (account: string): number =>
      execution.asked.filter((stream) => stream === streamOfAccount(account)).length;
    expect(times('t/broken')).toBe(1);
    expect(times('t/sound')).toBeGreaterThan(2);
  });
});
