/** Configured service nodes: what can never work is refused before the daemon starts. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { parsePeers } from "../../src/waku/peer-address.ts";
import { transportTo } from "./fixture.ts";

const id = "12D3KooWGQqD7oWwZb6VGCUVAie7pEb7EEA6wfvh4vUHSwZUVFMU";

test("addresses of one peer are one peer", () => {
  const peers = parsePeers([
    `/ip4/127.0.0.1/tcp/30303/p2p/${id}`,
    `/dns4/node.example.org/tcp/443/wss/p2p/${id}`,
    ` /ip4/127.0.0.1/tcp/30303/p2p/${id} `,
  ]);
  assert.equal(peers.length, 1);
  assert.equal(peers[0]?.id?.toString(), id);
  assert.equal(peers[0]?.addresses.length, 2);
  assert.deepEqual(parsePeers([]), []);
});

test("an address without an id is whoever answers there", () => {
  const peers = parsePeers(["/ip4/127.0.0.1/tcp/1", "/ip4/127.0.0.1/tcp/2", "/ip4/127.0.0.1/tcp/1"]);
  assert.deepEqual(
    peers.map(({ id, name }) => [id, name]),
    [
      [undefined, "/ip4/127.0.0.1/tcp/1"],
      [undefined, "/ip4/127.0.0.1/tcp/2"],
    ],
  );
});

test("addresses that can never be dialled", () => {
  const bad = [
    "",
    "127.0.0.1:30303",
    `/ip4/127.0.0.1/udp/30303/quic-v1/p2p/${id}`,
    `/ip4/127.0.0.1/p2p/${id}`,
    `/p2p/${id}`,
    "/ip4/127.0.0.1/tcp/30303/p2p/nonsense",
    "/ip4/999.0.0.1/tcp/30303/p2p/x",
    `/ip4/127.0.0.1/tcp/1/p2p/${id}/p2p-circuit`,
  ];
  for (const address of bad) {
    assert.throws(() => transportTo([address]), { code: "transport/bad-peer" }, address);
  }
});
