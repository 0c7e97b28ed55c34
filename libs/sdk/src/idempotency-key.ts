type Randomness = Readonly<{ getRandomValues: (bytes: Uint8Array) => Uint8Array }>;

/** A new idempotency key: a version 7 UUID, so that keys of one client sort by the time they were made. */
export const newIdempotencyKey = async (now = Date.now()): Promise<string> => {
  const bytes = (await randomness()).getRandomValues(new Uint8Array(16));
  const view = new DataView(bytes.buffer);
  view.setUint32(0, Math.floor(now / 0x1_0000));
  view.setUint16(4, now % 0x1_0000);
  view.setUint8(6, (view.getUint8(6) & 0x0f) | 0x70);
  view.setUint8(8, (view.getUint8(8) & 0x3f) | 0x80);
  const hex = Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('');
  return hex.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5');
};

const NODE_CRYPTO = 'node:crypto';
let source: Randomness | undefined;

// Node 18 has no global `crypto`; the specifier is a variable so that bundlers for browsers leave it alone.
const randomness = async (): Promise<Randomness> => {
  // The library types say that the global is always there; on Node 18 it is not.
  const { crypto } = globalThis as { crypto?: Randomness };
  if (crypto !== undefined) return crypto;
  if (source === undefined) {
    const node = (await import(/* webpackIgnore: true */ /* @vite-ignore */ NODE_CRYPTO)) as {
      webcrypto: Randomness;
    };
    source = node.webcrypto;
  }
  return source;
};
