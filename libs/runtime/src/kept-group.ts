import {
  type AnyProjectionGroup,
  type EventLog,
  type Message,
  Processor,
  type ProcessorStatus,
  type ViewStore,
  pause,
} from '@scrip/kernel';
import type { Running } from './stores.js';
import type { WhileLeased } from './while-leased.js';

/** How often a process looks whether another one asked for new views. */
const LOOK_MS = 1_000;
/** How long the views gather events at the most: readers are in other processes, and cannot hurry them. */
const REST_MAX_MS = 40;

type Choose = (name: string, run: () => Running) => WhileLeased;

/** A group of views that several processes could keep: the chosen one does. */
export class KeptGroup {
  readonly #subject: AnyProjectionGroup;
  readonly #log: EventLog;
  readonly #views: ViewStore;
  readonly #onStopped: (status: ProcessorStatus) => void;
  readonly #chosen: WhileLeased;
  #processor: Processor<Message> | undefined;
  /** Why the processor stopped, as was told already. */
  #reason: string | undefined;

  constructor(
    subject: AnyProjectionGroup,
    options: {
      readonly log: EventLog;
      readonly views: ViewStore;
      readonly choose: Choose;
      readonly onStopped: (status: ProcessorStatus) => void;
    },
  ) {
    this.#subject = subject;
    this.#log = options.log;
    this.#views = options.views;
    this.#onStopped = options.onStopped;
    const { name, version } = subject.group;
    // While processes of two versions run, each version's views have a keeper.
    this.#chosen = options.choose(`views/${name}/${String(version)}`, () => this.#run());
  }

  get group(): string {
    return this.#subject.group.name;
  }

  /** How it stands, if this process is the chosen one. */
  get status(): ProcessorStatus | undefined {
    return this.#processor?.status;
  }

  hurry(): void {
    this.#processor?.hurry();
  }

  stop(): Promise<void> {
    return this.#chosen.stop();
  }

  #run(): Running {
    const ended = new AbortController();
    const done = this.#follow(ended.signal);
    return {
      stop: async () => {
        ended.abort();
        await done;
      },
    };
  }

  /** Runs the processor, and another one when somebody began new views: that one finds them. */
  async #follow(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      const processor = this.#processorOf();
      this.#processor = processor;
      processor.start();
      await this.#askedOrEnded(processor, signal);
      await processor.stop();
    }
    this.#processor = undefined;
  }

  async #askedOrEnded(processor: Processor<Message>, signal: AbortSignal): Promise<void> {
    while (!signal.aborted && !(await this.#isAsked(processor))) await pause(LOOK_MS, signal);
  }

  #processorOf(): Processor<Message> {
    return new Processor<Message>({
      log: this.#log,
      views: this.#views,
      subject: this.#subject,
      limits: { restMaxMs: REST_MAX_MS },
      onStatus: (status) => {
        // It starts over every other second, and mostly stops for the same reason.
        const reason = status.state === 'stopped' ? status.reason : undefined;
        if (status.state === 'stopped' && reason !== this.#reason) this.#onStopped(status);
        this.#reason = reason;
      },
    });
  }

  /** Whether new views were begun that the processor does not fill. */
  async #isAsked({ status }: Processor<Message>): Promise<boolean> {
    if (status.state !== 'running' || status.rebuilding) return false;
    try {
      const generations = await this.#views.generations(this.group);
      const { version } = this.#subject.group;
      return generations.some((each) => !each.live && each.version === version);
    } catch {
      // The processor tells of a store that does not answer.
      return false;
    }
  }
}
