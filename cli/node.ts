import type { Command } from 'commander';
export function nodeCommands(_noun: Command): void {}
