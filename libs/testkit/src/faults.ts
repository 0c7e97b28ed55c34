import { randomFrom } from '../../../test/random.js';

/** The calls that a fault can hit. A subscription is a call of its own, and so is not a `read`. */
export type Call = 'append' | 'read' | 'subscribe' | 'delete' | 'features' | 'gossip';

/** What goes wrong with a call. */
export type CallFault =
  /** Nothing is done, and nothing is answered. */
  | Readonly<{ kind: 'black_hole' }>
  /** All is done, and nothing is answered; a read sends its events and does not end. */
  | Readonly<{ kind: 'drop_response' }>
  /** It begins later. */
  | Readonly<{ kind: 'delay'; ms: number }>
  /** Nothing is done, and the server is not ready. */
  | Readonly<{ kind: 'unavailable' }>
  /** All is done, but too late: the server says that it timed out. */
  | Readonly<{ kind: 'timeout_after_write' }>
  /** Nothing is done: the leader is another node, or this one where no port is given. */
  | Readonly<{ kind: 'not_leader'; port?: number }>
  /** The client's connection is reset before anything is done, with all other calls on it. */
  | Readonly<{ kind: 'cut' }>
  /** The connection is reset after all is done, and before it is answered; a read has sent its events. */
  | Readonly<{ kind: 'cut_after_write' }>
  /** An append is refused as too large. */
  | Readonly<{ kind: 'append_too_large' }>;

/** What goes wrong with an event on its way to a subscriber. */
export type DeliveryFault =
  /** It is sent twice. */
  | Readonly<{ kind: 'repeat_event' }>
  /** It is sent, and the subscription ends as if all was well. */
  | Readonly<{ kind: 'end_subscription' }>
  /** It is not sent; the subscription is dropped by the server, which was too busy. */
  | Readonly<{ kind: 'drop_subscription' }>
  | Readonly<{ kind: 'delay'; ms: number }>
  /** It is not sent: the connection is reset. */
  | Readonly<{ kind: 'cut' }>;

/** Which calls, or deliveries to subscribers, a fault hits, and how often. */
export type FaultRule = Readonly<{
  /** How many times it strikes at most: 1, if not said. */
  times?: number;
  /** With what chance it strikes where it could: 1, if not said. */
  probability?: number;
  /** How many occasions pass before the first where it could strike. */
  skip?: number;
  /** Only calls about streams that begin so; `$all` counts as one. */
  stream?: string;
  /** Only at this node of several, by its index. */
  node?: number;
}> &
  (Readonly<{ on: Call; fault: CallFault }> | Readonly<{ on: 'delivery'; fault: DeliveryFault }>);

/** What a rule has done so far. */
export type FaultCount = Readonly<{
  rule: number;
  on: Call | 'delivery';
  kind: string;
  hits: number;
}>;

/** An occasion at which a fault could strike. */
export type Occasion = Readonly<{ stream?: string; node: number }>;

type Armed = { readonly number: number; readonly rule: FaultRule; passed: number; hits: number };

/** The most rules that can be in force: a plan, not a flood. */
const RULES_MAX = 1_000;

/** The faults to come, and a count of those that came. The same seed gives the same draws. */
export class Faults {
  readonly #random: () => number;
  readonly #done: FaultCount[] = [];
  #armed: Armed[] = [];
  #next = 1;

  constructor(seed = 1) {
    this.#random = randomFrom(seed);
  }

  /** Puts a rule in force, and gives its number. Of several that could strike, the first does. */
  add(rule: FaultRule): number {
    if (this.#armed.length >= RULES_MAX) throw new Error(`More than ${RULES_MAX} fault rules`);
    const number = this.#next++;
    this.#armed.push({ number, rule, passed: 0, hits: 0 });
    return number;
  }

  /** Takes all rules out of force; their counts stay. */
  clear(): void {
    for (const armed of this.#armed) this.#done.push(countOf(armed));
    this.#armed = [];
  }

  /** How often the rule of a number struck. */
  hits(number: number): number {
    return this.counts().find(({ rule }) => rule === number)?.hits ?? 0;
  }

  /** All rules there were, with how often each struck. */
  counts(): readonly FaultCount[] {
    return [...this.#done, ...this.#armed.map(countOf)];
  }

  /** The fault that strikes a call now, if any. */
  onCall(call: Call, occasion: Occasion): CallFault | undefined {
    const rule = this.#strike(call, occasion);
    return rule === undefined || rule.on === 'delivery' ? undefined : rule.fault;
  }

  /** The fault that strikes an event on its way to a subscriber now, if any. */
  onDelivery(occasion: Occasion): DeliveryFault | undefined {
    const rule = this.#strike('delivery', occasion);
    return rule?.on === 'delivery' ? rule.fault : undefined;
  }

  #strike(on: Call | 'delivery', occasion: Occasion): FaultRule | undefined {
    for (const armed of this.#armed) {
      const { rule } = armed;
      if (rule.on !== on || !concerns(rule, occasion)) continue;
      armed.passed += 1;
      if (armed.passed <= (rule.skip ?? 0)) continue;
      if (rule.probability !== undefined && this.#random() >= rule.probability) continue;
      armed.hits += 1;
      if (armed.hits >= (rule.times ?? 1)) {
        this.#armed = this.#armed.filter((other) => other !== armed);
        this.#done.push(countOf(armed));
      }
      return rule;
    }
    return undefined;
  }
}

const concerns = (rule: FaultRule, { stream, node }: Occasion): boolean =>
  (rule.node === undefined || rule.node === node) &&
  (rule.stream === undefined || stream?.startsWith(rule.stream) === true);

const countOf = ({ number, rule, hits }: Armed): FaultCount => ({
  rule: number,
  on: rule.on,
  kind: rule.fault.kind,
  hits,
});
