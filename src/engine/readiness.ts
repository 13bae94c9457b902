/** Whether the daemon does its work, and if not, why: the words of `umbrad status` and `/readyz`. */
import type { ContentTopic } from "../wire/ids.ts";
import type { DaemonState } from "./api.ts";
import type { Phase } from "./commands.ts";
import type { TransportStatus } from "./ports.ts";

interface Circumstances {
  readonly phase: Phase;
  readonly network: TransportStatus;
  /** Wanted. */
  readonly topics: readonly ContentTopic[];
  readonly isSynced: boolean;
}

export function readiness(now: Circumstances): { readonly state: DaemonState; readonly reasons: readonly string[] } {
  const reason = obstacle(now);
  const reasons = reason === undefined ? [] : [reason];
  if (now.phase !== "running") return { state: now.phase, reasons };
  return { state: reason === undefined ? "ready" : "degraded", reasons };
}

/** The first thing to mend: what comes after it cannot work before. */
function obstacle({ network, topics, isSynced }: Circumstances): string | undefined {
  if (network.configuredPeers === 0)
    return "no service node is configured: give one with --peer or in the configuration";
  if (network.peers === 0) return "no service node is connected";
  if (!topics.every((topic) => network.listening.includes(topic))) return "not every content topic is subscribed";
  return isSynced ? undefined : "history is being read";
}
