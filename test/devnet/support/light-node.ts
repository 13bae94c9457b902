/** The SDK's own light node, not a byte of it changed, in the two shapes that umbrad and its users meet. */
import type { TestContext } from "node:test";
import { yamux } from "@chainsafe/libp2p-yamux";
import { mplex } from "@libp2p/mplex";
import { tcp } from "@libp2p/tcp";
import { webSockets } from "@libp2p/websockets";
import { all as anyWebSocket } from "@libp2p/websockets/filters";
import { createLightNode, type LightNode } from "@waku/sdk";
import type { Devnet } from "../../../src/devnet/node.ts";
import { filterSubscribeCodec } from "../../../src/devnet/services/filter-service.ts";
import { eventually } from "./scratch-devnet.ts";

/** Over which transport the light node reaches the devnet. */
export type Transport = "tcp" | "websocket";

/** A light node connected to the devnet; the test's end stops it. */
export async function lightNode(t: TestContext, devnet: Devnet, transport: Transport): Promise<LightNode> {
  const node = await createLightNode({
    networkConfig: { clusterId: devnet.clusterId, numShardsInCluster: devnet.shards },
    lightPush: { autoRetry: false },
    libp2p: {
      hideWebSocketInfo: true,
      filterMultiaddrs: false,
      // Over WebSocket with nothing but the SDK's defaults, which include mplex as the only muxer.
      ...(transport === "tcp" && {
        transports: [tcp(), webSockets({ filter: anyWebSocket })],
        streamMuxers: [yamux(), mplex()],
      }),
    },
  });
  t.after(async () => {
    // The SDK's subscriptions keep the process alive unless they are ended before the node.
    await node.filter.unsubscribeAll();
    await node.stop();
  });
  await connect(node, devnet, transport);
  return node;
}

/** Dials and waits until the SDK knows the devnet's protocols and shards, without which it uses no peer. */
export async function connect(node: LightNode, devnet: Devnet, transport: Transport): Promise<void> {
  const address = transport === "tcp" ? devnet.multiaddr : devnet.websocketMultiaddr;
  await eventually("the light node has dialled the devnet", async () => {
    try {
      const stream = await node.dial(address);
      await stream.close();
      return true;
    } catch {
      // Our dial joins one that the SDK began by itself, perhaps while the devnet was down.
      return false;
    }
  });
  await eventually("the light node knows the devnet's protocols and shards", async () => {
    const peers = await node.libp2p.peerStore.all();
    return peers.some(
      (peer) =>
        peer.id.toString() === devnet.peerId &&
        peer.protocols.includes(filterSubscribeCodec) &&
        peer.metadata.has("shardInfo"),
    );
  });
}
