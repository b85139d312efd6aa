#!/usr/bin/env bash
# Prints every key of a Redis with what is in it, by the type of each.
set -euo pipefail

redis-cli --scan --pattern '*' | sort | while read -r key; do
  type=$(redis-cli type "$key")
  echo "== $key ($type)"
  case $type in
    string) redis-cli get "$key" ;;
    list) redis-cli --raw lrange "$key" 0 -1 | tr '\n' ' '; echo ;;
    zset) redis-cli --csv zrange "$key" 0 -1 withscores ;;
    *) echo "a type that nothing here knows"; exit 1 ;;
  esac
done
