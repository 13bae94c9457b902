/** Completion for zsh: our own functions, because `_arguments` cannot call the daemon with the flags of the line. */
import type { CommandEntry } from "../../command-table.ts";
import { caseFunctions, shellBrace } from "./cases.ts";

export function zshScript(table: readonly CommandEntry[]): string {
  return `#compdef umbrad
# Completion of umbrad for zsh; made by: umbrad completion zsh
${caseFunctions(table)}
${driver}`;
}

const driver = String.raw`_umbrad_offer() {
  local -a names
  case "$1" in
    files) _files ;;
    directories) _files -/ ;;
    words\ *) names=(#{=#{1#words }}); compadd -a names ;;
    live\ *) names=("#{(@f)$("$program" "#{place[@]}" complete "#{1#live }" 2>/dev/null)}"); compadd -a names ;;
  esac
}
_umbrad() {
  local program=$words[1] cur=$words[CURRENT] umbrad_path= flag= word count=0 at only=
  local -a place names
  for ((at = 2; at < CURRENT; at++)); do
    word=$words[at]
    if [[ -n $flag ]]; then
      case $flag in (--state-dir|--socket|--config) place+=("$flag" "#{(Q)word}") ;; esac
      flag=
    elif [[ -n $only ]]; then
      count=$((count + 1))
    elif [[ $word == -- ]]; then
      only=1
    elif [[ $word == -* ]]; then
      _umbrad_value "$umbrad_path" "$word" >/dev/null && flag=$word
    elif [[ $count == 0 && " $(_umbrad_verbs "$umbrad_path") " == *" $word "* ]]; then
      umbrad_path="$umbrad_path $word"
    else
      count=$((count + 1))
    fi
  done
  if [[ -n $flag ]]; then
    _umbrad_offer "$(_umbrad_value "$umbrad_path" "$flag")"
  elif [[ $cur == -* && -z $only ]]; then
    names=(#{=:-$(_umbrad_flags "$umbrad_path")})
    compadd -a names
  else
    if [[ $count == 0 ]]; then
      names=(#{=:-$(_umbrad_verbs "$umbrad_path")})
      compadd -a names
    fi
    _umbrad_offer "$(_umbrad_place "$umbrad_path" "$count")"
  fi
}
if [[ $funcstack[1] == _umbrad ]]; then
  _umbrad "$@"
else
  compdef _umbrad umbrad
fi
`.replaceAll("#{", shellBrace);
