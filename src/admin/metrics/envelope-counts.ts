/** The engine's counters of envelopes as a closed set of reasons: dashboards and alerts name them. */

/** Every reason that `umbrad_envelopes_dropped_total` may have. */
export const dropReasons = [
  "malformed",
  "unsupported",
  "oversize",
  "unknown_hint",
  "duplicate",
  "repeated",
  "forged",
  "refused_inside",
  "full",
  "disk",
  "other",
] as const;

type DropReason = (typeof dropReasons)[number];

const reasonOf: ReadonlyMap<string, DropReason> = new Map([
  ["envelope.dropped.badly-formed", "malformed"],
  ["envelope.dropped.unsupported", "unsupported"],
  ["envelope.dropped.oversize", "oversize"],
  ["envelope.dropped.elsewhere", "unknown_hint"],
  ["envelope.dropped.duplicate", "duplicate"],
  ["envelope.dropped.full", "full"],
  ["envelope.dropped.disk", "disk"],
  ["envelope.ignored", "repeated"],
  ["envelope.rejected", "forged"],
]);

export function envelopeCounts(counters: Readonly<Record<string, number>>): {
  readonly received: number;
  readonly accepted: number;
  readonly dropped: ReadonlyMap<DropReason, number>;
} {
  const dropped = new Map<DropReason, number>(dropReasons.map((reason) => [reason, 0]));
  for (const [name, count] of Object.entries(counters)) {
    const reason = dropReasonOf(name);
    if (reason !== undefined) dropped.set(reason, (dropped.get(reason) ?? 0) + count);
  }
  const received = counters["envelope.received"] ?? 0;
  // Without room an envelope is not even looked at, and still it came.
  const unseen = (dropped.get("full") ?? 0) + (dropped.get("disk") ?? 0);
  return { received: received + unseen, accepted: counters["envelope.accepted"] ?? 0, dropped };
}

function dropReasonOf(name: string): DropReason | undefined {
  const known = reasonOf.get(name);
  if (known !== undefined) return known;
  if (name.startsWith("envelope.refused-inside.")) return "refused_inside";
  return name.startsWith("envelope.dropped.") ? "other" : undefined;
}
