/**
 * Text of callers is valid Unicode, or the request is refused: what stands in for a bad byte or half a character would be
 * sent to somebody as if it had been meant.
 */
import { UmbradError } from "../../engine/errors.ts";

/** Keeps a byte order mark, so that the parser refuses it. */
const utf8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

const halfCharacterEscape = /\\u[dD][89a-fA-F]/;

/** Throws `request/not-unicode`. */
export function decodeUtf8(bytes: Uint8Array): string {
  try {
    return utf8.decode(bytes);
  } catch {
    throw refused("the body is not UTF-8", "encode the JSON as UTF-8");
  }
}

/** Of JSON that was UTF-8: only an escape (`\ud83d`) can name half a character. Throws `request/not-unicode`. */
export function refuseHalfCharacters(json: string, value: unknown): void {
  if (!halfCharacterEscape.test(json) || isWellFormed(value)) return;
  throw refused("a text of the body has half a character (an unpaired surrogate)", "escape both halves, or none");
}

/** The query of a URL: its library takes what it cannot decode as it stands. Throws `request/not-unicode`. */
export function refuseBadQuery(url: string): void {
  const at = url.indexOf("?");
  if (at < 0) return;
  try {
    decodeURIComponent(url.slice(at + 1));
  } catch {
    throw badUrl();
  }
}

/** Of a path too, where the router finds it. */
export function badUrl(): UmbradError {
  return new UmbradError("request/not-unicode", "the URL is not UTF-8 in percent-encoding", {
    hint: "encode each part as encodeURIComponent does; a % itself is %25",
  });
}

/** Its depth is bounded by the parser. */
function isWellFormed(value: unknown): boolean {
  if (typeof value === "string") return value.isWellFormed();
  if (typeof value !== "object" || value === null) return true;
  return Object.entries(value).every(([key, inner]) => key.isWellFormed() && isWellFormed(inner));
}

function refused(message: string, hint: string): UmbradError {
  return new UmbradError("request/not-unicode", message, { hint });
}
