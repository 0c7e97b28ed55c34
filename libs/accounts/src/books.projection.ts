import {
  type Credits,
  type Projection,
  type TypeOf,
  type View,
  id,
  record,
  whole,
} from '@scrip/kernel';
import { accountOf, tenantOf } from './account-key.js';
import type { AccountEvent, LotOrigin } from './account.messages.js';
import { type MovementEvent, isScheduled, totalOf } from './movement.js';
import { signedMicros } from './view-codecs.js';

/**
 * The accounts of a tenant's books. Sources grow negative as credits are issued; the rest says where the credits are.
 * Every posting has two sides, each taken from another field of the event, so that all together are zero.
 */
const bookDocument = record({
  tenant: id(),
  postings: whole(0),
  issued_purchase: signedMicros,
  issued_bonus: signedMicros,
  issued_adjustment: signedMicros,
  issued_subscription: signedMicros,
  issued_allocation: signedMicros,
  issued_transfer: signedMicros,
  issued_refund: signedMicros,
  /** In lots that are not yet effective. */
  scheduled: signedMicros,
  /** Effective and unreserved, in lots. */
  free: signedMicros,
  held: signedMicros,
  /** What accounts owe on their credit lines: negative. */
  overdrawn: signedMicros,
  consumed: signedMicros,
  /** What refunds gave back of what was consumed: negative. */
  refunded: signedMicros,
  expired: signedMicros,
});

/** The double-entry books of one tenant. */
export type BookDocument = TypeOf<typeof bookDocument>;

/** One document per tenant. */
export const booksView: View<BookDocument> = {
  name: 'books',
  codec: bookDocument,
  parts: {},
  indexes: {},
};

/** What all the books' accounts come to: zero, or something is wrong. */
export const sumOfBooks = (books: BookDocument): Credits => {
  let sum = 0n;
  for (const amount of Object.values(books)) if (typeof amount === 'bigint') sum += amount;
  return sum;
};

/** Keeps {@link booksView}, from what the events say of lots and not from the balances they carry. */
export const booksProjection: Projection<BookDocument, AccountEvent> = {
  view: booksView,
  keysOf: ({ event, stream }) => ('paid' in event.data ? [tenantOf(accountOf(stream))] : []),
  evolve: (document, { event }, tenant) =>
    // Only movement events say what is paid, and only they have keys here.
    posted(document ?? emptyBooks(tenant), event as MovementEvent),
};

const posted = (books: BookDocument, event: MovementEvent): BookDocument => {
  const { free, held, overdrawn, consumed } = books;
  const postings = books.postings + 1;
  switch (event.type) {
    case 'CreditsConsumed': {
      const { amount, from } = event.data;
      return {
        ...books,
        postings,
        free: free - totalOf(from),
        overdrawn: overdrawn - event.data.overdrawn,
        consumed: consumed + amount,
      };
    }
    case 'HoldCaptured': {
      const { amount, from } = event.data;
      return { ...books, postings, held: held - totalOf(from), consumed: consumed + amount };
    }
    case 'HoldPlaced':
    case 'HoldExtended': {
      const { amount, from } = event.data;
      return { ...books, postings, free: free - totalOf(from), held: held + amount };
    }
    case 'HoldClosed': {
      const { amount, returned } = event.data;
      return { ...books, postings, held: held - amount, free: free + totalOf(returned) };
    }
    case 'CreditsExpired': {
      const { amount, lots } = event.data;
      return { ...books, postings, free: free - totalOf(lots), expired: books.expired + amount };
    }
    case 'LotsActivated':
      return activated({ ...books, postings }, event);
    case 'ConsumptionRefunded': {
      const { amount, to, lots, restored } = event.data;
      return {
        ...books,
        postings,
        refunded: books.refunded - amount,
        free: free + totalOf(to) + totalOf(lots),
        overdrawn: overdrawn + restored,
      };
    }
    case 'CreditsPurchased':
    case 'CreditsGranted':
      return issued({ ...books, postings }, event);
  }
};

type SourceAccount = Extract<keyof BookDocument, `issued_${LotOrigin}`>;

const issued = (
  books: BookDocument,
  event: Extract<MovementEvent, { type: 'CreditsPurchased' | 'CreditsGranted' }>,
): BookDocument => {
  const { lot, repaid } = event.data;
  const source: SourceAccount = `issued_${lot.origin}`;
  const arrived = lot.amount - repaid;
  const place = isScheduled(event) ? 'scheduled' : 'free';
  return {
    ...books,
    [source]: books[source] - lot.amount,
    [place]: books[place] + arrived,
    overdrawn: books.overdrawn + repaid,
  };
};

const activated = (
  books: BookDocument,
  { data: { lots } }: Extract<MovementEvent, { type: 'LotsActivated' }>,
): BookDocument => {
  const amount = totalOf(lots);
  const repaid = lots.reduce((sum, lot) => sum + lot.repaid, 0n);
  return {
    ...books,
    scheduled: books.scheduled - amount,
    free: books.free + amount - repaid,
    overdrawn: books.overdrawn + repaid,
  };
};

/** The books of a tenant to whom nothing has been issued yet. */
export const emptyBooks = (tenant: string): BookDocument => ({
  tenant,
  postings: 0,
  issued_purchase: 0n,
  issued_bonus: 0n,
  issued_adjustment: 0n,
  issued_subscription: 0n,
  issued_allocation: 0n,
  issued_transfer: 0n,
  issued_refund: 0n,
  scheduled: 0n,
  free: 0n,
  held: 0n,
  overdrawn: 0n,
  consumed: 0n,
  refunded: 0n,
  expired: 0n,
});
