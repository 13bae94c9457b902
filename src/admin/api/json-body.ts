/** JSON of a request: UTF-8, and bounded in depth before it is parsed. */
import { UmbradError } from "../../engine/errors.ts";
import { BODY_DEPTH_MAX } from "../limits.ts";
import { REQUEST_SHAPES } from "./problem-answer.ts";
import { decodeUtf8, refuseHalfCharacters } from "./unicode.ts";

/** Throws `request/invalid`, `request/not-unicode`. */
export function parseJsonBody(bytes: Uint8Array): unknown {
  const text = decodeUtf8(bytes);
  if (depthOf(text) > BODY_DEPTH_MAX) {
    throw new UmbradError("request/invalid", `the JSON is nested deeper than ${BODY_DEPTH_MAX} levels`, {
      hint: REQUEST_SHAPES,
    });
  }
  const value = parsed(text);
  refuseHalfCharacters(text, value);
  return value;
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw new UmbradError("request/invalid", text === "" ? "the body is empty" : "the body is not JSON", {
      hint: "send a JSON object, for instance {}",
    });
  }
}

/** The deepest nesting of brackets outside strings; of what is no JSON, any number. */
function depthOf(text: string): number {
  let depth = 0;
  let deepest = 0;
  let isInString = false;
  for (let at = 0; at < text.length; at += 1) {
    const character = text[at];
    if (isInString) {
      if (character === "\\") at += 1;
      else if (character === '"') isInString = false;
    } else if (character === '"') isInString = true;
    else if (character === "{" || character === "[") {
      depth += 1;
      deepest = Math.max(deepest, depth);
    } else if (character === "}" || character === "]") depth -= 1;
  }
  return deepest;
}
