-- Confirm and update: somebody says where the session is, and since which epoch. Older news is ignored.
--@include verb
local function learned(isChanged, hasLeft, epoch) return reply({kind = 'learned', changed = isChanged, left = hasLeft, epoch = epoch}) end

local function becomeStub(hasLeft)
  slot.state = 'remote'
  slot.home, slot.current, slot.epoch, slot.incarnation = command.home, command.current, command.epoch, command.incarnation
  slot.bytes = 0
  save(slot)
  return learned(true, hasLeft, command.epoch)
end

if isAbsent(slot) then
  -- Home may have lost its record; anyone else does not keep news about a session it never knew.
  if command.home ~= node or command.current == node then return reply({kind = 'unknown'}) end
  slot = slot or blank(command['function'])
  return becomeStub(false)
end
if slot.state == 'tombstone' then
  if command.epoch <= slot.epoch then return learned(false, false, slot.epoch) end
  return becomeStub(false)
end
if slot.incarnation ~= command.incarnation then return reply({kind = 'conflict', incarnation = slot.incarnation}) end
if slot.state == 'leaving' then
  if command.epoch < slot.leaving.epoch then return learned(false, false, slot.epoch) end
  -- The target has committed: only now may the source's copy go.
  slot.leaving, slot.copying, slot.lease = nil, nil, ''
  wipe(slot)
  clearNotes()
  return becomeStub(true)
end
-- A holder learns of its successor only after it departed; anything else is not news but a fault elsewhere.
if command.epoch <= slot.epoch or slot.state == 'resident' then return learned(false, false, slot.epoch) end
return becomeStub(false)
