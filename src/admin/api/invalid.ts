/** What is wrong with a request, in words of people: zod's own speak of types. */
import type { z } from "zod";

type Issue = z.core.$ZodIssue;

/** `limit: is 1 at least; text: is missing`. */
export function invalidText(issues: readonly Issue[]): string {
  return issues
    .map((issue) => (issue.path.length === 0 ? wordsOf(issue) : `${issue.path.join(".")}: ${wordsOf(issue)}`))
    .join("; ");
}

function wordsOf(issue: Issue): string {
  switch (issue.code) {
    case "too_small":
      return issue.minimum === 1 && issue.origin !== "number" && issue.origin !== "int"
        ? "must not be empty"
        : `must ${verbs[issue.origin] ?? "be"} ${issue.minimum}${unitOf(issue.origin)} or more`;
    case "too_big":
      return `must ${verbs[issue.origin] ?? "be"} ${issue.maximum}${unitOf(issue.origin)} or less`;
    case "invalid_value":
      return `must be ${issue.values.map(String).join(", ")}`.replace(/, ([^,]*)$/, " or $1");
    case "unrecognized_keys":
      return `there is no ${issue.keys.map((key) => JSON.stringify(key)).join(", ")}`;
    default:
      return issue.message;
  }
}

const verbs: Readonly<Record<string, string>> = { string: "have", array: "have" };

function unitOf(origin: string): string {
  if (origin === "string") return " characters";
  return origin === "array" ? " entries" : "";
}
