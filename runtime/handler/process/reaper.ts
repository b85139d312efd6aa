/**
 * A worker process ends when its socket to the node closes, unless its handler never gives the event loop
 * back. For that case a small shell outlives the node: it holds the processes' ids and kills what is left.
 */
import { spawn } from 'node:child_process';
import type { Socket } from 'node:net';

export interface Reaper {
  /** @param pid below 0: a group of processes */
  born(pid: number): void;
  died(pid: number): void;
  close(): void;
}

const SCRIPT = `trap '' INT TERM HUP
pids=
while read -r line; do
  pid=\${line#?}
  case $line in
    +*) pids="$pids $pid" ;;
    -*) left=; for one in $pids; do [ "$one" = "$pid" ] || left="$left $one"; done; pids=$left ;;
  esac
done
[ -z "$pids" ] || kill -9 $pids 2>/dev/null`;

/** Where there is no shell, or nothing left to talk to one with, processes still end with their socket. */
export function createReaper(): Reaper {
  const ear = startShell();
  const tell = (line: string): void => {
    if (ear?.writable) ear.write(`${line}\n`);
  };
  return {
    born: (pid) => tell(`+${pid}`),
    died: (pid) => tell(`-${pid}`),
    close: () => ear?.end(),
  };
}

function startShell(): Socket | undefined {
  try {
    const shell = spawn('/bin/sh', ['-c', SCRIPT], { stdio: ['pipe', 'ignore', 'ignore'], detached: true, env: {} });
    shell.on('error', () => undefined);
    shell.unref();
    const ear = shell.stdin as Socket | null | undefined;
    ear?.on('error', () => undefined);
    return ear?.unref();
  } catch {
    return undefined;
  }
}
