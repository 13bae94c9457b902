/** What the canary has found out, as it is told outside. */

/** `off` only in tests. `unsendable`: it could not even be published, so nothing is known about hearing. */
export type CanaryState = "off" | "waiting" | "hearing" | "deaf" | "unsendable";

export interface CanaryStatus {
  readonly state: CanaryState;
  /** Of the last one that came back. */
  readonly rttMs: number | undefined;
  /** When the last one that came back had left, by the steady clock. */
  readonly heardAtMs: number | undefined;
  /** Why the last one could not be published. */
  readonly reason: string | undefined;
  /** Service nodes that do not push what others push. */
  readonly silentNodes: readonly string[];
}
