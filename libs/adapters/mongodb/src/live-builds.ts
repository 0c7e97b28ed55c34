import type { Generation } from '@scrip/kernel';
import type { GroupRecords } from './group-records.js';
import type { MongoLimits } from './limits.js';

/** A live build, and since when it is known to be it, by `performance.now()`. */
export type KnownLive = Readonly<{ live: Generation; knownAt: number }>;

/**
 * Which build of each group is live, asked for at most so often. Whoever asks while an answer is on its way gets the next
 * one, together with all others that wait: so what is told is never older than the question.
 */
export class LiveBuilds {
  readonly #records: GroupRecords;
  readonly #limits: MongoLimits;
  readonly #known = new Map<string, KnownLive>();
  readonly #underWay = new Map<string, Promise<KnownLive | undefined>>();
  readonly #next = new Map<string, Promise<KnownLive | undefined>>();

  constructor(records: GroupRecords, limits: MongoLimits) {
    this.#records = records;
    this.#limits = limits;
  }

  /** The live build as it was known a short while ago at most; undefined when there is none. */
  async recent(group: string): Promise<KnownLive | undefined> {
    const known = this.#known.get(group);
    return known !== undefined && performance.now() - known.knownAt < this.#limits.liveKnownMs
      ? known
      : this.#asked(group);
  }

  /** The live build as it is now. */
  async current(group: string): Promise<Generation | undefined> {
    return (await this.#asked(group))?.live;
  }

  /** Whether what was read of a build counts: much later its collections might have been dropped, and seem empty. */
  counts({ knownAt }: KnownLive): boolean {
    return performance.now() - knownAt < this.#limits.answerCountsMs;
  }

  forget(group: string): void {
    this.#known.delete(group);
  }

  #asked(group: string): Promise<KnownLive | undefined> {
    const underWay = this.#underWay.get(group);
    if (underWay === undefined) return this.#ask(group);
    const known = this.#next.get(group);
    if (known !== undefined) return known;
    const again = (): Promise<KnownLive | undefined> => {
      this.#next.delete(group);
      return this.#ask(group);
    };
    const next = underWay.then(again, again);
    this.#next.set(group, next);
    return next;
  }

  #ask(group: string): Promise<KnownLive | undefined> {
    const knownAt = performance.now();
    const answer = this.#records
      .read(group)
      .then(({ live }) => {
        if (live === undefined) {
          this.#known.delete(group);
          return undefined;
        }
        const known = { live, knownAt };
        this.#known.set(group, known);
        return known;
      })
      .finally(() => {
        this.#underWay.delete(group);
      });
    this.#underWay.set(group, answer);
    return answer;
  }
}
