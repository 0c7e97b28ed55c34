import { type EventLog, invariant } from '@scrip/kernel';
import {
  type AccountEvent,
  type ConsumptionFact,
  type Lot,
  accountEvents,
} from './account.messages.js';
import { parseMovementId } from './movement-id.js';

/**
 * Reads a consumption, and the lots it drew on as they were issued, from the account's stream: their ids lead to
 * their events. Undefined when the id is not that of a consumption in it.
 */
export const consumptionFact = async (
  log: EventLog,
  stream: string,
  tag: string,
  consumptionId: string,
): Promise<ConsumptionFact | undefined> => {
  const id = parseMovementId(consumptionId);
  if (id?.prefix !== 'txn' || id.tag !== tag) return undefined;
  const event = await eventAt(log, stream, id.revision);
  if (event?.type !== 'CreditsConsumed' && event?.type !== 'HoldCaptured') return undefined;
  const { consumption_id, amount, service, month, from } = event.data;
  if (consumption_id !== consumptionId) return undefined;
  const lots: Lot[] = [];
  for (const { lot_id } of from) lots.push(await issuedLot(log, stream, lot_id));
  return {
    consumption_id,
    amount,
    service,
    month,
    at: event.at,
    from,
    overdrawn: event.type === 'CreditsConsumed' ? event.data.overdrawn : 0n,
    lots,
  };
};

const eventAt = async (
  log: EventLog,
  stream: string,
  revision: number,
): Promise<AccountEvent | undefined> => {
  const [stored] = await log.readStream(stream, revision, 1);
  return stored && accountEvents.decode(stored.type, stored.version, stored.at, stored.data);
};

const issuedLot = async (log: EventLog, stream: string, lotId: string): Promise<Lot> => {
  const id = parseMovementId(lotId);
  const event = id && (await eventAt(log, stream, id.revision));
  const lot = lotsOf(event).find(({ lot_id }) => lot_id === lotId);
  invariant(lot !== undefined, () => `${stream} holds no event that issued lot ${lotId}`);
  return lot;
};

const lotsOf = (event: AccountEvent | undefined): readonly Lot[] => {
  switch (event?.type) {
    case 'CreditsPurchased':
    case 'CreditsGranted':
      return [event.data.lot];
    case 'ConsumptionRefunded':
      return event.data.lots;
    default:
      return [];
  }
};
