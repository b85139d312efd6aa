-- The slot alone.
local P, now, session = ARGV[1], tonumber(ARGV[3]), ARGV[4]
local slotKey = P .. 's:' .. session
--@include slot
local slot = load()
return slot and describe(slot)
