/** What an id says: the kind of thing, the account's tag, and the revision of the event it came from. */
export type MovementId = Readonly<{
  prefix: 'txn' | 'lot' | 'hold';
  tag: string;
  revision: number;
}>;

type Named = Readonly<{ tag: string; revision: number }>;

const ID =
  /^(?:(txn|hold)_([a-z0-9]{1,12})_(0|[1-9]\d{0,11})|lot_([a-z0-9]{1,12})_(0|[1-9]\d{0,11})(?:_(?:[2-9]|[1-9]\d{1,3}))?)$/;

/** Lots of one event have consecutive serials; no event has as many as this. */
const SERIALS_PER_EVENT = 2_048;

/** Reads the id of a transaction, lot or hold; undefined where it is not one. */
export const parseMovementId = (id: string): MovementId | undefined => {
  const [, prefix, tag, revision, lotTag, lotRevision] = ID.exec(id) ?? [];
  if (lotTag !== undefined) return { prefix: 'lot', tag: lotTag, revision: Number(lotRevision) };
  if (tag === undefined) return undefined;
  return { prefix: prefix === 'hold' ? 'hold' : 'txn', tag, revision: Number(revision) };
};

/** The id of the purchase, grant, consumption, refund, activation or expiry that comes next. */
export const transactionIdOf = ({ tag, revision }: Named): string => `txn_${tag}_${revision}`;

/** The id of the hold that comes next. */
export const holdIdOf = ({ tag, revision }: Named): string => `hold_${tag}_${revision}`;

/** The id of a lot that the next event makes; `place` counts the lots of one event from 1. */
export const lotIdOf = ({ tag, revision }: Named, place = 1): string =>
  place === 1 ? `lot_${tag}_${revision}` : `lot_${tag}_${revision}_${place}`;

/** A lot's place in the order of issue, read from its id. */
export const lotSerial = (lotId: string): number => {
  const revisionAt = lotId.indexOf('_', 'lot_'.length) + 1;
  const placeAt = lotId.indexOf('_', revisionAt) + 1;
  return placeAt === 0
    ? Number(lotId.slice(revisionAt)) * SERIALS_PER_EVENT + 1
    : Number(lotId.slice(revisionAt, placeAt - 1)) * SERIALS_PER_EVENT +
        Number(lotId.slice(placeAt));
};
