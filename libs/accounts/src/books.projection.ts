import {
  type Credits,
  type Own,
  type Projection,
  type TypeOf,
  type View,
  id,
  packed,
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
const bookDocument = packed({
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
  sum: (one, other) => ({
    tenant: one.tenant,
    postings: one.postings + other.postings,
    issued_purchase: one.issued_purchase + other.issued_purchase,
    issued_bonus: one.issued_bonus + other.issued_bonus,
    issued_adjustment: one.issued_adjustment + other.issued_adjustment,
    issued_subscription: one.issued_subscription + other.issued_subscription,
    issued_allocation: one.issued_allocation + other.issued_allocation,
    issued_transfer: one.issued_transfer + other.issued_transfer,
    issued_refund: one.issued_refund + other.issued_refund,
    scheduled: one.scheduled + other.scheduled,
    free: one.free + other.free,
    held: one.held + other.held,
    overdrawn: one.overdrawn + other.overdrawn,
    consumed: one.consumed + other.consumed,
    refunded: one.refunded + other.refunded,
    expired: one.expired + other.expired,
  }),
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
  evolve: (document, { event }, tenant) => {
    const books: Own<BookDocument> = document ?? emptyBooks(tenant);
    books.postings += 1;
    // Only movement events say what is paid, and only they have keys here.
    post(books, event as MovementEvent);
    return books;
  },
};

const post = (books: Own<BookDocument>, event: MovementEvent): void => {
  switch (event.type) {
    case 'CreditsConsumed': {
      const { amount, from, overdrawn } = event.data;
      books.free -= totalOf(from);
      books.overdrawn -= overdrawn;
      books.consumed += amount;
      return;
    }
    case 'HoldCaptured': {
      const { amount, from } = event.data;
      books.held -= totalOf(from);
      books.consumed += amount;
      return;
    }
    case 'HoldPlaced':
    case 'HoldExtended': {
      const { amount, from } = event.data;
      books.free -= totalOf(from);
      books.held += amount;
      return;
    }
    case 'HoldClosed': {
      const { amount, returned } = event.data;
      books.held -= amount;
      books.free += totalOf(returned);
      return;
    }
    case 'CreditsExpired': {
      const { amount, lots } = event.data;
      books.free -= totalOf(lots);
      books.expired += amount;
      return;
    }
    case 'LotsActivated':
      for (const { amount, repaid } of event.data.lots) {
        books.scheduled -= amount;
        books.free += amount - repaid;
        books.overdrawn += repaid;
      }
      return;
    case 'ConsumptionRefunded': {
      const { amount, to, lots, restored } = event.data;
      books.refunded -= amount;
      books.free += totalOf(to) + totalOf(lots);
      books.overdrawn += restored;
      return;
    }
    case 'CreditsPurchased':
    case 'CreditsGranted': {
      const { lot, repaid } = event.data;
      const source: `issued_${LotOrigin}` = `issued_${lot.origin}`;
      books[source] -= lot.amount;
      books[isScheduled(event) ? 'scheduled' : 'free'] += lot.amount - repaid;
      books.overdrawn += repaid;
    }
  }
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
