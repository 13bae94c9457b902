/** A transport that is connected to a misbehaving service node, with deadlines short enough for tests. */
import assert from "node:assert/strict";
import type { Transport } from "../../src/engine/ports.ts";
import { Recorder, topicOf } from "../conformance/transport/transport-recorder.ts";
import { MemoryLog, transportTo } from "./fixture.ts";
import { type HostileNode, startHostileNode } from "./hostile-node.ts";

export const topic = topicOf(1);
export const pubsubTopic = "/waku/2/rs/66/6";
export const deadlineMs = 1_000;

export interface Scene {
  readonly node: HostileNode;
  readonly transport: Transport;
  readonly recorder: Recorder;
  readonly log: MemoryLog;
}

/** `patienceMs` where the node is to be waited for, however slow the machine is. */
export async function scene(
  muxer: "yamux" | "mplex",
  run: (scene: Scene) => Promise<void>,
  patienceMs: number = deadlineMs,
): Promise<void> {
  const node = await startHostileNode({ muxer });
  const log = new MemoryLog();
  const transport = transportTo([node.multiaddr], { deadlineMs: patienceMs, log });
  const recorder = new Recorder();
  try {
    await transport.start(recorder);
    transport.listen([topic]);
    await run({ node, transport, recorder, log });
    assert.deepEqual(log.errors(), []);
  } finally {
    await transport.stop();
    await node.stop();
  }
}
