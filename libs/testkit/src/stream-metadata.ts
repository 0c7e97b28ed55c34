/** What the metadata of a stream says about which events show. */
export type StreamMetadata = Readonly<{
  /** Only so many of the latest events show. */
  maxCount?: number;
  /** The first revision that shows. */
  truncateBefore?: number;
  /** The stream was deleted, and nothing was written since. */
  isDeleted?: true;
}>;

/** The `$tb` of a deleted stream, as near as a number comes to it. */
const DELETED = 2 ** 63;

/** Reads the data of a `$metadata` event; what is not JSON says nothing, as on the server. */
export const metadataIn = (data: Uint8Array): StreamMetadata => {
  const { $maxCount, $tb } = fieldsOf(data);
  return {
    ...(typeof $maxCount === 'number' ? { maxCount: $maxCount } : {}),
    ...(typeof $tb !== 'number'
      ? {}
      : $tb >= DELETED
        ? { isDeleted: true }
        : { truncateBefore: $tb }),
  };
};

/** The metadata of a stream that is deleted now: all else is kept. */
export const deletedMetadata = (data: Uint8Array | undefined): Uint8Array => {
  const { $tb: _, ...kept } = data === undefined ? {} : fieldsOf(data);
  // No number of JavaScript is the last revision of the server's.
  return Buffer.from(JSON.stringify({ $tb: 0, ...kept }).replace('0', '9223372036854775807'));
};

/** The metadata of a deleted stream that begins again at a revision: all else is kept. */
export const undeletedAt = (data: Uint8Array | undefined, revision: number): Uint8Array =>
  Buffer.from(JSON.stringify({ ...(data === undefined ? {} : fieldsOf(data)), $tb: revision }));

const fieldsOf = (data: Uint8Array): Readonly<Record<string, unknown>> => {
  try {
    const parsed: unknown = JSON.parse(Buffer.from(data).toString());
    return typeof parsed === 'object' && parsed !== null ? { ...parsed } : {};
  } catch {
    return {};
  }
};
