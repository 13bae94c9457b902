/**
 * The Waku SDK's light node, set up for a daemon: it is the libp2p host, answers identify and metadata, and makes
 * encoders. Dialling, Filter, LightPush and Store are ours (supervisor, filter, lightpush, store-query), because the
 * SDK's clients have no deadlines, drop status codes and lose messages silently.
 */
import { yamux } from "@chainsafe/libp2p-yamux";
import { generateKeyPairFromSeed } from "@libp2p/crypto/keys";
import { mplex } from "@libp2p/mplex";
import { tcp } from "@libp2p/tcp";
import { webSockets } from "@libp2p/websockets";
import { all } from "@libp2p/websockets/filters";
import { createLightNode, type LightNode } from "@waku/sdk";
import { invariant } from "../engine/errors.ts";

/** What makes a node of one network. */
export interface WakuNodeOptions {
  readonly clusterId: number;
  readonly shards: number;
  /** 32 bytes: the peer id must survive a restart, or each start leaves a stale subscription at the service node. */
  readonly privateKeySeed: Uint8Array;
}

/** Starts a light node that dials nobody by itself. */
export async function startWakuNode(options: WakuNodeOptions): Promise<LightNode> {
  invariant(options.privateKeySeed.length === 32, "an Ed25519 seed has 32 bytes");
  const privateKey = await generateKeyPairFromSeed("Ed25519", options.privateKeySeed);
  return createLightNode({
    userAgent: "umbrad",
    networkConfig: { clusterId: options.clusterId, numShardsInCluster: options.shards },
    // No discovery of any kind: it would ask DNS-over-HTTPS resolvers for public fleets.
    defaultBootstrap: false,
    numPeersToUse: 2,
    // The supervisor redials; the SDK's own recovery has cool-downs of up to 60 s and can reject unhandled.
    connectionManager: { enableAutoRecovery: false, failedDialCooldown: 1, dialCooldown: 1, pingKeepAlive: 0 },
    lightPush: { autoRetry: false },
    filter: { keepAliveIntervalMs: 20_000 },
    libp2p: {
      privateKey,
      hideWebSocketInfo: true,
      // Without this, ws:// and TCP peers are never dialled and nothing says so.
      filterMultiaddrs: false,
      transports: [tcp(), webSockets({ filter: all })],
      streamMuxers: [yamux(), mplex()],
      // The default forgets the address of the only service node after an hour, for ever.
      peerStore: { maxAddressAge: Number.POSITIVE_INFINITY, maxPeerAge: Number.POSITIVE_INFINITY },
      // A frozen service node is noticed in at most 5 s + 5 s.
      connectionMonitor: { pingInterval: 5_000, pingTimeout: { minTimeout: 5_000, maxTimeout: 5_000 } },
    },
  });
}
