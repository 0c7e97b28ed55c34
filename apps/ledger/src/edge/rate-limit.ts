import { type Clock, type Instant, Refusal } from '@scrip/kernel';

/** Keys whose buckets are kept; those unused longest go first, and start anew with a full one. */
const BUCKETS_MAX = 10_000;

type Bucket = { tokens: number; at: Instant };

/** So many requests a second for each key, and as many at once: a bucket of tokens each. */
export class RateLimit {
  readonly #perSecond: number;
  readonly #clock: Clock;
  readonly #buckets = new Map<string, Bucket>();

  constructor(perSecond: number, clock: Clock) {
    this.#perSecond = perSecond;
    this.#clock = clock;
  }

  /** Takes a token for a request, be it a batch; refuses with RATE_LIMITED when there is none. */
  take(key: string): void {
    const now = this.#clock.now();
    const bucket = this.#bucketOf(key, now);
    const gained = (Math.max(0, now - bucket.at) / 1_000) * this.#perSecond;
    bucket.tokens = Math.min(this.#perSecond, bucket.tokens + gained);
    bucket.at = now;
    if (bucket.tokens <= 0) {
      const seconds = Math.max(1, Math.ceil((1 - bucket.tokens) / this.#perSecond));
      throw new Refusal(
        'RATE_LIMITED',
        `Too many requests with this key. Wait ${String(seconds)} s.`,
        {
          limit_per_second: this.#perSecond,
          retry_after_seconds: seconds,
        },
      );
    }
    bucket.tokens -= 1;
  }

  #bucketOf(key: string, now: Instant): Bucket {
    const known = this.#buckets.get(key);
    if (known !== undefined) return known;
    const bucket = { tokens: this.#perSecond, at: now };
    this.#buckets.set(key, bucket);
    if (this.#buckets.size > BUCKETS_MAX)
      for (const oldest of this.#buckets.keys()) {
        this.#buckets.delete(oldest);
        break;
      }
    return bucket;
  }
}
