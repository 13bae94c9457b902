/** What a node has done so far; tests and the demo read it instead of guessing from outside. */
export interface DevnetCounters {
  /** LightPush requests answered with success, and all others. */
  lightPushAccepted: number;
  lightPushRefused: number;
  /** Messages that came from another relay node. */
  relayReceived: number;
  /** Messages seen before, which went nowhere again. */
  duplicates: number;
  archived: number;
  /** Ephemeral messages, and those whose timestamp is too far from our clock. */
  notArchived: number;
  /** Messages kept out of the archive by a fault knob. */
  withheld: number;
  /** Messages handed to a subscriber's push stream, and those that never left it. */
  filterPushes: number;
  filterPushesDropped: number;
  filterSubscribers: number;
  storeQueries: number;
  /** Requests of any protocol that did not decode, were too large, or failed by a fault of this node. */
  refusedRequests: number;
}

/** Nothing has happened yet. */
export function zeroCounters(): DevnetCounters {
  return {
    lightPushAccepted: 0,
    lightPushRefused: 0,
    relayReceived: 0,
    duplicates: 0,
    archived: 0,
    notArchived: 0,
    withheld: 0,
    filterPushes: 0,
    filterPushesDropped: 0,
    filterSubscribers: 0,
    storeQueries: 0,
    refusedRequests: 0,
  };
}
