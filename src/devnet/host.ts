/** The libp2p host of a devnet: transports, addresses and limits for a network of one machine. Knows no Waku protocol but the relay's name. */
import type { GossipSub } from "@chainsafe/libp2p-gossipsub";
import { noise } from "@chainsafe/libp2p-noise";
import { yamux } from "@chainsafe/libp2p-yamux";
import { identify } from "@libp2p/identify";
import type { PrivateKey } from "@libp2p/interface";
import { mplex } from "@libp2p/mplex";
import { ping } from "@libp2p/ping";
import { tcp } from "@libp2p/tcp";
import { webSockets } from "@libp2p/websockets";
import { all as anyWebSocket } from "@libp2p/websockets/filters";
import type { Multiaddr } from "@multiformats/multiaddr";
import { createLibp2p, type Libp2p } from "libp2p";
import { wakuRelay } from "./relay.ts";
import type { Ports } from "./state-dir.ts";

/** The services of the host that others reach into. */
export type Relaying = { relay: GossipSub; [service: string]: unknown };

/** A host that does not listen yet. `refuses` is asked for every connection that comes in. */
export async function createHost(
  privateKey: PrivateKey,
  listen: string[],
  refuses: () => boolean,
): Promise<Libp2p<Relaying>> {
  return createLibp2p<Relaying>({
    privateKey,
    start: false,
    addresses: { listen },
    transports: [tcp(), webSockets({ filter: anyWebSocket })],
    connectionEncrypters: [noise()],
    streamMuxers: [yamux(), mplex()],
    connectionGater: { denyInboundConnection: refuses },
    // All peers are on one address; the defaults are made against strangers and would throttle a test.
    connectionManager: { maxConnections: 500, inboundConnectionThreshold: 10_000, maxIncomingPendingConnections: 500 },
    // On loopback a dead process closes its sockets; one that does not answer pings is only busy.
    connectionMonitor: { abortConnectionOnPingFailure: false },
    peerStore: { maxAddressAge: Number.POSITIVE_INFINITY, maxPeerAge: Number.POSITIVE_INFINITY },
    services: { identify: identify({ agentVersion: "umbrad-devnet" }), ping: ping(), relay: wakuRelay() },
  });
}

/** Where a started host is reached. */
export function addressesOf(libp2p: Libp2p<Relaying>): { plain: Multiaddr; websocket: Multiaddr } {
  const addresses = libp2p.getMultiaddrs();
  const plain = addresses.find((address) => !address.protoNames().includes("ws"));
  const websocket = addresses.find((address) => address.protoNames().includes("ws"));
  if (plain === undefined || websocket === undefined) throw new Error("the node does not listen on both transports");
  return { plain, websocket };
}

/** The ports of a started host, to be had again at the next start. */
export function portsOf(libp2p: Libp2p<Relaying>): Ports {
  const { plain, websocket } = addressesOf(libp2p);
  return { tcp: plain.nodeAddress().port, websocket: websocket.nodeAddress().port };
}

/** Resolves with the promise, or after so long without it: what is closed next must not depend on a library's stop. */
export async function settledWithin(promise: Promise<unknown>, ms: number): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<void>((resolve) => {
    timer = setTimeout(resolve, ms);
  });
  try {
    await Promise.race([promise, late]);
  } catch {
    // A host that fails to stop is as gone as one that stops.
  } finally {
    clearTimeout(timer);
  }
}
