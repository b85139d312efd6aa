/** Names and texts as SQL has them. */
export const quoted = (name: string) => `"${name.replaceAll('"', '""')}"`;
export const literal = (text: string) => `'${text.replaceAll('\'', '\'\'')}'`;
