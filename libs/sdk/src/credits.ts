import { type Session, accountPath, command, noteReceipt, onAccount, read, send } from './calls.js';
import { paged } from './pages.js';
import type * as Ask from './requests.js';
import type * as Give from './responses.js';

/** Accounts and their credits: commands answer with a {@link Give.Receipt}, reads with what the views show. */
export class Credits {
  readonly #session: Session;

  constructor(session: Session) {
    this.#session = session;
  }

  /** Opens an account. Codes: ACCOUNT_EXISTS. */
  openAccount(
    request: Ask.OpenAccountRequest = {},
    options: Ask.CommandOptions = {},
  ): Promise<Give.Receipt> {
    const { accountId, rest } = onAccount(this.#session, request);
    const body = { account_id: accountId, ...rest };
    return command(this.#session, 'POST', '/v1/accounts', body, options);
  }

  /** An account's settings and state. */
  getAccount(
    request: Ask.OnAccount = {},
    options: Ask.ReadOptions = {},
  ): Promise<Give.Account & Give.Success> {
    return this.#read(request, [], options);
  }

  /** One page of the tenant's accounts. */
  listAccounts(
    request: Ask.PageRequest = {},
    options: Ask.ReadOptions = {},
  ): Promise<Give.AccountPage> {
    return read(this.#session, '/v1/accounts', request, options);
  }

  /** Changes settings; what the request leaves out stays as it is. */
  configureAccount(
    request: Ask.ConfigureAccountRequest,
    options: Ask.CommandOptions = {},
  ): Promise<Give.Receipt> {
    const { accountId, rest } = onAccount(this.#session, request);
    return command(this.#session, 'PATCH', accountPath(accountId), rest, options);
  }

  /** Refuses debits from now on; credits are still accepted. */
  freezeAccount(
    request: Ask.ReasonRequest,
    options: Ask.CommandOptions = {},
  ): Promise<Give.Receipt> {
    return this.#post(request, ['freeze'], options);
  }

  /** Accepts debits again. */
  unfreezeAccount(
    request: Ask.ReasonRequest,
    options: Ask.CommandOptions = {},
  ): Promise<Give.Receipt> {
    return this.#post(request, ['unfreeze'], options);
  }

  /** Closes an account for good; its balance must be zero. */
  closeAccount(
    request: Ask.ReasonRequest,
    options: Ask.CommandOptions = {},
  ): Promise<Give.Receipt> {
    return this.#post(request, ['close'], options);
  }

  /** Adds bought credits, and what bonus comes with them. Codes: AMOUNT_TOO_LOW. */
  purchaseCredits(
    request: Ask.PurchaseCreditsRequest,
    options: Ask.CommandOptions = {},
  ): Promise<Give.Receipt> {
    return this.#post(request, ['purchases'], options);
  }

  /** Adds credits that nobody paid for. */
  grantCredits(
    request: Ask.GrantCreditsRequest,
    options: Ask.CommandOptions = {},
  ): Promise<Give.Receipt> {
    return this.#post(request, ['grants'], options);
  }

  /** Spends credits on a service. Codes: INSUFFICIENT_CREDITS, CREDIT_LIMIT_EXCEEDED, ACCOUNT_FROZEN. */
  consumeCredits(
    request: Ask.ConsumeCreditsRequest,
    options: Ask.CommandOptions = {},
  ): Promise<Give.Receipt> {
    return this.#post(request, ['consumptions'], options);
  }

  /**
   * Spends credits up to 1 000 times in one request. Each consumption is accepted or refused on its own, unless
   * the batch is `atomic`: then a refusal of one is an error and nothing is spent.
   */
  async consumeBatch(
    { consumptions, ...rest }: Ask.ConsumeBatchRequest,
    options: Ask.CommandOptions = {},
  ): Promise<Give.BatchReceipt> {
    const named = consumptions.map((consumption) => {
      const { accountId, rest: item } = onAccount(this.#session, consumption);
      return { account_id: accountId, ...item };
    });
    const body = { consumptions: named, ...rest };
    const path = '/v1/consumptions';
    const answer = await send(this.#session, { method: 'POST', path, body }, options);
    const receipt = answer.body as Omit<Give.BatchReceipt, 'replayed'>;
    for (const result of receipt.results)
      if (result.status === 'accepted') noteReceipt(this.#session, result.receipt);
    return { ...receipt, replayed: answer.replayed };
  }

  /** Sets credits aside before the final amount is known. Codes: INSUFFICIENT_CREDITS. */
  placeHold(
    request: Ask.PlaceHoldRequest,
    options: Ask.CommandOptions = {},
  ): Promise<Give.Receipt> {
    return this.#post(request, ['holds'], options);
  }

  /** Consumes held credits; by default the rest is released. */
  captureHold(
    { hold_id, ...request }: Ask.CaptureHoldRequest,
    options: Ask.CommandOptions = {},
  ): Promise<Give.Receipt> {
    return this.#post(request, ['holds', hold_id, 'captures'], options);
  }

  /** Adds credits to a hold, or time. */
  extendHold(
    { hold_id, ...request }: Ask.ExtendHoldRequest,
    options: Ask.CommandOptions = {},
  ): Promise<Give.Receipt> {
    return this.#post(request, ['holds', hold_id, 'extend'], options);
  }

  /** Gives held credits back. */
  releaseHold(
    { hold_id, ...request }: Ask.ReleaseHoldRequest,
    options: Ask.CommandOptions = {},
  ): Promise<Give.Receipt> {
    return this.#post(request, ['holds', hold_id, 'release'], options);
  }

  /** One hold. */
  getHold(
    { hold_id, ...request }: Ask.GetHoldRequest,
    options: Ask.ReadOptions = {},
  ): Promise<Give.Hold & Give.Success> {
    return this.#read(request, ['holds', hold_id], options);
  }

  /** One page of an account's holds. */
  listHolds(
    request: Ask.ListHoldsRequest = {},
    options: Ask.ReadOptions = {},
  ): Promise<Give.HoldPage> {
    return this.#read(request, ['holds'], options);
  }

  /** Gives credits of a consumption back to the lots they came from, in part or all that is left. */
  refundConsumption(
    { consumption_id, ...request }: Ask.RefundConsumptionRequest,
    options: Ask.CommandOptions = {},
  ): Promise<Give.Receipt> {
    return this.#post(request, ['consumptions', consumption_id, 'refunds'], options);
  }

  /** What an account has, now or at a past instant or position. */
  checkBalance(
    request: Ask.CheckBalanceRequest = {},
    options: Ask.ReadOptions = {},
  ): Promise<Give.Balance> {
    return this.#read(request, ['balance'], options);
  }

  /** One page of an account's lots. */
  listLots(
    request: Ask.ListLotsRequest = {},
    options: Ask.ReadOptions = {},
  ): Promise<Give.LotPage> {
    return this.#read(request, ['lots'], options);
  }

  /** One page of an account's movements, newest first, with totals. */
  getPaymentHistory(
    request: Ask.PaymentHistoryRequest = {},
    options: Ask.ReadOptions = {},
  ): Promise<Give.PaymentHistory> {
    return this.#read(request, ['transactions'], options);
  }

  /** All movements that a history request selects, newest first, page after page. */
  async *eachTransaction(
    request: Ask.PaymentHistoryRequest = {},
    options: Ask.ReadOptions = {},
  ): AsyncGenerator<Give.Transaction, void, undefined> {
    const pages = paged((page) => this.getPaymentHistory({ ...request, ...page }, options));
    for await (const { transactions } of pages) yield* transactions;
  }

  /** The tenant's totals and the proof that they sum to zero. */
  books(options: Ask.ReadOptions = {}): Promise<Give.Books> {
    return read(this.#session, '/v1/books', {}, options);
  }

  /** What the tenant's services used in a month. */
  usage(request: Ask.UsageRequest = {}, options: Ask.ReadOptions = {}): Promise<Give.Usage> {
    return read(this.#session, '/v1/usage', request, options);
  }

  #post(
    request: Ask.OnAccount,
    below: readonly string[],
    options: Ask.CommandOptions,
  ): Promise<Give.Receipt> {
    const { accountId, rest } = onAccount(this.#session, request);
    return command(this.#session, 'POST', accountPath(accountId, ...below), rest, options);
  }

  #read<T>(request: Ask.OnAccount, below: readonly string[], options: Ask.ReadOptions): Promise<T> {
    const { accountId, rest } = onAccount(this.#session, request);
    return read(this.#session, accountPath(accountId, ...below), rest, options, accountId);
  }
}
