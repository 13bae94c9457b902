/** Completion for bash, from version 3.2 on, without the package bash-completion. */
import type { CommandEntry } from "../../command-table.ts";
import { caseFunctions, shellBrace } from "./cases.ts";

export function bashScript(table: readonly CommandEntry[]): string {
  return `# Completion of umbrad for bash; made by: umbrad completion bash
${caseFunctions(table)}
${driver}`;
}

/**
 * Walks over the words before the cursor: what is a command goes to the path, values of flags are skipped, the rest counts
 * as arguments. Names may have spaces, so they are read line by line and quoted. Nothing that was typed is evaluated.
 * `#{` stands for the dollar and brace of the shell, which biome takes for ours.
 */
const driver = String.raw`_umbrad_add() {
  local line quoted
  while IFS= read -r line; do
    [[ -n $line ]] || continue
    quoted=$(printf '%q' "$line")
    [[ $line == "$cur"* || $quoted == "$cur"* ]] && COMPREPLY+=("$quoted")
  done
}
_umbrad_home() {
  case $1 in
    '~/'*) printf '%s' "$HOME/#{1#??}" ;;
    *) printf '%s' "$1" ;;
  esac
}
_umbrad_paths() {
  local file
  compopt -o filenames 2>/dev/null
  while IFS= read -r file; do
    COMPREPLY+=("$file")
  done < <(compgen "$1" -- "$cur")
}
_umbrad_offer() {
  case "$1" in
    files) _umbrad_paths -f ;;
    directories) _umbrad_paths -d ;;
    words\ *) _umbrad_add < <(printf '%s\n' #{1#words }) ;;
    live\ *) _umbrad_add < <("$program" #{place[@]+"#{place[@]}"} complete "#{1#live }" 2>/dev/null) ;;
  esac
}
_umbrad() {
  local IFS=$' \t\n'
  local program=$1 cur=$2 path= flag= word= count=0 at only=
  local place=()
  COMPREPLY=()
  for ((at = 1; at < COMP_CWORD; at++)); do
    word=#{COMP_WORDS[at]}
    if [[ -n $flag ]]; then
      case $flag in
        --state-dir | --socket | --config)
          word=#{word//[\\\'\"]/}
          place+=("$flag" "$(_umbrad_home "$word")")
          ;;
      esac
      flag=
    elif [[ -n $only ]]; then
      count=$((count + 1))
    elif [[ $word == -- ]]; then
      only=1
    elif [[ $word == -* ]]; then
      _umbrad_value "$path" "$word" >/dev/null && flag=$word
    elif [[ $count == 0 && " $(_umbrad_verbs "$path") " == *" $word "* ]]; then
      path="$path $word"
    else
      count=$((count + 1))
    fi
  done
  if [[ -n $flag ]]; then
    _umbrad_offer "$(_umbrad_value "$path" "$flag")"
  elif [[ $cur == -* && -z $only ]]; then
    _umbrad_add < <(printf '%s\n' $(_umbrad_flags "$path"))
  else
    [[ $count == 0 ]] && _umbrad_add < <(printf '%s\n' $(_umbrad_verbs "$path"))
    _umbrad_offer "$(_umbrad_place "$path" "$count")"
  fi
}
complete -F _umbrad umbrad
`.replaceAll("#{", shellBrace);
