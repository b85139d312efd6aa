-- An effect was delivered. Answers whether the session is resident, so that the effect is in nobody's outbox any more.
local P, session = ARGV[1], ARGV[4]
local now = tonumber(ARGV[3])
local slotKey = P .. 's:' .. session
--@include slot
local slot = load()
if not slot or slot.state ~= 'resident' then return 0 end
local space, bytes, nextReply, effects, nextEffect = slot.space, slot.bytes, slot.nextReply, slot.effects, slot.nextEffect
local isNoting, freshKey, at, count = slot.copying ~= nil, nil, 5, 1
do
  --@include space
end
slot.effects = effects
save(slot)
return 1
