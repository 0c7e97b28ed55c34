import { SCOPES } from '@scrip/access';
import { ListOf, Optional } from '../edge/fields.js';
import { Shown, ShownInstant, ShownSuccess, ShownText } from '../edge/shown.js';

const LIST_MAX = 1_000;

/** An API key, without its secret. */
export class KeySummary {
  @ShownText(undefined, 'a1B2c3D4e5F6')
  readonly key_id!: string;

  @ShownText(undefined, 'inference gateway')
  readonly name!: string;

  @Shown({ type: 'array', items: { type: 'string', enum: [...SCOPES] } })
  readonly scopes!: readonly string[];

  @Optional()
  @ShownText('The one account that it may touch.')
  readonly account_id?: string;

  @ShownInstant()
  readonly created_at!: string;

  @Optional()
  @ShownInstant()
  readonly expires_at?: string;
}

/** A key with its secret, which no other answer has. */
export class KeyAnswer extends KeySummary {
  @ShownSuccess()
  readonly success!: true;

  @Optional()
  @ShownText(
    'The key itself: keep it, it is shown this once. A repetition of the request does not have it; rotate the key then.',
  )
  readonly api_key?: string;
}

/** A tenant's first key. */
export class NewTenantAnswer extends KeyAnswer {
  @ShownText(undefined, 'acme')
  readonly tenant_id!: string;
}

/** A page of keys. */
export class KeysAnswer {
  @ShownSuccess()
  readonly success!: true;

  @ListOf(KeySummary, 0, LIST_MAX)
  readonly keys!: readonly KeySummary[];

  @Optional()
  @ShownText('There is more: give it as `cursor`.')
  readonly next_cursor?: string;
}

/** A tenant. */
export class TenantSummary {
  @ShownText(undefined, 'acme')
  readonly tenant_id!: string;

  @ShownText(undefined, 'Acme Corp')
  readonly name!: string;

  @ShownInstant()
  readonly created_at!: string;
}

/** A page of tenants. */
export class TenantsAnswer {
  @ShownSuccess()
  readonly success!: true;

  @ListOf(TenantSummary, 0, LIST_MAX)
  readonly tenants!: readonly TenantSummary[];

  @Optional()
  @ShownText('There is more: give it as `cursor`.')
  readonly next_cursor?: string;
}

/** Done, and nothing to say about it. */
export class DoneAnswer {
  @ShownSuccess()
  readonly success!: true;
}
