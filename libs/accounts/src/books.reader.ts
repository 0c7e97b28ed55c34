import type { Credits, ViewReader } from '@scrip/kernel';
import { balanceView } from './balance.projection.js';
import { type BookDocument, booksView, emptyBooks, sumOfBooks } from './books.projection.js';
import { type UsageDocument, tenantScope, usageView } from './usage.projection.js';

/** Accounts that one proof of a tenant's books adds up; beyond them it says that it is incomplete. */
export const PROVED_ACCOUNTS_MAX = 1_000_000;

const PAGE = 1_000;

/** What the accounts of a tenant hold together, added up one by one. */
export type AccountSums = Readonly<{
  accounts: number;
  balance: Credits;
  held: Credits;
  scheduled: Credits;
  complete: boolean;
}>;

/** A tenant's books beside its accounts: all differences are zero, or something is wrong. */
export type BooksProof = Readonly<{
  books: BookDocument;
  sums: AccountSums;
  differences: Readonly<{ books: Credits; balance: Credits; held: Credits; scheduled: Credits }>;
  proved: boolean;
}>;

/** Reads a tenant's books; empty ones where nothing has been issued. */
export const readBooks = async (views: ViewReader, tenant: string): Promise<BookDocument> =>
  (await views.get(booksView, tenant)) ?? emptyBooks(tenant);

/**
 * Proves a tenant's books: that they sum to zero, and that they agree with the balances of all accounts. It reads
 * every account, so it is for operators and tests; a processor at work meanwhile can make it differ.
 */
export const proveBooks = async (views: ViewReader, tenant: string): Promise<BooksProof> => {
  const [books, sums] = await Promise.all([readBooks(views, tenant), addAccounts(views, tenant)]);
  const differences = {
    books: sumOfBooks(books),
    balance: books.free + books.overdrawn - sums.balance,
    held: books.held - sums.held,
    scheduled: books.scheduled - sums.scheduled,
  };
  const proved =
    sums.complete && Object.values(differences).every((difference) => difference === 0n);
  return { books, sums, differences, proved };
};

/** Lists what services used most in a month, in one account or, without one, in all of a tenant's. */
export const readUsage = async (
  views: ViewReader,
  scope: Readonly<{ account: string }> | Readonly<{ tenant: string }>,
  month: string,
  limit: number,
): Promise<readonly UsageDocument[]> => {
  const { items } = await views.range(usageView, {
    index: 'top',
    prefix: ['account' in scope ? scope.account : tenantScope(scope.tenant), month],
    order: 'descending',
    limit,
  });
  return items;
};

const addAccounts = async (views: ViewReader, tenant: string): Promise<AccountSums> => {
  let sums: AccountSums = { accounts: 0, balance: 0n, held: 0n, scheduled: 0n, complete: false };
  let cursor: string | undefined;
  while (sums.accounts < PROVED_ACCOUNTS_MAX) {
    const page = await views.range(balanceView, {
      index: 'tenant',
      prefix: [tenant],
      order: 'ascending',
      limit: PAGE,
      ...(cursor === undefined ? {} : { cursor }),
    });
    for (const { balance, held, scheduled } of page.items)
      sums = {
        accounts: sums.accounts + 1,
        balance: sums.balance + balance,
        held: sums.held + held,
        scheduled: sums.scheduled + scheduled,
        complete: false,
      };
    ({ cursor } = page);
    if (cursor === undefined) return { ...sums, complete: true };
  }
  return sums;
};
