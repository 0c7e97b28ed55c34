import { type ScripClient } from '@scrip/sdk';

const DAY_MS = 86_400_000;

/** A team of the demo: what it buys and is given. */
type Team = Readonly<{
  account_id: string;
  tier: string;
  credit_line?: number;
  buys: readonly Readonly<{ amount_usd: number; bonus_credits?: number }>[];
  /** Promotional credits that expire. */
  welcome?: number;
  /** Credits for one service only. */
  restricted?: Readonly<{ credits: number; purposes: readonly string[] }>;
}>;

/** The teams: one has several lots, one a credit line, and one too little for what it uses. */
export const teams: readonly Team[] = [
  {
    account_id: 'assistant-web',
    tier: 'enterprise',
    buys: [{ amount_usd: 300, bonus_credits: 150 }, { amount_usd: 250 }],
    welcome: 500,
    restricted: { credits: 800, purposes: ['llm_conversation'] },
  },
  {
    account_id: 'assistant-mobile',
    tier: 'pro',
    buys: [{ amount_usd: 300 }],
    welcome: 250,
  },
  { account_id: 'support-desk', tier: 'free', buys: [{ amount_usd: 150 }], welcome: 50 },
  {
    account_id: 'ide-plugin',
    tier: 'pro',
    credit_line: 1_000,
    buys: [{ amount_usd: 200 }],
    restricted: { credits: 300, purposes: ['code_completion'] },
  },
  { account_id: 'code-review', tier: 'pro', buys: [{ amount_usd: 220 }], welcome: 100 },
];

/** Opens the teams' accounts and gives them their credits. */
export const openTeams = async (client: ScripClient): Promise<void> => {
  for (const { account_id, tier, credit_line, ...credits } of teams) {
    const line = credit_line === undefined ? {} : { credit_line };
    await client.credits.openAccount({ account_id, tier, ...line });
    await giveCredits(client, account_id, credits);
  }
};

const giveCredits = async (
  client: ScripClient,
  account_id: string,
  { buys, welcome, restricted }: Pick<Team, 'buys' | 'welcome' | 'restricted'>,
): Promise<void> => {
  for (const buy of buys)
    await client.credits.purchaseCredits({ account_id, ...buy, description: 'Credit purchase' });
  const grant = { account_id, origin: 'bonus' } as const;
  if (welcome !== undefined)
    await client.credits.grantCredits({
      ...grant,
      credits: welcome,
      reason: 'welcome bonus',
      expires_at: new Date(Date.now() + 30 * DAY_MS).toISOString(),
    });
  if (restricted !== undefined)
    await client.credits.grantCredits({ ...grant, ...restricted, reason: 'launch partner' });
};
