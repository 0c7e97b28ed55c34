import type { AdminKey, LedgerConfig } from '@scrip/runtime';

/** What the one who starts the ledger sees: on the first start with the key, and what to do with it. */
export const welcome = (
  url: string,
  { stores, role }: Pick<LedgerConfig, 'stores' | 'role'>,
  admin: AdminKey | undefined,
): string => {
  const place = stores.kind === 'embedded' ? stores.dataFolder : 'KurrentDB and MongoDB';
  const lines = ['', `Scrip listens on ${url} and keeps its data in ${place}.`];
  if (admin !== undefined) lines.push(`The admin key is in ${admin.file}.`);
  if (role !== 'worker') lines.push(`The API reference is at ${url}/docs.`);
  if (admin?.fresh === true) lines.push('', 'Try it:', '', ...firstSteps(url, admin.file));
  return `${lines.join('\n')}\n\n`;
};

const firstSteps = (url: string, keyFile: string): readonly string[] => [
  curl(`${url}/v1/accounts`, keyFile, { account_id: 'demo' }),
  curl(`${url}/v1/accounts/demo/purchases`, keyFile, { amount_usd: 100 }),
  curl(`${url}/v1/accounts/demo/consumptions`, keyFile, {
    amount: 45.6,
    service: 'neural_training',
  }),
];

/** The key stays out of what the terminal, or a log of it, keeps. */
const curl = (url: string, keyFile: string, body: object): string =>
  `curl -s ${url} -H "Authorization: Bearer $(cat '${keyFile}')" -H 'Content-Type: application/json' -d '${JSON.stringify(body)}'; echo`;
