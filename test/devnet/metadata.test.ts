// Goal: every implementation finds cluster and shards where it looks for them, and learns them without asking.
import assert from "node:assert/strict";
import { test } from "node:test";
import { multiaddr } from "@multiformats/multiaddr";
import { proto_metadata } from "@waku/proto";
import * as lengthPrefixed from "it-length-prefixed";
import { encodeMetadata, metadataCodec } from "../../src/devnet/services/metadata-service.ts";
import { rawPeer } from "./support/raw-peer.ts";
import { eventually, scratchDevnet } from "./support/scratch-devnet.ts";

test("the response has the shards both unpacked in field 2 and packed in field 3", async (t) => {
  const devnet = await scratchDevnet(t, { clusterId: 300, shards: 3 });
  const peer = await rawPeer(t, devnet.multiaddr);
  const answer = await peer.request(metadataCodec, proto_metadata.WakuMetadataRequest.encode({ clusterId: 300 }));
  assert.equal(Buffer.from(answer).toString("hex"), "08ac02" + "100010011002" + "1a03000102");
});

test("shard numbers above 127 take two bytes in both fields", () => {
  const bytes = encodeMetadata({ clusterId: 1, shards: 130, autosharding: true });
  assert.ok(
    Buffer.from(bytes)
      .toString("hex")
      .endsWith(`1a8401${hexOf(128)}80018101`),
  );
  assert.equal(proto_metadata.WakuMetadataResponse.decode(bytes).shards.length, 130);
});

test("the node tells a new peer its shards, and hangs up on a peer of another cluster", async (t) => {
  const events: string[] = [];
  const devnet = await scratchDevnet(t, { log: (event) => events.push(event) });
  for (const clusterId of [66, 67]) {
    const peer = await rawPeer(t, devnet.multiaddr);
    const told: number[][] = [];
    await peer.libp2p.handle(metadataCodec, async ({ stream }) => {
      for await (const frame of lengthPrefixed.decode(stream.source)) {
        told.push(proto_metadata.WakuMetadataRequest.decode(frame).shards);
        const answer = proto_metadata.WakuMetadataResponse.encode({ clusterId, shards: [] });
        await stream.sink([lengthPrefixed.encode.single(answer)]);
      }
    });
    // The protocol is known to the node from the next connection on.
    await peer.connection.close();
    const connection = await peer.libp2p.dial(multiaddr(devnet.multiaddr));
    await eventually("the node introduced itself", () => told.length > 0);
    assert.deepEqual(told[0], [0, 1, 2, 3, 4, 5, 6, 7]);
    if (clusterId !== devnet.clusterId) await eventually("the node hung up", () => connection.status !== "open");
    else assert.equal(connection.status, "open");
  }
  assert.equal(events.filter((event) => event === "devnet.peer_of_other_cluster").length, 1);
});

function hexOf(count: number): string {
  return Array.from({ length: count }, (_, value) => value.toString(16).padStart(2, "0")).join("");
}
