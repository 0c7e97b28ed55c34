import {
  type Generation,
  LOG_START,
  type Position,
  type ViewGroup,
  ViewsSuperseded,
} from '@scrip/kernel';
import type { Collection, Db } from 'mongodb';
import type { MongoLimits } from './limits.js';
import { isDuplicate } from './mongo-error.js';
import { DURABLE } from './view-collection.js';

/** One build, as its group's record names it. */
type Build = Readonly<{ number: bigint; version: bigint; position: bigint }>;

/** What is stored of a group of views: one document, so that each change of builds is one write. */
type GroupRecord = Readonly<{
  _id: string;
  /** The greatest number that a build was given. */
  last: bigint;
  /** The build that readers see. */
  live?: Build;
  /** The one that is being filled beside it. */
  build?: Build;
  /** When the live one took its place, by the server's clock. */
  promoted_at?: Date;
}>;

/** The builds of a group, and when the live one took its place. */
export type Builds = Readonly<{
  last: number;
  live: Generation | undefined;
  build: Generation | undefined;
  promotedAt: Date | undefined;
}>;

/** Which builds each group of views has, and how far they are. */
export class GroupRecords {
  readonly #records: Collection<GroupRecord>;
  readonly #limits: MongoLimits;

  constructor(db: Db, limits: MongoLimits) {
    this.#records = db.collection('view_groups');
    this.#limits = limits;
  }

  async read(group: string): Promise<Builds> {
    const record = await this.#records.findOne({ _id: group }, DURABLE);
    return {
      last: Number(record?.last ?? 0n),
      live: generationOf(group, record?.live, true),
      build: generationOf(group, record?.build, false),
      promotedAt: record?.promoted_at,
    };
  }

  /**
   * Starts a build in place of the one that was growing. Of several processes that do so at once one wins, and the others
   * get its build. `usedUpTo` is the greatest number of which there are collections.
   *
   * @throws ViewsSuperseded where a build of a newer version is there: it would be taken away from who keeps that.
   */
  async begin({ name, version }: ViewGroup, usedUpTo: number): Promise<Generation> {
    for (let tries = 1; tries <= this.#limits.beginsMax; tries += 1) {
      const before = await this.read(name);
      if (isOlder(version, before)) throw new ViewsSuperseded(name);
      const number = Math.max(before.last, usedUpTo) + 1;
      if (await this.#isBegun(name, version, before, number))
        return { group: name, version, number, live: false, position: LOG_START };
      const { build } = await this.read(name);
      if (build?.version === version && build.number > before.last) return build;
    }
    throw new Error(`Others kept starting builds of the ${name} views; try again`);
  }

  async #isBegun(
    group: string,
    version: number,
    { last }: Builds,
    number: number,
  ): Promise<boolean> {
    const build = storedBuild(number, version);
    if (last > 0) {
      const at = { _id: group, last: BigInt(last) };
      const set = { last: BigInt(number), build };
      const { matchedCount } = await this.#records.updateOne(at, { $set: set });
      return matchedCount === 1;
    }
    try {
      await this.#records.insertOne({ _id: group, last: BigInt(number), build });
      return true;
    } catch (error) {
      if (isDuplicate(error)) return false;
      throw error;
    }
  }

  /** Makes a build the live one, unless that is of a newer version; false when it is not the one that was growing. */
  async promote({ group, version, number }: Generation): Promise<boolean> {
    const at = {
      _id: group,
      'build.number': BigInt(number),
      'live.version': { $not: { $gt: BigInt(version) } },
    };
    const { matchedCount } = await this.#records.updateOne(at, {
      $rename: { build: 'live' },
      $currentDate: { promoted_at: true },
    });
    return matchedCount === 1;
  }

  /** Notes how far a build has come, never less far; false when there is no such build. */
  async advance({ group, number, live }: Generation, position: Position): Promise<boolean> {
    // A build may have gone live by another's hand.
    for (const place of live ? (['live', 'build'] as const) : (['build', 'live'] as const)) {
      const at = { _id: group, [`${place}.number`]: BigInt(number) };
      const furthest = { $max: { [`${place}.position`]: BigInt(position) } };
      const { matchedCount } = await this.#records.updateOne(at, furthest);
      if (matchedCount === 1) return true;
    }
    return false;
  }
}

/** Whether there is a build of a newer version. */
export const isOlder = (
  version: number,
  { live, build }: Pick<Builds, 'live' | 'build'>,
): boolean => [live, build].some((each) => each !== undefined && each.version > version);

const generationOf = (
  group: string,
  build: Build | undefined,
  live: boolean,
): Generation | undefined =>
  build && {
    group,
    version: Number(build.version),
    number: Number(build.number),
    live,
    position: Number(build.position),
  };

const storedBuild = (number: number, version: number): Build => ({
  number: BigInt(number),
  version: BigInt(version),
  position: BigInt(LOG_START),
});
