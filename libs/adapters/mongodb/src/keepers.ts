import type { ProcessorStatus } from '@scrip/kernel';
import type { Collection } from 'mongodb';
import type { MongoConnection } from './connection.js';
import { asking, isDuplicate } from './mongo-error.js';

const REASON_CHARACTERS_MAX = 1_000;

/** What is stored of the keeper of a group's views. */
type KeeperRecord = Readonly<{
  _id: string;
  version: bigint;
  state: ProcessorStatus['state'];
  reason?: string;
  /** By the server's clock; for people, nothing compares it. */
  told_at?: Date;
}>;

/** What the keeper of a group's views told of itself, and of which version they are. */
export type KeeperTold = Readonly<{
  version: number;
  state: ProcessorStatus['state'];
  reason?: string;
}>;

/** How the keepers of views stand, as they told last: for processes that keep none. */
export class MongoKeepers {
  readonly #records: Collection<KeeperRecord>;

  constructor({ db }: MongoConnection) {
    this.#records = db.collection('view_keepers');
  }

  /** Notes how the keeper of a group stands; what a newer version's keeper told stays. */
  async tell(group: string, { version, state, reason }: KeeperTold): Promise<void> {
    const told = { version: BigInt(version), state };
    const at = { _id: group, version: { $not: { $gt: BigInt(version) } } };
    const update =
      reason === undefined
        ? { $set: told, $unset: { reason: true as const } }
        : { $set: { ...told, reason: reason.slice(0, REASON_CHARACTERS_MAX) } };
    try {
      await asking(() =>
        this.#records.updateOne(
          at,
          { ...update, $currentDate: { told_at: true } },
          { upsert: true },
        ),
      );
    } catch (error) {
      if (!isDuplicate(error)) throw error;
    }
  }

  /** What the keeper of a group told last; undefined where none did. */
  async told(group: string): Promise<KeeperTold | undefined> {
    const found = await asking(() => this.#records.findOne({ _id: group }));
    if (found === null) return undefined;
    const { version, state, reason } = found;
    return { version: Number(version), state, ...(reason === undefined ? {} : { reason }) };
  }
}
