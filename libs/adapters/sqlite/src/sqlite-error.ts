/** What a thrown thing says. By its shape: the driver's errors are not always of this realm's Error class. */
export const messageOf = (error: unknown): string =>
  typeof error === 'object' && error !== null && 'message' in error
    ? String(error.message)
    : String(error);
