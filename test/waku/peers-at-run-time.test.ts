/** Service nodes that are configured, and no more, while the real adapter runs. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { publishText, Recorder, topicOf } from "../conformance/transport/transport-recorder.ts";
import { MemoryLog, startServiceNode, transportTo } from "./fixture.ts";

test("peers come and go; the one that stays does not notice", { timeout: 120_000 }, async () => {
  const one = await startServiceNode();
  const two = await startServiceNode();
  const log = new MemoryLog();
  const transport = transportTo([], { log });
  const recorder = new Recorder();
  const lost = (): number => log.lines.filter(({ fields }) => fields.event === "peer.lost").length;
  try {
    // Before it runs, too.
    transport.usePeers([one.multiaddr]);
    assert.equal(transport.status().configuredPeers, 1);
    await transport.start(recorder);
    transport.listen([topicOf(1)]);
    await recorder.listening([topicOf(1)]);

    transport.usePeers([two.multiaddr, one.multiaddr]);
    await recorder.until(() => transport.status().peers === 2, "both service nodes");
    assert.equal(lost(), 0);
    assert.throws(() => transport.usePeers(["/ip4/127.0.0.1/tcp/1/p2p/nobody"]), { code: "transport/bad-peer" });
    assert.equal(transport.status().configuredPeers, 2);

    transport.usePeers([two.multiaddr]);
    await recorder.until(() => transport.status().peers === 1 && lost() === 1, "the end of the first");
    assert.deepEqual(transport.status().listening, [topicOf(1)]);
    await publishText(transport, topicOf(1), "over the second");
    await recorder.until(() => recorder.payloads().includes("over the second"), "the message");

    transport.usePeers([one.multiaddr]);
    transport.usePeers([]);
    transport.usePeers([one.websocketMultiaddr]);
    await recorder.until(() => transport.status().peers === 1 && lost() >= 2, "the first again, at another address");
    await publishText(transport, topicOf(1), "over the first");
    await recorder.until(() => recorder.payloads().includes("over the first"), "the message");
    assert.equal(transport.status().configuredPeers, 1);
  } finally {
    await transport.stop();
    await Promise.all([one.close(), two.close()]);
  }
  assert.deepEqual(log.errors(), []);
});
