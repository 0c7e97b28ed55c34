import { type Message, type Recorded, Refusal } from '@scrip/kernel';
import * as fc from 'fast-check';
import { accountProjections } from './account-views.js';
import type { AccountCommand, AccountEvent, ConsumptionFact, Lot } from './account.messages.js';
import { accounts } from './account.kind.js';
import type { Account } from './account.state.js';

/** The account that folding specs are about. */
export const ACCOUNT = 'acme/alice';
/** 2026-11-23T12:00:00Z. */
export const START = 1_795_435_200_000;
const TAG = 'abcd1234';
const HOUR_MS = 3_600_000;

/** All documents of all views, by view and id, as stored: JSON text. */
export type Documents = ReadonlyMap<string, ReadonlyMap<string, string>>;

/** Folds events into all views, batch by batch; documents are encoded and decoded between batches. */
export const foldViews = (batches: readonly (readonly Recorded<AccountEvent>[])[]): Documents => {
  const stored = new Map<string, Map<string, string>>();
  for (const batch of batches)
    for (const { view, keysOf, evolve } of accountProjections.projections) {
      const documents = stored.get(view.name) ?? new Map<string, string>();
      stored.set(view.name, documents);
      const loaded = new Map<string, unknown>();
      for (const recorded of batch)
        for (const id of new Set(keysOf(recorded))) {
          const json = documents.get(id);
          const before: unknown =
            loaded.get(id) ?? (json === undefined ? json : view.codec.decode(JSON.parse(json)));
          loaded.set(id, evolve(before, recorded, id));
        }
      for (const [id, document] of loaded)
        documents.set(id, JSON.stringify(view.codec.encode(document)));
    }
  return stored;
};

/** The documents of one view, decoded. */
export const documentsOf = <D>(
  documents: Documents,
  { name, codec }: { readonly name: string; readonly codec: { decode: (json: unknown) => D } },
): readonly D[] =>
  [...(documents.get(name)?.values() ?? [])].map((json) => codec.decode(JSON.parse(json)));

/** Gives events their places in the log, as one stream. */
export const recordedAs = (
  stream: string,
  events: readonly AccountEvent[],
): readonly Recorded<AccountEvent>[] =>
  events.map((event, revision) => ({
    event,
    stream,
    revision,
    position: revision,
    meta: { key: `k${revision}`, hash: '-', actor: 'test' },
  }));

/** The events of several streams, one stream after the other, as one log. */
export const placed = (
  streams: readonly (readonly Recorded<AccountEvent>[])[],
): readonly Recorded<AccountEvent>[] =>
  streams.flat().map((recorded, position) => ({ ...recorded, position }));

/** What is asked of a random account, and how much later than what came before. */
export type Step = Readonly<{ kind: string; amount: number; pick: number; laterMs: number }>;

/** Random steps in the life of an account. */
export const steps = (max: number): fc.Arbitrary<readonly Step[]> =>
  fc.array(
    fc.record({
      kind: fc.constantFrom(...STEP_KINDS),
      amount: fc.integer({ min: 1, max: 120_000_000 }),
      pick: fc.nat(1_000),
      laterMs: fc.oneof(fc.constant(0), fc.integer({ min: 0, max: 6 * HOUR_MS })),
    }),
    { minLength: 1, maxLength: max },
  );

const STEP_KINDS = [
  'purchase',
  'grant',
  'grant restricted',
  'grant scheduled',
  'consume',
  'consume',
  'consume',
  'hold',
  'extend',
  'capture',
  'capture in part',
  'release',
  'refund',
  'refund extending',
  'settle',
] as const;

/** Lives a random account through the real decider: its events, and the state they lead to. */
export const live = (
  life: readonly Step[],
): Readonly<{ events: readonly AccountEvent[]; state: Account; at: number }> => {
  const { decide, evolve, initialState } = accounts.decider;
  const events: AccountEvent[] = [];
  let state = initialState;
  let at = START;
  const run = (command: AccountCommand): void => {
    try {
      for (const event of decide(command, state)) {
        state = evolve(state, event);
        events.push(event);
      }
    } catch (error) {
      if (!(error instanceof Refusal)) throw error;
    }
  };
  run(given('OpenAccount', at, { account_id: 'alice', tag: TAG, settings: SETTINGS }));
  for (const step of life) {
    at += step.laterMs;
    const command = commandOf(step, at, state, events);
    if (command !== undefined) run(command);
  }
  return { events, state, at };
};

const SETTINGS = {
  time_zone: 'Europe/Berlin',
  tier: 'pro',
  credit_line: 40_000_000n,
  monthly_limit: 2_000_000_000n,
  warning_threshold: 100_000_000n,
  critical_threshold: 20_000_000n,
};

const given = <T extends AccountCommand['type']>(
  type: T,
  at: number,
  data: Extract<AccountCommand, Message<T>>['data'],
): AccountCommand =>
  // The pair of type and data is one of the union's.
  ({ type, at, data }) as unknown as AccountCommand;

const SERVICES = ['chat', 'images'] as const;

const commandOf = (
  { kind, amount: micro, pick }: Step,
  at: number,
  { holds }: Account,
  events: readonly AccountEvent[],
): AccountCommand | undefined => {
  const amount = BigInt(micro);
  const service = SERVICES[pick % 2] ?? 'chat';
  const hold_id = [...holds.keys()][pick % Math.max(holds.size, 1)];
  const expiry = pick % 3 === 0 ? {} : { expires_at: at + 2 * HOUR_MS + pick * 60_000 };
  const held = (
    type: 'ExtendHold' | 'CaptureHold' | 'ReleaseHold',
    data: object,
  ): AccountCommand | undefined =>
    // As above.
    hold_id === undefined
      ? undefined
      : ({ type, at, data: { hold_id, ...data } } as unknown as AccountCommand);
  switch (kind) {
    case 'purchase': {
      const price = { minor: 1_000 + pick, currency: 'USD' };
      const bonus = pick % 4 === 0 ? { bonus: 5_000_000n } : {};
      const terms = { priority: 0, ...expiry };
      return given('PurchaseCredits', at, { amount, price, terms, ...bonus });
    }
    case 'grant':
    case 'grant restricted':
    case 'grant scheduled': {
      const purposes = kind === 'grant restricted' ? { purposes: [service] } : {};
      const effective = kind === 'grant scheduled' ? { effective_at: at + HOUR_MS } : {};
      const terms = { priority: (pick % 3) - 1, ...expiry, ...purposes, ...effective };
      return given('GrantCredits', at, { amount, origin: 'bonus', reason: 'welcome', terms });
    }
    case 'consume':
      return given('ConsumeCredits', at, { amount, service, details: { pick } });
    case 'hold':
      return given('PlaceHold', at, { amount, service, expires_in_ms: HOUR_MS + pick * 1_000 });
    case 'extend':
      return held('ExtendHold', { amount: amount / 4n, expires_in_ms: 2 * HOUR_MS });
    case 'capture':
      return held('CaptureHold', { amount, final: true, overrun: true });
    case 'capture in part':
      return held('CaptureHold', { amount: amount / 8n + 1n, final: false, overrun: false });
    case 'release':
      return held('ReleaseHold', {});
    case 'refund':
    case 'refund extending':
      return refundOf(consumptionOf(events, pick), at, kind, amount, pick);
    default:
      return given('SettleDue', at, {});
  }
};

const refundOf = (
  consumption: ConsumptionFact | undefined,
  at: number,
  kind: string,
  amount: bigint,
  pick: number,
): AccountCommand | undefined => {
  if (consumption === undefined) return undefined;
  const { consumption_id } = consumption;
  const extend = kind === 'refund' ? {} : { extend_to: at + 10 * HOUR_MS };
  const part = pick % 2 === 0 ? {} : { amount };
  const data = { consumption_id, consumption, reason: 'outage', ...part, ...extend };
  return given('RefundConsumption', at, data);
};

const consumptionOf = (
  events: readonly AccountEvent[],
  pick: number,
): ConsumptionFact | undefined => {
  const lots = new Map<string, Lot>();
  const uses: ConsumptionFact[] = [];
  for (const { type, at, data } of events) {
    if (type === 'CreditsPurchased' || type === 'CreditsGranted')
      lots.set(data.lot.lot_id, data.lot);
    if (type === 'ConsumptionRefunded') for (const lot of data.lots) lots.set(lot.lot_id, lot);
    if (type !== 'CreditsConsumed' && type !== 'HoldCaptured') continue;
    const { consumption_id, amount, service, month, from } = data;
    const overdrawn = type === 'CreditsConsumed' ? data.overdrawn : 0n;
    const own = from.flatMap(({ lot_id }) => lots.get(lot_id) ?? []);
    uses.push({ consumption_id, amount, service, month, at, from, overdrawn, lots: own });
  }
  return uses[pick % Math.max(uses.length, 1)];
};
