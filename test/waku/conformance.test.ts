/** The Transport suite over the real adapter and a local service node, once for each libp2p transport. */
import { transportConformance } from "../conformance/transport/transport.ts";
import { startServiceNode, transportTo } from "./fixture.ts";

for (const kind of ["multiaddr", "websocketMultiaddr"] as const) {
  transportConformance(kind === "multiaddr" ? "waku over TCP" : "waku over WebSocket", async () => {
    const node = await startServiceNode();
    return {
      transport: () => transportTo([node[kind]]),
      away: () => node.down(),
      back: () => node.up(),
      close: () => node.close(),
    };
  });
}
