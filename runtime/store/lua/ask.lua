-- The source asks its target what became of the move; the answer decides it for good.
--@include verb
local isSameLife = command.incarnation == nil or (slot and slot.incarnation == command.incarnation)
if not isAbsent(slot) and isSameLife and slot.epoch >= command.epoch then
  return reply({kind = 'committed', epoch = slot.epoch, current = slot.current, home = slot.home, incarnation = slot.incarnation})
end
if slot and slot.arriving and slot.arriving.epoch == command.epoch then dropArriving(slot) end
return reply({kind = 'fenced'})
