-- The target fenced the attempt: the source serves again, under an epoch that no attempt has.
--@include verb
local leaving = slot and slot.leaving
if not leaving or slot.state ~= 'leaving' or leaving.attempt ~= command.attempt or leaving.epoch ~= command.epoch then
  return reply({kind = 'refused'})
end
-- Without the target's own word for it nothing is taken back.
local fence = command.fence
if not fence or fence.by ~= leaving.to or fence.epoch ~= leaving.epoch then return reply({kind = 'refused'}) end
slot.state, slot.epoch, slot.leaving, slot.copying, slot.lastAccessAtMs = 'resident', leaving.epoch, nil, nil, now
clearNotes()
save(slot)
return reply({kind = 'aborted', epoch = slot.epoch})
