import type { Command } from 'commander';
export function functionCommands(_noun: Command): void {}
