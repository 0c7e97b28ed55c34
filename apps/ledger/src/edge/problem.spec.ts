import { describe, expect, it } from '@jest/globals';
import { StoreUnavailable, ViewUnavailable } from '@scrip/kernel';
import { answerOf } from './problem.js';

describe('a request that a store keeps from being answered', () => {
  it('is told to come again when the log cannot be read: it is no fault of the ledger', () => {
    const cause = new StoreUnavailable('not_written', 'The event store cannot be reached');
    const answer = answerOf(cause, 'request');
    expect(answer).toMatchObject({
      problem: { status: 503, code: 'STORE_UNAVAILABLE', details: { outcome: 'not_written' } },
      retryAfterSeconds: 1,
      cause,
    });
    expect(answer).not.toHaveProperty('fault');
  });

  it('is told to come again when views cannot be read', () => {
    const answer = answerOf(new ViewUnavailable('MongoDB did not answer'), 'request');
    expect(answer).toMatchObject({ problem: { status: 503, code: 'VIEW_UNAVAILABLE' } });
    expect(answer).not.toHaveProperty('fault');
  });
});
