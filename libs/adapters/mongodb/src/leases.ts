import { randomUUID } from 'node:crypto';
import { LEASE_MARGIN, type Lease, Leases } from '@scrip/kernel';
import type { Collection, Filter } from 'mongodb';
import type { MongoConnection } from './connection.js';
import { asking, isDuplicate } from './mongo-error.js';

/** What is stored of a lease. */
type LeaseRecord = Readonly<{
  _id: string;
  /** Empty when it was given back. */
  owner: string;
  token: bigint;
  /** Another one with each renewal: as long as it is the same, nothing has been heard of the owner. */
  beat: string;
  ttl_ms: bigint;
  /** When it was last taken or renewed, by the server's clock; for people, nothing compares it. */
  renewed_at?: Date;
}>;

/** A lease that another has, as it was when it was first seen so. */
type Seen = Readonly<{ beat: string; since: number }>;

const FREE = '';

/** Leases in MongoDB: one document each, changed only from the state that was read. */
export class MongoLeases extends Leases {
  readonly #records: Collection<LeaseRecord>;
  readonly #seen = new Map<string, Seen>();

  constructor({ db }: MongoConnection) {
    super();
    this.#records = db.collection('leases');
  }

  override async take(name: string, owner: string, ttlMs: number): Promise<Lease | undefined> {
    // Before it is asked for: others count from when they see it, which is later.
    const until = performance.now() + ttlMs * (1 - LEASE_MARGIN);
    const token = await asking(
      async () => (await this.#renewed(name, owner, ttlMs)) ?? this.#taken(name, owner, ttlMs),
    );
    return token === undefined ? undefined : { name, owner, token, until };
  }

  override async release({ name, owner, token }: Lease): Promise<void> {
    const held = { _id: name, owner, token: BigInt(token) };
    await asking(() => this.#records.updateOne(held, { $set: { owner: FREE } }));
  }

  async #renewed(name: string, owner: string, ttlMs: number): Promise<number | undefined> {
    const renewed = await this.#change({ _id: name, owner }, {}, ttlMs);
    return renewed === null ? undefined : Number(renewed.token);
  }

  async #taken(name: string, owner: string, ttlMs: number): Promise<number | undefined> {
    const found = await this.#records.findOne({ _id: name });
    if (found === null) return this.#first(name, owner, ttlMs);
    if (found.owner !== FREE && !this.#isOver(found)) return undefined;
    const { _id, token, beat } = found;
    const change = { owner, token: token + 1n };
    const taken = await this.#change({ _id, token, beat }, change, ttlMs);
    this.#seen.delete(name);
    return taken === null ? undefined : Number(taken.token);
  }

  async #first(name: string, owner: string, ttlMs: number): Promise<number | undefined> {
    try {
      await this.#records.insertOne({ _id: name, owner, token: 1n, ...beatOf(ttlMs) });
      return 1;
    } catch (error) {
      if (isDuplicate(error)) return undefined;
      throw error;
    }
  }

  /** Whether a lease was watched for its whole time without being renewed. */
  #isOver({ _id, beat, ttl_ms }: LeaseRecord): boolean {
    const seen = this.#seen.get(_id);
    const now = performance.now();
    if (seen?.beat === beat) return now - seen.since >= Number(ttl_ms);
    this.#seen.set(_id, { beat, since: now });
    return false;
  }

  #change(
    at: Filter<LeaseRecord>,
    change: Partial<LeaseRecord>,
    ttlMs: number,
  ): Promise<LeaseRecord | null> {
    const update = {
      $set: { ...change, ...beatOf(ttlMs) },
      $currentDate: { renewed_at: true },
    } as const;
    return this.#records.findOneAndUpdate(at, update, { returnDocument: 'after' });
  }
}

const beatOf = (ttlMs: number): Pick<LeaseRecord, 'beat' | 'ttl_ms'> => ({
  beat: randomUUID(),
  ttl_ms: BigInt(ttlMs),
});
