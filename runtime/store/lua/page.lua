-- Slots in the order of their ids' bytes, one more than asked for when there are more. Of one that the server has lost, the id alone.
local P, now = ARGV[1], tonumber(ARGV[3])
local sessions = redis.call('ZRANGE', P .. 'index', ARGV[4], '+', 'BYLEX', 'LIMIT', 0, ARGV[5])
local function slotOf(session)
  local slotKey = P .. 's:' .. session
  --@include slot
  local slot = load()
  return slot and describe(slot) or cjson.encode({session = session})
end
local slots = {}
for _, session in ipairs(sessions) do slots[#slots + 1] = slotOf(session) end
return slots
