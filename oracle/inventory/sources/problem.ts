/** Why a source cannot be had, in words that its readers may see: never with its address, which may hold a password. */
export class SourceProblem extends Error {}
