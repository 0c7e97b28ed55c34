import type { Db } from 'mongodb';
import type { GroupRecords } from './group-records.js';
import type { MongoLimits } from './limits.js';

type Found = Readonly<{ name: string; number: number }>;

/** Collections of builds that are no longer named by their group's record. */
export class FormerBuilds {
  readonly #db: Db;
  readonly #records: GroupRecords;
  readonly #limits: MongoLimits;

  constructor(db: Db, records: GroupRecords, limits: MongoLimits) {
    this.#db = db;
    this.#records = records;
    this.#limits = limits;
  }

  /** The greatest number of a build of which there are collections; 0 where there are none. */
  async greatest(group: string): Promise<number> {
    return Math.max(0, ...(await this.#collections(group)).map(({ number }) => number));
  }

  /**
   * Drops what no reader may still be reading. A writer that was halted may make such a collection again, by what it
   * wrote last; that is dropped the next time.
   */
  async drop(group: string): Promise<void> {
    // In this order: a build that is begun meanwhile is not among the collections.
    const collections = await this.#collections(group);
    const { last, live, build, promotedAt } = await this.#records.read(group);
    if (promotedAt !== undefined && !(await this.#isPast(promotedAt))) return;
    for (const { name, number } of collections)
      if (number <= last && number !== live?.number && number !== build?.number)
        await this.#db.dropCollection(name);
  }

  async #isPast(promotedAt: Date): Promise<boolean> {
    // The server's clock set the date.
    const { localTime } = await this.#db.command({ hello: 1 });
    return Number(localTime) - promotedAt.getTime() >= this.#limits.formerKeptMs;
  }

  async #collections(group: string): Promise<readonly Found[]> {
    const all = await this.#db.listCollections({}, { nameOnly: true }).toArray();
    return all.flatMap(({ name }): Found[] => {
      if (!name.startsWith(`${group}.`)) return [];
      // Without another dot: the group of the rest's first part is another one.
      const [, number] = /^[^.]+_v\d+_(\d+)$/.exec(name.slice(group.length + 1)) ?? [];
      return number === undefined ? [] : [{ name, number: Number(number) }];
    });
  }
}
