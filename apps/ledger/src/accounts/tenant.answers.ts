import { ListOf, Nested, Optional } from '../edge/fields.js';
import {
  Shown,
  ShownCredits,
  ShownFlag,
  ShownSuccess,
  ShownText,
  ShownWhole,
} from '../edge/shown.js';

/** Whether the books agree with the balances of all accounts. */
export class BooksProof {
  @ShownFlag()
  readonly proved!: boolean;

  @ShownWhole('Accounts added up.')
  readonly accounts!: number;

  @Shown({ type: 'object', additionalProperties: { type: 'number' } })
  readonly differences!: Readonly<Record<string, number>>;
}

/** The double-entry books of a tenant. */
export class BooksAnswer {
  @ShownSuccess()
  readonly success!: true;

  @ShownWhole()
  readonly postings!: number;

  @Shown({ type: 'object', additionalProperties: { type: 'number' } })
  readonly accounts!: Readonly<Record<string, number>>;

  @ShownCredits('Zero, or something is wrong.')
  readonly sum!: number;

  @ShownWhole()
  readonly position!: number;

  @Optional()
  @Nested(BooksProof)
  readonly proof?: BooksProof;
}

/** What a service used. */
export class ServiceUsage {
  @ShownText(undefined, 'neural_training')
  readonly service!: string;

  @ShownCredits('What was used, less what was refunded.')
  readonly credits!: number;

  @ShownCredits()
  readonly refunded!: number;

  @ShownWhole('Consumptions.')
  readonly count!: number;
}

/** What the services used in a month. */
export class UsageAnswer {
  @ShownSuccess()
  readonly success!: true;

  @ShownText(undefined, '2026-11')
  readonly month!: string;

  @ListOf(ServiceUsage, 0, 1_000)
  readonly services!: readonly ServiceUsage[];
}
