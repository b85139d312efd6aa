/** `https://shop.example`, `http://localhost:*`, `https://*.example.org`, `*`: a star at the end is any port or none, another any labels of a name, one alone everything. */
export function originPattern(text: string): RegExp {
  if (text === '*') return /^/;
  const quoted = text.replace(/[.+?^${}()|[\]\\/]/g, '\\$&');
  return new RegExp(`^${quoted.replace(/:\*$/, '(?::\\d{1,5})?').replace('*', '[\\w.-]+')}$`, 'i');
}
