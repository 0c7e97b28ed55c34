import {
  type Own,
  type Projection,
  type TypeOf,
  type View,
  id,
  packed,
  text,
  whole,
} from '@scrip/kernel';
import { accountOf, tenantOf } from './account-key.js';
import type { AccountEvent } from './account.messages.js';
import { microsOrZero } from './view-codecs.js';

const usageDocument = packed({
  /** An account's key, or a tenant's id with a slash for all its accounts. */
  scope: id(),
  month: text(7),
  service: text(100),
  credits: microsOrZero,
  refunded: microsOrZero,
  /** Consumptions; a refund does not take one away. */
  count: whole(0),
});

/** What one service used in one month, in one account or in all accounts of a tenant. */
export type UsageDocument = TypeOf<typeof usageDocument>;

/** One document per scope, month and service. */
export const usageView: View<UsageDocument> = {
  name: 'usage',
  codec: usageDocument,
  parts: {
    scope: ({ scope }) => scope,
    month: ({ month }) => month,
    // Beyond 2^53 micro-credits this is rounded, which can only swap services that used the same to 16 digits.
    net: ({ credits, refunded }) => Number(credits - refunded),
  },
  indexes: {
    /** A month's services by what they used. */
    top: ['scope', 'month', 'net'],
  },
  sum: (one, other) => ({
    ...one,
    credits: one.credits + other.credits,
    refunded: one.refunded + other.refunded,
    count: one.count + other.count,
  }),
};

/** The scope of all accounts of a tenant. */
export const tenantScope = (tenant: string): string => `${tenant}/`;

/** Keeps {@link usageView}. */
export const usageProjection: Projection<UsageDocument, AccountEvent> = {
  view: usageView,
  keysOf: ({ event, stream }) => {
    switch (event.type) {
      case 'CreditsConsumed':
      case 'HoldCaptured':
      case 'ConsumptionRefunded': {
        const account = accountOf(stream);
        const rest = `/${event.data.month}/${event.data.service}`;
        return [account + rest, tenantScope(tenantOf(account)) + rest];
      }
      default:
        return [];
    }
  },
  evolve: (document, { event, stream }, id) => {
    switch (event.type) {
      case 'CreditsConsumed':
      case 'HoldCaptured':
      case 'ConsumptionRefunded': {
        const { month, service, amount } = event.data;
        const after: Own<UsageDocument> = document ?? empty(accountOf(stream), id, month, service);
        if (event.type === 'ConsumptionRefunded') after.refunded += amount;
        else {
          after.credits += amount;
          after.count += 1;
        }
        return after;
      }
      default:
        return document;
    }
  },
};

const empty = (account: string, id: string, month: string, service: string): UsageDocument => ({
  scope: id.startsWith(account) ? account : tenantScope(tenantOf(account)),
  month,
  service,
  credits: 0n,
  refunded: 0n,
  count: 0,
});
