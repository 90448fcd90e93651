# bash completion for firsttouch; needs nothing but bash itself.

_firsttouch_commands="record report diff import query check map explain validate replay watch calibrate doctor"

# The options of a command.
_firsttouch_options() {
  case $1 in
    record) echo "-o --output --backend -p --pid --duration -u --user --stacks --snapshots --sample --working-set --counters --ring-size -h --help" ;;
    report) echo "--format --table --top --machine -o --output -h --help" ;;
    diff) echo "--before --after --format --top -o --output -h --help" ;;
    import) echo "-h --help" ;;
    "import strace") echo "-o --output --strict -h --help" ;;
    check) echo "--format --most -h --help" ;;
    validate) echo "--format --most --machine -h --help" ;;
    replay) echo "--machine --set --jvm --sweep --core --format -o --output -h --help" ;;
    map) echo "-p --pid --at --regions --ask-jvm --folios --sort --subsystem --format -o --output -h --help" ;;
    explain) echo "--entry --level --kernel -p --pid --format -h --help" ;;
    watch) echo "-p --pid -i --interval -n --count --once --plain --csv --json --no-faults --ask-jvm -o --output -h --help" ;;
    calibrate) echo "-o --output --quick -h --help" ;;
    query | doctor) echo "--format -h --help" ;;
    *) echo "-h --help --version" ;;
  esac
}

# What may follow an option; nothing: the option takes no value. "file", "user" and "pid" are looked
# up, "any" cannot be guessed, all else is a list of words.
_firsttouch_values() {
  case "$1 $2" in
    "record --backend") echo "auto bpf ptrace" ;;
    "record --stacks") echo "fp dwarf" ;;
    "record --snapshots") echo "light full" ;;
    "record --duration" | "record --ring-size" | "record --sample" | "record --working-set" | "report --top" | "diff --top" | "check --most" | "validate --most" | "explain --entry") echo "any" ;;
    "replay --set") echo "thp= thp.64kB= thp.2048kB= thp.zero_page= thp.defrag= kernel= populate=heap hugetlb.heap=2M hugetlb.heap=1G hugetlb.2M= hugetlb.1G= numa.policy= numa.threads=together numa.threads=spread fragmented= cgroup.limit= memory= swap= swap.compression= swappiness=" ;;
    "replay --jvm") echo "-Xms -XX:+UseTransparentHugePages -XX:+UseLargePages -XX:+AlwaysPreTouch" ;;
    "record --counters") echo "tlb none" ;;
    "report --machine" | "replay --machine" | "validate --machine") echo "list host document cascade-lake-2s sapphire-rapids-2s milan-2s-nps4 genoa-2s" ;;
    "replay --sweep" | "replay --core") echo "any" ;;
    "map -p" | "map --pid") echo "pid" ;;
    "map --at") echo "any" ;;
    "map --sort") echo "address reserved committed resident dirty huge swapped shared tables faults" ;;
    "map --subsystem") echo "any" ;;
    "map --format") echo "table json csv" ;;
    "explain --level") echo "pte pmd pud p4d pgd" ;;
    "explain --kernel") echo "6.1 6.12 6.18" ;;
    "explain -p" | "explain --pid") echo "pid" ;;
    "record -p" | "record --pid" | "watch -p" | "watch --pid") echo "pid" ;;
    "watch -i" | "watch --interval" | "watch -n" | "watch --count") echo "any" ;;
    "record -u" | "record --user") echo "user" ;;
    "report --format") echo "text json csv html perfetto folded strace" ;;
    "diff --format") echo "text json html" ;;
    "diff --before" | "diff --after") echo "file" ;;
    "report --table") echo "subsystems syscalls calls faults threads phases reconcile working-sets working-set-times counters" ;;
    "query --format") echo "table csv json" ;;
    "check --format" | "explain --format" | "validate --format" | "replay --format" | "doctor --format")
      echo "text json" ;;
    *" -o" | *" --output") echo "file" ;;
  esac
}

# Offers what compgen makes of the arguments.
_firsttouch_reply() { mapfile -t COMPREPLY < <(compgen "$@" -- "$_firsttouch_word"); }

# The words are paths: bash quotes them and marks folders. Fails where nothing is being completed.
_firsttouch_filenames() { compopt -o filenames 2>/dev/null || true; }

# Recordings, and folders that may hold some.
_firsttouch_recordings() {
  mapfile -t COMPREPLY < <(
    compgen -f -X '!*.ft' -- "$_firsttouch_word"
    compgen -d -- "$_firsttouch_word"
  )
  _firsttouch_filenames
}

_firsttouch_value() {
  case $1 in
    file) _firsttouch_reply -f && _firsttouch_filenames ;;
    user) _firsttouch_reply -u ;;
    pid) _firsttouch_reply -W "$(cd /proc && echo [0-9]*)" ;;
    any) COMPREPLY=() ;;
    *) _firsttouch_reply -W "$1" ;;
  esac
}

# The command that record or watch runs: completed as if it stood alone, where bash-completion is loaded.
_firsttouch_target() {
  if declare -F _command_offset >/dev/null; then
    _command_offset "$1"
  elif (($1 == COMP_CWORD)); then
    _firsttouch_reply -c
  else
    _firsttouch_reply -f && _firsttouch_filenames
  fi
}

# Sets _firsttouch_at to the index of the first word that is neither the command, nor an option, nor
# an option's value; 0 if there is none yet.
_firsttouch_find_operand() {
  local command=$1 at=$2 option
  _firsttouch_at=0
  while ((at < COMP_CWORD)); do
    option=${COMP_WORDS[at]}
    case $option in
      --) _firsttouch_at=$((at + 1)) && return ;;
      -*) ;;
      *) _firsttouch_at=$at && return ;;
    esac
    if [[ -n $(_firsttouch_values "$command" "$option") ]]; then
      [[ ${COMP_WORDS[at + 1]} != "=" ]] || at=$((at + 1))
      at=$((at + 1))
    fi
    at=$((at + 1))
  done
}

# Sets _firsttouch_option to the word whose value is being typed: the one before, or the one before
# an "=", which bash takes for a word of its own.
_firsttouch_find_option() {
  _firsttouch_option=${COMP_WORDS[COMP_CWORD - 1]}
  if [[ $_firsttouch_word == "=" ]]; then
    _firsttouch_word=""
  elif [[ $_firsttouch_option == "=" ]]; then
    _firsttouch_option=${COMP_WORDS[COMP_CWORD - 2]}
  fi
}

_firsttouch() {
  local _firsttouch_word=${COMP_WORDS[COMP_CWORD]} command=${COMP_WORDS[1]:-} values
  local _firsttouch_at _firsttouch_option
  local first=2
  COMPREPLY=()
  if ((COMP_CWORD == 1)); then
    _firsttouch_reply -W "$_firsttouch_commands $(_firsttouch_options '')"
    return
  fi
  if [[ $command == import ]]; then
    if ((COMP_CWORD == 2)); then
      _firsttouch_reply -W "strace $(_firsttouch_options import)"
      return
    fi
    command="import ${COMP_WORDS[2]}"
    first=3
  fi

  _firsttouch_find_operand "$command" "$first"
  if [[ $command == record || $command == watch ]] && ((_firsttouch_at)); then
    _firsttouch_target "$_firsttouch_at"
    return
  fi
  _firsttouch_find_option
  values=$(_firsttouch_values "$command" "$_firsttouch_option")
  if [[ -n $values ]]; then
    _firsttouch_value "$values"
  elif [[ $_firsttouch_word == -* ]]; then
    _firsttouch_reply -W "$(_firsttouch_options "$command")"
  else
    case $command in
      record | watch) _firsttouch_target "$COMP_CWORD" ;;
      "import strace") _firsttouch_value file ;;
      report | diff) _firsttouch_recordings ;;
      query | check | map | validate | replay) ((_firsttouch_at)) || _firsttouch_recordings ;;
      explain)
        if ((_firsttouch_at)); then
          _firsttouch_recordings
        else
          _firsttouch_reply -W "call fault"
        fi ;;
    esac
  fi
}

complete -F _firsttouch firsttouch
