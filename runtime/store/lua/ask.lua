-- The source asks its target what became of the move; the answer decides it for good.
--@include verb
local isSameLife = command.incarnation == nil or (slot and slot.incarnation == command.incarnation)
if not isAbsent(slot) and isSameLife and slot.epoch >= command.epoch then
  -- A tombstone's epoch is where the next life begins: the asker's stub must not stand in its way.
  local epoch = slot.state == 'tombstone' and command.epoch or slot.epoch
  return reply({kind = 'committed', epoch = epoch, current = slot.current, home = slot.home, incarnation = slot.incarnation})
end
-- Home alone ends a life, and only one that it holds: a later life at home says that the asked one arrived, and ended there.
if not isAbsent(slot) and not isSameLife and command.home == node and slot.epoch > command.epoch then
  return reply({kind = 'committed', epoch = command.epoch, current = node, home = node, incarnation = command.incarnation})
end
if slot and slot.arriving and slot.arriving.epoch == command.epoch then dropArriving(slot) end
return reply({kind = 'fenced', by = node, epoch = command.epoch})
