/** Keeps this node connected to the other nodes of its network: dials each for ever, at once after a loss. Decides nothing else. */
import type { PeerId } from "@libp2p/interface";
import { peerIdFromString } from "@libp2p/peer-id";
import { type Multiaddr, multiaddr } from "@multiformats/multiaddr";
import type { Libp2p } from "libp2p";
import { DevnetError } from "./state-dir.ts";

/** Another node of the network. */
export interface LinkedPeer {
  readonly address: Multiaddr;
  readonly id: PeerId;
}

const dialMs = 5_000;
/** After a failure; on loopback a dial costs nothing and a restart takes about a second. */
const pauseMsMin = 100;
const pauseMsMax = 2_000;

/** Throws `devnet/bad-option` for what cannot be dialled, or would not be known again when it answers. */
export function parseLinks(addresses: readonly string[]): LinkedPeer[] {
  return addresses.map((text) => {
    try {
      const address = multiaddr(text);
      const id = address.getPeerId();
      if (id === null) throw new Error("it does not end with /p2p/ and a peer id");
      return { address, id: peerIdFromString(id) };
    } catch (cause) {
      const why = cause instanceof Error ? cause.message : "not a multiaddr";
      throw new DevnetError("devnet/bad-option", `${JSON.stringify(text)} is no address of a node: ${why}`, cause);
    }
  });
}

/** Dials all; resolves when each was tried once. The rest goes on until `ended` fires. */
export async function keepLinks(libp2p: Libp2p, peers: readonly LinkedPeer[], ended: AbortSignal): Promise<void> {
  await Promise.all(
    peers.map(async (peer) => {
      await dial(libp2p, peer, ended);
      void redial(libp2p, peer, ended);
    }),
  );
}

/** Never rejects: `dial` does not, and a pause only waits. */
async function redial(libp2p: Libp2p, peer: LinkedPeer, ended: AbortSignal): Promise<void> {
  let pauseMs = pauseMsMin;
  while (!ended.aborted) {
    if (isLinked(libp2p, peer)) {
      pauseMs = pauseMsMin;
      await disconnection(libp2p, peer, ended);
    } else if (!(await dial(libp2p, peer, ended))) {
      await pause(pauseMs, ended);
      pauseMs = Math.min(pauseMsMax, pauseMs * 2);
    }
  }
}

async function dial(libp2p: Libp2p, { address }: LinkedPeer, ended: AbortSignal): Promise<boolean> {
  try {
    await libp2p.dial(address, { signal: AbortSignal.any([AbortSignal.timeout(dialMs), ended]) });
    return true;
  } catch {
    // Not there (yet), or we are stopping: the loop knows what to do.
    return false;
  }
}

function isLinked(libp2p: Libp2p, { id }: LinkedPeer): boolean {
  return libp2p.getConnections(id).some(({ status }) => status === "open");
}

function disconnection(libp2p: Libp2p, { id }: LinkedPeer, ended: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const end = (): void => {
      libp2p.removeEventListener("peer:disconnect", onDisconnect);
      ended.removeEventListener("abort", end);
      resolve();
    };
    const onDisconnect = ({ detail }: CustomEvent<PeerId>): void => {
      if (detail.equals(id)) end();
    };
    libp2p.addEventListener("peer:disconnect", onDisconnect);
    ended.addEventListener("abort", end);
  });
}

function pause(ms: number, ended: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const end = (): void => {
      clearTimeout(timer);
      ended.removeEventListener("abort", end);
      resolve();
    };
    const timer = setTimeout(end, ms);
    ended.addEventListener("abort", end);
  });
}
