-- Head of every verb but the two of a request: its command, and the slot it is about.
local P, node, now, session = ARGV[1], ARGV[2], tonumber(ARGV[3]), ARGV[4]
local slotKey = P .. 's:' .. session
local command = cjson.decode(ARGV[5])
--@include slot
local slot = load()
