/**
 * What became of bytes that a stranger sent. Decoders are total: they return one of these and never throw
 * (profile 8.11). "Addressed elsewhere" is the router's word, because only it knows which hints are ours.
 */
export type Decoded<T> =
  | { readonly kind: "readable"; readonly value: T }
  | { readonly kind: "badly-formed"; readonly reason: string }
  | { readonly kind: "unsupported"; readonly reason: string };

export function readable<T>(value: T): Decoded<T> {
  return { kind: "readable", value };
}

export function badlyFormed(reason: string): Decoded<never> {
  return { kind: "badly-formed", reason };
}

export function unsupported(reason: string): Decoded<never> {
  return { kind: "unsupported", reason };
}
