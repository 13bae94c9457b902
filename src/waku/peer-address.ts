/** Reads the configured service nodes. A bad address is the operator's mistake, and libp2p would ignore it silently. */
import { isPeerId, type PeerId } from "@libp2p/interface";
import { peerIdFromString } from "@libp2p/peer-id";
import { type Multiaddr, multiaddr } from "@multiformats/multiaddr";
import { UmbradError } from "../engine/errors.ts";

/** One configured service node with every address it was given. */
export interface ServicePeer {
  /** undefined: whoever answers at the address. */
  readonly id: PeerId | undefined;
  /** The id, or the address where there is none. */
  readonly name: string;
  readonly addresses: readonly Multiaddr[];
}

const hint =
  "Use an address like /ip4/192.0.2.7/tcp/30303/p2p/16Uiu2HAm…, as `umbrad devnet` or a node's operator prints it. " +
  "Without /p2p/ and an id, whoever answers at the address is taken.";

/** Groups the addresses by peer; throws `transport/bad-peer` for one that can never be dialled. */
export function parsePeers(peers: readonly string[]): readonly ServicePeer[] {
  const byName = new Map<string, { id: PeerId | undefined; name: string; addresses: Multiaddr[] }>();
  for (const text of peers) {
    const address = parseAddress(text);
    const id = peerOf(text, address);
    const name = (id ?? address).toString();
    const known = byName.get(name) ?? { id, name, addresses: [] };
    if (!known.addresses.some((other) => other.equals(address))) known.addresses.push(address);
    byName.set(name, known);
  }
  return [...byName.values()];
}

function parseAddress(text: string): Multiaddr {
  let address: Multiaddr;
  try {
    address = multiaddr(text.trim());
  } catch (cause) {
    throw new UmbradError("transport/bad-peer", `not a multiaddr: ${text}`, { hint, cause });
  }
  const names = address.protoNames();
  const host = names.some((name) => ["ip4", "ip6", "dns", "dns4", "dns6"].includes(name)) && names.includes("tcp");
  // The two transports that the node carries; anything else would be "no valid addresses" at every dial, forever.
  if (!(host || names[0] === "dnsaddr")) {
    throw new UmbradError("transport/bad-peer", `no TCP or WebSocket address: ${text}`, { hint });
  }
  if (names.some((name) => ["quic", "quic-v1", "webtransport", "webrtc", "p2p-circuit"].includes(name))) {
    throw new UmbradError("transport/bad-peer", `only TCP and WebSocket addresses can be dialled: ${text}`, { hint });
  }
  return address;
}

function peerOf(text: string, address: Multiaddr): PeerId | undefined {
  const id = address.getPeerId();
  if (id === null && !address.protoNames().includes("p2p")) return undefined;
  try {
    const peer = peerIdFromString(id ?? "");
    if (isPeerId(peer)) return peer;
  } catch (cause) {
    throw new UmbradError("transport/bad-peer", `not a peer id: ${text}`, { hint, cause });
  }
  throw new UmbradError("transport/bad-peer", `not a peer id: ${text}`, { hint });
}
