import { type Balance, type Books, type Lot, type Receipt, type Usage } from '@scrip/sdk';
import { type Column, count, credits, table } from '../format.js';
import { type Proof, micro } from './proof.js';

const left = (title: string): Column => ({ title, align: 'left' });
const right = (title: string): Column => ({ title, align: 'right' });
const shown = (value: number): string => credits(micro(value), 2);

/** What each account has. */
export const balancesTable = (balances: readonly Balance[]): string =>
  table(
    [
      left('account'),
      left('tier'),
      right('balance'),
      right('held'),
      right('available'),
      right('paid'),
      right('promotional'),
      left('warning'),
    ],
    balances.map((balance) => [
      balance.account_id,
      balance.tier,
      shown(balance.balance),
      shown(balance.held),
      shown(balance.available),
      shown(balance.paid),
      shown(balance.promotional),
      balance.low_balance_warning ? 'low balance' : '',
    ]),
  );

/** The services by what they used. */
export const servicesTable = ({ services }: Usage): string =>
  table(
    [left('service'), right('requests'), right('credits'), right('credits per request')],
    services.map((service) => [
      service.service,
      count(service.count),
      shown(service.credits),
      credits(micro(service.credits / Math.max(1, service.count)), 4),
    ]),
  );

/** The lots of an account, and how much of each is gone. */
export const lotsTable = (lots: readonly Lot[]): string =>
  table(
    [
      left('lot'),
      left('origin'),
      left('for'),
      left('expires'),
      right('issued'),
      right('burnt'),
      right('left'),
      left(''),
    ],
    lots.map((lot) => [
      lot.lot_id,
      lot.origin,
      lot.purposes?.join(', ') ?? 'all services',
      lot.expires_at?.slice(0, 10) ?? 'never',
      shown(lot.amount),
      shown(lot.amount - lot.remaining),
      shown(lot.remaining),
      burntBar(lot),
    ]),
  );

const BAR_WIDTH = 20;

const burntBar = ({ amount, remaining }: Lot): string => {
  const burnt = Math.round(((amount - remaining) / amount) * BAR_WIDTH);
  return '█'.repeat(burnt) + '░'.repeat(BAR_WIDTH - burnt);
};

/** What each step of a hold did. */
export const receiptsTable = (
  steps: readonly Readonly<{ step: string; receipt: Receipt }>[],
): string =>
  table(
    [left('step'), right('amount'), right('balance'), right('held'), left('id')],
    steps.map(({ step, receipt }) => [
      step,
      receipt.amount === undefined ? '' : shown(receipt.amount),
      shown(receipt.balance),
      shown(receipt.held),
      receipt.refund_id ?? receipt.consumption_id ?? receipt.hold_id ?? '',
    ]),
  );

/** The ledger's own books, account by account. */
export const booksTable = (books: Books): string =>
  table(
    [left('book'), right('credits')],
    Object.entries(books.accounts)
      .filter(([, amount]) => amount !== 0)
      .map(([name, amount]) => [name.replaceAll('_', ' '), credits(micro(amount))])
      .concat([['sum', credits(micro(books.sum))]]),
  );

/** The demo's own sums over all histories and balances. */
export const proofTable = (proof: Proof): string =>
  table(
    [left('summed by the demo'), right('credits')],
    [
      ['issued', credits(proof.issued)],
      ['consumed', credits(-proof.consumed)],
      ['refunded', credits(proof.refunded)],
      ['expired', credits(-proof.expired)],
      ['held by accounts', credits(-proof.held)],
      ['difference', credits(proof.difference)],
    ],
  );
