import { type ScripClient, type Transaction } from '@scrip/sdk';
import { type MicroCredits } from '../usage-import/price.js';

/** What the histories and the balances say, each summed up here and not by the ledger. */
export type Proof = Readonly<{
  movements: number;
  issued: MicroCredits;
  consumed: MicroCredits;
  refunded: MicroCredits;
  expired: MicroCredits;
  /** What accounts have and what holds reserve. */
  held: MicroCredits;
  /** issued − consumed + refunded − expired − held: zero. */
  difference: MicroCredits;
}>;

/** Credits as JSON has them, as exact micro-credits: a double holds six decimals of any amount the ledger takes. */
export const micro = (credits: number): MicroCredits => BigInt(Math.round(credits * 1e6));

/** Reads every movement and every balance of the accounts, and sums them. */
export const proveBooks = async (
  client: ScripClient,
  accountIds: readonly string[],
): Promise<Proof> => {
  let movements = 0;
  const sums = { issued: 0n, consumed: 0n, refunded: 0n, expired: 0n };
  let held = 0n;
  for (const account_id of accountIds) {
    for await (const movement of client.credits.eachTransaction({
      account_id,
      include_usage: true,
    })) {
      movements++;
      add(sums, movement);
    }
    const balance = await client.credits.checkBalance({ account_id });
    held += micro(balance.balance) + micro(balance.held);
  }
  const { issued, consumed, refunded, expired } = sums;
  const difference = issued - consumed + refunded - expired - held;
  return { movements, ...sums, held, difference };
};

const add = (
  sums: Record<'issued' | 'consumed' | 'refunded' | 'expired', MicroCredits>,
  { credits_added, credits_used, credits_refunded, credits_expired }: Transaction,
): void => {
  sums.issued += micro(credits_added ?? 0);
  sums.consumed += micro(credits_used ?? 0);
  sums.refunded += micro(credits_refunded ?? 0);
  sums.expired += micro(credits_expired ?? 0);
};
