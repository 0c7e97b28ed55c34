import {
  type Message,
  type MessageOf,
  Refusal,
  type StreamKind,
  catalog,
  record,
  whole,
} from '@scrip/kernel';

const purseEvents = catalog({ Filled: { amount: whole(1) }, Spent: { amount: whole(1) } });

export type PurseEvent = MessageOf<typeof purseEvents>;
export type PurseCommand =
  Message<'Fill', { amount: number }> | Message<'Spend', { amount: number }>;
export type Purse = Readonly<{ balance: number; events: number }>;

/** A purse that never goes below zero: a domain to test execution with. */
export const purses: StreamKind<Purse, PurseCommand, PurseEvent> = {
  category: 'purse',
  events: purseEvents,
  decider: {
    initialState: { balance: 0, events: 0 },
    decide: ({ type, at, data }, { balance }) => {
      if (type === 'Fill') return [{ type: 'Filled', at, data }];
      if (data.amount > balance)
        throw new Refusal('INSUFFICIENT', `Needs ${data.amount}, holds ${balance}.`);
      return [{ type: 'Spent', at, data }];
    },
    evolve: ({ balance, events }, { type, data }) => ({
      balance: type === 'Filled' ? balance + data.amount : balance - data.amount,
      events: events + 1,
    }),
  },
  snapshot: {
    version: 1,
    codec: record({ balance: whole(0), events: whole(0) }),
    sizeOf: () => 1,
  },
};
