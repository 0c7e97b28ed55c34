import { type ScripClient, ScripError } from '@scrip/sdk';

let opened = 0;

/** Opens an account of its own for a test, with so many granted credits, and gives its id. */
export const openFunded = async (client: ScripClient, credits: number): Promise<string> => {
  const account_id = `acct-${++opened}`;
  await client.credits.openAccount({ account_id });
  if (credits > 0)
    await client.credits.grantCredits({
      account_id,
      credits,
      origin: 'adjustment',
      reason: 'opening balance',
    });
  return account_id;
};

/** What a call was refused with. */
export const refusalOf = async (call: Promise<unknown>): Promise<ScripError> => {
  const outcome: unknown = await call.catch((error: unknown) => error);
  if (outcome instanceof ScripError) return outcome;
  throw new Error('expected a refusal', { cause: outcome });
};

/** An id that the ledger promised; a receipt without it fails the test here. */
export const given = (id: string | undefined): string => {
  if (id === undefined) throw new Error('the receipt lacks an id');
  return id;
};
