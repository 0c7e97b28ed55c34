import type { Place, View } from '@scrip/kernel';

/** A document of a query's result, as it is stored. */
export type Placed = Readonly<{ place: Place; document: string }>;

/** The document that a view's row holds. */
export const documentOf = <D>({ codec }: View<D>, { document }: Pick<Placed, 'document'>): D =>
  codec.decode(JSON.parse(document));
