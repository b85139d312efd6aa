import type { Command } from 'commander';
export function sessionCommands(_noun: Command): void {}
