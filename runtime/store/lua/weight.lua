-- Bytes of memory that everything of the session takes.
local P, session = ARGV[1], ARGV[4]
local slotKey = P .. 's:' .. session
local space = redis.call('HGET', slotKey, 'space')
if not space then return 0 end
local suffix = #space .. ':' .. space .. ':' .. session
local keys = {slotKey, P .. 'nd:' .. session, P .. 'nr:' .. session, P .. 'nx:' .. session, P .. 'nm:' .. session}
for _, kind in ipairs({'d:', 'c:', 'r:', 'e:', 'o:', 'm:'}) do keys[#keys + 1] = P .. kind .. suffix end
local total = 0
for _, key in ipairs(keys) do total = total + (redis.call('MEMORY', 'USAGE', key) or 0) end
return total
