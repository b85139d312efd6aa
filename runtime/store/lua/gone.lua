-- Home ended the session: whoever only points to it may stop pointing.
--@include verb
local isStub = slot and slot.state == 'remote' and slot.incarnation == command.incarnation
if not isStub or command.epoch < slot.epoch then return reply({kind = 'ignored'}) end
if slot.arriving then
  if slot.arriving.epoch > command.epoch then return reply({kind = 'ignored'}) end
  -- What was to arrive has ended at its source: nothing of it can come any more.
  unstage(slot.arriving.attempt)
  slot.arriving = nil
end
slot.state, slot.epoch, slot.lastAccessAtMs = 'tombstone', command.epoch, now
save(slot)
return reply({kind = 'gone'})
