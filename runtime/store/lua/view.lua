-- Head of every script that reads a session's data: it is here while the session is resident or leaving.
local P, session = ARGV[1], ARGV[4]
local slotKey = P .. 's:' .. session
--@read state epoch version space firstReply nextReply
local isHere = state == 'resident' or state == 'leaving'
space = space or ''
--@include content
