import { SCOPES, type Scope } from '@scrip/access';
import type { Instant } from '@scrip/kernel';
import { ListOfWords, Moment, Optional, Pattern, Text, Whole } from '../edge/fields.js';

const OVERLAP_SECONDS_MAX = 2_592_000;

/** The key of an address. */
export class KeyParams {
  @Pattern(/^[0-9A-Za-z]{1,64}$/, { example: 'a1B2c3D4e5F6' })
  readonly key_id!: string;
}

/** A new API key. */
export class CreateKeyBody {
  @Text(200, { description: 'Who uses it, and for what.', example: 'inference gateway' })
  readonly name!: string;

  @ListOfWords(SCOPES, {
    description: 'What it may do: never more than the key that asks for it.',
    example: ['read', 'spend'],
  })
  readonly scopes!: readonly Scope[];

  @Optional()
  @Pattern(/^[A-Za-z0-9][A-Za-z0-9_.:@-]{0,127}$/, {
    description: 'The one account that it may touch; all by default.',
    example: 'team-7',
  })
  readonly account_id?: string;

  @Optional()
  @Moment({ description: 'Never by default.' })
  readonly expires_at?: Instant;
}

/** A new secret for a key. */
export class RotateKeyBody {
  @Optional()
  @Whole(0, OVERLAP_SECONDS_MAX, {
    description: 'How long the secret before stays good.',
    default: 86_400,
    example: 86_400,
  })
  readonly overlap_seconds?: number;
}

/** A new tenant. */
export class CreateTenantBody {
  @Pattern(/^[a-z0-9][a-z0-9-]{0,39}$/, { example: 'acme' })
  readonly tenant_id!: string;

  @Text(200, { example: 'Acme Corp' })
  readonly name!: string;
}
