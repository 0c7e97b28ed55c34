import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import type { Answer, Command } from './control.protocol.js';
import type { FaultCount, FaultRule } from './faults.js';
import {
  type ConnectionOptions,
  type KurrentModelOptions,
  connectionStringOf,
} from './kurrent-model.js';

/** A model in a process of its own, with all that can be done to it from outside. */
export type KurrentModelProcess = Readonly<{
  /** The same through kills and restarts. */
  ports: readonly number[];
  connectionString: (options?: ConnectionOptions) => string;
  /** Of the process that runs now. */
  pid: () => number | undefined;
  /** Ends the process at once; resolves when it is gone. What it had answered is in its folder. */
  kill: () => Promise<void>;
  /** Stops the process as it is, its connections open: nobody is answered. */
  pause: () => void;
  /** The process goes on from where it was paused. */
  resume: () => void;
  /** Starts a process again, on the same ports and folder, after a kill; its faults are gone. */
  restart: () => Promise<void>;
  addFault: (rule: FaultRule) => Promise<number>;
  clearFaults: () => Promise<void>;
  /** Since the last start. */
  faultCounts: () => Promise<readonly FaultCount[]>;
  elect: (node: number | undefined) => Promise<void>;
  stopNode: (node: number) => Promise<void>;
  startNode: (node: number) => Promise<void>;
  setVersion: (version: string) => Promise<void>;
  cut: () => Promise<void>;
  endSubscriptions: () => Promise<void>;
  close: () => Promise<void>;
}>;

const ROOT = fileURLToPath(new URL('../../../', import.meta.url));
const CHILD = 'libs/testkit/src/kurrent-model.child.ts';

/** Starts a model in a process of its own, which ends with this one. */
export const startKurrentModelProcess = async (
  options: KurrentModelOptions = {},
): Promise<KurrentModelProcess> => {
  let child: Child;
  const start = async (ports?: readonly number[]): Promise<readonly number[]> => {
    child = new Child();
    const all = ports === undefined ? options : { ...options, ports };
    try {
      return (await child.ask({ do: 'start', options: all })) as readonly number[];
    } catch (error) {
      await child.end('SIGKILL');
      throw error;
    }
  };
  const ports = await start();
  const tell = async (command: Command): Promise<void> => {
    await child.ask(command);
  };
  return {
    ports,
    connectionString: (connection = {}) => connectionStringOf(ports, options.tls, connection),
    pid: () => child.pid,
    kill: () => child.end('SIGKILL'),
    pause: () => {
      child.signal('SIGSTOP');
    },
    resume: () => {
      child.signal('SIGCONT');
    },
    restart: async () => {
      await child.end('SIGKILL');
      await start(ports);
    },
    addFault: async (rule) => (await child.ask({ do: 'add_fault', rule })) as number,
    clearFaults: () => tell({ do: 'clear_faults' }),
    faultCounts: async () => (await child.ask({ do: 'count_faults' })) as readonly FaultCount[],
    elect: (node) => tell({ do: 'elect', ...(node === undefined ? {} : { node }) }),
    stopNode: (node) => tell({ do: 'stop_node', node }),
    startNode: (node) => tell({ do: 'start_node', node }),
    setVersion: (version) => tell({ do: 'set_version', version }),
    cut: () => tell({ do: 'cut' }),
    endSubscriptions: () => tell({ do: 'end_subscriptions' }),
    close: async () => {
      if (child.isRunning) {
        child.signal('SIGCONT');
        await tell({ do: 'close' });
      }
      await child.end('SIGKILL');
    },
  };
};

type Asked = Readonly<{ resolve: (result: unknown) => void; reject: (error: Error) => void }>;

/** The process, and what it was asked. */
class Child {
  readonly #process: ChildProcess = spawn(
    process.execPath,
    ['--import', './test/ts-loader.mjs', '--no-warnings', CHILD],
    // Advanced, so that a fault can strike an infinite number of times.
    { cwd: ROOT, stdio: ['ignore', 'inherit', 'inherit', 'ipc'], serialization: 'advanced' },
  );
  readonly #asked = new Map<number, Asked>();
  readonly #gone = once(this.#process, 'exit');
  #lastId = 0;

  constructor() {
    this.#process.on('message', (message) => {
      const { id, result, error } = message as Answer;
      const asked = this.#asked.get(id);
      this.#asked.delete(id);
      if (error === undefined) asked?.resolve(result);
      else asked?.reject(new Error(error));
    });
    this.#process.on('exit', () => {
      for (const { reject } of this.#asked.values())
        reject(new Error('The process of the model has ended'));
      this.#asked.clear();
    });
  }

  get pid(): number | undefined {
    return this.#process.pid;
  }

  get isRunning(): boolean {
    return this.#process.exitCode === null && this.#process.signalCode === null;
  }

  ask(command: Command): Promise<unknown> {
    if (!this.isRunning) return Promise.reject(new Error('The process of the model has ended'));
    const id = ++this.#lastId;
    return new Promise((resolve, reject) => {
      this.#asked.set(id, { resolve, reject });
      this.#process.send({ id, command });
    });
  }

  signal(signal: NodeJS.Signals): void {
    this.#process.kill(signal);
  }

  async end(signal: NodeJS.Signals): Promise<void> {
    if (!this.isRunning) return;
    this.signal(signal);
    await this.#gone;
  }
}
