import type { ServerWritableStream } from '@grpc/grpc-js';
import type { ReadReq, ReadResp } from '@eventstore/db-client/generated/streams_pb.js';

/** A call that answers with many messages. */
export type ReadCall = ServerWritableStream<ReadReq, ReadResp>;

/** The answers of a call, no faster than its client takes them. */
export class Outlet {
  readonly #call: ReadCall;
  #resume: () => void = () => undefined;
  #isEnded = false;

  constructor(call: ReadCall) {
    this.#call = call;
    const wake = (): void => {
      this.wake();
    };
    call.on('drain', wake);
    call.on('cancelled', wake);
    call.on('close', wake);
  }

  get isOpen(): boolean {
    return !this.#isEnded && !this.#call.cancelled && !this.#call.destroyed;
  }

  /** Sends a message, and resolves when there is room for the next. */
  async send(message: ReadResp): Promise<void> {
    if (this.isOpen && !this.#call.write(message)) await this.pause();
  }

  /** Resolves when it is woken, or the client takes more, or is gone. */
  pause(): Promise<void> {
    return new Promise((resume) => {
      this.#resume = resume;
      if (!this.isOpen) resume();
    });
  }

  wake(): void {
    this.#resume();
  }

  /** Ends the call as if all was well. */
  end(): void {
    if (!this.isOpen) return;
    this.#isEnded = true;
    this.#call.end();
    this.wake();
  }

  /** Sends nothing more, and does not end the call. */
  abandon(): void {
    this.#isEnded = true;
    this.wake();
  }

  /** Ends the call with an error. */
  fail(error: Error): void {
    if (!this.isOpen) return;
    this.#isEnded = true;
    this.#call.emit('error', error);
    this.wake();
  }
}
