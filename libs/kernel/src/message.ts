import {
  type AnyCodec,
  type Codec,
  CodecError,
  type Form,
  type JsonObject,
  type ShapeOf,
  record,
} from './codec.js';
import type { Instant } from './instant.js';

/** A command or an event: what it is called, when it was given or happened, and what it says. */
export type Message<Type extends string = string, Data extends object = object> = Readonly<{
  type: Type;
  at: Instant;
  data: Readonly<Data>;
}>;

/** Turns a message's data as an older version wrote it into the next version's. */
export type Upcast = (data: JsonObject) => JsonObject;

/** A family of events, declared once: their types, their stored shape, and how old shapes are read. */
export type Catalog<E extends Message> = Readonly<{
  types: readonly E['type'][];
  /** The version that events of this type are written at: one more than the upcasts it needs. */
  versionOf: (type: E['type']) => number;
  /** The data to store; throws {@link CodecError} when the event is not of its declared shape. */
  encode: (event: E) => JsonObject;
  /** Reads stored data of any version, and takes it over; throws {@link CodecError} on an unknown type or shape. */
  decode: (type: string, version: number, at: Instant, data: unknown) => E;
  /** What the data of a type is made of, for the reference. */
  formOf: (type: E['type']) => Form;
}>;

type Shapes = Readonly<Record<string, Record<string, AnyCodec>>>;

type MessagesIn<S extends Shapes> = {
  [K in keyof S & string]: Message<K, ShapeOf<S[K]>>;
}[keyof S & string];

/** The union of the messages a catalog declares, discriminated by `type`. */
export type MessageOf<C> = C extends Catalog<infer E> ? E : never;

/**
 * Declares a family of messages. `upcasts` holds, for a type, the steps from version 1 to 2, 2 to 3 and
 * so on; a type without any is at version 1.
 */
export const catalog = <const S extends Shapes>(
  shapes: S,
  upcasts: { readonly [K in keyof S]?: readonly Upcast[] } = {},
): Catalog<MessagesIn<S>> => {
  type E = MessagesIn<S>;
  const codecs = new Map<string, { codec: Codec<object>; upcasts: readonly Upcast[] }>(
    Object.entries(shapes).map(([type, shape]) => [
      type,
      { codec: record(shape), upcasts: upcasts[type] ?? [] },
    ]),
  );
  const entry = (type: string): { codec: Codec<object>; upcasts: readonly Upcast[] } => {
    const found = codecs.get(type);
    if (found === undefined) throw new CodecError(`unknown message type ${type}`);
    return found;
  };
  const named = <T>(type: string, run: () => T): T => {
    try {
      return run();
    } catch (error) {
      throw error instanceof CodecError ? new CodecError(`${type}: ${error.message}`) : error;
    }
  };
  return {
    types: [...codecs.keys()] as E['type'][],
    formOf: (type) => entry(type).codec.form,
    versionOf: (type) => 1 + entry(type).upcasts.length,
    encode: ({ type, data }) => named(type, () => entry(type).codec.encode(data) as JsonObject),
    decode: (type, version, at, data) =>
      named(type, () => {
        const { codec, upcasts: steps } = entry(type);
        if (version > steps.length + 1)
          throw new CodecError(`version ${String(version)} is newer than this program`);
        let current = data as JsonObject;
        for (const upcast of steps.slice(version - 1)) current = upcast(current);
        return { type, at, data: codec.decode(current) } as E;
      }),
  };
};
