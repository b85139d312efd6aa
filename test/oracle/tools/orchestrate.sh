#!/usr/bin/env bash
# A delegated orchestrator: puts every instance of a function onto the node whose labels have the one that is given.
#   orchestrate.sh FUNCTION LABEL
set -euo pipefail
function=$1
label=$2

target=
while read -r key; do
  [ "$key" = node:capabilities:last_update ] && continue
  if redis-cli get "$key" | grep -q "\"$label\""; then target=${key#node:capabilities:}; fi
done < <(redis-cli --scan --pattern 'node:capabilities:*')
[ -n "$target" ] || { echo "no node has the label $label"; exit 1; }

redis-cli --scan --pattern 'instance:*' | while read -r key; do
  instance=$(redis-cli get "$key")
  grep -q "\"function_class_id\":\"$function\"" <<<"$instance" || continue
  grep -q "node_id: $target" <<<"$instance" && continue
  lid=${key#instance:}
  redis-cli set "intent:migrate:$lid" "$target" >/dev/null
  redis-cli rpush intents "intent:migrate:$lid" >/dev/null
  echo "$lid -> $target"
done
