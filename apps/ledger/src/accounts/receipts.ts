import type { AccountCommand, AccountReceipt } from '@scrip/accounts';
import { formatCredits, formatInstant } from '@scrip/kernel';
import { numberOf } from '../edge/shown.js';
import type { PortionAnswer, Receipt } from './account.answers.js';

type Type = AccountCommand['type'];

/** A receipt as it is answered. */
export const receiptAnswer = (type: Type, receipt: AccountReceipt): Receipt => {
  const { amount, lots, overdrawn, position, at, dry_run } = receipt;
  // Fields that are undefined are not written; leaving them out here would cost more than it says.
  const answer: { readonly [K in keyof Receipt]: Receipt[K] | undefined } = {
    success: true,
    account_id: receipt.account_id,
    transaction_id: receipt.transaction_id,
    hold_id: receipt.hold_id,
    consumption_id: receipt.consumption_id,
    refund_id: receipt.refund_id,
    lot_ids: receipt.lot_ids,
    amount: amount === undefined ? undefined : numberOf(amount),
    lots: lots?.map(portionAnswer),
    overdrawn: overdrawn === undefined ? undefined : numberOf(overdrawn),
    balance: numberOf(receipt.balance),
    held: numberOf(receipt.held),
    available: numberOf(receipt.available),
    position,
    timestamp: formatInstant(at),
    dry_run,
    message: messageOf(type, receipt),
  };
  return answer as Receipt;
};

/** What a lot gave or took, as it is answered. */
export const portionAnswer = ({
  lot_id,
  amount,
}: NonNullable<AccountReceipt['lots']>[number]): PortionAnswer => ({
  lot_id,
  amount: numberOf(amount),
});

const words: Readonly<Record<Type, string>> = {
  OpenAccount: 'Opened the account.',
  ConfigureAccount: 'Changed the settings.',
  FreezeAccount: 'Froze the account.',
  UnfreezeAccount: 'Unfroze the account.',
  CloseAccount: 'Closed the account.',
  PurchaseCredits: 'Bought',
  GrantCredits: 'Granted',
  ConsumeCredits: 'Consumed',
  PlaceHold: 'Set aside',
  ExtendHold: 'Extended the hold by',
  CaptureHold: 'Captured',
  ReleaseHold: 'Released',
  RefundConsumption: 'Refunded',
  SettleDue: 'Settled what was due.',
};

const messageOf = (type: Type, { amount, balance }: AccountReceipt): string => {
  const did = words[type];
  const what = amount === undefined ? did : `${did} ${formatCredits(amount)} credits.`;
  return `${what} Balance: ${formatCredits(balance)} credits`;
};
