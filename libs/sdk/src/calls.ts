import { type Positions } from './positions.js';
import { type CommandOptions, type ReadOptions } from './requests.js';
import { type Receipt, type ReceiptBody } from './responses.js';
import { type Answer, type Request, type Transport } from './transport.js';

/** What every group of methods shares: the transport, the default account and what was written so far. */
export type Session = Readonly<{
  transport: Transport;
  accountId: string | undefined;
  positions: Positions;
  /** Whether reads wait for this client's own writes. */
  readYourWrites: boolean;
}>;

/** A request whose account has been settled. */
type AccountRequest = Readonly<{ accountId: string; rest: Readonly<Record<string, unknown>> }>;

/** Splits the account off a method's argument, or takes the client's. */
export const onAccount = (
  session: Session,
  { account_id, ...rest }: Readonly<{ account_id?: string }>,
): AccountRequest => {
  const accountId = account_id ?? session.accountId;
  if (accountId === undefined)
    throw new TypeError('Name an account: pass `account_id`, or give the client an `accountId`.');
  return { accountId, rest };
};

/** The path of an account, and of what is below it. */
export const accountPath = (accountId: string, ...below: readonly string[]): string =>
  `/v1/accounts/${[accountId, ...below].map(encode).join('/')}`;

/** Encodes one part of a path. */
export const encode = (part: string): string => {
  // URLs lose such parts when they are normalised, and the request would mean something else.
  if (part === '' || part === '.' || part === '..')
    throw new TypeError(`${JSON.stringify(part)} is not an id.`);
  return encodeURIComponent(part);
};

/** Sends a command about an account and notes how far the log has come with it. */
export const command = async (
  session: Session,
  method: 'POST' | 'PATCH',
  path: string,
  body: object,
  options: CommandOptions,
): Promise<Receipt> => {
  const { body: answer, replayed } = await send(session, { method, path, body }, options);
  // The ledger's own promise: what it answers to a command is a receipt.
  const receipt = answer as ReceiptBody;
  noteReceipt(session, receipt);
  return { ...receipt, replayed };
};

/** Sends a request that is not about one account. */
export const send = (
  { transport }: Session,
  request: Request,
  options: CommandOptions,
): Promise<Answer> =>
  transport({
    ...request,
    ...(request.method === 'GET' ? {} : { idempotencyKey: options.idempotencyKey }),
    signal: options.signal,
  });

/** Notes the position of a receipt; a dry run wrote nothing. */
export const noteReceipt = ({ positions }: Session, receipt: ReceiptBody): void => {
  if (!receipt.dry_run && typeof receipt.position === 'number')
    positions.note(receipt.account_id, receipt.position);
};

/** Reads, and by default waits until what this client wrote there shows. `T` is the ledger's promise. */
export const read = async <T>(
  session: Session,
  path: string,
  query: Readonly<Record<string, unknown>>,
  options: ReadOptions,
  accountId?: string,
): Promise<T> => {
  const own = session.readYourWrites ? session.positions.after(accountId) : undefined;
  const after = options.after === null ? undefined : (options.after ?? own);
  const { body } = await session.transport({
    method: 'GET',
    path,
    query: { ...queryOf(query), after },
    signal: options.signal,
  });
  return body as T;
};

const queryOf = (
  fields: Readonly<Record<string, unknown>>,
): Readonly<Record<string, string | number | boolean | undefined>> =>
  Object.fromEntries(
    Object.entries(fields).flatMap(([name, value]) =>
      typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean'
        ? [[name, value]]
        : [],
    ),
  );
