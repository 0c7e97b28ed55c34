/**
 * First in, first out. Two arrays that take turns: in a map that is emptied as fast as it is filled, what is long gone keeps
 * garbage alive.
 */
export class Fifo<T> {
  #in: T[] = [];
  #out: (T | undefined)[] = [];
  #next = 0;

  push(one: T): void {
    this.#in.push(one);
  }

  shift(): T | undefined {
    if (this.#next === this.#out.length) {
      this.#out = this.#in;
      this.#in = [];
      this.#next = 0;
    }
    const first = this.#out[this.#next];
    if (first === undefined) return undefined;
    this.#out[this.#next++] = undefined;
    return first;
  }
}
