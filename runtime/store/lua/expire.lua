-- Ends a session at its home, or forgets a tombstone that nobody needs any more.
--@include verb
local function refused(reason) return reply({kind = 'refused', reason = reason}) end

if not slot then return reply({kind = 'forgotten'}) end
if slot.arriving or slot.state == 'leaving' then return refused('busy') end
if slot.owed ~= '[]' then return refused('owed') end
if slot.state ~= 'resident' then
  -- A stub is the way to a session that lives: it ends by a commit or by `gone`, and by age only off the path, vouched for.
  local isVouched = command.vouched == slot.epoch and slot.home ~= node
  if slot.state == 'remote' and not isVouched then return refused('not-home') end
  if now - slot.lastAccessAtMs <= command.keepMs then return refused('young') end
  forget(slot)
  return reply({kind = 'forgotten'})
end
if leasedUntil(slot) then return refused('busy') end
if command.discards then
  if command.discards ~= slot.incarnation then return refused('incarnation') end
else
  local isIdle = command.idleMs and now - slot.lastAccessAtMs >= command.idleMs
  if not command.forced and not isIdle and not hasExpired(slot) then return refused('alive') end
  if slot.home ~= node then return refused('not-home') end
end
slot.lease, slot.copying, slot.bornBy = '', nil, nil
slot.epoch, slot.state, slot.lastAccessAtMs = slot.epoch + 1, 'tombstone', now
for _, row in ipairs(command.owed) do row.epoch, row.incarnation = slot.epoch, slot.incarnation end
slot.owed = #command.owed == 0 and '[]' or cjson.encode(command.owed)
wipe(slot)
clearNotes()
save(slot)
return reply({kind = 'expired', epoch = slot.epoch})
