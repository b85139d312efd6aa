/** What the mirror asks of its Redis at once, so that no tool's push falls between two steps of it. */

/**
 * Empties the database but for the intents that wait there: the list as it is, and the values of its intents. Whatever else
 * the list names is no intent, and a value under that name would be the mirror's own or another tool's.
 * KEYS: the list, the key of the domain's id. ARGV: the domain's id.
 */
export const BEGIN = `local isList = redis.call('TYPE', KEYS[1]).ok == 'list'
local names = isList and redis.call('LRANGE', KEYS[1], 0, -1) or {}
local values = {}
for _, name in ipairs(names) do
  if string.sub(name, 1, 7) == 'intent:' and redis.call('TYPE', name).ok == 'string' then values[name] = redis.call('GET', name) end
end
redis.call('FLUSHDB')
redis.call('SET', KEYS[2], ARGV[1])
for name, value in pairs(values) do redis.call('SET', name, value) end
for from = 1, #names, 1000 do
  redis.call('RPUSH', KEYS[1], unpack(names, from, math.min(from + 999, #names)))
end`;

/**
 * Takes intents out of the list, and their values away; a tool may have pushed the same key again meanwhile: then its value
 * is still wanted. The list is looked through once for all of them, and only when there are values to take away.
 * KEYS: the list, and the keys that are taken out.
 */
export const TAKE_OUT = `local unwanted = {}
for at = 2, #KEYS do
  redis.call('LREM', KEYS[1], 1, KEYS[at])
  if string.sub(KEYS[at], 1, 7) == 'intent:' and redis.call('EXISTS', KEYS[at]) == 1 then unwanted[KEYS[at]] = true end
end
local last = next(unwanted) and redis.call('LLEN', KEYS[1]) - 1 or -1
for from = 0, last, 10000 do
  for _, name in ipairs(redis.call('LRANGE', KEYS[1], from, from + 9999)) do unwanted[name] = nil end
end
for name in pairs(unwanted) do redis.call('DEL', name) end`;
