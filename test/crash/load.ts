// What the crash suite loads a ledger with: clients that each do one turn after the other, and after a crash take up
// where they were not answered, with the same keys. The same turns can be sent to any ledger that speaks `Send`.

/** One thing that a client asks for; amounts are in whole credits. */
export type Request = Readonly<{ account: string; key: string }> &
  (
    | Readonly<{ do: 'open' }>
    | Readonly<{ do: 'grant' | 'consume' | 'hold'; credits: number }>
    | Readonly<{ do: 'capture'; credits: number; holdId: string }>
    | Readonly<{ do: 'refund'; credits: number; consumptionId: string }>
  );

/** What a ledger answers: where the command is in the log, and the ids that it made; or the code of a refusal. */
export type Reply =
  | Readonly<{ position: number; holdId?: string; consumptionId?: string }>
  | Readonly<{ refused: string }>;

/** Sends a request to the ledger under load; rejects when the ledger dies. */
export type Send = (request: Request) => Promise<Reply>;

/** What was answered, as told by whoever asked. */
export type Told = Readonly<{
  key: string;
  account: string;
  client: number;
  turn: number;
  /** Whether it was the turn's last request, so that the client goes on to its next. */
  last: boolean;
  position?: number;
  refused?: string;
}>;

/** The turn that each client is at. */
export type Turns = readonly number[];

const CLIENTS = 24;
export const ACCOUNTS = 5;

/** Where everybody starts. */
export const firstTurns: Turns = Array.from({ length: CLIENTS }, () => 0);

const accountOf = (client: number): string => `crash-${client % ACCOUNTS}`;

/** Runs all clients from their turns on until one send fails: then the ledger is dead, or closing. */
export const load = async (send: Send, turns: Turns, tell: (told: Told) => void): Promise<void> => {
  await Promise.all(turns.map((turn, client) => runClient(send, client, turn, tell)));
};

const runClient = async (
  send: Send,
  client: number,
  from: number,
  tell: (told: Told) => void,
): Promise<void> => {
  for (let turn = from; ; turn += 1) {
    const account = accountOf(client);
    const base = `${client}-${turn}`;
    const ask = async (request: Request, last: boolean): Promise<Reply> => {
      const reply = await send(request);
      const refused = 'refused' in reply;
      tell({
        ...{ key: request.key, account, client, turn, last: last || refused },
        ...(refused ? { refused: reply.refused } : { position: reply.position }),
      });
      return reply;
    };
    await takeTurn(ask, { account, key: base }, turn, client);
  }
};

/** A turn is the same whenever it is taken: which client and which turn it is says what is done. */
const takeTurn = async (
  ask: (request: Request, last: boolean) => Promise<Reply>,
  name: Readonly<{ account: string; key: string }>,
  turn: number,
  client: number,
): Promise<void> => {
  const credits = 1 + ((turn * 7 + client) % 5);
  const first = turn === 0 ? (client < ACCOUNTS ? 'open' : 'nothing') : KINDS[(turn + client) % 6];
  switch (first) {
    case 'nothing':
      return;
    case 'open':
      await ask({ ...name, do: 'open' }, true);
      return;
    case 'hold': {
      const held = await ask({ ...name, do: 'hold', credits }, false);
      if ('refused' in held || held.holdId === undefined) return;
      const key = `${name.key}-capture`;
      await ask({ ...name, key, do: 'capture', credits: credits / 2, holdId: held.holdId }, true);
      return;
    }
    case 'refund': {
      const used = await ask({ ...name, do: 'consume', credits }, false);
      if ('refused' in used || used.consumptionId === undefined) return;
      const { consumptionId } = used;
      const key = `${name.key}-refund`;
      await ask({ ...name, key, do: 'refund', credits: credits / 2, consumptionId }, true);
      return;
    }
    case 'grant':
      await ask({ ...name, do: 'grant', credits: credits * 3 }, true);
      return;
    default:
      await ask({ ...name, do: 'consume', credits }, true);
  }
};

const KINDS = ['consume', 'hold', 'grant', 'consume', 'refund', 'consume'] as const;
