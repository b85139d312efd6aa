-- Step 4, the only decision point of a move: data, ids, outbox and state become the target's in one command.
-- Behind the command: passport's functions and knownBy, owed rows, and the last items.
--@include verb
local passport = command.passport
if slot and slot.state == 'resident' then
  if slot.bornBy ~= command.attempt or slot.epoch ~= command.epoch then return reply({kind = 'refused', reason = 'state'}) end
  return '{"kind":"committed","repeat":true,"slot":' .. describe(slot) .. '}'
end
local overlay = slot and slot.arriving
if not overlay or overlay.epoch ~= command.epoch or overlay.attempt ~= command.attempt then
  return reply({kind = 'refused', reason = 'reservation'})
end
if now > overlay.deadlineMs then
  dropArriving(slot)
  return reply({kind = 'refused', reason = 'deadline'})
end
-- Another life of the id was registered here since the reservation: it must not be overwritten.
if slot.state ~= 'absent' and slot.state ~= 'tombstone' and slot.incarnation ~= passport.incarnation then
  dropArriving(slot)
  return reply({kind = 'refused', reason = 'state'})
end
wipe(slot)
local space, isNoting, freshKey = command.attempt, false, nil
local tally = redis.call('HMGET', spaceKey('t:', space), 'bytes', 'nextReply', 'effects', 'nextEffect')
local bytes, nextReply, effects, nextEffect = tonumber(tally[1] or 0), tonumber(tally[2] or 0), tonumber(tally[3] or 0), tonumber(tally[4] or 0)
local at, count = 10, ARGV[9]
do
  --@include space
end
call('UNLINK', spaceKey('t:', space))
local resident = blank(passport['function'], ARGV[6])
for _, name in ipairs({'home', 'version', 'incarnation', 'ttlMs', 'createdAtMs', 'lastAccessAtMs'}) do resident[name] = passport[name] end
resident.knownBy = ARGV[7]
resident.current, resident.epoch, resident.state, resident.bornBy = node, command.epoch, 'resident', command.attempt
resident.owed = joined(slot.owed, ARGV[8])
resident.space, resident.bytes, resident.nextReply, resident.effects, resident.nextEffect = space, bytes, nextReply, effects, nextEffect
return '{"kind":"committed","repeat":false,"slot":' .. describe(resident, save(resident)) .. '}'
