import { setTimeout as pause } from 'node:timers/promises';
import { type Spawned, isReady, spawnServer } from '../crash/server.js';
import type { Journal } from './journal.js';

const slotLimits = {
  /** Before a process that ended by itself is started again, as a supervisor does. */
  restartMs: 300,
  pollMs: 25,
} as const;

/** A place where a process of the ledger runs, and is started again when it ends. */
export class Slot {
  readonly name: string;
  readonly #main: string;
  readonly #settings: Readonly<Record<string, string>>;
  readonly #journal: Journal;
  #process: Spawned | undefined;
  #url: string | undefined;
  #wanted = false;
  #expected = false;
  #lock: Promise<unknown> = Promise.resolve();
  /** How often it could not start, because a store was away. */
  failedStarts = 0;
  /** How it ended by itself once it was ready, which it never may. */
  readonly falls: string[] = [];

  constructor(
    name: string,
    main: string,
    settings: Readonly<Record<string, string>>,
    journal: Journal,
  ) {
    this.name = name;
    this.#main = main;
    this.#settings = settings;
    this.#journal = journal;
  }

  /** Where it listens; undefined while it does not. */
  get url(): string | undefined {
    return this.#url;
  }

  get pid(): number | undefined {
    return this.#process?.pid;
  }

  /** One deed at a time. */
  exclusively<T>(deed: () => Promise<T>): Promise<T> {
    const done = this.#lock.then(deed);
    this.#lock = done.catch(() => undefined);
    return done;
  }

  start(): void {
    this.#wanted = true;
    this.#spawn();
  }

  kill(): Promise<void> {
    return this.#end('SIGKILL');
  }

  /** Tells it to stop in order, and waits until it has. */
  terminate(): Promise<void> {
    return this.#end('SIGTERM');
  }

  halt(): void {
    this.#journal.halted(this.name, this.pid);
    this.#process?.signal('SIGSTOP');
  }

  goOn(): void {
    this.#process?.signal('SIGCONT');
    this.#journal.wentOn(this.name, this.pid);
  }

  /** Waits until it says that it is ready; throws when it does not within a time. */
  async ready(withinMs: number): Promise<void> {
    const deadline = performance.now() + withinMs;
    while (this.#url === undefined || !(await isReady(this.#url))) {
      if (performance.now() > deadline)
        throw new Error(
          `${this.name} is not ready after ${String(withinMs)} ms:\n${this.#process?.said() ?? ''}`,
        );
      await pause(slotLimits.pollMs);
    }
  }

  async remove(): Promise<void> {
    this.#wanted = false;
    await this.#end('SIGKILL');
  }

  async #end(signal: 'SIGKILL' | 'SIGTERM'): Promise<void> {
    const process = this.#process;
    if (process === undefined) return;
    this.#wanted = false;
    this.#expected = true;
    if (signal === 'SIGKILL') this.#url = undefined;
    await process.end(signal);
    this.#expected = false;
  }

  #spawn(): void {
    let isUp = false;
    const process = spawnServer(this.#main, this.#settings, (line) => {
      this.#journal.hear(this.name, process.pid, line);
    });
    this.#process = process;
    void process.gone.then((code) => {
      this.#journal.ended(this.name, process.pid);
      if (this.#process !== process) return;
      this.#url = undefined;
      if (!this.#expected && isUp)
        this.falls.push(`${this.name} ended by itself with ${String(code)}:\n${process.said()}`);
      if (!this.#wanted) return;
      this.failedStarts += 1;
      setTimeout(() => {
        if (this.#wanted) this.#spawn();
      }, slotLimits.restartMs);
    });
    process.ready().then(
      (url) => {
        if (this.#process !== process || this.#expected) return;
        isUp = true;
        this.#url = url;
      },
      () => undefined,
    );
  }
}
